r"""How a question is put to a model that has no wording of its own, and its films as pictures.

with_options(question)     # "What is the view?\nOptions: (A) PA, (B) lateral\nDirectly answer …"
task_of(question)          # "view_classification"
"""

from __future__ import annotations

import re
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING

from hilum.bench.adapters.base import Question
from hilum.errors import UsageError
from hilum.images import encode_png, read_image

if TYPE_CHECKING:
    from PIL.Image import Image


def task_of(question: Question) -> str:
    """The task's name in lower case with underscores: "View Classification" is `view_classification`."""
    return re.sub(r"[^a-z0-9]+", "_", question.task.lower()).strip("_")


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

    from hilum.images.png import to_bytes

    return Image.fromarray(to_bytes(read_image(path).pixels)).convert("RGB")
