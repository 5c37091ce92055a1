"""SLAKE 1.0 (Semantically-Labeled Knowledge-Enhanced VQA), its English questions on chest X-rays.

hilum build --source slake=FOLDER --out DIR

Access: open. Licence: CC BY 4.0. Liu et al., "SLAKE: A Semantically-Labeled Knowledge-Enhanced Dataset for
Medical Visual Question Answering", ISBI 2021.

The folder holds `train.json`, `validate.json` (the hub's copy calls it `validation.json`) and `test.json`,
each a list with `img_name, question, answer, q_lang, answer_type, modality, location` (also read: `qid`,
`content_type`), and `imgs/xmlabN/source.jpg`. Read where they are there: `imgs/xmlabN/detection.json` (boxes
x, y, width, height in pixels), `imgs/xmlabN/mask.png` with `mask.txt` (grey value:name).

A chest X-ray is what the file says is an X-Ray of the lung, unless `list_chest_xray.txt` lists them. Chinese
questions are left out as CheXinstruct leaves them out: they are about the test images of the English ones.
The published split is by image and is kept. The films come from NIH ChestX-ray8, but of which patients is
not told: the leak guard knows them by their pixels alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hilum.errors import DataError
from hilum.files import Problems
from hilum.images import read_image
from hilum.sources.base import Request, Seen, Source, file_in, number, text_lines
from hilum.sources.chest_films import chest_list, is_chest_film
from hilum.sources.films import box_at
from hilum.sources.image_questions import ImageQuestions, split_files
from hilum.sources.inventory import image_size
from hilum.sources.json_rows import json_list, json_value, words_of
from hilum.sources.nih_chestxray14 import LABELS
from hilum.study import Box, Finding, Presence, Question, Region, RunLengths, Side, Split, Study

_SETS = (
    (("train.json",), Split.TRAIN),
    (("validate.json", "validation.json"), Split.VAL),
    (("test.json",), Split.TEST),
)
_FIELDS = ("img_name", "question", "answer", "q_lang", "answer_type", "modality", "location")
_FINDINGS: Mapping[str, Finding] = {
    **{label.lower(): finding for label, finding in LABELS.items()},
    **{finding.value.lower(): finding for finding in Finding},
}


def read(request: Request) -> Iterator[Study]:
    """One study per chest X-ray with all its English questions, in the order of the files."""
    folder, problems = request.folder, request.problems
    listed = chest_list(folder)
    asked = ImageQuestions(problems)
    seen = Seen(problems)
    for path, split in split_files(folder, [_SETS], problems):
        for where, row in _rows(path, problems):
            image = words_of(row["img_name"])
            if not is_chest_film(
                image, listed, modality=words_of(row["modality"]), region=words_of(row["location"])
            ):
                request.left_out["questions on other images"] += 1
            elif words_of(row["q_lang"]).lower() != "en":
                request.left_out["questions in Chinese"] += 1
            elif not (words_of(row.get("qid")) and seen.again(f"question {words_of(row['qid'])}")):
                asked.add(image, _question(row), split, where)
    names = _mask_names(folder, problems)
    for study in asked.studies(
        "slake", lambda image: file_in(folder / "imgs", image), lambda image: f"slake/{Path(image).parent}"
    ):
        study = replace(study, id=study.patient)
        regions = _regions(study, names, problems)
        there = dict.fromkeys((r.finding for r in regions if r.finding is not None), Presence.PRESENT)
        yield replace(study, regions=regions, labels=there)


def _rows(path: Path, problems: Problems) -> Iterator[tuple[str, dict[str, Any]]]:
    for where, row in json_list(path, problems):
        lacking = next((name for name in _FIELDS if not words_of(row.get(name))), None)
        if lacking is None:
            yield where, row
        else:
            problems.add(DataError(where, f"has no {lacking}", "it is left out"))


def _question(row: Mapping[str, Any]) -> Question:
    return Question(
        question=words_of(row["question"]),
        answer=words_of(row["answer"]),
        closed=words_of(row["answer_type"]).upper() == "CLOSED",
        kind=words_of(row.get("content_type")),
    )


def _mask_names(folder: Path, problems: Problems) -> dict[int, str]:
    """Grey value → what it marks; empty, and noted, when `mask.txt` is not there."""
    names: dict[int, str] = {}
    if not (folder / "mask.txt").is_file():
        problems.add(
            DataError("mask.txt", "is missing", "no mask is read: nothing says what its values mark")
        )
        return names
    for count, line in enumerate(text_lines(folder / "mask.txt"), start=1):
        value, _, name = line.strip().partition(":")
        if value.strip().isdecimal() and name.strip():
            names[int(value)] = name.strip()
        elif line.strip():
            problems.add(DataError(f"mask.txt, line {count}", "is not value:name", "it is left out"))
    return names


def _regions(study: Study, names: Mapping[int, str], problems: Problems) -> tuple[Region, ...]:
    """The boxes, a mask of the same name with its box, and the other masks as regions of their own."""
    image = Path(study.views[0].path or "")
    size = image_size(image)
    if size is None:
        return ()  # the image is named as a problem when its pixels are read
    shape = size[1], size[0]
    masks = _masks(image.with_name("mask.png"), study.id, shape, names, problems)
    boxes = list(_boxes(image.with_name("detection.json"), study.id, shape, problems))
    phrases = [region.phrase for region in boxes]
    regions = [
        replace(box, mask=masks.pop(box.phrase, None)) if phrases.count(box.phrase) == 1 else box
        for box in boxes
    ]
    for name, mask in masks.items():
        around = mask.box()
        if around is not None:
            regions.append(_region(around, name, mask))
    return tuple(regions)


def _boxes(path: Path, name: str, shape: tuple[int, int], problems: Problems) -> Iterator[Region]:
    if not path.is_file():
        return
    try:
        entries = json_value(path)
    except DataError as error:
        problems.add(DataError(f"{name}: {path.name}", error.problem, "its boxes are left out"))
        return
    for count, entry in enumerate(entries if isinstance(entries, list) else [entries], start=1):
        pairs = entry.items() if isinstance(entry, dict) else (("", entry),)
        for phrase, values in pairs:
            corner = [number(words_of(value)) for value in values] if isinstance(values, list) else []
            box = box_at(corner, shape[1], shape[0])
            if box is not None and words_of(phrase):
                yield _region(box, words_of(phrase).lower())
            else:
                where = f"{name}: {path.name}, box {count}"
                problems.add(DataError(where, "is unreadable or outside the image", "it is left out"))


def _region(box: Box, phrase: str, mask: RunLengths | None = None) -> Region:
    side = next((side for side in (Side.LEFT, Side.RIGHT) if phrase.startswith(side.value)), None)
    return Region(box, phrase, _FINDINGS.get(phrase), side, mask=mask)


def _masks(
    path: Path, name: str, shape: tuple[int, int], names: Mapping[int, str], problems: Problems
) -> dict[str, RunLengths]:
    """What is marked → where, by the grey values of `mask.png`."""
    if not (names and path.is_file()):
        return {}
    thing = f"{name}: {path.name}"
    try:
        grey = np.rint(read_image(path).pixels * 255).astype(np.uint8)
    except DataError as error:
        problems.add(DataError(thing, error.problem, "its masks are left out"))
        return {}
    if grey.shape != shape:
        problems.add(DataError(thing, "has another size than its image", "its masks are left out"))
        return {}
    values = [int(value) for value in np.unique(grey) if value]
    unknown = [value for value in values if value not in names]
    if unknown:
        problem = f"has the grey values {unknown[:5]}, which mask.txt does not name"
        problems.add(DataError(thing, problem, "what they mark is left out"))
    return {names[value].lower(): RunLengths.of_mask(grey == value) for value in values if value in names}


SOURCE = Source(
    name="slake",
    summary="English questions and answers on 179 chest X-rays, with boxes and organ masks",
    files="train.json, validate.json, test.json, imgs/; optional: mask.txt, list_chest_xray.txt",
    terms="CC BY 4.0",
    citation="Liu et al., SLAKE, ISBI 2021",
    read=read,
    access="open",
)
