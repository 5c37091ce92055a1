"""What an answer may be made of, token by token, so that no answer is ever malformed or drawn twice.

grammar = Grammar(vocabulary, kind=Kind.DRAW, codes_per_image=64)
mask = grammar.allowed()          # (V,) bool: the tokens that may come next
grammar.advance(token)

An image answer is its opening token, exactly the right number of image codes in numbered rows, and its
end. A box is four whole numbers 0–100 with the second corner beyond the first. Words never hold image codes.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

import torch
from torch import Tensor

from hilum.model.vocabulary import BOX, BOXED, DRAW, DRAWN, END, Vocabulary


class Kind(StrEnum):
    """What the answer must be."""

    WORDS = "words"
    """Words, with boxes among them where the model writes one."""
    BOX = "box"
    """Exactly one box."""
    DRAW = "draw"
    """Exactly one image."""


class Masks:
    """The token sets a grammar chooses from, each a (V,) bool tensor, made once for a vocabulary."""

    def __init__(self, vocabulary: Vocabulary, size: int) -> None:
        self.vocabulary = vocabulary
        self.size = size
        self.words = self.only(*vocabulary.text_ids, vocabulary.id(BOX), vocabulary.id(END))
        self.codes = self.only(*range(vocabulary.first_code, vocabulary.first_code + vocabulary.n_codes))
        self.end = self.only(vocabulary.id(END))
        self.number_of = {token: number for number, token in enumerate(vocabulary.numbers)}
        self.punctuation = {text: vocabulary.encode(text) for text in ("(", ",", "),(", ")")}

    def only(self, *ids: int) -> Tensor:
        """A mask that allows these ids alone."""
        mask = torch.zeros(self.size, dtype=torch.bool)
        mask[list(ids)] = True
        return mask

    @lru_cache(maxsize=512)  # noqa: B019 - lives as long as the model it belongs to
    def exactly(self, token: int) -> Tensor:
        """A mask that allows one token."""
        return self.only(token)

    @lru_cache(maxsize=512)  # noqa: B019
    def corner(self, low: int, high: int) -> Tensor:
        """A mask that allows the numbers low … high."""
        return self.only(*self.vocabulary.numbers[low : high + 1])


class Grammar:
    """The state of one answer being written."""

    def __init__(self, masks: Masks, kind: Kind, codes_per_image: int = 0) -> None:
        self.masks = masks
        self.kind = kind
        self.corners: list[int] = []
        self.pending: list[int | str] = []
        vocabulary = masks.vocabulary
        if kind is Kind.DRAW:
            start, stop = vocabulary.id(DRAW), vocabulary.id(DRAWN)
            self.pending = [start, *vocabulary.in_rows(["code"] * codes_per_image), stop, vocabulary.id(END)]
        elif kind is Kind.BOX:
            self.pending = [vocabulary.id(BOX), *self._box(), vocabulary.id(END)]
        self.done = False

    @property
    def length(self) -> int | None:
        """How many tokens the answer has when that is fixed."""
        return len(self.pending) if self.kind is not Kind.WORDS else None

    def _box(self) -> list[int | str]:
        literal = self.masks.punctuation
        first: list[int | str] = [*literal["("], "number", *literal[","], "number"]
        second: list[int | str] = [*literal["),("], "number", *literal[","], "number", *literal[")"]]
        return [*first, *second, self.masks.vocabulary.id(BOXED)]

    def allowed(self) -> Tensor:
        """The tokens that may come next: (V,) bool, at least one True."""
        if self.done:
            return self.masks.end
        if not self.pending:
            return self.masks.words
        step = self.pending[0]
        if step == "code":
            return self.masks.codes
        if step == "number":
            return self.masks.corner(*self._range())
        return self.masks.exactly(int(step))

    def _range(self) -> tuple[int, int]:
        """The second corner must lie beyond the first, so the first leaves room for it."""
        if len(self.corners) < 2:
            return 0, 99
        return self.corners[len(self.corners) - 2] + 1, 100

    def advance(self, token: int) -> None:
        """Take the chosen token."""
        if self.pending:
            if self.pending.pop(0) == "number":
                self.corners.append(self.masks.number_of[token])
        elif token == self.masks.vocabulary.id(BOX):
            self.corners = []
            self.pending = self._box()
        if token == self.masks.vocabulary.id(END):
            self.done = True
