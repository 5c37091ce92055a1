"""N-grams counted as arrays are those counted one by one."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hilum.bench.text_metrics.ngrams import Tokens

texts = st.text("abc ", max_size=14)


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=5))
def test_matches_and_totals_are_those_counted_by_hand(some):
    references, candidates = map(list, zip(*some, strict=True))
    tokens = Tokens.of(references, candidates, str.split)
    for order in tokens.orders(4):
        for i, pair in enumerate(some):
            one, other = (_grams(text.split(), order.n) for text in pair)
            assert order.matches[i] == (one & other).total()
            assert order.totals(order.reference)[i] == one.total()
            assert order.totals(order.candidate)[i] == other.total()
            rows = order.reference.pair == i
            assert sorted(order.reference.count[rows]) == sorted(one.values())
        texts_with = Counter(gram for text in references for gram in _grams(text.split(), order.n))
        found = np.bincount(order.reference.gram, minlength=order.grams)
        assert sorted(found[found > 0]) == sorted(texts_with.values())


def _grams(words: list[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def test_a_text_that_stands_often_is_split_once():
    asked = []

    def split(text: str) -> list[str]:
        asked.append(text)
        return text.split()

    Tokens.of(["a b", "a b", "c"], ["a b", "c", "d"], split)
    assert asked == ["a b", "c", "d"]
