"""PMC-VQA: questions with four choices on figures of open-access articles, those on chest radiographs.

hilum build --source pmc-vqa=FOLDER --out DIR

Access: open. Licence: CC BY-SA 4.0; each figure under its article's licence. Zhang et al., "PMC-VQA: Visual
Instruction Tuning for Medical Visual Question Answering", 2023 (arXiv 2305.10415).

The folder holds version 2 (single panels): `train_2.csv, test_2.csv` and `figures/` (`images_2.zip`
unpacked); or version 1: `train.csv, test.csv` (or `test_clean.csv`, a checked part of it) and `images/`.
Columns: `Figure_path, Question, Choice A, Choice B, Choice C, Choice D, Answer`, in version 2 `Caption`;
`Answer` is the letter in version 2 and the text in version 1, which has the letter in `Answer_label` (an
older revision calls the text `Anwser`).

CheXinstruct's list of chest radiographs is private. Put one at `list_chest_xray.txt`; without it a question
is taken when the words of its caption, question and answer say "chest radiograph" in one way or another and
name no other modality, see `chest_films`; CheXinstruct too drops a question that says CT. The published
split is kept, but by article, not by figure: the patient is the article's number (`pmc/PMC100`), shared with
ROCO, and the leak guard moves an article to test as soon as one of its figures is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from hilum.errors import DataError
from hilum.sources.base import Request, Seen, Source, file_in, numbered_rows
from hilum.sources.chest_films import chest_list, is_chest_film
from hilum.sources.image_questions import ImageQuestions, split_files, stem
from hilum.sources.json_rows import words_of
from hilum.study import Question, Split, Study

_LETTERS = "ABCD"
_COLUMNS = ("Figure_path", "Question", *(f"Choice {letter}" for letter in _LETTERS))
_FOLDERS = ("figures", "images_2", "images")
_RELEASES = (
    ((("train_2.csv",), Split.TRAIN), (("test_2.csv",), Split.TEST)),
    ((("train.csv",), Split.TRAIN), (("test.csv", "test_clean.csv"), Split.TEST)),
)


def read(request: Request) -> Iterator[Study]:
    """One study per figure with all its questions, in the order of the tables."""
    folder, problems = request.folder, request.problems
    listed = chest_list(folder)
    asked = ImageQuestions(problems)
    seen = Seen(problems)
    for path, split in split_files(folder, _RELEASES, problems):
        for where, row in numbered_rows(path, _COLUMNS, problems):
            question = _question(row)
            figure = words_of(row["Figure_path"])
            if question is None or not figure:
                problem = "lacks its figure, question or choices, or its answer is none of them"
                problems.add(DataError(where, problem, "the row is left out"))
                continue
            caption = words_of(row.get("Caption"))
            if not is_chest_film(figure, listed, f"{caption} {question.question} {question.answer}"):
                request.left_out["questions on other figures"] += 1
            elif not seen.again(f"{figure}: {question.question}"):
                asked.add(figure, question, split, where, caption)
    yield from asked.studies(
        "pmc-vqa",
        lambda figure: file_in(folder, figure, places=_FOLDERS),
        _article,
    )


def _question(row: Mapping[str, str]) -> Question | None:
    """The question with its choices, without their letters; None when it cannot be answered from them."""
    options = {letter: _without_letter(row[f"Choice {letter}"], letter) for letter in _LETTERS}
    stated = words_of(row.get("Answer") or row.get("Anwser"))
    label = words_of(row.get("Answer_label")) or stated
    answer = options.get(label.strip("().:").upper())
    if answer is None:
        told = _without_letter(stated, stated[:1].upper())
        answer = next((option for option in options.values() if option.lower() == told.lower()), None)
    question = words_of(row["Question"])
    choices = tuple(options.values())
    if not (question and answer and all(choices)) or len({choice.lower() for choice in choices}) < len(
        choices
    ):
        return None
    return Question(question, answer, closed=True, options=choices)


def _without_letter(choice: str, letter: str) -> str:
    return words_of(re.sub(rf"^\s*{re.escape(letter)}\s*[:.)]", "", choice, flags=re.IGNORECASE))


def _article(figure: str) -> str:
    """PMC100_F1_2.jpg is of the article PMC100."""
    return f"pmc/{stem(figure).split('_')[0]}"


SOURCE = Source(
    name="pmc-vqa",
    summary="questions with four choices on articles' figures; those on chest radiographs",
    files="train_2.csv, test_2.csv, figures/ (or train.csv, test.csv, images/); optional: "
    "list_chest_xray.txt",
    terms="CC BY-SA 4.0; figures as their articles",
    citation="Zhang et al., PMC-VQA, 2023",
    read=read,
    access="open",
)
