"""Image files of a source: found by name, and what their headers say, read without the pixels.

films = films_in(folder, ("train", "train_png"))                 # name without suffix → file
film = film_of(films["0004cfab"], id="0004cfab")                  # film.view, film.width, film.sex, film.age
box_in((10, 20, 900, 700), film.width, film.height)
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image

from hilum.errors import DataError
from hilum.images import header, view_of
from hilum.sources.identity import names_nobody
from hilum.sources.inventory import image_size
from hilum.study import Box, Position, RunLengths, Sex, View

SUFFIXES = (".dicom", ".dcm", ".png", ".jpg", ".jpeg")
"""The published form first: its header says most."""


@dataclass(frozen=True, slots=True)
class Film:
    """An image with what its header says.

    Args:
        width, height: in pixels; 0 where the header cannot be read.
        patient: the header's patient id, empty where it names nobody.
        original: whether it is the DICOM file that was published, rather than a copy, which may be smaller.
    """

    view: View
    width: int = 0
    height: int = 0
    sex: Sex = Sex.UNKNOWN
    age: float | None = None
    patient: str = ""
    original: bool = False


def films_in(folder: Path, places: Iterable[str], *, deep: bool = False) -> dict[str, Path]:
    """Image files by their name without suffix; of several of one name the first place's, DICOM first.

    Args:
        places: folders in `folder`, "." for itself; one that is not there holds nothing.
        deep: also look in the folders within, at any depth.
    """
    found: dict[str, Path] = {}
    for place in places:
        inside = folder / place
        files = inside.rglob("*") if deep else inside.iterdir() if inside.is_dir() else ()
        images = (path for path in files if path.suffix.lower() in SUFFIXES and path.is_file())
        for path in sorted(images, key=lambda path: (SUFFIXES.index(path.suffix.lower()), path)):
            found.setdefault(path.stem, path)
    return found


def film_of(path: Path, id: str, position: Position | None = None) -> Film:
    """What a file's header says; all unknown where it cannot be read, for whoever loads it is told.

    Args:
        id: of the view.
        position: how it was taken, where the source says so; a DICOM file's header is asked otherwise.
    """
    view = view_of(path, id=id, position=position or Position.UNKNOWN)
    if path.suffix.lower() not in (".dcm", ".dicom"):
        width, height = image_size(path) or (0, 0)
        return Film(view, width, height)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(path, stop_before_pixels=True)
            said = position or header.position(dataset)
            number = header.one_line(str(dataset.get("PatientID") or ""))
            return Film(
                replace(view, position=said, spacing_mm=header.spacing_mm(dataset)),
                int(header.number(dataset, "Columns") or 0),
                int(header.number(dataset, "Rows") or 0),
                header.sex(dataset),
                header.age_years(dataset),
                "" if names_nobody(number) else number,
                original=True,
            )
    except Exception:  # a damaged header raises whatever its parser stumbled over
        return Film(view)


def box_in(corners: Sequence[float | None], width: float, height: float) -> Box | None:
    """Corners x1, y1, x2, y2 in pixels as fractions, cut at the image's edges.

    None where a corner is unknown, the image has no size or nothing of the box lies in it.
    """
    known = [corner for corner in corners if corner is not None]
    if len(known) != 4 or width <= 0 or height <= 0:
        return None
    x1, y1, x2, y2 = known
    box = (max(0.0, x1 / width), max(0.0, y1 / height), min(1.0, x2 / width), min(1.0, y2 / height))
    return box if box[0] < box[2] and box[1] < box[3] else None


def box_at(corner: Sequence[float | None], width: float, height: float) -> Box | None:
    """A corner x, y with its box's width and height, all in pixels, as `box_in` has it."""
    known = [value for value in corner if value is not None]
    if len(known) != 4:
        return None
    x, y, w, h = known
    return box_in((x, y, x + w, y + h), width, height)


def mask_in(path: Path, width: int, height: int) -> RunLengths:
    """A mask's image file as runs: what is lighter than middle grey is inside.

    Raises:
        DataError: it cannot be read, is empty, or is not of the image's size.
    """
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            size = image.size
            inside = np.asarray(image.convert("L")) > 127 if size == (width, height) else None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(path, "is a mask that cannot be read", "download it again; it is left out") from error
    if inside is None:
        remedy = f"it is left out ({size[0]} × {size[1]}, its image {width} × {height})"
        raise DataError(path, "is a mask of another size than its image", remedy)
    if not inside.any():
        raise DataError(path, "is an empty mask", "it is left out")
    return RunLengths.of_mask(inside)
