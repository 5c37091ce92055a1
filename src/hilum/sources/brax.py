"""BRAX: films of a Brazilian hospital with labels mined from reports that are not published.

hilum build --source brax=FOLDER --out DIR

Full name: BRAX, Brazilian labeled chest x-ray dataset 1.1.0 (Hospital Israelita Albert Einstein). Access:
credentialed (PhysioNet), with a data use agreement. Licence: PhysioNet Credentialed Health Data License
1.5.0. Citation: Reis et al., Scientific Data 2022.

The folder holds `master_spreadsheet_update.csv` (or the first `master_spreadsheet.csv`): DicomPath, PngPath,
PatientID, PatientSex, PatientAge, AccessionNumber, StudyDate, the fourteen labels, ViewPosition,
Manufacturer; and the films, `images/…png` or `Anonymized_DICOMs/…dcm`. A study is an accession number of a
patient. Dates are made up, yet keep a patient's studies in order. Ages are published in steps of five years,
"85 or more" is read as 85. LL and RL are laterals; decubitus and oblique views (LLD, RLD, LLO, RLO) are of
unknown position. There are no reports, no split and no race. Uncertain stays uncertain, and blank says
nothing (the original: absent).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from hilum.errors import DataError
from hilum.images import view_of
from hilum.sources.base import (
    PHYSIONET,
    NumberedRow,
    Request,
    Seen,
    Source,
    age_years,
    file_in,
    first_there,
    numbered_rows,
)
from hilum.sources.chexpert_labels import study_labels
from hilum.sources.patients import iso_date, sex_of, visits
from hilum.study import CHEXPERT_14, Position, Study, View

_TABLES = ("master_spreadsheet_update.csv", "master_spreadsheet.csv")
_COLUMNS = (
    "DicomPath",
    "PngPath",
    "PatientID",
    "PatientSex",
    "PatientAge",
    "AccessionNumber",
    "StudyDate",
    *(finding.value for finding in CHEXPERT_14),
    "ViewPosition",
    "Manufacturer",
)
_POSITIONS = {"PA": Position.PA, "AP": Position.AP, "LL": Position.LATERAL, "RL": Position.LATERAL}
_OLDEST = re.compile(r"(\d+) or more", re.IGNORECASE)


def read(request: Request) -> Iterator[Study]:
    """One study per accession number with all its views, patient by patient as the table first names them."""
    seen = Seen(request.problems)
    table = first_there(request.folder / name for name in _TABLES) or request.folder / _TABLES[0]
    return visits(_rows(table, request), lambda name, rows: _study(name, rows, seen, request))


def _rows(path: Path, request: Request) -> Iterator[tuple[str, str, NumberedRow]]:
    for where, row in numbered_rows(path, _COLUMNS, request.problems):
        if row["PatientID"].strip() and row["AccessionNumber"].strip():
            yield row["PatientID"].strip(), row["AccessionNumber"].strip(), (where, row)
        else:
            request.problems.add(DataError(where, "names no patient or no study", "it is left out"))


def _study(accession: str, rows: Sequence[NumberedRow], seen: Seen, request: Request) -> Study | None:
    """A study; None when none of its images is there."""
    problems = request.problems
    views = tuple(view for where, row in rows if (view := _view(where, row, seen, request)))
    if not views:
        return None
    where, first = rows[0]
    patient, maker = first["PatientID"].strip(), first["Manufacturer"].strip()
    return Study(
        id=f"brax/{patient}/{accession}",
        patient=f"brax/{patient}",
        source="brax",
        views=views,
        labels=study_labels(rows, problems),
        sex=sex_of(first["PatientSex"], where, problems),
        age=age_years(_OLDEST.sub(r"\1", first["PatientAge"]), where, problems),
        device=f"manufacturer {maker}" if maker else "",
        taken=iso_date(first["StudyDate"], where, problems),
    )


def _view(where: str, row: Mapping[str, str], seen: Seen, request: Request) -> View | None:
    names = [row[column].strip() for column in ("PngPath", "DicomPath")]
    name = PurePosixPath(names[0] or names[1]).stem
    if not name:
        request.problems.add(DataError(where, "names no image", "it is left out"))
        return None
    if seen.again(name, where):
        return None
    path = file_in(request.folder, *filter(None, names))
    if path is None:
        thing = f"{where}: {name}"
        request.problems.add(DataError(thing, "has a row but no image file", "download the images"))
        return None
    return view_of(path, id=name, position=_POSITIONS.get(row["ViewPosition"].strip().upper()))


SOURCE = Source(
    name="brax",
    summary="40,967 films of 19,351 Brazilian patients, 14 labels mined from reports",
    files="master_spreadsheet_update.csv, images/ (PNG) or Anonymized_DICOMs/",
    terms=PHYSIONET,
    citation="Reis et al., BRAX, Scientific Data 2022",
    read=read,
    access="credentialed",
)
