"""PadChest: films of a Spanish hospital with 174 findings, 19 diagnoses and where they are.

hilum build --source padchest=FOLDER --out DIR

Full name: PadChest (BIMCV and Hospital San Juan, Alicante), release of 1 February 2019. Access:
registration (a request form). Licence: PadChest dataset research use agreement, no redistribution. Citation:
Bustos et al., Medical Image Analysis 2020.

The folder holds `PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv`, also as `.csv.gz`: ImageID,
ImageDir, StudyDate_DICOM, StudyID, PatientID, PatientBirth, PatientSex_DICOM, ViewPosition_DICOM,
Projection, Manufacturer_DICOM, Report, Labels, LabelsLocalizationsBySentence; and the films (16-bit PNG), by
`ImageDir` or all in one folder, there or in `images/`.

Labels become findings, facts with side and site, and terms: see `hilum.sources.padchest_labels`. A label
that a film does not have says nothing, unless it is "normal" and nothing else (the original drew negatives
from all other labels). Projections: L is lateral, AP_horizontal is AP, COSTAL is of unknown position,
EXCLUDE is no chest film. There is no split. Age is the year of the study less the year of birth.

Reports are Spanish, cut to the stems of their words; no model here learns Spanish, so they are not taken over
but counted, and what they say arrives by the labels. CheXinstruct had them in English: its translation
(`report.en.tok`) was never released with it. A translation of your own is read from `translations.csv`
(StudyID, report), with or without headings, see `hilum.sources.translations`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hilum.errors import DataError
from hilum.images import view_of
from hilum.sources.base import NumberedRow, Request, Seen, Source, age_years, file_in, number, numbered_rows
from hilum.sources.padchest_labels import coded
from hilum.sources.patients import iso_date, sex_of, visits
from hilum.sources.translations import Translations
from hilum.study import Position, Study, View

TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
_COLUMNS = (
    "ImageID",
    "ImageDir",
    "StudyDate_DICOM",
    "StudyID",
    "PatientID",
    "PatientBirth",
    "PatientSex_DICOM",
    "ViewPosition_DICOM",
    "Projection",
    "Manufacturer_DICOM",
    "Report",
    "Labels",
    "LabelsLocalizationsBySentence",
)
_PROJECTIONS = {
    "PA": Position.PA,
    "L": Position.LATERAL,
    "AP": Position.AP,
    "AP_HORIZONTAL": Position.AP,
    "COSTAL": Position.UNKNOWN,
}
_HEADER_POSITIONS = {
    **dict.fromkeys(("PA", "POSTEROANTERIOR"), Position.PA),
    **dict.fromkeys(("AP", "ANTEROPOSTERIOR"), Position.AP),
    **dict.fromkeys(("LL", "RL", "LATERAL"), Position.LATERAL),
}
"""The header's words, read only where the curators left the projection blank."""


def read(request: Request) -> Iterator[Study]:
    """One study per visit with all its views, patient by patient as the table first names them."""
    seen, texts = Seen(request.problems), Translations.open(request, "StudyID")
    yield from visits(_rows(request), lambda name, rows: _study(name, rows, seen, texts, request))
    texts.note_unmatched()


def _rows(request: Request) -> Iterator[tuple[str, str, NumberedRow]]:
    for where, row in numbered_rows(request.folder / TABLE, _COLUMNS, request.problems):
        if not (row["PatientID"].strip() and row["StudyID"].strip() and row["ImageID"].strip()):
            request.problems.add(DataError(where, "names no patient, study or image", "it is left out"))
        elif row["Projection"].strip().upper() == "EXCLUDE":
            request.left_out["films whose projection the curators excluded"] += 1
        else:
            kept = {column: row[column] for column in _COLUMNS}
            yield row["PatientID"].strip(), row["StudyID"].strip(), (where, kept)


def _study(
    name: str, rows: Sequence[NumberedRow], seen: Seen, texts: Translations, request: Request
) -> Study | None:
    """A study; None when none of its images is there."""
    problems = request.problems
    report = texts.report(name)
    views = tuple(view for where, row in rows if (view := _view(where, row, seen, request)))
    if not views:
        return None
    where, first = rows[0]
    said = coded(first["Labels"], first["LabelsLocalizationsBySentence"], where, problems)
    taken = iso_date(first["StudyDate_DICOM"], where, problems)
    born = number(first["PatientBirth"])
    age = "" if born is None or not taken else str(int(taken[:4]) - born)
    if first["Report"].strip() and report is None:
        request.left_out["reports in Spanish"] += 1
    return Study(
        id=f"padchest/{name}",
        patient=f"padchest/{first['PatientID'].strip()}",
        source="padchest",
        views=views,
        report=report,
        labels=said.labels,
        terms=said.terms,
        facts=said.facts,
        sex=sex_of(first["PatientSex_DICOM"], where, problems),
        age=age_years(age, where, problems),
        device=_device(first["Manufacturer_DICOM"]),
        taken=taken,
    )


def _device(maker: str) -> str:
    """The maker; a tag that the file lacked was written as a word."""
    return "" if maker.strip().lower() in ("none", "nan") else maker.strip()


def _view(where: str, row: Mapping[str, str], seen: Seen, request: Request) -> View | None:
    name, place = row["ImageID"].strip(), row["ImageDir"].strip().removesuffix(".0")
    if seen.again(name, where):
        return None
    path = file_in(request.folder, f"{place}/{name}", name, places=(".", "images"))
    if path is None:
        thing = f"{where}: {name}"
        request.problems.add(DataError(thing, "has a row but no image file", "download its archive"))
        return None
    return view_of(path, id=name, position=_position(where, row, request))


def _position(where: str, row: Mapping[str, str], request: Request) -> Position | None:
    said = row["Projection"].strip().upper()
    if said in ("", "NAN"):
        return _HEADER_POSITIONS.get(row["ViewPosition_DICOM"].strip().upper())
    if said not in _PROJECTIONS:
        problem = "has a projection that PadChest does not list"
        request.problems.add(DataError(where, problem, "the view is left unknown"))
    return _PROJECTIONS.get(said)


SOURCE = Source(
    name="padchest",
    summary="160,861 films of 67,625 Spanish patients, 193 labels with places; reports are Spanish",
    files=f"{TABLE} (or .gz), and its PNG, by ImageDir or flat; optional: translations.csv",
    terms="request form; research use agreement, no redistribution",
    citation="Bustos et al., PadChest, Medical Image Analysis 2020",
    read=read,
    access="registration",
)
