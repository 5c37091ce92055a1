"""VinDr-CXR and VinDr-PCXR: boxes and labels drawn by radiologists in Vietnam, of adults and of children.

hilum build --source vindr-cxr=FOLDER --source vindr-pcxr=FOLDER --out DIR

Access: credentialed (PhysioNet). Licence: PhysioNet Credentialed Health Data License 1.5.0.
Files: `annotations_{train,test}.csv` (image_id, class_name, x_min, y_min, x_max, y_max; rad_id or rad_ID
where readers are told apart) and `image_labels_{train,test}.csv` (image_id, a column a label; rad_id or
rad_ID), in `annotations/` (CXR) or beside the images (PCXR); `train/`, `test/` (DICOM), or `train_png/`,
`test_png/` made of them, then with `{train,test}_meta.csv` (image_id, width, height of the original).
Cite: Nguyen et al., VinDr-CXR, Scientific Data 2022; Pham et al., VinDr-PCXR, PhysioNet 2022.

A film of VinDr-CXR's train set has three readers, others one or a consensus. A label is present when more
than half of a film's readers give it (by column or by box), uncertain when fewer do, absent when none does.
Boxes of one class of different readers that overlap (IoU above 0.1) are one region, their hull, as in
CheXinstruct; here whatever the rows' order, so that chains of boxes join. Boxes of one reader stay apart.
Labels that are no `Finding`, or only part of one, are also kept as terms in the publisher's spelling.
Neither set names patients: each film counts as one. Sex and age are the DICOM header's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.base import PHYSIONET, Request, Source, first_there, number, numbered_rows
from hilum.sources.films import Film, box_in, film_of, films_in
from hilum.sources.label_words import LabelWord, labels_of
from hilum.sources.vindr_words import CXR, PCXR, SAME_WORD, VinDr
from hilum.study import Box, Presence, Region, Split, Study, iou

NO_FINDING = "No finding"
SAME = 0.1
"""Intersection over union from which boxes of two readers are of the same thing."""

_CORNERS = ("x_min", "y_min", "x_max", "y_max")
_NO_LABEL = ("image_id", "rad_id")

Corners = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A box as drawn, in pixels of the original, and the row it stands in."""

    word: str
    reader: str
    corners: Corners
    where: str = field(default="", compare=False)


@dataclass
class _Film:
    """What the tables say of a film: its readers, who gave which label, the boxes."""

    where: str
    readers: set[str] = field(default_factory=set)
    given: dict[str, set[str]] = field(default_factory=dict)
    drawn: list[_Drawn] = field(default_factory=list)


def read(request: Request, release: VinDr) -> Iterator[Study]:
    """One study per film, train before test, in the order of the label tables."""
    tables = {split: _table(request.folder, "image_labels", split) for split in (Split.TRAIN, Split.TEST)}
    if not any(tables.values()):
        path = request.folder / "annotations" / "image_labels_train.csv"
        raise DataError(path, "is missing", f"download {release.name} with its annotations")
    for split, table in tables.items():
        if table is not None:
            yield from _read_split(request, release, split, table)


def _read_split(request: Request, release: VinDr, split: Split, table: Path) -> Iterator[Study]:
    problems = request.problems
    films = _labels(table, release, problems)
    _add_boxes(request.folder, release, split, films, problems)
    images = films_in(request.folder, (split.value, f"{split.value}_png", f"{split.value}_images"))
    sizes = _sizes(request.folder / f"{split.value}_meta.csv", problems)
    for name, said in films.items():
        if name not in images:
            thing = f"{said.where}: {name}"
            problems.add(DataError(thing, "has a row but no image file", "download the images"))
            continue
        film = film_of(images[name], id=name, position=release.position)
        labels, terms = labels_of(_presences(said, release.words), release.words)
        yield Study(
            id=f"{release.name}/{name}",
            patient=f"{release.name}/{name}",
            source=release.name,
            views=(film.view,),
            labels=labels,
            terms=terms,
            # Boxes are in pixels of the original.
            regions=_regions(said, release, sizes.get(name) or _size(film), problems),
            sex=film.sex,
            age=film.age,
            split=split,
        )


def _size(film: Film) -> tuple[int, int]:
    """Width and height of an original; 0 of a copy, whose own say nothing."""
    return (film.width, film.height) if film.original else (0, 0)


def _table(folder: Path, kind: str, split: Split) -> Path | None:
    """A table, packed or not, in annotations/ or in the folder itself."""
    return first_there(folder / place / f"{kind}_{split.value}.csv" for place in ("annotations", "."))


def _labels(table: Path, release: VinDr, problems: Problems) -> dict[str, _Film]:
    """The films of a split; a word that the table has no column for was given to none of them."""
    films: dict[str, _Film] = {}
    known: dict[str, str] | None = None
    for where, row in numbered_rows(table, ("image_id",), problems):
        if known is None:
            known = _columns(row, release, f"{table.name}, line 1", problems)
        name, reader = row["image_id"].strip(), _reader(row)
        film = films.setdefault(name, _Film(where)) if name else None
        if film is None or reader in film.readers:
            problem = "is a duplicate row of its reader" if film else "has no image_id"
            problems.add(DataError(where, problem, "the row is left out"))
            continue
        film.readers.add(reader)
        for column, word in known.items():
            value = number(row[column])
            if value not in (0, 1):
                problems.add(DataError(f"{where}, {column}", "is not 1 or 0", "it counts as not given"))
            elif value:
                film.given.setdefault(word, set()).add(reader)
    return films


def _columns(row: Mapping[str, str], release: VinDr, where: str, problems: Problems) -> dict[str, str]:
    """Column → label word, of those that are known."""
    known: dict[str, str] = {}
    for column in row:
        word = SAME_WORD.get(column.strip(), column.strip())
        if word in release.labels:
            known[column] = word
        elif column.strip().lower() not in _NO_LABEL and column.strip():
            problem = f"has the column {column!r}, which is no label of {release.name}"
            problems.add(DataError(where, problem, "it is not read"))
    return known


def _reader(row: Mapping[str, str]) -> str:
    return row.get("rad_id", row.get("rad_ID", "")).strip()


def _add_boxes(
    folder: Path, release: VinDr, split: Split, films: Mapping[str, _Film], problems: Problems
) -> None:
    path = _table(folder, "annotations", split)
    if path is None:
        thing = f"annotations_{split.value}.csv"
        problems.add(DataError(thing, "is missing", "its films are read without boxes: download it"))
        return
    seen: set[tuple[str, _Drawn]] = set()
    for where, row in numbered_rows(path, ("image_id", "class_name", *_CORNERS), problems):
        name, said = row["image_id"].strip(), row["class_name"].strip()
        word = SAME_WORD.get(said, said)
        if word == NO_FINDING:
            continue
        values = [value for column in _CORNERS if (value := number(row[column])) is not None]
        problem = None
        if name not in films:
            problem = "has no row in the table of labels"
        elif word not in release.words:
            problem = "has an unknown label"
        elif len(values) != 4 or not (values[0] < values[2] and values[1] < values[3]):
            problem = "has an unreadable box"
        else:
            drawn = _Drawn(word, _reader(row), (values[0], values[1], values[2], values[3]), where)
            if (name, drawn) in seen:
                problem = "is a duplicate row"
            else:
                seen.add((name, drawn))
                films[name].drawn.append(drawn)
                films[name].given.setdefault(word, set()).add(drawn.reader)
        if problem:
            problems.add(DataError(where, problem, "the row is left out"))


def _presences(film: _Film, words: Mapping[str, LabelWord]) -> dict[str, Presence]:
    """By majority of the film's readers; every reader was asked for every word."""
    readers = max(1, len(film.readers))
    votes = {word: len(film.given.get(word, ())) for word in words}
    return {
        word: Presence.ABSENT
        if not count
        else (Presence.PRESENT if 2 * count > readers else Presence.UNCERTAIN)
        for word, count in votes.items()
    }


def _regions(film: _Film, release: VinDr, size: tuple[int, int], problems: Problems) -> tuple[Region, ...]:
    regions: list[Region] = []
    for word in dict.fromkeys(drawn.word for drawn in film.drawn):
        inside: list[_Drawn] = []
        for drawn in (drawn for drawn in film.drawn if drawn.word == word):
            if box_in(drawn.corners, *size) is not None:
                inside.append(drawn)
            else:
                problem = "has a box outside its image, or an image of unknown size"
                problems.add(DataError(drawn.where, problem, "the box is left out"))
        for corners in merged(inside):
            box: Box | None = box_in(corners, *size)
            if box is not None:
                regions.append(Region(box, release.words[word].phrase, release.words[word].finding))
    return tuple(regions)


def merged(drawn: Sequence[_Drawn]) -> list[Corners]:
    """Boxes of one class, those of different readers that overlap joined to their hull.

    The result does not depend on the order of the boxes, apart from its own.
    """
    groups: list[list[_Drawn]] = []
    for box in drawn:
        touching = [group for group in groups if any(_same(box, other) for other in group)]
        groups = [group for group in groups if group not in touching]
        groups.append([*(other for group in touching for other in group), box])
    return [_hull(box.corners for box in group) for group in groups]


def _same(one: _Drawn, other: _Drawn) -> bool:
    return one.reader != other.reader and iou(one.corners, other.corners) > SAME


def _hull(boxes: Iterable[Corners]) -> Corners:
    x1, y1, x2, y2 = zip(*boxes, strict=True)
    return min(x1), min(y1), max(x2), max(y2)


def _sizes(path: Path, problems: Problems) -> dict[str, tuple[int, int]]:
    """Width and height of the originals, where images of another size stand for them."""
    if not path.is_file():
        return {}
    sizes: dict[str, tuple[int, int]] = {}
    for where, row in numbered_rows(path, ("image_id", "width", "height"), problems):
        width, height = number(row["width"]), number(row["height"])
        if width and height and min(width, height) >= 1:
            sizes[row["image_id"].strip()] = (int(width), int(height))
        else:
            problems.add(DataError(where, "has no width and height", "the row is left out"))
    return sizes


def _source(release: VinDr, summary: str, place: str, citation: str) -> Source:
    return Source(
        name=release.name,
        summary=summary,
        files=f"{place}image_labels_{{train,test}}.csv, {place}annotations_{{train,test}}.csv; train/, test/",
        terms=PHYSIONET,
        citation=citation,
        read=partial(read, release=release),
        access="credentialed",
    )


SOURCES = (
    _source(
        CXR,
        "18,000 PA films of adults, 22 local and 6 global labels by 17 radiologists, with boxes",
        "annotations/",
        "Nguyen et al., VinDr-CXR, Scientific Data 2022",
    ),
    _source(
        PCXR,
        "9,125 films of children under ten, 36 findings with boxes, 15 diagnoses",
        "",
        "Pham et al., VinDr-PCXR, PhysioNet 2022",
    ),
)
