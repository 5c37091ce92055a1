"""SIIM-ACR Pneumothorax Segmentation 2019: pneumothoraces outlined in films of NIH ChestX-ray14.

hilum build --source siim-acr-pneumothorax=FOLDER --out DIR

Access: registration (a Kaggle account). Licence: the challenge's terms (research and education).
Files: `stage_2_train.csv`, or `train-rle.csv` of stage 1 (ImageId, EncodedPixels; the latter with a blank
before name and values in stage 1); DICOM files named by ImageId at any depth below `dicom-images-train/`,
`dicom-images-test/` or `stage_2_images/`, or square PNG copies of any size there.
Cite: SIIM-ACR Pneumothorax Segmentation Challenge, Kaggle 2019; Filice et al., J Digit Imaging 2020.

An image with several rows is one study. Its outlines that overlap are one region, the others a region
each, so that the regions together are the union of all rows (CheXinstruct splits rows: one image could be
trained on and tested on). "-1" says that there is no pneumothorax. Nothing links the films to NIH's
patients; the header's PatientID, where there is one, tells whose a film is. No split is published with
labels. Films that no row names have no labels and are not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.base import Request, Source, first_there, numbered_rows
from hilum.sources.films import Film, film_of, films_in
from hilum.study import Finding, Mask, Presence, Region, RunLengths, Study

TABLES = ("stage_2_train.csv", "train-rle.csv")
NONE = "-1"
_PLACES = ("dicom-images-train", "dicom-images-test", "stage_2_images", "stage_2_train", "train")
_LEFT_OUT = "the row is left out"
SIDE = 1024
"""Pixels of the square films that were outlined."""


@dataclass
class _Outlined:
    """The rows of one image: where the first stands, and the runs of each that has some."""

    where: str
    none: bool = False
    runs: dict[str, str] = field(default_factory=dict)


def read(request: Request) -> Iterator[Study]:
    """One study per image, in the order of the table."""
    images = _label_table(request)
    files = films_in(request.folder, _PLACES, deep=True)
    for name, rows in images.items():
        if name not in files:
            thing = f"{rows.where}: {name}"
            request.problems.add(DataError(thing, "has a row but no image file", "download the images"))
            continue
        film = film_of(files[name], id=name)
        regions = _regions(rows, film, request.problems)
        there = Presence.PRESENT if rows.runs else Presence.ABSENT
        yield Study(
            id=f"siim-acr-pneumothorax/{name}",
            patient=f"siim-acr/{film.patient or name}",
            source="siim-acr-pneumothorax",
            views=(film.view,),
            labels={Finding.PNEUMOTHORAX: there},
            regions=regions,
            sex=film.sex,
            age=film.age,
        )


def _label_table(request: Request) -> dict[str, _Outlined]:
    folder = request.folder
    path = first_there(folder / name for name in TABLES) or folder / TABLES[0]
    images: dict[str, _Outlined] = {}
    for where, row in numbered_rows(path, (), request.problems):
        cells = {column.strip(): value.strip() for column, value in row.items()}
        if not {"ImageId", "EncodedPixels"} <= cells.keys():
            there = ", ".join(cells)
            raise DataError(path, "lacks the column 'ImageId' or 'EncodedPixels'", f"it has: {there}")
        problem = _add(images, where, cells["ImageId"], " ".join(cells["EncodedPixels"].split()))
        if problem:
            request.problems.add(DataError(where, problem, _LEFT_OUT))
    return images


def _add(images: dict[str, _Outlined], where: str, name: str, runs: str) -> str | None:
    """Take a row; else what is wrong with it."""
    if not name or not runs:
        return "has no ImageId or no EncodedPixels"
    said = images.get(name)
    if said is not None and ((runs == NONE) != said.none):
        return "contradicts an earlier row of its image"
    if said is not None and (runs == NONE or runs in said.runs.values()):
        return "is a duplicate row"
    said = images.setdefault(name, _Outlined(where))
    if runs == NONE:
        said.none = True
    else:
        said.runs[where] = runs
    return None


def _regions(rows: _Outlined, film: Film, problems: Problems) -> tuple[Region, ...]:
    masks: list[Mask] = []
    height, width = (film.height, film.width) if film.original else (SIDE, SIDE)
    for where, runs in rows.runs.items():
        try:
            if not film.width:
                raise ValueError("its image cannot be read")
            if not film.original and film.width != film.height:
                raise ValueError("its image is not square, as those are that were outlined")
            numbers = [int(value) for value in runs.split()]
            outline = RunLengths.of_columns(numbers, height, width, relative=True).mask()
        except ValueError as error:
            said = str(error) if "literal" not in str(error) else "its runs are not whole numbers"
            problems.add(DataError(where, f"has no mask: {said}", "the mask is left out"))
            continue
        touching = [mask for mask in masks if (mask & outline).any()]
        masks = [mask for mask in masks if not any(mask is other for other in touching)]
        masks.append(np.logical_or.reduce([*touching, outline]))
    found = [RunLengths.of_mask(mask) for mask in masks]
    return tuple(
        Region(box, "pneumothorax", Finding.PNEUMOTHORAX, mask=mask)
        for mask in found
        if (box := mask.box()) is not None
    )


SOURCE = Source(
    name="siim-acr-pneumothorax",
    summary="12,047 frontal films of NIH ChestX-ray14, 2,669 of them with pneumothoraces outlined",
    files="stage_2_train.csv or train-rle.csv; dicom-images-train/ or stage_2_images/",
    terms="the challenge's terms (Kaggle account)",
    citation="Filice et al., Journal of Digital Imaging 2020",
    read=read,
    access="registration",
)
