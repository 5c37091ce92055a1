"""What an adapter gave, made sound: whatever cannot be used is a failure of its one question.

found = replies(adapter, questions)             # list[Reply], texts that any file can hold, of bounded length
scores = likelihoods(adapter, questions)        # a number for each option, or NoLikelihood with the reason
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

from hilum.bench.adapters.base import Adapter, Failure, NoLikelihood, Question, Reply
from hilum.bench.adapters.batches import DETAIL, crashed
from hilum.errors import DataError, UsageError
from hilum.study import Box

LONGEST = 20_000
"""Most characters of a reply that are kept."""
MOST_BOXES = 1000
"""Most boxes of a reply that are kept: more than any film has, fewer than would take hours to match."""


def replies(adapter: Adapter, questions: Sequence[Question]) -> list[Reply]:
    """What the adapter answers.

    Raises:
        DataError: it gives more or fewer replies than questions.
    """
    return [_reply(given) for given in _as_many(adapter, questions, adapter.answer(questions))]


def likelihoods(adapter: Adapter, questions: Sequence[Question]) -> list[tuple[float, ...]]:
    """The likelihoods of each question's options.

    Raises:
        UsageError: the model gives none at all.
        DataError: it answers for more or fewer questions.
    """
    given = _as_many(adapter, questions, adapter.loglikelihood(questions))
    return [_scores(question, some) for question, some in zip(questions, given, strict=True)]


def description(adapter: Adapter) -> dict[str, str]:
    """What identifies the model.

    Raises:
        UsageError: it is no mapping of texts to what JSON can hold.
    """
    found: Any = adapter.describe()
    try:
        if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
            raise TypeError("no dictionary of texts")
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        remedy = "let describe() give a dictionary of texts"
        raise UsageError(type(adapter).__name__, f"cannot be described in JSON ({error})", remedy) from error
    return found


def _as_many(adapter: Adapter, questions: Sequence[Question], given: Any) -> list[Any]:
    count = len(given) if isinstance(given, list | tuple) else -1
    if count != len(questions):
        gave = f"{count} answers" if count >= 0 else f"a {type(given).__name__}"
        model = str(description(adapter).get("model") or type(adapter).__name__)
        problem = f"gave {gave} to {len(questions)} questions"
        raise DataError(model, problem, "mend the adapter: it gives a list of one answer to each question")
    return list(given)


def _reply(given: Any) -> Reply:
    """A reply whose every part has the type that it states."""
    if not isinstance(given, Reply):
        return crashed(TypeError(f"a {type(given).__name__} is no Reply"))
    for name, value in (("text", given.text), ("detail", given.detail)):
        if not isinstance(value, str):
            return crashed(TypeError(f"the {name} of a reply is a {type(value).__name__}"))
    if not (given.failure is None or isinstance(given.failure, Failure)):
        return crashed(TypeError(f"the failure of a reply is a {type(given.failure).__name__}"))
    try:
        boxes = tuple(_box(box) for box in given.boxes)
    except (TypeError, ValueError):
        return crashed(TypeError("the boxes of a reply are not four numbers each"))
    failure = given.failure
    if len(given.text) > LONGEST or len(boxes) > MOST_BOXES:
        failure = failure or Failure.TOO_LONG
    text, detail = _unicode(given.text[:LONGEST]), _unicode(given.detail[:DETAIL])
    return replace(given, text=text, boxes=boxes[:MOST_BOXES], failure=failure, detail=detail)


def _box(given: Any) -> Box:
    x1, y1, x2, y2 = map(float, given)
    if not all(map(math.isfinite, (x1, y1, x2, y2))):
        raise ValueError
    return x1, y1, x2, y2


def _unicode(text: str) -> str:
    """The text with � for each half of a surrogate pair, which no file can hold; whole pairs are joined."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _scores(question: Question, given: Any) -> tuple[float, ...]:
    if isinstance(given, NoLikelihood):
        return NoLikelihood(_unicode(given.detail))
    values = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else None
    if values is None:
        return NoLikelihood(f"a {type(given).__name__} is no likelihoods")
    if values and len(values) != len(question.options):
        return NoLikelihood(f"{len(values)} likelihoods of {len(question.options)} options")
    for value in values:
        if not isinstance(value, Real):
            return NoLikelihood(f"a {type(value).__name__} is no likelihood")
    return tuple(map(float, values))
