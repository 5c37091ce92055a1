"""From studies to shards, a data card and a gallery.

hilum build --source phantom --source nih-chestxray14=data/nih --out shards --limit 500 --seed 0
shards = build([SourceSpec("phantom")], Path("shards"), limit=100)

Two passes. Ingest: worker processes read every study and image once and write what they made of them as
parts (`hilum.instruct.parts`), of which only counts come back. Compile (`hilum.instruct.compile`): with all
parts there, the leak guard knows which patients and images belong together, and each study is written up in
the split it was given. A build that was stopped, however it was, finds its parts again. Every byte is the
same for the same seed, however many workers there are.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from hilum.errors import DataError, UsageError
from hilum.files import atomic_folder, refuse_overlap
from hilum.instruct.card import Plan
from hilum.instruct.compile import Compile, IngestedSource
from hilum.instruct.mixture import Mixture
from hilum.instruct.parts import code_version, ingest_part, opened_folder, remove_parts
from hilum.instruct.pool import Workers
from hilum.instruct.ray_pool import RayWorkers
from hilum.instruct.shards import Shards
from hilum.instruct.streams import Stream, open_streams, refuse_if_all_failed
from hilum.instruct.tasks.registry import chosen
from hilum.progress import Progress
from hilum.prompts import VIEWS
from hilum.sources import SourceSpec, specs_of


def build(
    specs: Sequence[SourceSpec],
    out: Path,
    *,
    size: int = 512,
    limit: int | None = None,
    seed: int = 0,
    views: int = VIEWS,
    workers: int | None = None,
    progress: bool = True,
    measuring: bool = False,
    tasks: str | Iterable[str] = "core",
    copies: bool = True,
    mixture: Mixture | None = None,
    parts: Path | None = None,
    keep_parts: bool = False,
    strict: bool = False,
    ray: str | None = None,
) -> Shards:
    """Write conversations, images and studies as Parquet shards, with `README.md`, `card.json`, `card.html`,
    `gallery.html` and `problems.jsonl`, into `out`; a folder of an earlier build is replaced as a whole or
    left as it was.

    Args:
        specs: the sources; one that cannot be read is reported and left out when others can.
        size: most pixels of an image's short side, as it is kept; none is enlarged, and a model fits it into
            its own square when it reads it. The phantom is drawn at this size.
        limit: most studies of each source.
        seed: of wordings, options and the phantom; the splits do not depend on it.
        views: most images of a study that its report is asked for with, the frontal ones first, each with its
            view in words; 0: the frontal one alone, with nothing said of it. A model trained on the shards
            reports by as many.
        workers: processes, or None for one per core.
        progress: whether bars are drawn on a terminal.
        measuring: ask the studies of every split in the plain way of the test split, each question alone.
        tasks: `core`, `all`, or tasks by name, see `hilum.instruct.tasks.chosen`.
        copies: put patients of whom copies of one film are there (resized, compressed, windowed anew or
            renamed) into one split, as those who share an image; see `hilum.images.duplicates`.
        mixture: how often training draws from each task and source, which the card keeps.
        parts: a folder for the parts, which are then kept, and which other builds may share; by default
            `OUT.parts`, which a finished build deletes.
        keep_parts: keep the parts of this build in `OUT.parts`; those that it did not use are deleted.
        strict: write no shards where anything in a source is faulty; what was read stays as parts.
        ray: a Ray cluster to work on, see `hilum.instruct.ray_pool`; `workers` is the size of a local one.

    Raises:
        UsageError: an unknown source or task, a number out of range, or an `out` or `parts` that holds
            something Hilum did not write, or that is, holds or lies in a source.
        DataError: no source can be read, or none of its studies; `strict`, and something is faulty.
    """
    for name, value, least in (("size", size, 1), ("limit", limit, 1), ("views", views, 0)):
        if value is not None and value < least:
            raise UsageError(name, f"is {value}", f"give {least} or more")
    specs = specs_of(specs)
    plan = Plan(size, limit, seed, views, chosen(tasks), mixture)
    folder_of_parts = _folder_of_parts(out, parts)
    inputs = [spec.path for spec in specs if spec.path is not None]
    for written in (out, parts):  # beside an output that is apart from all inputs, `OUT.parts` is too
        if written is not None:
            refuse_overlap(written, inputs)
    with (
        atomic_folder(out) as folder,
        # Left after the workers, who write into it until they end:
        opened_folder(folder_of_parts, shared=parts is not None),
        _workers(workers, ray) as pool,
        Progress(progress) as bars,
    ):
        streams = open_streams(specs, limit=limit, seed=seed, size=size)
        sources = [IngestedSource(stream) for stream in streams]
        try:
            _ingest(sources, folder_of_parts, size, pool, bars)
        except DataError:
            if parts is None and not any(source.studies for source in sources):
                remove_parts(folder_of_parts)
            raise
        if strict:
            _refuse_problems(streams)
        compiling = Compile(folder, folder_of_parts, sources, copies=copies, bars=bars)
        compiling.write(plan, measuring, pool, bars)
        compiling.describe(plan)
    if parts is None:
        used = {part.key for source in sources for part in source.parts}
        remove_parts(folder_of_parts, keep=used if keep_parts else ())
    return Shards(out)


def _workers(count: int | None, ray: str | None) -> Workers | RayWorkers:
    return Workers(count, preload="hilum.instruct.ingest") if ray is None else RayWorkers(ray, count)


def _refuse_problems(streams: Sequence[Stream]) -> None:
    """Raise the first problem, if there is one."""
    count = sum(len(stream.problems) for stream in streams)
    for stream in streams:
        for problem in stream.problems.kept[:1]:
            said = f"{problem.problem}, and --strict lets nothing pass ({count:,} problems in all)"
            remedy = "mend it, or build without --strict: problems.jsonl then lists all"
            raise DataError(problem.thing, said, remedy)


def _folder_of_parts(out: Path, parts: Path | None) -> Path:
    """Where the parts go: never into the output, which is replaced as a whole, nor around it."""
    final = Path(os.path.realpath(out))
    if parts is None:
        return final.parent / f"{final.name}.parts"
    folder = Path(os.path.realpath(parts))
    if final in (folder, *folder.parents) or folder in final.parents:
        raise UsageError(parts, f"is, holds or lies in the output {out}", "name a folder beside it")
    return folder


def _ingest(
    sources: Sequence[IngestedSource], folder: Path, size: int, pool: Workers | RayWorkers, bars: Progress
) -> None:
    """Have a part for every chunk of every source.

    Raises:
        DataError: no source can be read to its end, or no study was kept.
    """
    work = partial(ingest_part, folder=folder, size=size, code=code_version())
    for source in sources:
        stream = source.stream
        results = pool.map(work, stream)
        for ingested in bars.follow(f"read {stream.spec.name}", results, stream.total, lambda r: r.read):
            source.add(ingested)
        stream.note(source.problems)  # after the reader's own, whose order must not depend on the workers
    streams = [source.stream for source in sources]
    refuse_if_all_failed(streams)
    if not any(source.studies for source in sources):
        raise _no_study(streams)


def _no_study(streams: Sequence[Stream]) -> DataError:
    problems = [problem for stream in streams for problem in stream.problems.kept]
    why = f"; first: {problems[0]}" if problems else ""
    return DataError(
        ", ".join(stream.spec.name for stream in streams),
        f"no study could be read{why}",
        "check the files of the source",
    )
