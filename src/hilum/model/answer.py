"""What a model is asked, what it gives back, and what a reader must know before believing it.

prompt = Prompt(messages=(Message("user", (ImageIn("0"), Text("What is the view?"))),), images=(pixels,))
[[answer]] = model.answer([prompt])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from hilum.errors import UsageError, a_text
from hilum.study import Box, Message, Pixels, Report

NOTICE = "research only — not for clinical use"
"""What every answer, page and picture of a model says."""

SYNTHETIC = frozenset({"phantom"})
"""Sources whose images were never taken of a patient."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages ending with a user turn, and the pixels of their `ImageIn` parts in order.

    Args:
        draw: True when the answer must be an image.
        locate: True when the answer must be one box.
        options: texts of which the answer must be one; None leaves it free.

    Raises:
        UsageError: more than one of these is asked for, or the options are none, blank, or given twice.
    """

    messages: tuple[Message, ...]
    images: tuple[Pixels, ...] = ()
    draw: bool = False
    locate: bool = False
    options: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if self.draw + self.locate + (self.options is not None) > 1:
            raise UsageError("prompt", "asks for answers of several kinds", "draw, locate, or give options")
        if self.options is not None:
            check_options(self.options)


def check_options(options: Sequence[str]) -> None:
    """Refuse what no answer can be chosen from.

    Raises:
        UsageError: the options are none, blank, or given twice.
    """
    if isinstance(options, str):
        raise UsageError("options", "are one text", "give a list: ['yes', 'no']")
    if not options:
        raise UsageError("options", "are none", "give at least one, or leave them out for a free answer")
    for option in options:
        a_text(option, "option", "give each in words", blank=False)
    if len(set(options)) < len(options):
        twice = next(option for option in options if list(options).count(option) > 1)
        raise UsageError("options", f"hold {twice!r} twice", "give each once")


class Concern(StrEnum):
    """Why what a model says is not to be believed of an image."""

    CONSTANT = "constant"
    """All pixels are equal: nothing is shown."""
    SMALL = "small"
    """Far fewer pixels than the model reads."""
    OUT_OF_RANGE = "out_of_range"
    """Pixels beyond [0, 1]."""
    UNLIKE = "unlike"
    """Unlike the training images by the model's own features."""
    UNKNOWN = "unknown"
    """The model was saved without statistics of its training images: nobody knows."""
    NOT_SHOWN = "not_shown"
    """Not shown to the model, which has learned from fewer images of a study at once."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One concern about one image.

    Args:
        image: number of the image among those given, from 0.
        why: in words, measured values included.
    """

    image: int
    concern: Concern
    why: str

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {"image": self.image, "kind": self.concern.value, "why": self.why}


@dataclass(frozen=True, slots=True)
class Caveats:
    """What a reader must know before believing an answer.

    Args:
        seen: source → number of studies the model was trained on; empty where that is not known.
        flags: what about the images given lies outside the model's range.
    """

    seen: Mapping[str, int] = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()

    @property
    def synthetic_only(self) -> bool | None:
        """Whether no real film was among the training images; None where that is not known."""
        return set(self.seen) <= SYNTHETIC if self.seen else None

    @property
    def seen_in_words(self) -> str:
        """What the model has seen, in a clause."""
        if not self.seen:
            return "what it was trained on is not known"
        counts = ", ".join(f"{count:,} of {source}" for source, count in self.seen.items())
        only = " (synthetic images only: it has never seen a real film)" if self.synthetic_only else ""
        return f"trained on studies: {counts}{only}"

    def to_json(self) -> dict[str, Any]:
        """The fields `notice`, `seen` and `flags` that every JSON answer carries."""
        return {
            "notice": NOTICE,
            "seen": {"studies": dict(self.seen), "synthetic_only": self.synthetic_only},
            "flags": [flag.to_json() for flag in self.flags],
        }

    def lines(self, model: str, images: Sequence[str]) -> list[str]:
        """The same for people: flags first, each with the name of its image, then the notice.

        Args:
            model: how the model is named.
            images: names of the images, in the order given.
        """
        warnings = [f"warning: {images[flag.image]}: {flag.why}" for flag in self.flags]
        return [*warnings, f"{model}: {NOTICE}; {self.seen_in_words}"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Args:
        text: the words, boxes written out, image codes left out.
        boxes: boxes found in the answer, as fractions.
        codes: image codes in raster order, when an image was drawn.
        image: the drawn picture, (H, W) in [0, 1], when codes were decoded.
        tokens: how many tokens were generated, the closing one included.
        finished: False when the length limit cut the answer.
        found: whether what was to be located is there; None where nothing was to be, or nobody checked.
        caveats: given by `ask`, `locate` and `draw`, which know the images as a person gave them.
    """

    text: str
    boxes: tuple[Box, ...] = ()
    codes: tuple[int, ...] = ()
    image: Pixels | None = None
    tokens: int = 0
    finished: bool = True
    found: bool | None = None
    caveats: Caveats | None = None


@dataclass(frozen=True, slots=True)
class WrittenReport(Report):
    """A report that a model wrote, with what a reader must know of it."""

    caveats: Caveats = field(default_factory=Caveats)


class Answerer(Protocol):
    """Anything that answers prompts: a trained model, or a baseline to compare it with."""

    def answer(
        self,
        prompts: Sequence[Prompt],
        *,
        n: int = 1,
        temperature: float = 0.0,
        top_p: float = 1.0,
        max_new_tokens: int | None = None,
        seed: int = 0,
    ) -> list[list[Answer]]:
        """Give `n` answers to each prompt; temperature 0 is greedy."""
        ...
