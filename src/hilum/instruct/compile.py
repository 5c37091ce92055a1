"""From parts to shards, a data card and a gallery: identities, then splits, then tasks, then shards.

compiling = Compile(folder, parts, sources, copies=True, bars=bars)
compiling.write(plan, measuring, pool, bars); compiling.describe(plan)

The parts are streamed in the order of their sources. What is held of the whole build are the 64-bit keys of
its patients and images and, while copies are looked for, the signatures of its images.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from hilum.files import Problems, write_text
from hilum.images.duplicates import BLOCK
from hilum.instruct import card, moves
from hilum.instruct.copies import copies_of, gather
from hilum.instruct.gallery import Choice, write_gallery
from hilum.instruct.label_state import Balance, Tally
from hilum.instruct.pages import card_page
from hilum.instruct.parts import IngestedPart, Part, read_table
from hilum.instruct.pool import Workers
from hilum.instruct.ray_pool import RayWorkers
from hilum.instruct.records import STUDIES
from hilum.instruct.rows import CONVERSATIONS, IMAGES
from hilum.instruct.shard_writer import ShardWriter
from hilum.instruct.shards import Shards
from hilum.instruct.splits import STRICT, Keys, LeakGuard, image_keys
from hilum.instruct.streams import KEPT, Stream
from hilum.instruct.task_chunks import RecentStudies, TaskChunk, TaskResult, make_conversations
from hilum.instruct.tasks.registry import need_others
from hilum.progress import Progress

STUDY_GROUP, CONVERSATION_GROUP, IMAGE_GROUP = 512, 2048, 64
"""Rows of a row group; few for images, so that one can be read without many others."""


@dataclass
class IngestedSource:
    """What ingest leaves of a source: its parts in order, and sums over them."""

    stream: Stream
    parts: list[Part] = field(default_factory=list)
    tally: Tally = field(default_factory=Counter)
    problems: Problems = field(default_factory=lambda: Problems(KEPT))

    @property
    def studies(self) -> int:
        """How many studies its parts hold."""
        return sum(part.studies for part in self.parts)

    def add(self, ingested: IngestedPart) -> None:
        """Take the next part."""
        self.parts.append(ingested.part)
        self.tally.update(ingested.tally)
        self.problems.counts.update(ingested.problems.counts)
        self.problems.kept.extend(ingested.problems.kept[: KEPT - len(self.problems.kept)])


class Compile:
    """The second pass over some sources.

    Args:
        folder: where the shards are written.
        parts: where the parts lie.
        copies: whether patients that have copies of one image go into one split.
    """

    def __init__(
        self, folder: Path, parts: Path, sources: Sequence[IngestedSource], *, copies: bool, bars: Progress
    ) -> None:
        self._folder, self._parts, self._sources = folder, parts, sources
        guard = LeakGuard()
        for part in self._all_parts():
            guard.add_batch(read_table(parts / part.key, "owners"))
        self._compared = self._find_copies(guard, bars) if copies else None
        self._splits = guard.settle()
        # By name: two folders of one source are one entry of the card.
        names = list(dict.fromkeys(source.stream.spec.name for source in sources))
        self._entries = {name: card.Entry(name) for name in names}
        self._choices = {name: Choice(name) for name in names}

    def _all_parts(self) -> Iterator[Part]:
        return (part for source in self._sources for part in source.parts)

    def _find_copies(self, guard: LeakGuard, bars: Progress) -> int:
        """Tell the guard which images are copies of one another; returns how many were compared."""
        holding = (part for part in self._all_parts() if part.images)
        batches = (read_table(self._parts / part.key, "signatures") for part in holding)
        keys, signatures = gather(batches, guard.images)
        if len(keys):
            found = copies_of(keys, signatures)
            for one, other in bars.follow("compare images", found, -(-len(keys) // BLOCK)):
                guard.add_copies(one, other)
        return len(keys)

    def write(self, plan: card.Plan, measuring: bool, pool: Workers | RayWorkers, bars: Progress) -> None:
        """Write the shards of all three tables."""
        with (
            ShardWriter(self._folder / "studies", STUDIES, group=STUDY_GROUP) as studies,
            ShardWriter(self._folder / "conversations", CONVERSATIONS, group=CONVERSATION_GROUP) as said,
        ):
            start = 0
            for source in self._sources:
                own = source.stream.spec.name
                results = pool.map(make_conversations, self._chunks(source, start, plan, measuring))
                for written in bars.follow(f"write {own}", results, source.studies, _studies):
                    for split, batch in written.studies.items():
                        studies.put(split, batch)
                    for split, batch in written.conversations.items():
                        said.put(split, batch)
                    self._entries[own].add(written)
                    self._choices[own].offer(written)
                start += source.studies
        self._write_images(bars)

    def _chunks(
        self, source: IngestedSource, start: int, plan: card.Plan, measuring: bool
    ) -> Iterator[TaskChunk]:
        balance = Balance(source.tally)
        recent = RecentStudies() if need_others(plan.tasks) else None
        for part in source.parts:
            ranks = self._splits.studies[start : start + part.studies]
            start += part.studies
            if part.studies:
                splits = tuple(STRICT[rank] for rank in ranks)
                path = self._parts / part.key
                others = None if recent is None else recent.batch()
                yield TaskChunk(path, splits, balance, plan.seed, measuring, plan.views, plan.tasks, others)
                if recent is not None:
                    recent.add(read_table(path, "studies"), splits)

    def _write_images(self, bars: Progress) -> None:
        """Write each image once, as the first part has it; one of no study that was kept is left out."""
        table = self._splits.images
        written = np.zeros(len(table.keys), np.bool_)
        holding = [part for part in self._all_parts() if part.images]
        batches = (read_table(self._parts / part.key, "images") for part in holding)
        total = sum(part.images for part in holding)
        with ShardWriter(self._folder / "images", IMAGES, group=IMAGE_GROUP, packed=False) as images:
            for batch in bars.follow("write images", batches, total, len):
                ids = image_keys(batch["id"].to_pylist())
                place = table.place(ids)
                fresh = place >= 0
                fresh[fresh] = ~written[place[fresh]]
                written[place[fresh]] = True
                ranks = table.of(ids)
                for rank, split in enumerate(STRICT):
                    mine = batch.filter(pa.array(fresh & (ranks == rank)))
                    if mine.num_rows:
                        images.put(split, mine)
                        for name, count in Counter(mine["source"].to_pylist()).items():
                            self._entries[name].images[split] += count

    def describe(self, plan: card.Plan) -> None:
        """Write the card, the list of problems and the gallery."""
        entries = list(self._entries.values())
        for entry in entries:
            entry.patients = Counter(self._splits.patients.count(self._patients_of(entry.source)))
            for source in self._sources:
                if source.stream.spec.name == entry.source:
                    entry.note(source.stream)
        rows = {entry.source: self._rows_of(entry.source) for entry in entries}
        guard = moves.to_json(self._splits, self._compared, rows, self._ids)
        document = card.document(plan, entries, self._splits.moved, guard)
        write_text(self._folder / "card.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        write_text(self._folder / "README.md", card.markdown(document))
        write_text(self._folder / "card.html", card_page(document))
        write_text(self._folder / "problems.jsonl", card.problem_lines(entries))
        write_gallery(
            self._folder / "gallery.html", list(self._choices.values()), Shards(self._folder), document
        )

    def _patients_of(self, name: str) -> Keys:
        return self._splits.owners[self._rows_of(name)]

    def _rows_of(self, name: str) -> npt.NDArray[np.bool_]:
        """Which studies, by row, are of a source."""
        mine = [source.stream.spec.name == name for source in self._sources]
        return np.repeat(mine, [source.studies for source in self._sources])

    def _ids(self, rows: Sequence[int]) -> Mapping[int, str]:
        """The ids of some studies by row."""
        parts = list(self._all_parts())
        starts = np.cumsum([0, *(part.studies for part in parts)])
        places = np.searchsorted(starts, rows, side="right") - 1
        tables = {place: read_table(self._parts / parts[place].key, "studies")["id"] for place in set(places)}
        return {row: tables[at][row - starts[at]].as_py() for row, at in zip(rows, places, strict=True)}


def _studies(written: TaskResult) -> int:
    return sum(batch.num_rows for batch in written.studies.values())
