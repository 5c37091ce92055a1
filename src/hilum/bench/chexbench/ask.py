"""Asking a model the questions of one task, also without images, with others' images and in another order.

asked = Asker(adapter, seed=0, bars=bars).generation(items, some)
asked.plain.replies, asked.controls["no_image"]
"""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hilum.bench.adapters import Adapter, Failure, Kind, NoLikelihood, Question, Reply
from hilum.bench.adapters.checked import likelihoods, replies
from hilum.bench.chexbench.protocol import (
    likeliest,
    pick,
    shift_of,
    shifted,
    with_others_images,
    without_images,
)
from hilum.bench.chexbench.read import Item
from hilum.progress import Progress

CHUNK = 64
"""Questions a model is given at once: what it has answered outlives a kill."""
CONTROLLED = 300
"""Most items of a task that are asked again without their images, with others', and in another order."""

TOLD = 200
"""Most characters of an error that a result tells."""
_PATH = re.compile(r"(?<![\w:/])/[^\s/'\"]+/[^\s'\",;:)]+")

Picks = list[int | None]


@dataclass(frozen=True)
class Asked:
    """The answers to a task's questions.

    Args:
        replies: what came back, as words; empty under the likelihood protocol.
        picks: of choices, the position picked in the order that was shown; None where none was.
        failures: how many answers could not be scored, by kind.
        failed: of each answer, whether the model gave none at all.
        details: how often an error told the same of why; see `told`.
    """

    replies: list[Reply]
    picks: Picks
    failures: dict[str, int]
    failed: list[bool]
    details: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """All that was asked of one task by one protocol.

    Args:
        controls: by name (`no_image`, `shuffled`), the positions asked again and the answers.
        order: the same for the other order; `shifts` by how many places each was moved.
    """

    items: list[Item]
    plain: Asked
    controls: dict[str, tuple[list[int], Asked]] = field(default_factory=dict)
    order: tuple[list[int], Asked] | None = None
    shifts: list[int] = field(default_factory=list)


class Asker:
    """One model, asked by one seed.

    Args:
        controlled: most items of a task that are asked again; 0 for none.
    """

    def __init__(self, adapter: Adapter, seed: int, controlled: int, bars: Progress) -> None:
        self.adapter, self.seed, self.controlled, self.bars = adapter, seed, controlled, bars

    def generation(self, items: list[Item]) -> Task:
        """Answers in words or boxes."""
        return self._all(items, self._answer, order=items[0].question.kind is Kind.CHOICE)

    def likelihood(self, items: list[Item]) -> Task:
        """The likeliest option of each choice.

        Raises:
            UsageError: the model gives no likelihoods.
        """
        return self._all(items, self._likelihood, order=False)

    def _all(
        self, items: list[Item], ask: Callable[[Sequence[Question], str], Asked], *, order: bool
    ) -> Task:
        name = items[0].task
        questions = [item.question for item in items]
        plain = ask(questions, name)
        again = sorted(np.random.default_rng(self.seed).permutation(len(items))[: self.controlled].tolist())
        found = Task(items, plain)
        seeing = [i for i in again if questions[i].images]
        if seeing:
            blind = [without_images(questions[i]) for i in seeing]
            found.controls["no_image"] = (seeing, ask(blind, f"{name}, no image"))
            clusters = [items[i].cluster for i in seeing]
            swapped = with_others_images([questions[i] for i in seeing], clusters, self.seed)
            places = sorted(swapped)
            if places:
                answers = ask([swapped[place] for place in places], f"{name}, shuffled images")
                found.controls["shuffled"] = ([seeing[place] for place in places], answers)
        if not (order and again):
            return found
        shifts = [shift_of(self.seed, questions[i]) for i in again]
        moved = [shifted(questions[i], by) for i, by in zip(again, shifts, strict=True)]
        return Task(items, plain, found.controls, (again, ask(moved, f"{name}, other order")), shifts)

    def _answer(self, questions: Sequence[Question], name: str) -> Asked:
        bar = self.bars.bar(name, len(questions))
        found: list[Reply] = []
        for start in range(0, len(questions), CHUNK):
            some = questions[start : start + CHUNK]
            found += replies(self.adapter, some)
            bar.advance(len(some))
        failures: dict[str, int] = {}
        picks: Picks = []
        failed = []
        details: Counter[str] = Counter()
        for question, reply in zip(questions, found, strict=True):
            failure = _failure(reply)
            if failure and reply.detail:
                details[told(reply.detail, question)] += 1
            chosen = None
            if question.kind is Kind.CHOICE and not failure:
                chosen = pick(reply.text, question.options)
                failure = "unparsed" if chosen is None else ""
            elif question.kind is Kind.BOX and not failure and not reply.boxes:
                failure = "no_box"
            if failure:
                failures[failure] = failures.get(failure, 0) + 1
            picks.append(chosen)
            failed.append(bool(failure) and failure not in ("unparsed", "no_box"))
        return Asked(found, picks, dict(sorted(failures.items())), failed, details)

    def _likelihood(self, questions: Sequence[Question], name: str) -> Asked:
        bar = self.bars.bar(f"{name}, likelihood", len(questions))
        picks: Picks = []
        failures: dict[str, int] = {}
        failed = []
        details: Counter[str] = Counter()
        for start in range(0, len(questions), CHUNK):
            some = questions[start : start + CHUNK]
            for question, scores in zip(some, likelihoods(self.adapter, some), strict=True):
                chosen = likeliest(scores, question.options)
                if chosen is None:
                    kind = _unscored(scores)
                    failures[kind] = failures.get(kind, 0) + 1
                if isinstance(scores, NoLikelihood) and scores.detail:
                    details[told(scores.detail, question)] += 1
                picks.append(chosen)
                failed.append(chosen is None)
            bar.advance(len(some))
        return Asked([], picks, dict(sorted(failures.items())), failed, details)


def told(detail: str, question: Question) -> str:
    """An error's words without the films' paths, which may name a patient, or any other, and not too long."""
    for path in question.images:
        for form in (os.path.realpath(path), str(path)):
            detail = detail.replace(form, "…")
        detail = re.sub(rf"\S*{re.escape(path.name)}", "…", detail)
    short = " ".join(_PATH.sub("…", detail).split())
    return short if len(short) <= TOLD else f"{short[: TOLD - 1]}…"


def _unscored(scores: Sequence[float]) -> str:
    """Why no option is the likeliest."""
    if not scores:
        return Failure.CRASHED.value
    usable = not any(map(math.isnan, scores)) and math.isfinite(max(scores))
    return "tied" if usable else "no_number"


def _failure(reply: Reply) -> str:
    if reply.failure is not None:
        return reply.failure.value
    return Failure.EMPTY.value if not reply.text.strip() and not reply.boxes else ""
