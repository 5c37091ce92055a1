"""ROCO (Radiology Objects in COntext): articles' figures with their captions, chest radiographs only.

hilum build --source roco=FOLDER --out DIR

Access: open. Licence: each figure under its article's (`licences.txt`). Pelka et al., "Radiology Objects in
COntext (ROCO): A Multimodal Image Dataset", LABELS 2018; ROCOv2: Rückert et al., Scientific Data 2024.

The folder is the repository with the images its script fetches: `data/{train,validation,test}/radiology/`
with `captions.txt` (id, tab, caption) and `images/ROCO_NNNNN.jpg`; read where it is there: `licences.txt`
(`ROCO_ID, PMC_ID, CC`). Or it is ROCOv2: `{train,valid,test}_captions.csv` (`ID, Caption`), `{…}_images/` or
its `{…}/`; read where it is there: `{…}_concepts_manual.csv` (`ID, CUIs`).

A chest radiograph is what `list_chest_xray.txt` lists (CheXinstruct's is private), or else what its caption
calls so, see `chest_films`, or, in ROCOv2, what curators coded as X-ray (C1306645) of the chest (C0817096).
ROCO's own `cuis.txt` and `keywords.txt` do not decide: they are drawn by machine from the same captions. Of
360 images of the validation and test sets with both codes they would add 37: spines, animals, other
modalities and French captions, but for five or so. For the same reason they are no labels: a finding's code
stands there also when the caption denies it.

The published split is kept, but by article where it is known: the patient is then the article's number
(`pmc/PMC100`), shared with PMC-VQA.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hilum.errors import DataError
from hilum.files import Problems
from hilum.images import view_of
from hilum.sources.base import (
    SPLITS,
    Request,
    Seen,
    Source,
    file_in,
    is_there,
    numbered_rows,
    read_table,
    text_lines,
)
from hilum.sources.chest_films import chest_list, is_chest_film
from hilum.study import Split, Study

_XRAY, _CHEST = "C1306645", "C0817096"


@dataclass(frozen=True, slots=True)
class _Part:
    """One split as it lies on disk.

    Args:
        places: where the images may lie beside the captions.
        articles: id → article.
        coded: ids of what curators coded as a chest radiograph.
    """

    captions: Path
    split: Split
    places: tuple[str, ...]
    articles: Mapping[str, str] = field(default_factory=dict)
    coded: frozenset[str] = frozenset()


def read(request: Request) -> Iterator[Study]:
    """One study per chest radiograph, in the order of the caption files."""
    listed = chest_list(request.folder)
    seen = Seen(request.problems)
    for part in _parts(request.folder, request.problems):
        for where, name, caption in _captions(part.captions, request.problems):
            stated = ("x-ray", "chest") if name in part.coded else ("", "")
            if not is_chest_film(name, listed, caption, modality=stated[0], region=stated[1]):
                request.left_out["images that are no chest radiographs"] += 1
            elif not seen.again(name):
                yield from _study(name, caption, part, where, request.problems)


def _study(name: str, caption: str, part: _Part, where: str, problems: Problems) -> Iterator[Study]:
    path = file_in(part.captions.parent, f"{name}.jpg", places=part.places)
    if path is None:
        problem = "has a caption but no image file"
        problems.add(DataError(f"{where}: {name}", problem, "fetch the images"))
        return
    yield Study(
        id=f"roco/{name}",
        patient=f"pmc/{part.articles[name]}" if name in part.articles else f"roco/{name}",
        source="roco",
        views=(view_of(path, id=name),),
        caption=caption,
        split=part.split,
    )


def _parts(folder: Path, problems: Problems) -> Iterator[_Part]:
    """The splits of whichever release lies there; one that is missing beside the others is a problem."""
    root = folder / "data" if (folder / "data").is_dir() else folder
    first = [root / name / "radiology" / "captions.txt" for name in ("train", "validation", "test")]
    second = [folder / f"{name}_captions.csv" for name in ("train", "valid", "test")]
    listed, part_of = (second, _of_second) if any(map(is_there, second)) else (first, _of_first)
    if not any(map(is_there, listed)):
        raise DataError(first[0], "is missing", "clone the repository")
    for captions in listed:
        if is_there(captions):
            yield part_of(captions, problems)
        else:
            problems.add(DataError(captions, "is missing", "its split is left out"))


def _of_first(captions: Path, problems: Problems) -> _Part:
    folder = captions.parent
    return _Part(captions, SPLITS[folder.parent.name], ("images",), _articles(folder, problems))


def _of_second(captions: Path, problems: Problems) -> _Part:
    folder, name = captions.parent, captions.name.removesuffix("_captions.csv")
    places = (f"{name}_images/{name}", f"{name}_images", name)
    coded = _coded(folder / f"{name}_concepts_manual.csv", problems)
    return _Part(captions, SPLITS[name], places, coded=coded)


def _captions(path: Path, problems: Problems) -> Iterator[tuple[str, str, str]]:
    """What a row is called in errors, its image and its caption."""
    if path.suffix == ".csv":
        table = numbered_rows(path, ("ID", "Caption"), problems)
        rows: Iterator[tuple[str, str, str]] = ((where, row["ID"], row["Caption"]) for where, row in table)
    else:
        rows = _tabbed(path)
    for where, name, caption in rows:
        if name.strip() and caption.strip():
            yield where, name.strip(), " ".join(caption.split())
        else:
            problems.add(DataError(where, "lacks its id or caption", "it is left out"))


def _tabbed(path: Path) -> Iterator[tuple[str, str, str]]:
    for number, line in enumerate(text_lines(path), start=1):
        name, _, caption = line.partition("\t")
        if line.strip():
            yield f"{path.parent.parent.name}/{path.name}, line {number}", name, caption


def _articles(folder: Path, problems: Problems) -> dict[str, str]:
    """Image → article ("PMC100"); empty without `licences.txt`."""
    path = folder / "licences.txt"
    if not is_there(path):
        return {}
    rows = read_table(path, ("ROCO_ID", "PMC_ID"), problems)
    found = ((row["ROCO_ID"].strip(), re.match(r"\s*(PMC\d+)", row["PMC_ID"])) for row in rows)
    return {name: article[1] for name, article in found if article}


def _coded(path: Path, problems: Problems) -> frozenset[str]:
    """Of ROCOv2, the ids of what curators coded as a chest radiograph."""
    if not is_there(path):
        return frozenset()
    rows = read_table(path, ("ID", "CUIs"), problems)
    return frozenset(
        row["ID"].strip() for row in rows if {_XRAY, _CHEST} <= set(re.split(r"[;\s]+", row["CUIs"]))
    )


SOURCE = Source(
    name="roco",
    summary="articles' figures with captions; those of chest radiographs (ROCO and ROCOv2)",
    files="data/{train,validation,test}/radiology/ (captions.txt, images/, optional: licences.txt); or "
    "ROCOv2's tables and images; optional: list_chest_xray.txt",
    terms="figures as their articles (CC BY and others)",
    citation="Pelka et al., ROCO, LABELS 2018; Rückert et al., ROCOv2, Scientific Data 2024",
    read=read,
    access="open",
)
