"""A folder of films reported one by one into a file that a killed run goes on with.

report_folder("quickstart", Path("films"), Path("reports.jsonl"))

The folder is read as the source `folder`: with its table, where it has one, and its DICOM headers. A line of
the file is one study: what `hilum report --json` prints of it, with its `id`, its prior's images and what
became of its findings since; or why it could not be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import hilum
from hilum import prompts
from hilum.errors import HilumError
from hilum.files import Problems, refuse_overlap
from hilum.images import Radiograph, read_image
from hilum.model import Model, WrittenReport
from hilum.progress import Progress
from hilum.recipes.lines import Lines, stamp
from hilum.sources import SourceSpec, open_source
from hilum.study import Position, Study, View

BATCH = 16
"""Studies reported at once: more of them gain little speed, and their films lie in memory together."""


@dataclass
class Tally:
    """How many studies a call reported, could not read, and found answered already.

    Args:
        changed: how many of those reported had a line of other files under their name.
        problems: what was wrong with the folder's table, and rows that were left out for it.
    """

    reported: int
    failed: int
    answered: int
    changed: int
    problems: Problems


def report_folder(
    run: str | Path,
    folder: str | Path,
    out: str | Path,
    *,
    limit: int | None = None,
    force: bool = False,
    progress: bool = True,
) -> Tally:
    """Report every study of a folder, in batches, a line each at the end of `out`.

    Called again, it goes on: studies that `out` answers are left alone; those that could not be read are
    tried again, and those whose films are others than they were, and the later line of a study holds.

    Args:
        run: the run folder of a trained model.
        folder: films with or without a table, see `hilum.sources.folder`.
        out: the JSON Lines file, made or gone on with.
        limit: most studies to look at.
        force: read also what its header says is not a chest radiograph.
        progress: whether a bar is drawn on a terminal.

    Raises:
        UsageError: `out` lies in the folder, was not written by this function or by these weights, or is
            being written by another process.
        DataError: the model or the folder cannot be read.
    """
    out = Path(out)
    refuse_overlap(out, [folder])
    problems = Problems()
    studies = open_source(SourceSpec("folder", Path(folder)), problems, limit)
    model = hilum.load(run)
    tally = Tally(0, 0, 0, 0, problems)
    with Lines(out, "hilum report", "id", model.provenance()) as answers, Progress(progress) as bars:
        for some in _in_batches(bars.follow("report", studies, None)):
            stamps = {study.id: _stamp(study) for study in some}
            fresh = [study for study in some if not answers.has(study.id, stamps[study.id])]
            tally.answered += len(some) - len(fresh)
            tally.changed += sum(answers.is_of_others(study.id, stamps[study.id]) for study in fresh)
            lines = _lines(model, fresh, stamps, force)
            tally.failed += sum("error" in line for line in lines)
            tally.reported += sum("error" not in line for line in lines)
            answers.add(lines)
    return tally


def as_document(
    report: WrittenReport, images: Sequence[str], changes: dict[str, str] | None = None
) -> dict[str, Any]:
    """A report as programs read it; `changes` since a prior image, where there is one."""
    document: dict[str, Any] = {
        "indication": report.indication,
        "comparison": report.comparison,
        "findings": report.findings,
        "impression": report.impression,
        "images": list(images),
    }
    if changes is not None:
        document["changes"] = changes
    document |= report.caveats.to_json()
    return document


def frontal(radiographs: Sequence[Radiograph]) -> Radiograph:
    """The image that change is told by, from one before and one now: a lateral one only if all are."""
    return radiographs[prompts.frontal([r.position for r in radiographs]) or 0]


@dataclass
class _Films:
    """One study's images in memory, and those of the study before."""

    study: Study
    images: list[Radiograph]
    prior: list[Radiograph]


def _lines(
    model: Model, studies: Sequence[Study], stamps: Mapping[str, str], force: bool
) -> list[dict[str, Any]]:
    """A line for each study, in order."""
    lines: dict[str, dict[str, Any]] = {
        study.id: {"id": study.id, "read": stamps[study.id], "images": _paths(study.views)}
        for study in studies
    }
    read: list[_Films] = []
    for study in studies:
        try:
            images = _load(study, force)
        except HilumError as error:
            lines[study.id]["error"] = str(error)
            continue
        read.append(_Films(study, images, _load_prior(study, lines[study.id], force)))
    reports = model.reports([(one.images, _indication(one.study)) for one in read])
    changes = _changes(model, read, reports)
    for one, report in zip(read, reports, strict=True):
        line = lines[one.study.id]
        line |= as_document(report, line["images"], changes.get(one.study.id))
    return list(lines.values())


def _load(study: Study, force: bool) -> list[Radiograph]:
    """The images of a study; of how one was taken, what its table says goes before its header."""
    images = [read_image(view.path or view.id, force=force) for view in study.views]
    return [
        image if view.position is Position.UNKNOWN else replace(image, position=view.position)
        for view, image in zip(study.views, images, strict=True)
    ]


def _load_prior(study: Study, line: dict[str, Any], force: bool) -> list[Radiograph]:
    """The images of the study before, none where it cannot be read; the line says so."""
    if study.prior is None:
        return []
    line["prior"] = _paths(study.prior.views)
    try:
        return _load(study.prior, force)
    except HilumError as error:
        line["prior_error"] = str(error)
        return []


def _changes(
    model: Model, read: Sequence[_Films], reports: Sequence[WrittenReport]
) -> dict[str, dict[str, str]]:
    """Study → what became of its findings, for those with a prior study."""
    pairs = {
        one.study.id: (frontal(one.prior), frontal(one.images), report.findings)
        for one, report in zip(read, reports, strict=True)
        if one.prior
    }
    return dict(zip(pairs, model.changes(list(pairs.values())), strict=True))


def _stamp(study: Study) -> str:
    """What the line of a study is made from."""
    prior = study.prior.views if study.prior else ()
    return stamp(_paths([*study.views, *prior]), _indication(study) or "")


def _indication(study: Study) -> str | None:
    return study.report.indication or None if study.report else None


def _paths(views: Sequence[View]) -> list[str]:
    return [view.path or view.id for view in views]


def _in_batches(studies: Iterable[Study]) -> Iterator[list[Study]]:
    rest = iter(studies)
    while some := list(islice(rest, BATCH)):
        yield some
