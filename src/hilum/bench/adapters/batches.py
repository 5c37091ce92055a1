"""Questions in batches, where one that breaks a batch fails alone.

replies = answered(questions, self._answer, size=32)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from hilum.bench.adapters.base import Failure, Question, Reply

DETAIL = 500
"""Most characters of an error that are kept."""

Given = TypeVar("Given")
Ask = Callable[[Sequence[Question]], list[Given]]


def answered(questions: Sequence[Question], ask: Ask[Reply], *, size: int) -> list[Reply]:
    """A reply to each question; one on which `ask` raises is `Failure.CRASHED` alone.

    Args:
        ask: as many replies as questions.
        size: questions in a batch.
    """
    return [reply for some in _parts(questions, size) for reply in _isolated(some, ask, crashed)]


def likelihoods(
    questions: Sequence[Question], ask: Ask[tuple[float, ...]], *, size: int
) -> list[tuple[float, ...]]:
    """The same for likelihoods; a question without options, or on which `ask` raises, has none: `()`."""
    offered = [question for question in questions if question.options]
    found = iter([x for some in _parts(offered, size) for x in _isolated(some, ask, lambda _: ())])
    return [next(found) if question.options else () for question in questions]


def crashed(error: Exception) -> Reply:
    """The reply of a model that raised an error."""
    return Reply("", failure=Failure.CRASHED, detail=f"{type(error).__name__}: {error}"[:DETAIL])


def read_reply(text: str, *, finished: bool = True) -> Reply:
    """Words as a reply, which failed if there are none or the most tokens cut them off."""
    if not text.strip():
        return Reply(text, failure=Failure.EMPTY)
    return Reply(text, failure=None if finished else Failure.TOO_LONG)


def _parts(questions: Sequence[Question], size: int) -> list[Sequence[Question]]:
    return [questions[start : start + size] for start in range(0, len(questions), size)]


def _isolated(some: Sequence[Question], ask: Ask[Given], failed: Callable[[Exception], Given]) -> list[Given]:
    """What `ask` gives; where it raises, the batch is halved, which also makes room in a full memory."""
    try:
        found = ask(some)
        if len(found) != len(some):
            raise ValueError(f"{len(found)} answers to {len(some)} questions")
        return found
    except Exception as error:  # whatever a model raises is its failure, never the benchmark's
        if len(some) == 1:
            return [failed(error)]
    half = len(some) // 2
    return _isolated(some[:half], ask, failed) + _isolated(some[half:], ask, failed)
