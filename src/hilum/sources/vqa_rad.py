"""VQA-RAD: questions that clinicians asked about images, with their answers. Chest films only.

hilum build --source vqa-rad=FOLDER --out DIR

Access: open. Licence: CC0 1.0. Cite: Lau et al., Scientific Data 2018.

The folder holds `trainset.json` and, if wanted, `testset.json`; or else `VQA_RAD Dataset Public.json`,
which has most of the same questions in one list; and the images in `images/`. The published test
questions are about the same images as the training ones (how many is noted), so that split is not taken over:
an image goes, with all its questions, where Hilum's own split puts it. The dataset names no patients; each
image counts as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.base import Request, Source, file_in
from hilum.sources.image_questions import ImageQuestions, stem
from hilum.sources.json_rows import json_value, words_of
from hilum.study import Question, Study

_SETS = ("trainset.json", "testset.json")
_PUBLIC = "VQA_RAD Dataset Public.json"
_FOLDERS = ("images", "VQA_RAD Image Folder", ".")
_ORGANS = {"HEAD": "the head", "ABD": "the abdomen"}
_FIELDS = ("image_name", "image_organ", "question", "answer", "answer_type")


def read(request: Request) -> Iterator[Study]:
    """One study per chest image with all its questions, in the order the images are first asked about."""
    asked = ImageQuestions(request.problems)
    published: dict[bool, set[str]] = {False: set(), True: set()}
    for path in _question_files(request.folder):
        for where, row in _rows(path, request.problems):
            organ = words_of(row["image_organ"]).upper()
            if organ == "CHEST":
                # Both files ask about the same images: neither names a split.
                image = words_of(row["image_name"])
                asked.add(image, _question(row), None, where)
                published[_to_test_on(path, row)].add(image)
            else:
                request.left_out[f"questions on {_ORGANS.get(organ, 'another organ')}"] += 1
    if tested := published[True]:
        both = len(tested & published[False])
        request.notes.append(
            f"{both} of {len(tested)} images of the published test questions are in the training questions "
            "too; that split is not taken over, each image goes with all its questions"
        )
    yield from asked.studies(
        "vqa-rad",
        lambda image: file_in(request.folder, image, places=_FOLDERS),
        lambda image: f"vqa-rad/{stem(image)}",
    )


def _to_test_on(path: Path, row: Mapping[str, Any]) -> bool:
    """Whether a question is one of the published test set: by its file, or by its kind in the one list."""
    return path.name == _SETS[1] or words_of(row.get("phrase_type")).lower().startswith("test")


def _question_files(folder: Path) -> list[Path]:
    found = [folder / name for name in _SETS if (folder / name).is_file()]
    if not found and (folder / _PUBLIC).is_file():
        found = [folder / _PUBLIC]
    if not found:
        raise DataError(folder / _SETS[0], "is missing", "download the questions with the images")
    return found


def _rows(path: Path, problems: Problems) -> Iterator[tuple[str, Mapping[str, Any]]]:
    rows = json_value(path)
    if not isinstance(rows, list):
        raise DataError(path, "is not a list of questions", "download it again")
    for number, row in enumerate(rows, start=1):
        where = f"{path.name}, question {number}"
        lacking = next((f for f in _FIELDS if not isinstance(row, dict) or not words_of(row.get(f))), None)
        if lacking is None:
            yield where, row
        else:
            problems.add(DataError(where, f"has no {lacking}", "it is left out"))


def _question(row: Mapping[str, Any]) -> Question:
    return Question(
        question=words_of(row["question"]),
        answer=words_of(row["answer"]),
        closed=words_of(row["answer_type"]).upper() == "CLOSED",
        kind=words_of(row.get("question_type")).upper(),
    )


SOURCE = Source(
    name="vqa-rad",
    summary="questions and answers by clinicians on 107 chest films",
    files='trainset.json (and testset.json), or "VQA_RAD Dataset Public.json"; images/',
    terms="CC0 1.0",
    citation="Lau et al., Scientific Data 2018",
    read=read,
    access="open",
)
