"""What a model is asked and what it gives back.

prompt = Prompt(messages=(Message("user", (ImageIn("0"), Text("What is the view?"))),), images=(pixels,))
[[answer]] = model.answer([prompt])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hilum.study import Box, Message, Pixels


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages ending with a user turn, and the pixels of their `ImageIn` parts in order.

    Args:
        draw: True when the answer must be an image.
        locate: True when the answer must be one box.
    """

    messages: tuple[Message, ...]
    images: tuple[Pixels, ...] = ()
    draw: bool = False
    locate: bool = False


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
    """

    text: str
    boxes: tuple[Box, ...] = ()
    codes: tuple[int, ...] = ()
    image: Pixels | None = None
    tokens: int = 0
    finished: bool = True


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
