"""Any folder of DICOM, PNG or JPEG images, with or without a table that says what is known of them.

hilum build --source folder=FOLDER --out DIR

The table is `metadata.csv`, `metadata.jsonl`, or the only CSV or JSONL file in the folder; a row is an image.
Its columns, in any order and any case:

    image (or file)       path within the folder; the one column that must be there
    study, patient        ids; by default every image is a study, every study a patient. The images of one
                          study stand in rows that follow one another
    view                  PA, AP or LATERAL; by default the DICOM header is asked
    report                a whole report; or its sections: indication, comparison, findings, impression
    labels                findings that are there, "Edema|Pneumonia"; "No Finding" when there is none
    Edema, Fracture, …    or one column per finding: 1 there, 0 not there, -1 or blank unknown
    boxes                 JSON: [{"box": [x1, y1, x2, y2], "phrase": "…", "finding": "Nodule"}, …], corners as
                          fractions of width and height; of phrase and finding one is enough
    age, sex              years; F or M
    prior                 id of the patient's previous study, whose rows come earlier
    split                 train, val or test

Other columns are not read. Without a table every image is a study and a patient of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from hilum.errors import DataError
from hilum.files import Problems
from hilum.images import view_of
from hilum.sources.base import Request, Seen, Source
from hilum.sources.table import Row, find_table, rows_of
from hilum.study import Finding, Study, View

SUFFIXES = frozenset({".dcm", ".dicom", ".dic", ".png", ".jpg", ".jpeg"})


def read(request: Request) -> Iterator[Study]:
    """Studies in the order of the table's rows, or of the file names."""
    folder = request.folder
    if not folder.is_dir():
        raise DataError(folder, "is not a folder", "name the folder of the images")
    table = find_table(folder)
    return _listed(table, request) if table else _unlisted(folder)


def _unlisted(folder: Path) -> Iterator[Study]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            name = path.relative_to(folder).as_posix()
            yield Study(
                id=f"folder/{name}",
                patient=f"folder/{name}",
                source="folder",
                views=(view_of(path, id=name),),
            )


def _listed(table: Path, request: Request) -> Iterator[Study]:
    seen, images = Seen(request.problems), Seen(request.problems)
    earlier: dict[str, Study] = {}
    for name, group in groupby(rows_of(table, request.problems), key=lambda row: row.study):
        rows = list(group)
        if seen.again(name):
            continue
        study = _study(name, rows, images, request)
        if study is None:
            continue
        if rows[0].has("prior"):
            study = replace(study, prior=_prior(study, rows[0], earlier, request.problems))
            # Alone: a chain of priors would keep a patient's whole past in memory.
            earlier[name] = replace(study, prior=None)
        yield study


def _study(name: str, rows: list[Row], images: Seen, request: Request) -> Study | None:
    """The rows of one study as one; None when none of its images is there."""
    views: list[View] = []
    used: list[Row] = []
    for row in rows:
        path = _inside(request.folder, row, request.problems)
        if path is None or images.again(row.image):
            continue
        views.append(view_of(path, id=row.image, position=row.position(request.problems)))
        used.append(row)
    if not views:
        return None
    first = used[0]
    labels: dict[Finding, bool] = {}
    for row in reversed(used):
        labels |= row.labels(request.problems)
    return Study(
        id=f"folder/{name}",
        patient=f"folder/{first.get('patient') or name}",
        source="folder",
        views=tuple(views),
        report=first.report(request.problems),
        labels=labels,
        regions=tuple(
            region for index, row in enumerate(used) for region in row.regions(index, request.problems)
        ),
        sex=first.sex(request.problems),
        age=first.age(request.problems),
        split=first.split(request.problems),
    )


def _inside(folder: Path, row: Row, problems: Problems) -> Path | None:
    """The row's image, which must lie in the folder; None, and a problem noted, when it is not there."""
    path = Path(os.path.normpath(folder / row.image))
    if not path.is_relative_to(os.path.normpath(folder)):
        problems.add(
            DataError(row.thing, f"names an image outside the folder ({row.image})", "move it there")
        )
        return None
    if not path.is_file():
        problems.add(DataError(row.thing, f"its image is missing ({row.image})", "the row is left out"))
        return None
    return path


def _prior(study: Study, row: Row, earlier: Mapping[str, Study], problems: Problems) -> Study | None:
    name = row.get("prior")
    if not name:
        return None
    prior = earlier.get(name)
    if prior is None:
        problem, remedy = f"its prior is no earlier study ({name})", "put the prior's rows first"
    elif prior.patient != study.patient:
        problem, remedy = f"its prior is another patient's ({name})", "correct the one or the other"
    else:
        return prior
    problems.add(DataError(row.thing, problem, remedy))
    return None


SOURCE = Source(
    name="folder",
    summary="your own images, with a CSV or JSONL table of what is known of them",
    files="DICOM, PNG or JPEG images; metadata.csv or metadata.jsonl (optional)",
    terms="your own",
    citation="none",
    read=read,
)
