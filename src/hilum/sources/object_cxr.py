"""Object-CXR: foreign objects in chest films of Chinese township hospitals (JF Healthcare, MIDL 2020).

hilum build --source object-cxr=FOLDER --out DIR

Access: open. Licence: research, non-commercial. Files: `train.csv`, `dev.csv`, `test.csv` (image_name or
image_path, annotation) and the JPEG films in `train/`, `dev/`, `test/`.
Cite: JF Healthcare, Object-CXR: automatic detection of foreign objects on chest X-rays, MIDL 2020.

An annotation is shapes parted by ";": "0 x1 y1 x2 y2" a rectangle, "1 x1 y1 x2 y2" the ellipse in that box,
"2 x1 y1 x2 y2 x3 y3 …" a polygon, in pixels; blank where there is no object. Each becomes a region, ellipses
and polygons with their mask. dev is Hilum's val. A foreign object is no `Finding` (a device may be one, a
button is not): it is the term "Foreign object". No patients are named; each film counts as one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.base import Request, Seen, Source, is_there, numbered_rows
from hilum.sources.films import Film, box_in, film_of, films_in
from hilum.study import Presence, Region, RunLengths, Split, Study

LISTS = (("train", Split.TRAIN), ("dev", Split.VAL), ("test", Split.TEST))
TERM = "Foreign object"
RECTANGLE, ELLIPSE, POLYGON = "0", "1", "2"
_CORNERS_OF_ELLIPSE = 72


@dataclass(frozen=True, slots=True)
class Shape:
    """One annotated shape: its outline as corners x, y in pixels; a rectangle's two opposite ones."""

    kind: str
    corners: tuple[tuple[float, float], ...]


def read(request: Request) -> Iterator[Study]:
    """One study per film, train, dev and test in turn, each in the order of its list."""
    seen = Seen(request.problems)
    lists = [(name, split) for name, split in LISTS if is_there(request.folder / f"{name}.csv")]
    if not lists:
        raise DataError(request.folder / "train.csv", "is missing", "download it with the images")
    for name, split in lists:
        if not (request.folder / name).is_dir():
            problem = DataError(f"{name}/", "is missing", f"{name}.csv is not read: download the images")
            request.problems.add(problem)
            continue
        files = films_in(request.folder, (name,))
        for where, row in numbered_rows(request.folder / f"{name}.csv", ("annotation",), request.problems):
            listed = row.get("image_name") or row.get("image_path") or ""
            image = listed.replace("\\", "/").rpartition("/")[2].strip()
            stem = image.rpartition(".")[0] or image
            if stem not in files:
                request.problems.add(
                    DataError(f"{where}: {image}", "has a row but no image file", "download the images")
                )
            elif not seen.again(image):
                yield _study(where, image, row["annotation"], film_of(files[stem], id=image), split, request)


def _study(where: str, image: str, annotation: str, film: Film, split: Split, request: Request) -> Study:
    regions = tuple(_regions(where, annotation, film, request.problems))
    there = Presence.PRESENT if annotation.strip(" ;") else Presence.ABSENT
    return Study(
        id=f"object-cxr/{image}",
        patient=f"object-cxr/{image}",
        source="object-cxr",
        views=(film.view,),
        terms={TERM: there},
        regions=regions,
        split=split,
    )


def _regions(where: str, annotation: str, film: Film, problems: Problems) -> Iterator[Region]:
    for written in filter(None, (part.strip() for part in annotation.split(";"))):
        try:
            yield _region(parse_shape(written), film)
        except ValueError as error:
            problems.add(DataError(where, f"has a shape that {error}", "the shape is left out"))


def parse_shape(written: str) -> Shape:
    """A shape from its words, see the module's docstring.

    Raises:
        ValueError: another kind, no numbers, an odd count of them or too few.
    """
    kind, *words = written.split()
    try:
        values = [float(word) for word in words]
    except ValueError as error:
        raise ValueError("holds more than numbers") from error
    if kind not in (RECTANGLE, ELLIPSE, POLYGON):
        raise ValueError("is of an unknown kind")
    enough = len(values) >= 6 if kind == POLYGON else len(values) == 4
    if not enough or len(values) % 2 or not np.isfinite(values).all():
        raise ValueError("has another count of numbers than its kind")
    corners = tuple(zip(values[::2], values[1::2], strict=True))
    return Shape(kind, _ellipse(corners) if kind == ELLIPSE else corners)


def _ellipse(corners: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """The ellipse in the box of two corners, as a polygon within half a percent of its area."""
    (x1, y1), (x2, y2) = corners
    turn = np.linspace(0, 2 * np.pi, _CORNERS_OF_ELLIPSE, endpoint=False)
    x, y = (x1 + x2 + (x2 - x1) * np.cos(turn)) / 2, (y1 + y2 + (y2 - y1) * np.sin(turn)) / 2
    return tuple(zip(x.tolist(), y.tolist(), strict=True))


def _region(shape: Shape, film: Film) -> Region:
    xs, ys = zip(*shape.corners, strict=True)
    box = box_in((min(xs), min(ys), max(xs), max(ys)), film.width, film.height)
    if box is None:
        raise ValueError("lies outside its image, or whose image cannot be read")
    if shape.kind == RECTANGLE:
        return Region(box, TERM.lower())
    mask = RunLengths.of_polygon(shape.corners, film.height, film.width)
    return Region(box, TERM.lower(), mask=mask if len(mask.starts) else None)


SOURCE = Source(
    name="object-cxr",
    summary="10,000 frontal films, half of them with foreign objects as boxes, ellipses and polygons",
    files="train.csv and train/, dev.csv and dev/, test.csv and test/",
    terms="research only, non-commercial (JF Healthcare)",
    citation="JF Healthcare, Object-CXR, MIDL 2020",
    read=read,
    access="open",
)
