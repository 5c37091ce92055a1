"""Questions in batches, where one that breaks a batch fails alone.

replies = answered(questions, self._answer, size=32)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from hilum.bench.adapters.base import Failure, NoLikelihood, Question, Reply

DETAIL = 500
"""Most characters of an error that are kept."""

_FAILED = (Exception, SystemExit, GeneratorExit)
"""What a model raises: its code may also end itself. An interrupt is the person's, and goes on its way."""

Given = TypeVar("Given")
Ask = Callable[[Sequence[Question]], list[Given]]
Alike = Callable[[Question], Hashable]


def answered(
    questions: Sequence[Question], ask: Ask[Reply], *, size: int, alike: Alike | None = None
) -> list[Reply]:
    """A reply to each question; one on which `ask` raises is `Failure.CRASHED` alone.

    Args:
        ask: as many replies as questions.
        size: questions in a batch.
        alike: a batch holds only questions of which this is equal.
    """
    return _in_batches(questions, ask, crashed, size, alike)


def likelihoods(
    questions: Sequence[Question], ask: Ask[tuple[float, ...]], *, size: int, alike: Alike | None = None
) -> list[tuple[float, ...]]:
    """The same for likelihoods; a question without options, or on which `ask` raises, has none: `()`."""
    offered = [question for question in questions if question.options]
    found = iter(_in_batches(offered, ask, lambda error: NoLikelihood(crashed(error).detail), size, alike))
    return [next(found) if question.options else () for question in questions]


def crashed(error: BaseException) -> Reply:
    """The reply of a model that raised an error."""
    return Reply("", failure=Failure.CRASHED, detail=f"{type(error).__name__}: {error}"[:DETAIL])


def _in_batches(
    questions: Sequence[Question],
    ask: Ask[Given],
    failed: Callable[[BaseException], Given],
    size: int,
    alike: Alike | None,
) -> list[Given]:
    groups: dict[Hashable, list[int]] = defaultdict(list)
    found: dict[int, Given] = {}
    for number, question in enumerate(questions):
        try:
            groups[alike(question) if alike else None].append(number)
        except _FAILED as error:  # whatever a model raises is its failure, never the benchmark's
            found[number] = failed(error)
    for group in groups.values():
        for start in range(0, len(group), size):
            some = group[start : start + size]
            given = _isolated([questions[number] for number in some], ask, failed)
            found.update(zip(some, given, strict=True))
    return [found[number] for number in range(len(questions))]


def _isolated(
    some: Sequence[Question], ask: Ask[Given], failed: Callable[[BaseException], Given]
) -> list[Given]:
    """What `ask` gives; where it raises, the batch is halved, which also makes room in a full memory."""
    try:
        found = ask(some)
        if len(found) != len(some):
            raise ValueError(f"{len(found)} answers to {len(some)} questions")
        return found
    except _FAILED as error:
        if len(some) == 1:
            return [failed(error)]
    half = len(some) // 2
    return _isolated(some[:half], ask, failed) + _isolated(some[half:], ask, failed)
