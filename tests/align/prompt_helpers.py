"""Prompts of random films for tiny models, and judges that need no language."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from hilum.align import ENCODER_FROZEN, AlignItem, Prompts, Reports
from hilum.study import ImageIn, Message, State, Text, Verdict
from hilum.training import FitConfig
from model.helpers import picture, seeing

FIT = FitConfig(
    steps=12,
    lr=3e-4,
    warmup=2,
    weight_decay=0.0,
    log_every=1,
    checkpoint_every=4,
    trainable=ENCODER_FROZEN,
)
"""A short training that moves all but the encoder."""


def pixels_of(ids):
    return np.stack([picture(int(image)) for image in ids])


model = seeing


def prompts(count: int = 8, shown: int = 1) -> Prompts:
    items = []
    for i in range(count):
        images = tuple(str(i + 100 * k) for k in range(shown))
        parts = (*(ImageIn(image) for image in images), Text("Findings?"))
        items.append(AlignItem(f"study {i}", (Message("user", parts),), images, "No pleural effusion."))
    return Prompts(items, pixels_of)


class Brevity:
    """A judge that likes few words, and fails on every text with a comma."""

    name = "brevity"
    identity: ClassVar = {"judge": "brevity", "version": 1}

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, references, candidates) -> list[Verdict]:
        assert len(references) == len(candidates)
        self.asked += candidates
        return [
            Verdict(None, state=State.UNPARSABLE) if "," in text else Verdict(1 / (1 + len(text.split())))
            for text in candidates
        ]

    def spent(self) -> dict[str, int]:
        return {"asked": len(self.asked)}


BREVITY = Reports(Brevity())


class Judging:
    """A judge made of a function."""

    def __init__(self, name: str, judge) -> None:
        self.name, self.identity, self._judge = name, {"judge": name}, judge
        self.asked: list[str] = []

    def __call__(self, references, candidates) -> list[Verdict]:
        self.asked += candidates
        return self._judge(references, candidates)

    def spent(self) -> dict[str, int]:
        return {"asked": len(self.asked)}
