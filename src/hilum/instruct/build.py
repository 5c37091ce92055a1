"""From studies to shards, a data card and a gallery.

hilum build --source phantom --source nih-chestxray14=data/nih --out shards --limit 500 --seed 0
shards = build([SourceSpec("phantom")], Path("shards"), limit=100)

Two passes. The first reads every study and image once, in worker processes, and puts them away as they
come, noting only names; then the leak guard knows which patients and images belong together. The second
writes each study up in the split it was given. Memory holds names and a few megabytes of rows, and every
byte is the same for the same seed, however many workers there are.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pyarrow as pa

from hilum.errors import DataError, UsageError
from hilum.files import atomic_folder, refuse_overlap, write_text
from hilum.images import Fit
from hilum.instruct import card
from hilum.instruct.gallery import Choice, write_gallery
from hilum.instruct.ingest import Frame, IngestResult, ingest
from hilum.instruct.label_state import Balance, Tally
from hilum.instruct.pool import Workers
from hilum.instruct.records import STUDIES
from hilum.instruct.rows import CONVERSATIONS, IMAGES
from hilum.instruct.shard_writer import ShardWriter, SpillBuffer
from hilum.instruct.shards import Shards
from hilum.instruct.splits import LeakGuard, Splits
from hilum.instruct.streams import Stream, open_streams, refuse_if_all_failed
from hilum.instruct.task_chunks import RecentStudies, TaskChunk, TaskResult, make_conversations
from hilum.instruct.tasks.registry import chosen, need_others
from hilum.progress import Progress
from hilum.prompts import VIEWS
from hilum.sources import SourceSpec, specs_of
from hilum.study import Split, Task, member

STUDY_GROUP, CONVERSATION_GROUP, IMAGE_GROUP = 512, 2048, 64
"""Rows of a row group; few for images, so that one can be read without many others."""


@dataclass
class _Source:
    """What the first pass leaves of one source."""

    stream: Stream
    studies: SpillBuffer
    tally: Tally = field(default_factory=Counter)
    patients: set[str] = field(default_factory=set)


def build(
    specs: Sequence[SourceSpec],
    out: Path,
    *,
    size: int = 256,
    fit: Fit = Fit.CROP,
    limit: int | None = None,
    seed: int = 0,
    views: int = VIEWS,
    workers: int | None = None,
    progress: bool = True,
    measuring: bool = False,
    tasks: str | Iterable[str] = "core",
) -> Shards:
    """Write conversations, images and studies as Parquet shards, with `README.md`, `card.json`,
    `gallery.html` and `problems.jsonl`, into `out`; a folder of an earlier build is replaced as a whole or
    left as it was.

    Args:
        specs: the sources; one that cannot be read is reported and left out when others can.
        size: pixels a side of every image.
        fit: how an image that is not square becomes one.
        limit: most studies of each source.
        seed: of wordings, options and the phantom; the splits do not depend on it.
        views: most images of a study that its report is asked for with, the frontal ones first, each with its
            view in words; 0: the frontal one alone, with nothing said of it. A model trained on the shards
            reports by as many.
        workers: processes, or None for one per core.
        progress: whether bars are drawn on a terminal.
        measuring: ask the studies of every split in the plain way of the test split, each question alone.
        tasks: `core`, `all`, or tasks by name, see `hilum.instruct.tasks.chosen`.

    Raises:
        UsageError: an unknown source or task, a number out of range, or an `out` that holds something Hilum
            did not write, or that is, holds or lies in a source.
        DataError: no source can be read, or none of its studies.
    """
    for name, value, least in (("size", size, 1), ("limit", limit, 1), ("views", views, 0)):
        if value is not None and value < least:
            raise UsageError(name, f"is {value}", f"give {least} or more")
    specs = specs_of(specs)
    refuse_overlap(out, [spec.path for spec in specs if spec.path is not None])
    fit = member(Fit, fit, "fit")
    asked = chosen(tasks)
    plan = card.Plan(size, fit, limit, seed, views, asked)
    with (
        atomic_folder(out) as folder,
        Workers(workers, preload="hilum.instruct.ingest") as pool,
        Progress(progress) as bars,
    ):
        scratch = folder / ".scratch"
        streams = open_streams(specs, limit=limit, seed=seed, size=size)
        first = _IngestPass(
            scratch,
            Frame(size, fit),
            [_Source(s, SpillBuffer(scratch / f"{i:03d}", STUDIES)) for i, s in enumerate(streams)],
        )
        first.read(pool, bars)
        second = _TaskPass(folder, first, seed, measuring, views, asked)
        second.write(pool, bars)
        shutil.rmtree(scratch)
        second.describe(plan)
    return Shards(out)


class _IngestPass:
    """The first pass: everything is read once and put away."""

    def __init__(self, scratch: Path, frame: Frame, sources: Sequence[_Source]) -> None:
        self.sources = sources
        self.images = SpillBuffer(scratch / "images", IMAGES)
        self.guard = LeakGuard()
        self._frame = frame

    def read(self, pool: Workers, bars: Progress) -> None:
        """Read all sources."""
        for source in self.sources:
            results = pool.map(partial(ingest, frame=self._frame), source.stream)
            name = f"read {source.stream.spec.name}"
            for result in bars.follow(name, results, source.stream.total, lambda r: r.read):
                self._keep(source, result)
            source.studies.close()
        self.images.close()
        streams = [source.stream for source in self.sources]
        refuse_if_all_failed(streams)
        if not any(source.studies.rows for source in self.sources):
            problems = [problem for stream in streams for problem in stream.problems.kept]
            why = f"; first: {problems[0]}" if problems else ""
            raise DataError(
                ", ".join(stream.spec.name for stream in streams),
                f"no study could be read{why}",
                "check the files of the source",
            )

    def _keep(self, source: _Source, result: IngestResult) -> None:
        fresh = [not self.guard.known(name) for name in result.images["id"].to_pylist()]
        self.images.add(result.images.filter(pa.array(fresh, pa.bool_())))
        source.studies.add(result.studies)
        source.tally.update(result.tally)
        source.stream.note(result.problems)
        for patient, images, own in result.owners:
            self.guard.add(patient, images, own)
            source.patients.add(patient)


class _TaskPass:
    """The second pass: everything is written where it belongs."""

    def __init__(
        self,
        folder: Path,
        first: _IngestPass,
        seed: int,
        measuring: bool,
        views: int,
        tasks: AbstractSet[Task],
    ) -> None:
        self._folder, self._first = folder, first
        self._seed, self._measuring, self._views, self._tasks = seed, measuring, views, tasks
        self._splits: Splits = first.guard.settle()
        # By name: two folders of one source are one entry of the card.
        names = list(dict.fromkeys(source.stream.spec.name for source in first.sources))
        self._entries = {name: card.Entry(name) for name in names}
        self._choices = {name: Choice(name) for name in names}

    def write(self, pool: Workers, bars: Progress) -> None:
        """Write the shards of all three tables."""
        with (
            ShardWriter(self._folder / "studies", STUDIES, group=STUDY_GROUP) as studies,
            ShardWriter(self._folder / "conversations", CONVERSATIONS, group=CONVERSATION_GROUP) as said,
        ):
            for source in self._first.sources:
                own = source.stream.spec.name
                results = pool.map(make_conversations, self._chunks(source))
                name = f"write {own}"
                for written in bars.follow(name, results, source.studies.rows, _studies):
                    for split, batch in written.studies.items():
                        studies.put(split, batch)
                    for split, batch in written.conversations.items():
                        said.put(split, batch)
                    self._entries[own].add(written)
                    self._choices[own].offer(written)
        self._write_images(bars)

    def _chunks(self, source: _Source) -> Iterator[TaskChunk]:
        balance = Balance(source.tally)
        recent = RecentStudies() if need_others(self._tasks) else None
        for batch in source.studies:
            splits = tuple(self._splits.patients[patient] for patient in batch["patient"].to_pylist())
            others = None if recent is None else recent.batch()
            yield TaskChunk(
                batch, splits, balance, self._seed, self._measuring, self._views, self._tasks, others
            )
            if recent is not None:
                recent.add(batch, splits)

    def _write_images(self, bars: Progress) -> None:
        with ShardWriter(self._folder / "images", IMAGES, group=IMAGE_GROUP, packed=False) as images:
            batches = bars.follow("write images", self._first.images, self._first.images.rows, len)
            for batch in batches:
                # An image whose study was left out belongs to nobody.
                given = [self._splits.images.get(name) for name in batch["id"].to_pylist()]
                for split in Split:
                    mine = batch.filter(pa.array([own is split for own in given], pa.bool_()))
                    if mine.num_rows:
                        images.put(split, mine)
                        for name, count in Counter(mine["source"].to_pylist()).items():
                            self._entries[name].images[split] += count

    def describe(self, plan: card.Plan) -> None:
        """Write the card, the list of problems and the gallery."""
        entries = list(self._entries.values())
        for entry in entries:
            streams = [s for s in self._first.sources if s.stream.spec.name == entry.source]
            patients = set().union(*(source.patients for source in streams))
            entry.patients = Counter(self._splits.patients[patient] for patient in patients)
            for source in streams:
                entry.note(source.stream)
        document = card.document(plan, entries, self._splits.moved)
        write_text(self._folder / "card.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        write_text(self._folder / "README.md", card.markdown(document))
        write_text(self._folder / "problems.jsonl", card.problem_lines(entries))
        write_gallery(
            self._folder / "gallery.html", list(self._choices.values()), Shards(self._folder), document
        )


def _studies(written: TaskResult) -> int:
    return sum(batch.num_rows for batch in written.studies.values())
