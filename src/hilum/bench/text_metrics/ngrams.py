"""N-grams of many texts counted at once, as arrays.

tokens = Tokens.of(references, candidates, str.split)
for order in tokens.orders(4):
    order.common, order.reference_count, order.candidate_count

Each distinct text is split once and each distinct n-gram has a number, so that two reports are compared by
integers. Shape suffixes: N pairs, T tokens of all texts, G n-grams of all texts, each once a text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from hilum.bench.intervals import Array

Ints = npt.NDArray[np.int64]
Split = Callable[[str], Sequence[str]]
"""A text to its tokens."""


@dataclass(frozen=True)
class Side:
    """The distinct n-grams of one side's texts.

    Args:
        pair: whose each is, (G,).
        gram: its number, the same on both sides, (G,).
        count: how often it stands in the text, (G,).
    """

    pair: Ints
    gram: Ints
    count: Ints


@dataclass(frozen=True)
class Order:
    """The n-grams of one length n in N pairs of texts.

    Args:
        grams: how many distinct ones there are.
        of_reference, of_candidate: rows of the sides that are the same n-gram of the same pair.
    """

    n: int
    pairs: int
    grams: int
    reference: Side
    candidate: Side
    of_reference: Ints
    of_candidate: Ints

    def totals(self, side: Side) -> Array:
        """N-grams in each text, repeated ones each time: (N,)."""
        return np.bincount(side.pair, side.count, self.pairs).astype(np.float64)

    @property
    def matches(self) -> Array:
        """N-grams that a pair's texts share, each as often as both have it: (N,)."""
        least = np.minimum(self.reference.count[self.of_reference], self.candidate.count[self.of_candidate])
        return self.added(least)

    def added(self, values: npt.NDArray[np.generic]) -> Array:
        """Sum over each pair's common n-grams: (N,)."""
        return np.bincount(self.reference.pair[self.of_reference], values, self.pairs).astype(np.float64)


@dataclass(frozen=True)
class Tokens:
    """Tokens of N references and N candidates as numbers.

    Args:
        texts: the numbers of each text's tokens, references first: 2 N lists.
        words: how many distinct tokens there are.
    """

    texts: list[list[int]]
    words: int

    @classmethod
    def of(cls, references: Sequence[str], candidates: Sequence[str], split: Split) -> Tokens:
        """Split every distinct text once."""
        numbers: dict[str, int] = {}
        known: dict[str, list[int]] = {}
        for text in chain(references, candidates):
            if text not in known:
                known[text] = [numbers.setdefault(token, len(numbers)) for token in split(text)]
        return cls([known[text] for text in chain(references, candidates)], len(numbers))

    @property
    def pairs(self) -> int:
        """N."""
        return len(self.texts) // 2

    def lengths(self) -> tuple[Array, Array]:
        """Tokens of each reference and of each candidate: (N,) both."""
        lengths = np.array([len(text) for text in self.texts], dtype=np.float64)
        return lengths[: self.pairs], lengths[self.pairs :]

    def orders(self, most: int) -> Iterator[Order]:
        """The n-grams of length 1, 2, … `most`."""
        text_T = np.repeat(np.arange(len(self.texts)), [len(text) for text in self.texts])
        word_T = np.fromiter(chain.from_iterable(self.texts), np.int64, len(text_T))
        gram_T, grams = word_T, self.words
        for n in range(1, most + 1):
            if n > 1:
                # An n-gram is the one that is shorter by a token, and the token that follows it.
                inside = text_T[n - 1 :] == text_T[: len(text_T) - n + 1]
                keys = gram_T[: len(inside)] * self.words + word_T[n - 1 :]
                _, keys[inside] = np.unique(keys[inside], return_inverse=True)
                gram_T, grams = keys, int(keys[inside].max(initial=-1)) + 1
            else:
                inside = np.ones(len(text_T), bool)
            yield self._order(n, text_T[: len(inside)][inside], gram_T[inside], grams)

    def _order(self, n: int, text_T: Ints, gram_T: Ints, grams: int) -> Order:
        keys, counts = np.unique(text_T * max(1, grams) + gram_T, return_counts=True)
        text, gram = np.divmod(keys, max(1, grams))
        first = int(np.searchsorted(text, self.pairs))
        reference = Side(text[:first], gram[:first], counts[:first])
        candidate = Side(text[first:] - self.pairs, gram[first:], counts[first:])
        shift = self.pairs * max(1, grams)
        _, of_reference, of_candidate = np.intersect1d(
            keys[:first], keys[first:] - shift, assume_unique=True, return_indices=True
        )
        return Order(n, self.pairs, grams, reference, candidate, of_reference, of_candidate)
