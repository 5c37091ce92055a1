r"""How a question is put to a model that has no wording of its own, and how its boxes are read.

in_words(question)         # "What is the view?\nOptions: (A) PA, (B) lateral\nDirectly answer …"
read_boxes("(10,20),(35,100)")                          # ((0.1, 0.2, 0.35, 1.0),)
task_of(question)          # "view_classification"
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING

from hilum.bench.adapters.base import Failure, Kind, Question, Reply
from hilum.errors import UsageError
from hilum.images import encode_png, read_image
from hilum.images.png import to_bytes
from hilum.study import Box

if TYPE_CHECKING:
    from PIL.Image import Image

PROTOCOL = "chexbench-generation-1"
"""Changes whenever `in_words` or `read_boxes` does."""

BOX_FORM = (
    "Answer with one box as (x1,y1),(x2,y2): its top left and bottom right corner, in whole percent of the "
    "image's width and height."
)

_NUMBER = r"(\d+(?:\.\d+)?)"
_BETWEEN = r"\s*[,;]\s*"
_BOX = re.compile(
    rf"[(\[]\s*{_NUMBER}{_BETWEEN}{_NUMBER}\s*(?:[)\]]{_BETWEEN}[(\[]|[,;])\s*{_NUMBER}{_BETWEEN}{_NUMBER}\s*[)\]]"
)


def task_of(question: Question) -> str:
    """The task's name as a `slug`."""
    return slug(question.task)


def slug(name: str) -> str:
    """A task's name in lower case with underscores: "View Classification" is `view_classification`."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def in_words(question: Question) -> str:
    """All that a model is told: the question, then its options as in CheXbench, or the form of a box.

    Raises:
        UsageError: there are more options than letters.
    """
    if question.kind is Kind.BOX:
        return f"{question.prompt}\n{BOX_FORM}"
    return with_options(question)


def with_options(question: Question) -> str:
    """The question as CheXbench puts it to models that write: its options by letter, then the instruction.

    Raises:
        UsageError: there are more options than letters.
    """
    if not question.options:
        return question.prompt
    if len(question.options) > len(ascii_uppercase):
        raise UsageError("options", f"are {len(question.options)}", "give at most 26")
    marks = [f"({letter})" for letter in ascii_uppercase[: len(question.options)]]
    listed = ", ".join(f"{mark} {option}" for mark, option in zip(marks, question.options, strict=True))
    choose = f"Directly answer the question by choosing one option: {', '.join(marks)}."
    return f"{question.prompt}\nOptions: {listed}\n{choose}"


def read_boxes(text: str) -> tuple[Box, ...]:
    """The boxes that a model wrote, as fractions; one without an area or off the image is none.

    Corners are in percent, as two pairs or as four numbers in brackets; where none of the four is above 1
    and one has a decimal point, in fractions.
    """
    found = []
    for numbers in _BOX.findall(text):
        fractions = all(float(n) <= 1 for n in numbers) and any("." in n for n in numbers)
        x1, y1, x2, y2 = (float(n) / (1 if fractions else 100) for n in numbers)
        if x1 < x2 <= 1 and y1 < y2 <= 1:
            found.append((x1, y1, x2, y2))
    return tuple(found)


def read_reply(question: Question, text: str, *, finished: bool = True) -> Reply:
    """Words as a reply, with the boxes in them where one was asked for.

    It failed if there are no words, or if the most tokens cut them off.
    """
    boxes = read_boxes(text) if question.kind is Kind.BOX else ()
    if not finished:
        return Reply(text, boxes, Failure.TOO_LONG)
    return Reply(text, boxes, None if text.strip() else Failure.EMPTY)


def read_replies(questions: Sequence[Question], written: Sequence[tuple[str, bool]]) -> list[Reply]:
    """Replies of words and whether they were finished, one to each question."""
    return [
        read_reply(question, text, finished=finished)
        for question, (text, finished) in zip(questions, written, strict=True)
    ]


def png(path: Path) -> bytes:
    """A film, DICOM included, as an 8-bit grey PNG, bone white.

    Raises:
        DataError: it cannot be read.
    """
    return encode_png(read_image(path).pixels)


def picture(path: Path) -> Image:
    """A film, DICOM included, as an RGB picture of 8 bits.

    Raises:
        DataError: it cannot be read.
    """
    from PIL import Image

    return Image.fromarray(to_bytes(read_image(path).pixels)).convert("RGB")
