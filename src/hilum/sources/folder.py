"""Any folder of DICOM, PNG or JPEG images, with or without a table that says what is known of them.

hilum build --source folder=FOLDER --out DIR

The table is `metadata.csv`, `metadata.jsonl`, or the only CSV or JSONL file in the folder; a row is an image.
Its columns, in any order and any case:

    image (or file)       path within the folder; the one column that must be there
    study                 id; by default every image is a study. A study's images stand in rows that follow
                          one another; what is not of the image (report, age, …) is read from the first
    patient               id; by default the DICOM header is asked, else every study is a patient
    view                  PA, AP or LATERAL; by default the DICOM header is asked
    report                a whole report; or its sections: indication, comparison, findings, impression
    labels                findings that are there, "Edema|Pneumonia"; "No Finding" when there is none
    Edema, Fracture, …    or one column per finding: 1 there, 0 not there, -1 or blank unknown
    boxes                 JSON: [{"box": [x1, y1, x2, y2], "phrase": "…", "finding": "Nodule"}, …], corners as
                          fractions of width and height; of phrase and finding one is enough
    age, sex              years; F or M
    prior                 id of the patient's previous study, whose rows come earlier
    split                 train, val or test

Other columns are not read. Without a table every image is a study, whose patient the DICOM header names; PNG
and JPEG files name none, so several of one patient need a table to be kept in one split.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from hilum.errors import DataError
from hilum.files import Problems
from hilum.images import view_of
from hilum.sources.base import Request, Seen, Source, file_in
from hilum.sources.identity import patient_key
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
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith("."):
            name = path.relative_to(folder).as_posix()
            yield Study(
                id=f"folder/{_id(folder, name)}",
                patient=f"folder/{patient_key(path) or _id(folder, name)}",
                source="folder",
                views=(view_of(path, id=name),),
            )


def _id(folder: Path, name: str) -> str:
    """Studies of two folders with different names can be told apart."""
    return f"{folder.resolve().name}/{name}"


def _listed(table: Path, request: Request) -> Iterator[Study]:
    seen, images = Seen(request.problems), Seen(request.problems)
    # Kept is what some row names as its prior, without a prior of its own: that would be the whole past.
    wanted = {row.get("prior") for row in rows_of(table, Problems(keep=0))}
    earlier: dict[str, Study] = {}
    for name, group in groupby(rows_of(table, request.problems), key=lambda row: row.study):
        rows = list(group)
        if seen.again(name):
            continue
        study = _study(name, rows, images, request)
        if study is None:
            continue
        if name in wanted:
            earlier[name] = study
        yield replace(study, prior=_prior(study, rows[0], earlier, request.problems))


def _study(name: str, rows: list[Row], images: Seen, request: Request) -> Study | None:
    """The rows of one study as one; None when none of its images is there."""
    views: list[View] = []
    used: list[Row] = []
    paths: list[Path] = []
    for row in rows:
        path = file_in(request.folder, row.image)
        if path is None:
            thing = f"{row.thing}: {row.image}"
            request.problems.add(DataError(thing, "is not in the folder", "the row is left out"))
            continue
        if images.again(str(path)):
            continue
        views.append(view_of(path, id=row.image, position=row.position(request.problems)))
        used.append(row)
        paths.append(path)
    if not views:
        return None
    first, identifier = used[0], _id(request.folder, name)
    labels: dict[Finding, bool] = {}
    for row in reversed(used):
        labels |= row.labels(request.problems)
    return Study(
        id=f"folder/{identifier}",
        patient=f"folder/{first.get('patient') or patient_key(paths[0]) or identifier}",
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


def _prior(study: Study, row: Row, earlier: Mapping[str, Study], problems: Problems) -> Study | None:
    name = row.get("prior")
    if not name:
        return None
    prior = earlier.get(name)
    if prior is None:
        problem, remedy = "its prior is no earlier study", f"put the rows of {name} first"
    elif prior.patient != study.patient:
        problem, remedy = "its prior is another patient's study", f"correct it or the patient of {name}"
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
