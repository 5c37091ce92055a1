"""What an answer may be made of, token by token, so that no answer is ever malformed or drawn twice.

grammar = Grammar(masks, Kind.DRAW, codes_per_image=64)
mask = grammar.allowed()          # (V,) bool: the tokens that may come next
grammar.advance(token)

It works on any tokenizer: a number of a box may be one token or several, as the tokenizer itself writes it.
An image answer is its opening token, exactly the right number of image codes in numbered rows, and its
end. A box is four whole numbers 0–100 with the second corner beyond the first. Words never hold image codes.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from hilum.errors import UsageError
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
        self.codes = self.only(*vocabulary.code_ids)
        self.end = self.only(vocabulary.id(END))

    @cached_property
    def box(self) -> BoxTokens:
        """How boxes are written."""
        return BoxTokens(self.vocabulary)

    def only(self, *ids: int) -> Tensor:
        """A mask that allows these ids alone."""
        mask = torch.zeros(self.size, dtype=torch.bool)
        mask[list(ids)] = True
        return mask

    @lru_cache(maxsize=512)  # noqa: B019 - lives as long as the model it belongs to
    def exactly(self, token: int) -> Tensor:
        """A mask that allows one token."""
        return self.only(token)

    @lru_cache(maxsize=4096)  # noqa: B019
    def corner(self, low: int, high: int, begun: tuple[int, ...] = (), after: int | None = None) -> Tensor:
        """A mask of what may follow the tokens `begun` of a number from low to high.

        Args:
            after: the token that follows a number that is whole.
        """
        numbers = [self.box.numbers[n] for n in range(low, high + 1)]
        found = {n[len(begun)] for n in numbers if len(n) > len(begun) and n[: len(begun)] == begun}
        if begun in numbers and after is not None:
            found.add(after)
        return self.only(*found)


class BoxTokens:
    """The tokens of a box as the tokenizer itself writes them: its four numbers and what stands between.

    Raises:
        UsageError: the tokenizer joins digits and punctuation into one token.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.between: tuple[tuple[int, ...], ...] = ()
        self.numbers: tuple[tuple[int, ...], ...] = ()
        for number in range(101):
            parts = self._parts(str(number))
            self.between = self.between or tuple(parts[::2])
            if parts[::2] != list(self.between) or len(set(parts[1::2])) != 1:
                raise UsageError(
                    "tokenizer", f"writes {number} differently within one box", "choose another tokenizer"
                )
            self.numbers = (*self.numbers, parts[1])

    def _parts(self, number: str) -> list[tuple[int, ...]]:
        """Tokens of a box of four equal numbers: punctuation and numbers in turn."""
        literals = ("(", number, ",", number, "),(", number, ",", number, ")")
        encoding = self.vocabulary.tokenizer.backend_tokenizer.encode(
            f"{BOX}{''.join(literals)}{BOXED}", add_special_tokens=False
        )
        tokens = [
            (token, start)
            for token, (start, _) in zip(encoding.ids, encoding.offsets, strict=True)
            if token not in (self.vocabulary.id(BOX), self.vocabulary.id(BOXED))
        ]
        parts, start = [], len(BOX)
        for literal in literals:
            stop = start + len(literal)
            parts.append(tuple(token for token, at in tokens if start <= at < stop))
            if str(self.vocabulary.tokenizer.decode(list(parts[-1]))).strip() != literal:
                raise UsageError(
                    "tokenizer", "joins digits and punctuation into one token", "choose another tokenizer"
                )
            start = stop
        return parts


class Grammar:
    """The state of one answer being written."""

    def __init__(self, masks: Masks, kind: Kind, codes_per_image: int = 0) -> None:
        self.masks = masks
        self.kind = kind
        self.corners: list[int] = []
        self.digits: list[int] = []
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
        """How many tokens the answer has at most, when that is fixed."""
        if self.kind is Kind.WORDS:
            return None
        longest = max(map(len, self.masks.box.numbers)) if self.kind is Kind.BOX else 1
        return sum(longest if step == "number" else 1 for step in self.pending)

    def _box(self) -> list[int | str]:
        first, comma, middle, _, last = self.masks.box.between
        one: list[int | str] = [*first, "number", *comma, "number"]
        two: list[int | str] = [*middle, "number", *comma, "number", *last]
        return [*one, *two, self.masks.vocabulary.id(BOXED)]

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
            return self.masks.corner(*self._range(), tuple(self.digits), int(self.pending[1]))
        return self.masks.exactly(int(step))

    def _range(self) -> tuple[int, int]:
        """The second corner must lie beyond the first, so the first leaves room for it."""
        if len(self.corners) < 2:
            return 0, 99
        return self.corners[len(self.corners) - 2] + 1, 100

    def advance(self, token: int) -> None:
        """Take the chosen token."""
        if self.pending and self.pending[0] == "number":
            self._advance_number(token)
        elif self.pending:
            self.pending.pop(0)
        elif token == self.masks.vocabulary.id(BOX):
            self.corners = []
            self.pending = self._box()
        if token == self.masks.vocabulary.id(END):
            self.done = True

    def _advance_number(self, token: int) -> None:
        """A number goes on, or is whole and the token is what follows it."""
        low, high = self._range()
        numbers = self.masks.box.numbers[low : high + 1]
        begun = (*self.digits, token)
        longer = [number for number in numbers if number[: len(begun)] == begun]
        if not longer:
            self._take_corner(tuple(self.digits))
            self.pending.pop(0)
        elif longer == [begun]:  # nothing can continue it, so it is whole already
            self._take_corner(begun)
        else:
            self.digits.append(token)

    def _take_corner(self, number: tuple[int, ...]) -> None:
        self.corners.append(self.masks.box.numbers.index(number))
        self.digits = []
        self.pending.pop(0)
