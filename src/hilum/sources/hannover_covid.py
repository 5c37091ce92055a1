"""Hannover COVID-19 image repository: portable and upright films in series, and lung masks drawn by V7 Labs.

hilum build --source hannover-covid=FOLDER --out DIR

Access: open. Licence: images CC BY 3.0 (Hannover Medical School), masks CC BY 4.0 (V7 Labs). Cite: Winther et
al., COVID-19 Image Repository, 2020.

The folder holds `data.csv`, `png/IMAGE.png` and, for the masks, `lung_masks/IMAGE.png`. A patient's films
are put in the order of their days in hospital, each with the one before it as its prior study.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from hilum.errors import DataError
from hilum.images import read_image, view_of
from hilum.sources.base import Request, Seen, Source, age_years, file_in, number, read_table
from hilum.study import Mask, Position, Region, RunLengths, Sex, Study

COLUMNS = ("patient_id", "image_id", "sex", "age", "admission_offset", "projection")


def read(request: Request) -> Iterator[Study]:
    """One study per image, patient by patient as the table first names them, the earliest film first."""
    series: dict[str, list[dict[str, str]]] = {}
    for row in read_table(request.folder / "data.csv", COLUMNS):
        series.setdefault(row["patient_id"], []).append(row)
    seen = Seen(request.problems)
    for rows in series.values():
        prior: Study | None = None
        for row in sorted(rows, key=_day):
            if seen.again(row["image_id"]):
                continue
            study = _study(row, request)
            if study is None:
                continue
            # A film of unknown day is before or after any other.
            dated = _day(row) < np.inf
            yield replace(study, prior=prior if dated else None)
            prior = study if dated else None


def _day(row: Mapping[str, str]) -> float:
    """Days from admission to the film; the table counts from the film, so admission is at a day below 0."""
    offset = number(row["admission_offset"])
    return np.inf if offset is None else -offset


def _study(row: Mapping[str, str], request: Request) -> Study | None:
    name = row["image_id"]
    image = file_in(request.folder / "png", f"{name}.png")
    if image is None:
        request.problems.add(DataError(name, "has a row but no image file", "download the images"))
        return None
    sex = row["sex"].strip().upper()
    position = row["projection"].strip().upper()
    return Study(
        id=f"hannover-covid/{name}",
        patient=f"hannover/{row['patient_id']}",
        source="hannover-covid",
        views=(
            view_of(
                image,
                id=image.name,
                position=Position(position) if position in ("PA", "AP") else Position.UNKNOWN,
            ),
        ),
        regions=_lungs(request.folder / "lung_masks" / image.name, image, request),
        sex=Sex(sex) if sex in ("M", "F") else Sex.UNKNOWN,
        age=age_years(row["age"], name, request.problems),
    )


def _lungs(path: Path, image: Path, request: Request) -> tuple[Region, ...]:
    """The mask as a region of its image's size; none when there is none or it does not fit."""
    if not path.is_file():
        return ()
    try:
        mask = _like(image, read_image(path).pixels > 0.5, path.name)
    except DataError as error:
        request.problems.add(error)
        return ()
    box = RunLengths.of_mask(mask).box()
    return (Region(box, "lungs", mask=mask),) if box is not None else ()


def _like(image: Path, mask: Mask, name: str) -> Mask:
    """The mask at its image's size.

    Raises:
        DataError: it is empty or has other proportions.
    """
    from PIL import Image  # by the first mask: other sources need none

    try:
        with Image.open(image, formats=("PNG",)) as header:
            width, height = header.size
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(image.name, "cannot be read, so its mask is left out", "download it again") from error
    if not mask.any():
        raise DataError(f"lung_masks/{name}", "is an empty mask", "it is left out")
    if mask.shape == (height, width):
        return mask
    if abs(mask.shape[1] * height - mask.shape[0] * width) > 0.02 * mask.shape[0] * width:
        raise DataError(f"lung_masks/{name}", "has other proportions than its image", "it is left out")
    sized = Image.fromarray(mask.astype(np.uint8)).resize((width, height), Image.Resampling.NEAREST)
    return np.asarray(sized).astype(np.bool_)


SOURCE = Source(
    name="hannover-covid",
    summary="243 films of COVID-19 patients in series, with lung masks for some",
    files="data.csv, png/, lung_masks/ (optional)",
    terms="images CC BY 3.0 (Hannover Medical School); masks CC BY 4.0 (V7 Labs)",
    citation="Winther et al., COVID-19 Image Repository, 2020",
    read=read,
    access="open",
)
