"""What an answer may be made of, token by token, so that no answer is ever malformed or drawn twice.

grammar = Grammar(masks, Kind.DRAW, codes_per_image=64)
logits = restrict(logits, [grammar.next_tokens()])     # -inf for what may not come next
grammar.advance(token)

It works on any tokenizer: a number of a box may be one token or several, as the tokenizer itself writes it.
An image answer is its opening token, exactly the right number of image codes in numbered rows, and its
end. A box is four whole numbers 0–100 with the second corner beyond the first. One of given options walks
the prefix tree of their tokens. Words never hold image codes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Any

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
    OPTION = "option"
    """Exactly one of given options."""


Options = tuple[tuple[int, ...], ...]
"""Token ids of each, without the token that ends the answer."""


class TokenSet:
    """Some tokens of a vocabulary of `size`, held as the shorter list.

    Attributes:
        ids: those in the set, or those outside it, (N,) int64.
        inside: which of the two.
        only: the token of a set of one, else None.
    """

    def __init__(self, tokens: Collection[int], size: int) -> None:
        wanted = set(tokens)
        self.size = size
        self.inside = 2 * len(wanted) <= size
        listed = wanted if self.inside else set(range(size)) - wanted
        self.ids = torch.tensor(sorted(listed), dtype=torch.long)
        self.only = next(iter(wanted)) if len(wanted) == 1 else None
        self._copies = {self.ids.device: self.ids}

    def __contains__(self, token: int) -> bool:
        """Whether a token is in the set."""
        return bool((self.ids == token).any()) is self.inside

    def on(self, device: torch.device) -> Tensor:
        """The ids on a device, sent there once."""
        if device not in self._copies:
            self._copies[device] = self.ids.to(device)
        return self._copies[device]

    def index(self, device: torch.device) -> Tensor | slice:
        """What picks the ids out of a vocabulary: a slice, which copies nothing, where they lie in a row."""
        if len(self.ids) and int(self.ids[-1] - self.ids[0]) == len(self.ids) - 1:
            return slice(int(self.ids[0]), int(self.ids[-1]) + 1)
        return self.on(device)

    @property
    def mask(self) -> Tensor:
        """(V,) bool."""
        mask = torch.full((self.size,), not self.inside)
        mask[self.ids] = self.inside
        return mask


class Masks:
    """The token sets a grammar chooses from, made once for a vocabulary."""

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

    def only(self, *ids: int) -> TokenSet:
        """The set of these ids alone."""
        return TokenSet(ids, self.size)

    @lru_cache(maxsize=512)  # noqa: B019 - lives as long as the model it belongs to
    def exactly(self, token: int) -> TokenSet:
        """The set of one token."""
        return self.only(token)

    @lru_cache(maxsize=64)  # noqa: B019
    def options(self, options: Options) -> PrefixTree:
        """Where an answer that is one of these options begins; one tree for all that are given the same."""
        end = self.vocabulary.id(END)
        return PrefixTree(self, [(*option, end) for option in options])

    @lru_cache(maxsize=4096)  # noqa: B019
    def corner(self, low: int, high: int, begun: tuple[int, ...] = (), after: int | None = None) -> TokenSet:
        """What may follow the tokens `begun` of a number from low to high.

        Args:
            after: the token that follows a number that is whole.
        """
        numbers = [self.box.numbers[n] for n in range(low, high + 1)]
        found = {n[len(begun)] for n in numbers if len(n) > len(begun) and n[: len(begun)] == begun}
        if begun in numbers and after is not None:
            found.add(after)
        return self.only(*found)


class PrefixTree:
    """A node of the prefix tree of token sequences; it grows where an answer comes by.

    Args:
        sequences: what may follow here, each to its end, which is the end token.
    """

    def __init__(self, masks: Masks, sequences: Sequence[tuple[int, ...]]) -> None:
        self.masks = masks
        self.sequences = sequences

    @cached_property
    def next(self) -> dict[int, PrefixTree]:
        """Token that may come next → where it leads."""
        following: dict[int, list[tuple[int, ...]]] = {}
        for first, *rest in filter(None, self.sequences):
            following.setdefault(first, []).append(tuple(rest))
        return {token: PrefixTree(self.masks, rest) for token, rest in following.items()}

    @cached_property
    def tokens(self) -> TokenSet:
        """Those that may come next."""
        return self.masks.only(*self.next)


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
    """The state of one answer being written.

    Args:
        codes_per_image: of an image.
        options: of an answer that is one of them; see `hilum.model.encode.encode_options`.
    """

    def __init__(self, masks: Masks, kind: Kind, codes_per_image: int = 0, options: Options = ()) -> None:
        self.masks = masks
        self.kind = kind
        self.tree = masks.options(options) if kind is Kind.OPTION else None
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
        if self.tree is not None:
            return max(map(len, self.tree.sequences))
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
        return self.next_tokens().mask

    def next_tokens(self) -> TokenSet:
        """The tokens that may come next, at least one."""
        if self.done:
            return self.masks.end
        if self.tree is not None:
            return self.tree.tokens
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
        if self.done:
            return
        if self.tree is not None:
            self.tree = self.tree.next[token]
        elif self.pending and self.pending[0] == "number":
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


def restrict(logits_AV: Tensor, sets: Sequence[TokenSet]) -> Tensor:
    """Set to -inf, in place, the logits of what may not come next in each answer."""
    # By index: to lay out a whole mask for every answer takes several times as long.
    device = logits_AV.device
    if all(tokens is sets[0] for tokens in sets):
        _restrict(logits_AV, None, (slice(None), sets[0].on(device)), inside=sets[0].inside)
        return logits_AV
    for inside in (True, False):
        rows = [row for row, tokens in enumerate(sets) if tokens.inside is inside]
        if rows:
            counts = [len(sets[row].ids) for row in rows]
            row_R, count_R = torch.tensor([rows, counts], device=device)
            row_N = row_R.repeat_interleave(count_R, output_size=sum(counts))
            id_N = torch.cat([sets[row].on(device) for row in rows])
            _restrict(logits_AV, None if len(rows) == len(sets) else row_R, (row_N, id_N), inside=inside)
    return logits_AV


def _restrict(logits_AV: Tensor, row_R: Tensor | None, index: tuple[Any, Tensor], *, inside: bool) -> None:
    """Leave, of these rows (None is all), what is at the index; or, if not `inside`, the rest."""
    if not inside:
        logits_AV[index] = -torch.inf
        return
    kept = logits_AV[index]
    if row_R is None:  # several times as fast
        logits_AV.fill_(-torch.inf)
    else:
        logits_AV.index_fill_(0, row_R, -torch.inf)
    logits_AV[index] = kept
