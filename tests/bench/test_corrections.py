"""Corrected p-values keep their order, are never smaller, and agree with those worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.bench.corrections import benjamini_hochberg, holm

ps = st.lists(st.none() | st.floats(0, 1), max_size=8)


@given(ps)
def test_correction_keeps_the_order_and_never_helps(given_ps):
    corrected = holm(given_ps)
    pairs = [(p, c) for p, c in zip(given_ps, corrected, strict=True) if p is not None]
    assert all(c is not None and p <= c <= 1 for p, c in pairs)
    assert [c for _, c in sorted(pairs)] == sorted(c for _, c in pairs)
    assert [c is None for c in corrected] == [p is None for p in given_ps]


def test_correction_by_hand():
    assert holm([0.01, 0.04, 0.03, None]) == pytest.approx([0.03, 0.06, 0.06, None], nan_ok=True)
    assert benjamini_hochberg([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.04, 0.04])
    assert (holm([]), benjamini_hochberg([])) == ([], [])
