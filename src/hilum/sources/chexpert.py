"""CheXpert and CheXpert Plus: films of Stanford Hospital, labels mined from their reports, and the reports.

hilum build --source chexpert=FOLDER --out DIR

Full name: CheXpert v1.0 or v1.0-small, and CheXpert Plus (240401), which tells reports, race and ethnicity
of the same films. Access: registration with Stanford AIMI. Licence: Stanford research use agreement, no
redistribution. Citation: Irvin et al., AAAI 2019; Chambon et al., 2024 (Plus).

The folder is a release (`CheXpert-v1.0`, `CheXpert-v1.0-small`) or holds one, whole or in its batches. Read
are `train.csv`, `valid.csv` (or CheXlocalize's `val_labels.csv`) and `test.csv` (or `test_labels.csv`):
Path, Sex, Age, AP/PA and the fourteen labels; of Plus `df_chexpert_plus_*.csv` (or `df_master*.csv`):
path_to_image, ap_pa, patient_report_date_order, report, section_…, age, sex, race, ethnicity. Where Plus
does not tell a race, `CHEXPERT DEMO.xlsx` does; where no table has labels, Plus's
`chexbert_labels/impression_fixed.json` does. A film is the first that is there of Plus's PNG, the JPEG,
Plus's DICOM and the small JPEG.

The prior study is the one before by `patient_report_date_order`, else by the study's number as a number.
Uncertain labels stay uncertain; a blank says nothing (the original made it "absent"). Plus's insurance, body
mass index, need of an interpreter and death have no place in a `Study`; its RadGraph entities are made by a
model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from hilum.errors import DataError
from hilum.files import Problems
from hilum.images import view_of
from hilum.reports import parse_sections
from hilum.sources.base import (
    SPLITS,
    NumberedRow,
    Request,
    Source,
    age_years,
    duplicate,
    file_in,
    is_there,
    number,
    numbered_rows,
    text_lines,
)
from hilum.sources.chexpert_labels import study_labels
from hilum.sources.gather import gathered
from hilum.sources.json_rows import objects_in
from hilum.sources.patients import in_order, sex_of
from hilum.sources.table import open_table
from hilum.study import CHEXPERT_14, Position, Report, Study, View

_LABELS = tuple(finding.value for finding in CHEXPERT_14)
_OF_PATIENT = ("Sex", "Age", "AP/PA")
_TABLES: tuple[tuple[tuple[str, tuple[str, ...]], ...], ...] = (
    (("train.csv", _OF_PATIENT),),
    (("valid.csv", _OF_PATIENT), ("val_labels.csv", ())),
    (("test.csv", ()), ("test_labels.csv", ())),
)
"""Of each line the first that is there is read; the columns are those it must have beside Path and labels."""

_PLUS = ("df_chexpert_plus_*.csv", "df_master*.csv")
_PLUS_NEEDED = ("path_to_image", "section_findings", "section_impression")
_CHEXBERT = "chexbert_labels/impression_fixed.json"
_DEMOGRAPHICS = "CHEXPERT DEMO.xlsx"

_FILM = re.compile(r"(train|valid|val|test)/(patient\d+)/(study\d+)/(view\d+_(?:frontal|lateral))\.\w+$")


@dataclass
class _Film:
    """What the tables say of one image, each row by what it tells: "labels", "plus" or "chexbert"."""

    name: str
    rows: dict[str, NumberedRow] = field(default_factory=dict)

    def get(self, *columns: str) -> str:
        """The first of some columns, of any row, that is not blank."""
        cells = (row.get(column, "").strip() for _, row in self.rows.values() for column in columns)
        return next((cell for cell in cells if cell and cell.lower() != "nan"), "")


def read(request: Request) -> Iterator[Study]:
    """One study per visit with all its views, patient by patient as the tables first name them."""
    folder = request.folder
    plus = _plus(folder)
    tables = [found for choice in _TABLES if (found := _first_of(folder, choice))]
    if not tables and plus is None:
        raise DataError(folder / "train.csv", "is missing", "download it with the images")
    if plus is None:
        request.notes.append("without CheXpert Plus there are no reports; study numbers tell the prior study")
    else:
        request.notes.append("patient_report_date_order tells the prior study; it may not follow true dates")
    rows = chain.from_iterable(
        _rows("labels", path, ("Path", *columns, *_LABELS), request.problems) for path, columns in tables
    )
    if plus is not None:
        rows = chain(rows, _rows("plus", plus, _PLUS_NEEDED, request.problems))
        if not tables and is_there(folder / _CHEXBERT):
            rows = chain(rows, _chexbert_rows(folder / _CHEXBERT, request.problems))
    races = _demographics(folder, request.problems)
    places = _image_places(folder)
    for group in gathered(rows):
        films = _films(group.values, request.problems)
        studies = (_study(name, of_it, races, places, request) for name, of_it in _by_study(films).items())
        yield from in_order(_orders(studies))


# ---------------------------------------------------------------------------------------------- tables


def _release_folders(folder: Path) -> list[Path]:
    return [folder, *sorted(p for p in (*folder.glob("CheXpert*"), *folder.glob("CheXpert/*")) if p.is_dir())]


def _first_of(
    folder: Path, choice: tuple[tuple[str, tuple[str, ...]], ...]
) -> tuple[Path, tuple[str, ...]] | None:
    for name, columns in choice:
        for place in _release_folders(folder):
            if is_there(place / name):
                return place / name, columns
    return None


def _plus(folder: Path) -> Path | None:
    found = sorted(path for pattern in _PLUS for path in folder.glob(f"{pattern}*"))
    return next((path.with_name(re.sub(r"\.(gz|zip)$", "", path.name)) for path in found), None)


def _rows(
    table: str, path: Path, columns: Sequence[str], problems: Problems
) -> Iterator[tuple[str, str, list[Any]]]:
    """What a table tells; the first of its columns names the film."""
    for where, row in numbered_rows(path, columns, problems):
        yield from _told(table, row[columns[0]], where, row, problems)


def _chexbert_rows(path: Path, problems: Problems) -> Iterator[tuple[str, str, list[Any]]]:
    for count, given in objects_in(text_lines(path)):
        where = f"{path.name}, line {count}"
        if given is None:
            problems.add(DataError(where, "is no JSON object", "it is left out"))
            continue
        row = {name: "" if cell is None else str(cell) for name, cell in given.items()}
        yield from _told("chexbert", row.get("path_to_image", ""), where, row, problems)


def _told(
    table: str, path: str, where: str, row: Mapping[str, str], problems: Problems
) -> Iterator[tuple[str, str, list[Any]]]:
    """Patient, nothing, and what a row tells of which film; nothing at all when its path names none."""
    found = _FILM.search(path.strip())
    if found is None:
        problems.add(DataError(where, "has a path that names no film of a study", "it is left out"))
        return
    split, *rest = found.groups()
    name = "/".join(["valid" if split == "val" else split, *rest])
    yield rest[0], "", [name, table, where, row]


def _demographics(folder: Path, problems: Problems) -> dict[str, str]:
    """Patient → race, where the table of it is there."""
    paths = (place / _DEMOGRAPHICS for place in _release_folders(folder))
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return {}
    rows = open_table(path, problems).rows
    pairs = ((row.get("PATIENT"), row.get("PRIMARY_RACE")) for _, row in rows)
    return {str(patient).strip(): str(race or "").strip() for patient, race in pairs if patient}


# ---------------------------------------------------------------------------------------------- studies


def _films(told: list[Any], problems: Problems) -> list[_Film]:
    films: dict[str, _Film] = {}
    for name, table, where, row in told:
        film = films.setdefault(name, _Film(name))
        if table in film.rows:
            problems.add(duplicate(f"{where}: {name}"))
        else:
            film.rows[table] = where, row
    return list(films.values())


def _by_study(films: list[_Film]) -> dict[str, list[_Film]]:
    studies: dict[str, list[_Film]] = {}
    for film in sorted(films, key=lambda film: _number_in(film.name.rsplit("/", 1)[1])):
        studies.setdefault(film.name.rsplit("/", 1)[0], []).append(film)
    return dict(sorted(studies.items(), key=lambda item: _number_in(item[0].rsplit("/", 1)[1])))


def _number_in(word: str) -> int:
    found = re.search(r"\d+", word)
    return int(found[0]) if found else 0


def _orders(studies: Iterator[tuple[float | None, Study] | None]) -> list[tuple[float | None, Study]]:
    """Studies by the order of Plus when it knows all of a patient's; else by the numbers of the studies."""
    read = [pair for pair in studies if pair is not None]
    if all(order is not None for order, _ in read):
        return read
    return [(_number_in(study.id.rsplit("/", 1)[1]), study) for _, study in read]


def _study(
    name: str,
    films: list[_Film],
    races: Mapping[str, str],
    places: list[tuple[str, Path, str]],
    request: Request,
) -> tuple[float | None, Study] | None:
    """A study with its place in Plus's order; None when none of its images is there."""
    problems = request.problems
    views = tuple(view for film in films if (view := _view(film, places, problems)))
    if not views:
        return None
    split, patient, study = name.split("/")
    whole = _Film(name)  # the first film's rows, each completed by the others': a study has one report
    for film in films:
        for table, row in film.rows.items():
            whole.rows.setdefault(table, row)
    where, _ = next(iter(whole.rows.values()))
    labels = [film.rows[table] for film in films for table in ("labels", "chexbert") if table in film.rows]
    age = whole.get("Age", "age")
    return number(whole.get("patient_report_date_order")), Study(
        id=f"chexpert/{patient}/{study}",
        patient=f"chexpert/{patient}",
        source="chexpert",
        views=views,
        report=_report(whole),
        labels=study_labels(labels, problems),
        sex=sex_of(whole.get("Sex", "sex"), where, problems),
        age=None if number(age) == 0 else age_years(age, where, problems),  # 0 is how it writes unknown
        race=whole.get("race") or races.get(patient, ""),
        group=whole.get("ethnicity") or None,
        split=SPLITS[split],
    )


def _report(film: _Film) -> Report | None:
    """The sections that CheXpert Plus tells; the whole text read where it tells none."""
    _, row = film.rows.get("plus", ("", {}))

    def section(*names: str) -> str:
        texts = (" ".join(row.get(f"section_{name}", "").split()) for name in names)
        return next((text for text in texts if text and text.lower() != "nan"), "")

    report = Report(
        indication=section("clinical_history", "history"),
        comparison=section("comparison"),
        findings=section("findings"),
        impression=section("impression", "summary"),
    )
    if not report.text and row.get("report", "").strip():
        report = parse_sections(row["report"])
    return report if report.text else None


# ---------------------------------------------------------------------------------------------- images


def _image_places(folder: Path) -> list[tuple[str, Path, str]]:
    """Where films may lie: from which part of a film's name on, below which folder, with which suffix."""
    png = [("split", folder / p, ".png") for p in ("PNG/PNG", "PNG")]
    dicom = [("split", folder / p, ".dcm") for p in ("DICOM/Uncompressed", "DICOM/Compressed", "DICOM")]
    folders = _release_folders(folder)
    jpeg = [("split", place, ".jpg") for place in folders]
    jpeg += [("patient", place, ".jpg") for place in folders if " batch " in place.name]
    small = [entry for entry in jpeg if entry[1].resolve().name.endswith("-small")]
    whole = [entry for entry in jpeg if entry not in small]
    return [entry for entry in (*png, *whole, *dicom, *small) if entry[1].is_dir()]


def _view(film: _Film, places: list[tuple[str, Path, str]], problems: Problems) -> View | None:
    for start, place, suffix in places:
        for name in _names(film.name, start):
            path = file_in(place, f"{name}{suffix}")
            if path is not None:
                return view_of(path, id=f"{film.name}.jpg", position=_position(film))
    where, _ = next(iter(film.rows.values()))
    thing = f"{where}: {film.name}"
    problems.add(DataError(thing, "has a row but no image file", "download its archive"))
    return None


def _names(name: str, start: str) -> tuple[str, ...]:
    split, within = name.split("/", 1)
    if start == "patient":
        return (within,)
    return (name, f"val/{within}") if split == "valid" else (name,)


def _position(film: _Film) -> Position | None:
    """Lateral by the file's name, which is official; a frontal film that is called LL is of unknown view."""
    if film.name.endswith("_lateral"):
        return Position.LATERAL
    said = film.get("AP/PA", "ap_pa").upper()
    return Position(said) if said in ("AP", "PA") else None


SOURCE = Source(
    name="chexpert",
    summary="224,316 films of 65,240 patients, 14 labels mined from reports; with CheXpert Plus the reports",
    files="train.csv, valid.csv, test.csv or CheXlocalize's test_labels.csv, {train,valid,test}/ (JPEG), or "
    "CheXpert Plus: df_chexpert_plus_*.csv, PNG/ or DICOM/; optional: CHEXPERT DEMO.xlsx",
    terms="Stanford research use agreement, no redistribution",
    citation="Irvin et al., CheXpert, AAAI 2019; Chambon et al., CheXpert Plus, 2024",
    read=read,
    access="registration",
)
