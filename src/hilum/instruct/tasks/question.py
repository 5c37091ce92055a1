"""Questions that others wrote: with options to choose from, and about what has changed.

pairs = list(difference(case))
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hilum.instruct.options import offer, right_options
from hilum.instruct.qa_pairs import Case, QAPair, qa_pair
from hilum.instruct.questions import after_history
from hilum.instruct.reporting import before_and_now
from hilum.instruct.tasks.spec import Group, TaskSpec
from hilum.prompts import Ask, word
from hilum.study import Task

_OFFERED = re.compile(r"\b(?:following|options?|these|choices?)\b", re.IGNORECASE)
"""Words by which a question speaks of its options."""


def choices(case: Case) -> Iterator[QAPair]:
    """The study's own questions that come with options, one or several of them right."""
    if not case.record.questions:
        return
    rng = case.rng("choices")
    seen: set[tuple[object, ...]] = set()
    for index, asked in enumerate(case.record.questions):
        right = right_options(asked)
        options = tuple(dict.fromkeys(asked.options))
        asked_in_words = after_history(asked)
        same = (asked.view, asked_in_words, options)
        known = asked.view < len(case.record.image_ids) and same not in seen
        if not right or asked.compares or not known:
            continue
        seen.add(same)
        offered = offer(case, options, right, rng)
        ask = Ask.CHOICES if asked.several or len(right) > 1 else Ask.CHOICE
        question = word(ask, rng, question=asked_in_words, options=offered.listed) + offered.note
        image = case.record.image_ids[asked.view]
        yield qa_pair(Task.VQA_CLOSED, [image], question, offered.answer, name=f"choice-{index}")


def openly(case: Case) -> Iterator[QAPair]:
    """The same without options, where the question does not speak of them and is not one of yes or no."""
    seen: set[tuple[int, str]] = set()
    for index, asked in enumerate(case.record.questions):
        right, question = right_options(asked), after_history(asked)
        told = {option.lower() for option in right} & {"yes", "no"} or _OFFERED.search(question)
        known = asked.view < len(case.record.image_ids) and (asked.view, question) not in seen
        if right and known and not told and not asked.compares:
            seen.add((asked.view, question))
            joint = ", ".join(option for option in dict.fromkeys(asked.options) if option in right)
            image = case.record.image_ids[asked.view]
            yield qa_pair(Task.VQA_OPEN, [image], question, joint, name=f"open-{index}")


def difference(case: Case) -> Iterator[QAPair]:
    """What changed since the prior study: both images are shown, each by its role."""
    if not case.record.questions:
        return
    rng = case.rng("difference")
    seen: set[tuple[int, str]] = set()
    for index, asked in enumerate(case.record.questions):
        same = (asked.view, asked.question)
        if not asked.compares or asked.view >= len(case.record.image_ids) or same in seen:
            continue
        images = before_and_now(case, "difference", asked.view)
        if images is not None:
            seen.add(same)
            question = word(Task.DIFFERENCE, rng, question=asked.question)
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
