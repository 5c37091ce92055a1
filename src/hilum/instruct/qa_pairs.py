"""One question and its answer, before it is known which conversation it becomes part of.

pair = qa_pair(Task.VIEW, [image], "Which view is this?", "PA")
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from hilum.instruct.label_state import Balance, LabelState
from hilum.instruct.records import StudyRecord
from hilum.prompts import VIEWS
from hilum.study import BoxPart, Finding, ImageIn, Message, Part, Split, Task, Text, cut_at_boxes

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
"""Counts in words; as an answer on its own, nought is "none"."""


@dataclass(frozen=True, slots=True)
class QAPair:
    """A question with its answer.

    Args:
        images: those it shows, in order, each with what is said of it.
        about: findings its words give away, so that no other question on them may follow it.
        bundle: whether it may share a conversation with other questions about the same image.
        name: tells it from the study's other questions of its task.
    """

    task: Task
    images: tuple[ImageIn, ...]
    question: str
    answer: tuple[Part, ...]
    about: AbstractSet[Finding] = frozenset()
    bundle: bool = False
    name: str = ""

    def turns(self, *, first: bool = True) -> tuple[Message, Message]:
        """Question and answer; the images are shown with the first turn of a conversation."""
        shown: tuple[Part, ...] = self.images if first else ()
        pieces = cut_at_boxes(self.question)
        asked = (Text(piece) if isinstance(piece, str) else BoxPart(piece) for piece in pieces)
        return Message("user", (*shown, *asked)), Message("assistant", self.answer)


@dataclass(frozen=True)
class Case:
    """A study with all that its questions are drawn up from.

    Args:
        balance: of the study's source.
        split: training has answers in several styles; val and test have the plain one.
        views: most images that a report is asked for with, see `hilum.prompts.report_views`.
        tasks: all that are asked for, where one of them changes what another one asks.
        others: studies of other patients of the same split, to take what does not belong to this one from.
    """

    record: StudyRecord
    state: LabelState
    balance: Balance
    split: Split
    seed: int
    views: int = VIEWS
    tasks: AbstractSet[Task] = frozenset()
    others: tuple[StudyRecord, ...] = ()

    def rng(self, what: str) -> random.Random:
        """Random numbers of this study's own for one kind of question; no other study or kind moves them.

        Making them takes longer than drawing a few: to be called where something can be asked.
        """
        digest = hashlib.sha256(f"{self.seed}/{self.record.id}/{what}".encode()).digest()
        return random.Random(int.from_bytes(digest[:16]))

    @property
    def image(self) -> str | None:
        """The frontal image."""
        return None if self.state.frontal is None else self.record.image_ids[self.state.frontal]

    @property
    def varied(self) -> bool:
        """Whether answers may take other forms than the plain one."""
        return self.split is Split.TRAIN


Maker = Callable[[Case], Iterator[QAPair]]
"""Draws up the pairs of a task or several; it yields nothing where the study lacks what they need."""


def qa_pair(
    task: Task,
    images: Sequence[str | ImageIn],
    question: str,
    answer: str | Sequence[Part],
    *,
    about: AbstractSet[Finding] = frozenset(),
    bundle: bool = False,
    name: str = "",
) -> QAPair:
    """A question with its answer; an answer in words becomes a text part, of an id alone nothing is said."""
    shown = tuple(ImageIn(image) if isinstance(image, str) else image for image in images)
    parts: tuple[Part, ...] = (Text(answer.strip()),) if isinstance(answer, str) else tuple(answer)
    return QAPair(task, shown, question, parts, about, bundle, name)


def yes_no(case: Case, question: str, value: bool, rng: random.Random, more: str = "") -> str:
    """An answer of yes or no, in training sometimes with a reason; the word alone where that is asked for.

    Args:
        more: what can be added to the right answer, such as "mild".
    """
    plain = "Yes" if value else "No"
    styled = rng.random()
    if not case.varied or "yes or no" in question.lower() or styled < 0.45:
        return plain
    return f"{plain}, {more}." if more and styled > 0.6 else f"{plain}."


def number(count: int) -> str:
    """A count as an answer."""
    return "none" if count == 0 else NUMBERS[count] if count < len(NUMBERS) else str(count)
