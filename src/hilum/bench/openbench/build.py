"""The open bench built: CheXbench's ten tasks from the phantom and open sources, in CheXbench's own layout.

hilum openbench --out bench --source phantom --source nih-chestxray14=data/nih-chestxray14
card = build(Path("bench"), specs)     # bench/data.json, bench/images/*.png, bench/card.json

Only patients of the test split are asked about: the source's own split where it publishes one, else the tenth
that `hilum.instruct.split_of` keeps from all training. Sources are streamed; what is held is a sample of
bounded size (`hilum.bench.openbench.pool`), and only films that it shows are written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hilum.bench.chexbench.tasks import CHOICES, FINDINGS, GROUNDING, OPTIONS, TASKS
from hilum.bench.intervals import Estimate
from hilum.bench.openbench.blind import (
    Asked,
    best_box,
    best_report,
    blind_choices,
    chance,
)
from hilum.bench.openbench.blocks import Block, choose
from hilum.bench.openbench.candidates import Candidate, candidates
from hilum.bench.openbench.layout import Row, file_of, rows
from hilum.bench.openbench.pool import Pool
from hilum.bench.software import versions
from hilum.errors import DataError, UsageError
from hilum.files import Problems, atomic_folder, refuse_overlap, write_json
from hilum.instruct import split_of
from hilum.instruct.ingest import StudyChunk, ingest
from hilum.instruct.pool import Workers
from hilum.instruct.records import records_of
from hilum.instruct.streams import Stream, open_streams, refuse_if_all_failed
from hilum.progress import Progress
from hilum.sources import SOURCES, SourceSpec, specs_of
from hilum.study import Split, Study

VERSION = 1
"""Of the way items are made: benches of two versions cannot be compared."""
ITEMS = 120
"""Items of each task, where nobody asks for more or fewer."""
DRAWN = 5_000
"""Studies of the phantom that are looked at, a tenth of which are of test patients and drawn."""
LEAKS = (
    "Every item is about a patient of the test split: the split that the source publishes, else the tenth "
    "of the patients, by a hash of their id, that no training by Hilum touches, whatever its seed and "
    "mixture. A model trained elsewhere may have seen films of the public sources."
)


@dataclass(frozen=True)
class ChunkResult:
    """What became of a chunk: the candidates of its test patients and the films they may need.

    Args:
        read: studies in the chunk, and `tested` those of test patients.
    """

    found: list[Candidate]
    films: dict[str, bytes]
    read: int
    tested: int
    problems: Problems


def build(
    out: Path,
    specs: Sequence[SourceSpec] = (SourceSpec("phantom"),),
    *,
    items: int = ITEMS,
    seed: int = 0,
    limit: int | None = None,
    size: int = 512,
    workers: int | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Write `data.json`, `images/` and `card.json` into `out`; equal input gives equal bytes.

    Args:
        specs: the sources; one that cannot be read is named in the card and left out when others can.
        items: most items of a task.
        seed: of the phantom's cohort, of the sample and of the order of options.
        limit: most studies that are read of a source, test patients or not; all of them when None, and of
            the phantom `DRAWN`.
        size: most pixels of a film's short side, as it is written; the phantom is drawn at this size.
        workers: processes, or None for one per core.
        progress: whether bars are drawn on a terminal.

    Returns:
        What `card.json` holds.

    Raises:
        UsageError: an unknown source, a number out of range, or an `out` that holds something Hilum did not
            write, or that is, holds or lies in a source.
        DataError: no source can be read, or nothing can be asked of any.
    """
    for name, value, least in (("items", items, 2), ("size", size, 1), ("limit", limit, 1)):
        if value is not None and value < least:
            raise UsageError(name, f"is {value}", f"give {least} or more")
    specs = specs_of(specs)
    refuse_overlap(out, [spec.path for spec in specs if spec.path is not None])
    with (
        atomic_folder(out) as folder,
        Workers(workers, preload="hilum.bench.openbench.build") as pool,
        Progress(progress) as bars,
    ):
        (folder / "images").mkdir()
        streams = _open(specs, limit, seed, size)
        sample = Pool(seed, items)
        counts = [_read(stream, sample, folder / "images", size, pool, bars) for stream in streams]
        refuse_if_all_failed(streams)
        chosen = {task: choose(sample, task, items) for task in TASKS}
        if not any(chosen.values()):
            names = ", ".join(spec.name for spec in specs)
            raise DataError(names, "gives no question that needs its film", "give more studies, or phantom")
        data = {task: [row for block in chosen[task] for row in rows(block, seed)] for task in TASKS}
        _prune(folder / "images", chosen)
        write_json(folder / "data.json", data)
        card = {
            "name": "Hilum open bench",
            "version": VERSION,
            "seed": seed,
            "items": items,
            "size": size,
            "limit": limit,
            "leaks": LEAKS,
            "versions": versions("scikit-learn"),
            "sources": [_source(s, count, data) for s, count in zip(streams, counts, strict=True)],
            "tasks": {task: _task(task, chosen[task], data[task], seed) for task in TASKS},
        }
        write_json(folder / "card.json", card)
    return card


def _open(specs: Sequence[SourceSpec], limit: int | None, seed: int, size: int) -> list[Stream]:
    """All sources; the phantom has no end, so that without a limit it gets one of its own."""
    streams = open_streams(specs, limit=limit, seed=seed, size=size)
    drawn = [spec for spec in specs if spec.name == "phantom"]
    if limit is None and drawn:
        (phantom,) = open_streams(drawn[:1], limit=DRAWN, seed=seed, size=size)
        streams = [phantom if stream.spec.name == "phantom" else stream for stream in streams]
    return streams


def _read(
    stream: Stream, sample: Pool, images: Path, size: int, pool: Workers, bars: Progress
) -> Counter[str]:
    """Sample a source, and write the films that the sample shows by now."""
    counts = Counter[str]()
    results = pool.map(partial(read_chunk, size=size), stream)
    for result in bars.follow(f"read {stream.spec.name}", results, stream.total, lambda r: r.read):
        counts.update(studies=result.read, test=result.tested, candidates=len(result.found))
        stream.note(result.problems)
        for candidate in result.found:
            sample.add(candidate)
        for image, png in result.films.items():
            if sample.shows(image):
                (images / file_of(image)).write_bytes(png)
    return counts


def read_chunk(chunk: StudyChunk, size: int) -> ChunkResult:
    """The candidates of the test patients of a chunk; nobody else's films are read or drawn."""
    tested = _test_studies(chunk)
    result = ingest(StudyChunk(tuple(tested)), size)
    found = [one for record in records_of(result.studies) for one in candidates(record)]
    shown = {image for one in found for image in one.images}
    films = {row["id"]: row["image"]["bytes"] for row in result.images.to_pylist() if row["id"] in shown}
    return ChunkResult(found, films, len(chunk), len(tested), result.problems)


def _test_studies(chunk: StudyChunk) -> list[Study]:
    if chunk.cohort is None:
        return [study for study in chunk if (study.split or split_of(study.patient)) is Split.TEST]
    cohort = chunk.cohort
    # A study of the phantom takes long to make, its patient alone does not.
    patients = ((index, cohort.visits(index)[-1].patient.id) for index in range(*chunk.range))
    return [cohort[index] for index, patient in patients if split_of(patient) is Split.TEST]


def _prune(images: Path, chosen: dict[str, list[Block]]) -> None:
    """Delete films that were sampled for a while and are in no item."""
    shown = {
        file_of(image)
        for blocks in chosen.values()
        for block in blocks
        for member in block
        for image in member.images
    }
    for path in images.iterdir():
        if path.name not in shown:
            path.unlink()


def _source(stream: Stream, counts: Counter[str], data: dict[str, list[Row]]) -> dict[str, Any]:
    name = stream.spec.name
    about = SOURCES[name]
    return {
        "name": name,
        "terms": about.terms,
        "citation": about.citation,
        **{key: counts[key] for key in ("studies", "test", "candidates")},
        "items": {task: sum(row["data_source"] == name for row in rows) for task, rows in data.items()},
        "problems": dict(stream.problems.counts.most_common(20)),
        "failed": None if stream.failed is None else str(stream.failed),
        "notes": list(stream.notes),
    }


def _task(task: str, blocks: Sequence[Block], items: Sequence[Row], seed: int) -> dict[str, Any]:
    counted = {
        "items": len(items),
        "patients": len({row["patient"] for row in items}),
        "sources": dict(sorted(Counter(row["data_source"] for row in items).items())),
        "slices": dict(sorted(Counter(row["slice"] for row in items if row["slice"]).items())),
    }
    if not items:
        return counted
    if task in CHOICES:
        asked = asked_of(blocks, seed)
        blind = {"chance": round(chance(asked), 4)}
        return counted | {"blind accuracy": blind | _rounded(blind_choices(asked))}
    if task == GROUNDING:
        return counted | {"blind IoU": _rounded({"best box for each phrase": best_box(blocks)})}
    members = [member for block in blocks for member in block]
    patients = [member.patient for member in members]
    texts = [member.texts[1 if task == FINDINGS else 2] for member in members]
    constant = best_report(texts, patients)
    return counted | {"blind score of the judge": _rounded({"best report for all": constant})}


def asked_of(blocks: Sequence[Block], seed: int) -> list[Asked]:
    """The items of a choice as blind models are shown them."""
    return [
        Asked(
            row["question"],
            tuple(row[key] for key in OPTIONS[: len(block)]),
            row["answer"],
            n,
            row["patient"],
        )
        for n, block in enumerate(blocks)
        for row in rows(block, seed)
    ]


def _rounded(estimates: dict[str, Estimate]) -> dict[str, dict[str, Any]]:
    """Four digits: the last ones of a sum differ from machine to machine."""
    return {
        name: {k: round(v, 4) if isinstance(v, float) else v for k, v in estimate.to_json().items()}
        for name, estimate in estimates.items()
    }
