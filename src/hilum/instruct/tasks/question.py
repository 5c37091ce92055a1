"""Questions that others wrote: with options to choose from, and about what has changed.

pairs = list(difference(case))
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hilum.instruct.options import offer, right_options
from hilum.instruct.qa_pairs import Case, QAPair, qa_pair
from hilum.instruct.questions import after_history, shown_with
from hilum.instruct.tasks.spec import Group, TaskSpec
from hilum.prompts import Ask, word
from hilum.study import Task

_OFFERED = re.compile(r"\b(?:following|options?|these|choices?)\b", re.IGNORECASE)
"""Words by which a question speaks of its options."""


def choices(case: Case) -> Iterator[QAPair]:
    """The study's own questions that come with options, one or several of them right."""
    rng = case.rng("choices")
    seen: set[tuple[object, ...]] = set()
    for index, asked in enumerate(case.record.questions):
        right, images = right_options(asked), shown_with(case, asked, "choices")
        options = tuple(dict.fromkeys(asked.options))
        same = (asked.view, after_history(asked), options)
        if not right or not images or same in seen:
            continue
        seen.add(same)
        offered = offer(case, options, right, rng)
        ask = Ask.CHOICES if asked.several else Ask.CHOICE
        question = word(ask, rng, question=after_history(asked), options=offered.listed) + offered.note
        yield qa_pair(Task.VQA_CLOSED, images, question, offered.answer, name=f"choice-{index}")


def openly(case: Case) -> Iterator[QAPair]:
    """The same without options, where the question does not speak of them and is not one of yes or no."""
    seen: set[tuple[int, str]] = set()
    for index, asked in enumerate(case.record.questions):
        right, images = right_options(asked), shown_with(case, asked, "openly")
        question = after_history(asked)
        plain = {option.lower() for option in right} & {"yes", "no"}
        told = not right or plain or _OFFERED.search(question)
        if images and not told and (asked.view, question) not in seen:
            seen.add((asked.view, question))
            joint = ", ".join(option for option in dict.fromkeys(asked.options) if option in right)
            yield qa_pair(Task.VQA_OPEN, images, question, joint, name=f"open-{index}")


def difference(case: Case) -> Iterator[QAPair]:
    """What changed since the prior study: both images are shown, each by its role."""
    rng = case.rng("difference")
    seen: set[tuple[int, str]] = set()
    for index, asked in enumerate(case.record.questions):
        images, same = shown_with(case, asked, "difference"), (asked.view, asked.question)
        if asked.compares and images and same not in seen and not right_options(asked):
            seen.add(same)
            question = word(Ask.DIFFERENCE, rng, question=asked.question)
            yield qa_pair(Task.DIFFERENCE, images, question, asked.answer, name=str(index))


SPECS = (
    TaskSpec(
        Task.DIFFERENCE,
        "Difference VQA",
        Group.QUESTION,
        (difference,),
        "an image, a prior one, a question of its own that compares them",
        ("mimic-diff-vqa",),
    ),
)
