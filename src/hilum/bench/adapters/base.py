"""What any model is asked and what it gives back.

question = Question("1", Kind.CHOICE, "What is the view?", (Path("chest.png"),), options=("PA", "lateral"))
[reply] = adapter.answer([question])
[scores] = adapter.loglikelihood([question])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

from hilum import __version__
from hilum.study import Box


class Kind(StrEnum):
    """What form an answer has."""

    CHOICE = "choice"
    """One of the question's options."""
    BOX = "box"
    """Boxes in the image."""
    TEXT = "text"
    """Free words, such as a report."""


class Failure(StrEnum):
    """Why there is no answer to score."""

    EMPTY = "empty"
    """The model answered nothing."""
    TOO_LONG = "too_long"
    """The answer was cut off at the most tokens a model may write."""
    CRASHED = "crashed"
    """The model or its endpoint raised an error."""
    REFUSED = "refused"
    """The endpoint refused to answer, by its own word."""


@dataclass(frozen=True)
class Question:
    """One question, as any model can be asked it.

    Args:
        id: unique in its set, the same whenever the set is made anew.
        prompt: the whole question in words, without its options.
        images: image files, in the order they are shown; none for a question about words alone.
        options: for `Kind.CHOICE`, two or more texts.
        task: the name of the benchmark's task, by which an adapter may choose a prompt of its own.
        fields: what the prompt is made of, by name (`phrase`, `indication`, `findings`, `disease`), for
            adapters that word a task as their model was trained.
    """

    id: str
    kind: Kind
    prompt: str
    images: tuple[Path, ...] = ()
    options: tuple[str, ...] = ()
    task: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """What a model gave back.

    Args:
        text: its words as they came.
        boxes: boxes it marked, as fractions of the image's width and height from the top left corner.
        failure: why it cannot be scored; a reply that failed counts as wrong, never as a guess.
        detail: the error's own words, for people.
    """

    text: str
    boxes: tuple[Box, ...] = ()
    failure: Failure | None = None
    detail: str = ""


class NoLikelihood(tuple[float, ...]):
    """`()`, the likelihoods of a question that failed, with why it did.

    Args:
        detail: the error's own words, for people.
    """

    detail: str

    def __new__(cls, detail: str) -> NoLikelihood:
        """Empty, whatever the reason."""
        found = super().__new__(cls)
        found.detail = detail
        return found


def identity(
    adapter: str, model: str, weights: str, protocol: str, max_new_tokens: int, **further: str
) -> dict[str, str]:
    """What `describe` gives for a model that runs in this process.

    Args:
        adapter: its kind, `protocol` the version of how it words questions.
        weights: a hash of them.
        further: what else decides its answers.
    """
    return {
        "adapter": adapter,
        "model": model,
        "weights": weights,
        "protocol": protocol,
        "max_new_tokens": str(max_new_tokens),
        "hilum": __version__,
        **further,
    }


@runtime_checkable
class Adapter(Protocol):
    """A model that can be benchmarked: three methods, of which `loglikelihood` may be refused."""

    def answer(self, questions: Sequence[Question]) -> list[Reply]:
        """One reply to each question, greedily decoded; never raises for one question's sake."""
        ...

    def loglikelihood(self, questions: Sequence[Question]) -> list[tuple[float, ...]]:
        """Of each question's options, the mean log-probability per token of the option after the prompt.

        A question that failed, or that offers no options, has none: `()`, or `NoLikelihood` with the reason.

        Raises:
            UsageError: this model gives no likelihoods.
        """
        ...

    def describe(self) -> dict[str, str]:
        """What identifies the model and its protocol: name, weights' hash or version, prompt protocol."""
        ...
