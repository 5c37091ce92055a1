"""VQA-Med 2019 (ImageCLEF 2019 visual question answering in the medical domain), its chest radiographs.

hilum build --source medvqa-2019=FOLDER --out DIR

Access: open (Zenodo record 10499039). Licence: CC BY 4.0. Ben Abacha et al., "VQA-Med: Overview of the
Medical Visual Question Answering Task at ImageCLEF 2019", CLEF 2019 Working Notes.

The folder holds the archives as they unpack: `ImageClef-2019-VQA-Med-Training/` with `Train_images/` and
`QAPairsByCategory/C1_Modality_train.txt` … `C4_Abnormality_train.txt` (or only `All_QA_Pairs_train.txt`),
the same for `-Validation/` with `val`, and `VQAMed2019Test/` with
`VQAMed2019_Test_Questions_w_Ref_Answers.txt` and `VQAMed2019_Test_Images/`. Lines are
`image|question|answer`, of the test `image|category|question|answer`, where `#` parts alternative answers:
the first is taken.

CheXinstruct reads files of its own making, of abnormality alone; here all four categories are read. A chest
radiograph is what the answers call a plain film of "lung, mediastinum, pleura", or a question calls a chest
film, unless `list_chest_xray.txt` lists them. A test image has one question, which rarely tells: without the
list most of the test set is left out, and counted. Answers to "which plane" give the view. Images are
MedPix's, as VQA-RAD's are: the patient is named as there (`vqa-rad/synpic100`), so that the leak guard joins
both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.base import Request, Seen, Source, file_in, text_lines
from hilum.sources.chest_films import chest_list, is_chest_film
from hilum.sources.image_questions import ImageQuestions, stem, yes_or_no
from hilum.study import Position, Question, Split, Study

_LUNG = "lung, mediastinum, pleura"
_CATEGORIES = ("Modality", "Plane", "Organ", "Abnormality")
_PARTS = (
    ("ImageClef-2019-VQA-Med-Training", "train", Split.TRAIN),
    ("ImageClef-2019-VQA-Med-Validation", "val", Split.VAL),
)
_TEST, _ANSWERS = "VQAMed2019Test", "VQAMed2019_Test_Questions_w_Ref_Answers.txt"
_IMAGES = (
    "ImageClef-2019-VQA-Med-Training/Train_images",
    "ImageClef-2019-VQA-Med-Validation/Val_images",
    "VQAMed2019Test/VQAMed2019_Test_Images",
    "VQAMed2019Test",
)


@dataclass(frozen=True, slots=True)
class _Row:
    where: str
    image: str
    question: str
    answer: str
    kind: str
    split: Split


def read(request: Request) -> Iterator[Study]:
    """One study per chest radiograph with all its questions, in the order of the files."""
    folder, problems = request.folder, request.problems
    listed = chest_list(folder)
    rows: dict[str, list[_Row]] = {}
    seen = Seen(problems)
    for row in _rows(folder, problems):
        if not seen.again(f"{row.image}|{row.question}"):
            rows.setdefault(row.image, []).append(row)
    if not rows:
        first = folder / _PARTS[0][0] / "All_QA_Pairs_train.txt"
        raise DataError(first, "is missing", "download and unpack the archives")
    asked = ImageQuestions(problems)
    for image, about in rows.items():
        if not _is_chest(image, about, listed):
            request.left_out["questions on other images, or on images that nothing tells of"] += len(about)
            continue
        for row in about:
            asked.add(image, _question(row), row.split, row.where)
    yield from asked.studies(
        "medvqa-2019",
        lambda image: file_in(folder, image, places=_IMAGES),
        lambda image: f"vqa-rad/{stem(image)}",
        _position,
    )


def _rows(folder: Path, problems: Problems) -> Iterator[_Row]:
    for part, name, split in _PARTS:
        place = folder / part
        if not place.is_dir():
            problems.add(DataError(part, "is missing", "its split is left out"))
        elif (place / "QAPairsByCategory").is_dir():
            for number, category in enumerate(_CATEGORIES, start=1):
                path = place / "QAPairsByCategory" / f"C{number}_{category}_{name}.txt"
                yield from _lines(path, split, problems, category.lower())
        else:
            yield from _lines(place / f"All_QA_Pairs_{name}.txt", split, problems)
    if (folder / _TEST).is_dir():
        yield from _lines(folder / _TEST / _ANSWERS, Split.TEST, problems)
    else:
        problems.add(DataError(_TEST, "is missing", "its split is left out"))


def _lines(path: Path, split: Split, problems: Problems, kind: str = "") -> Iterator[_Row]:
    """The rows of a file; an answer may hold the separator, nothing else may."""
    width = 4 if split is Split.TEST else 3
    try:
        for number, line in enumerate(text_lines(path), start=1):
            cells = [" ".join(cell.split()) for cell in line.split("|", width - 1)]
            where = f"{path.name}, line {number}"
            if len(cells) == width and all(cells):
                category = cells[1].lower() if width == 4 else kind
                yield _Row(where, f"{cells[0]}.jpg", cells[-2], cells[-1], category, split)
            elif any(cells):
                problem = f"does not have {width} fields with something in each"
                problems.add(DataError(where, problem, "it is left out"))
    except DataError as error:
        problems.add(error)


def _is_chest(image: str, rows: Sequence[_Row], listed: frozenset[str] | None) -> bool:
    said = " ".join(f"{row.question} {row.answer}" for row in rows)
    organs = " ".join(row.answer for row in rows if _LUNG in row.answer.lower())
    return is_chest_film(image, listed, said, modality=said, region=organs)


def _question(row: _Row) -> Question:
    answer = row.answer
    if row.split is Split.TEST:  # (chronic) may be left out, # parts alternatives
        first = answer.split("#")[0].strip()
        answer = " ".join(re.sub(r"\([^)]*\)", " ", first).split()) or first
    return Question(row.question, answer, closed=yes_or_no(answer), kind=row.kind)


def _position(questions: Sequence[Question]) -> Position:
    """What "which plane" is answered with; "frontal" may be PA or AP."""
    answers = {question.answer.upper() for question in questions}
    return next(
        (p for p in (Position.PA, Position.AP, Position.LATERAL) if p.value in answers), Position.UNKNOWN
    )


SOURCE = Source(
    name="medvqa-2019",
    summary="VQA-Med 2019: questions on modality, plane, organ and abnormality of chest radiographs",
    files="ImageClef-2019-VQA-Med-Training/, ImageClef-2019-VQA-Med-Validation/, VQAMed2019Test/; optional: "
    "list_chest_xray.txt",
    terms="CC BY 4.0",
    citation="Ben Abacha et al., VQA-Med, CLEF 2019",
    read=read,
    access="open",
)
