"""What alignment asks: prompts with the report that answers are judged by, and where their films come from.

prompts = Prompts([AlignItem("s1/findings", messages, ("9f0c…",), "No pleural effusion.")], pixels_of)
prompts.prompt(0)                               # with pixels, read when it is asked for

Films are never held: 100,000 prompts are their ids, words and reports.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hilum.model import Prompt
from hilum.study import Message, Pixels

PixelsOf = Callable[[Sequence[str]], Pixels | npt.NDArray[np.uint8]]
"""Ids of images to their grey levels: (N, H, W), uint8 or float32 in [0, 1]."""


@dataclass(frozen=True)
class AlignItem:
    """A prompt, and what its answers are judged by.

    Args:
        id: tells it apart from the others.
        messages: ends with a user's turn.
        images: ids of the images shown, in order.
        reference: the report that a radiologist wrote; of a prompt to draw, the report to be drawn.
        draw: whether the answer is a picture.
    """

    id: str
    messages: tuple[Message, ...]
    images: tuple[str, ...]
    reference: str
    draw: bool = False


@dataclass(frozen=True)
class Prompts:
    """Prompts in their order.

    Args:
        pixels_of: gives the images they show.
    """

    items: Sequence[AlignItem]
    pixels_of: PixelsOf

    def __len__(self) -> int:
        return len(self.items)

    @property
    def images(self) -> list[str]:
        """Ids of all images shown, each once, in the order met."""
        return list(dict.fromkeys(image for item in self.items for image in item.images))

    @property
    def digest(self) -> str:
        """Of all that answers and verdicts depend on; an image's id is its content's hash."""
        known = hashlib.sha256()
        for item in self.items:
            told = [item.id, repr(item.messages), item.images, item.reference, item.draw]
            known.update(json.dumps(told).encode())
        return known.hexdigest()

    def prompt(self, row: int) -> Prompt:
        """One of them with its images."""
        item = self.items[row]
        shown = self.pixels_of(item.images) if item.images else ()
        return Prompt(item.messages, tuple(_unit(levels) for levels in shown), draw=item.draw)

    def chosen(self, rows: Sequence[int]) -> Prompts:
        """Some of them."""
        return Prompts([self.items[row] for row in rows], self.pixels_of)


def _unit(levels: npt.NDArray[np.generic]) -> Pixels:
    return levels.astype(np.float32) / np.float32(255 if levels.dtype == np.uint8 else 1)
