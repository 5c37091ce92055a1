"""CANDID-PTX: films of Dunedin with reports and masks of pneumothorax, chest tubes and rib fractures.

hilum build --source candid-ptx=FOLDER --out DIR

Full name: CANDID-PTX (Dunedin Hospital). Access: registration (a data use agreement and an ethics
course). Licence: as agreed, no redistribution. Citation: Feng et al., Radiology: Artificial Intelligence
2021.

The folder holds `Pneumothorax_reports.csv` (filename, StudyInstanceUID, SOPInstanceUID, EncodedPixels,
Report); `chest_tube.csv` and `acute_rib_fracture.csv` or `Rib_fracture_mask_rle.csv` (anon_SOPUID,
mask_rle); and the films in `dataset/` or `chest_radiographs/`: DICOM without suffix, named by
SOPInstanceUID.

A study is a StudyInstanceUID, a patient what `filename` begins with ("P00901_…"). Every row of a mask is a
`Region`: run lengths down the columns of the published 1024 × 1024 film, each start counted from the run
before (the original kept boxes, and of an outline the first piece). "-1" says that there is none; no row of
tube or fracture says nothing (the original took such films for negatives where the report lacks the word).
An image that two patients claim is left out. Reports are split at their headings, where "Comment" is the
impression; one without headings is findings alone. Lines that only hold a name are left out; in sentences
de-identification marks ("!PERSONALNAME!") stay. Nothing says in which order the studies were taken, so none
has a prior one, and there is no split.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hilum.errors import DataError
from hilum.files import Problems
from hilum.images import size_of, view_of
from hilum.reports import parse_sections
from hilum.sources.base import NumberedRow, Request, Source, duplicate, file_in, first_there, numbered_rows
from hilum.sources.gather import gathered
from hilum.study import Finding, Presence, Region, RunLengths, Study, View

_TABLE = "Pneumothorax_reports.csv"
_COLUMNS = ("filename", "StudyInstanceUID", "SOPInstanceUID", "EncodedPixels", "Report")
_PATIENT = re.compile(r"P\d+(?=_|$)")
_SIGNATURE = re.compile(r"^[ \t]*(?:Dr\b\.?[ \t]*)?!PERSONALNAME![ \t.]*$", re.MULTILINE | re.IGNORECASE)
_MASKS: Sequence[tuple[Finding, str, tuple[str, ...]]] = (
    (Finding.CHEST_TUBE, "chest tube", ("chest_tube.csv",)),
    (Finding.FRACTURE, "acute rib fracture", ("acute_rib_fracture.csv", "Rib_fracture_mask_rle.csv")),
)
_PHRASES = {Finding.PNEUMOTHORAX: "pneumothorax", **{finding: phrase for finding, phrase, _ in _MASKS}}
_PLACES = ("dataset", "chest_radiographs", ".")
_SUFFIXES = ("", ".dcm", ".png", ".jpg")
SIDE = 1024
"""Pixels a side of the films that the masks were drawn on."""

Drawn = tuple[Finding, str, str]
"""Which finding, what the row is called in errors, and the run lengths as text."""


def read(request: Request) -> Iterator[Study]:
    """One study per StudyInstanceUID with its views, in the order of the table."""
    owners = _owners(request)
    masks = _mask_tables(request)
    for group in gathered(_rows(owners, request)):
        images: dict[str, list[NumberedRow]] = {}
        for where, row in group.values:
            images.setdefault(row["SOPInstanceUID"].strip(), []).append((where, row))
        study = _study(group.patient, group.study, images, masks, request)
        if study is not None:
            yield study
    for uid in sorted(masks.keys() - owners.keys()):
        for _, where, _ in masks[uid]:
            problem = "marks an image that the table of reports does not list"
            request.problems.add(DataError(f"{where}: {uid}", problem, "it is left out"))


# ---------------------------------------------------------------------------------------------- tables


def _patient(row: Mapping[str, str]) -> str:
    found = _PATIENT.match(row["filename"].strip())
    return found[0] if found else ""


def _owners(request: Request) -> dict[str, set[str]]:
    """Image → the patients that its rows name."""
    owners: dict[str, set[str]] = {}
    for _, row in numbered_rows(request.folder / _TABLE, _COLUMNS):
        owners.setdefault(row["SOPInstanceUID"].strip(), set()).add(_patient(row))
    return owners


def _rows(owners: Mapping[str, set[str]], request: Request) -> Iterator[tuple[str, str, Any]]:
    for where, row in numbered_rows(request.folder / _TABLE, _COLUMNS, request.problems):
        uid, study, patient = row["SOPInstanceUID"].strip(), row["StudyInstanceUID"].strip(), _patient(row)
        if not (uid and study and patient):
            problem = "names no patient, study or image"
            request.problems.add(DataError(where, problem, "it is left out"))
        elif len(owners[uid]) > 1:
            problem = "is listed for several patients"
            request.problems.add(DataError(f"{where}: {uid}", problem, "it is left out"))
        else:
            yield patient, study, (where, {column: row[column] for column in _COLUMNS})


def _mask_tables(request: Request) -> dict[str, list[Drawn]]:
    """Image → what is drawn of tubes and fractures."""
    drawn: dict[str, list[Drawn]] = {}
    for finding, phrase, names in _MASKS:
        path = first_there(request.folder / name for name in names)
        if path is None:
            request.notes.append(f"without {' or '.join(names)} there is no mask of a {phrase}")
            continue
        for where, row in numbered_rows(path, ("anon_SOPUID", "mask_rle"), request.problems):
            drawn.setdefault(row["anon_SOPUID"].strip(), []).append((finding, where, row["mask_rle"]))
    return drawn


# ---------------------------------------------------------------------------------------------- studies


def _study(
    patient: str,
    name: str,
    images: Mapping[str, list[NumberedRow]],
    masks: Mapping[str, list[Drawn]],
    request: Request,
) -> Study | None:
    """A study; None when none of its images is there."""
    views: list[View] = []
    regions: list[Region] = []
    labels: dict[Finding, Presence] = {}
    for uid, rows in images.items():
        path = file_in(request.folder, *(f"{uid}{suffix}" for suffix in _SUFFIXES), places=_PLACES)
        if path is None:
            thing = f"{rows[0][0]}: {uid}"
            request.problems.add(DataError(thing, "has a row but no image file", "download the films"))
            continue
        drawn = [(Finding.PNEUMOTHORAX, where, row["EncodedPixels"]) for where, row in rows]
        found = _regions([*drawn, *masks.get(uid, ())], path, len(views), labels, request.problems)
        regions += found
        views.append(view_of(path, id=uid))
    if not views:
        return None
    text = next((row["Report"] for rows in images.values() for _, row in rows if row["Report"].strip()), "")
    report = parse_sections(_SIGNATURE.sub("", text)) if text else None
    return Study(
        id=f"candid-ptx/{name}",
        patient=f"candid-ptx/{patient}",
        source="candid-ptx",
        views=tuple(views),
        report=report if report and report.text else None,
        labels=labels,
        regions=tuple(regions),
    )


def _regions(
    drawn: Sequence[Drawn], image: Path, view: int, labels: dict[Finding, Presence], problems: Problems
) -> list[Region]:
    """What is drawn in an image, with what that says of its findings put into `labels`."""
    regions: list[Region] = []
    denied: list[tuple[Finding, str]] = []
    seen: set[tuple[Finding, str]] = set()
    for finding, where, given in drawn:
        text = " ".join(given.split())
        if (finding, text) in seen:
            problems.add(duplicate(f"{where}: {image.name}"))
        elif text == "-1":
            denied.append((finding, where))
        elif text and text.lower() != "nan":
            try:
                regions.append(_region(finding, text, image, view))
            except (ValueError, OverflowError) as error:
                remedy = f"the mask is left out ({str(error)[:60]})"
                problems.add(DataError(where, "has run lengths that are none", remedy))
                continue
            except DataError as error:
                problems.add(DataError(f"{where}: {error.thing}", error.problem, error.remedy))
            labels[finding] = Presence.PRESENT
        seen.add((finding, text))
    for finding, where in denied:
        if labels.setdefault(finding, Presence.ABSENT) is Presence.PRESENT:
            problem = "says that there is none beside a mask"
            problems.add(DataError(f"{where}: {image.name}", problem, "the mask counts"))
    return regions


def _region(finding: Finding, text: str, image: Path, view: int) -> Region:
    """A mask with its box.

    Raises:
        ValueError: the run lengths are none.
        DataError: the image is not square, as those are that the masks were drawn on, or is unreadable.
    """
    mask = RunLengths.of_columns([int(word) for word in text.split()], SIDE, SIDE, relative=True)
    box = mask.box()
    assert box is not None  # a run has a pixel at least
    height, width = size_of(image)
    if height != width:
        raise DataError(image.name, "has other proportions than its mask", "the mask is left out")
    return Region(box, _PHRASES[finding], finding, view=view, mask=mask)


SOURCE = Source(
    name="candid-ptx",
    summary="19,237 films with reports; masks of pneumothorax, chest tubes and rib fractures",
    files="Pneumothorax_reports.csv, dataset/ or chest_radiographs/ (DICOM); optional: chest_tube.csv, "
    "acute_rib_fracture.csv or Rib_fracture_mask_rle.csv",
    terms="data use agreement and ethics course, no redistribution",
    citation="Feng et al., CANDID-PTX, Radiology: Artificial Intelligence 2021",
    read=read,
    access="registration",
)
