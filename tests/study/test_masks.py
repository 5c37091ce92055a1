"""Masks as runs: the same pixels, whoever writes them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hilum.study import RunLengths

MASKS = arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def columns_of(mask: np.ndarray, *, relative: bool) -> list[int]:
    """Runs down the columns, written by the definition."""
    flat = mask.T.ravel()
    runs: list[int] = []
    end = 0
    for start in range(len(flat)):
        if flat[start] and (start == 0 or not flat[start - 1]):
            length = next((i for i in range(start, len(flat)) if not flat[i]), len(flat)) - start
            runs += [start - end if relative else start + 1, length]
            end = start + length
    return runs


@given(MASKS)
def test_a_mask_comes_back_with_the_smallest_box_around_it(mask: np.ndarray) -> None:
    runs = RunLengths.of_mask(mask)
    assert np.array_equal(runs.mask(), mask)
    ys, xs = np.nonzero(mask)
    box = runs.box()
    assert (box is None) == (not len(xs))
    if box is not None:
        height, width = mask.shape
        assert (box[0], box[2]) == (xs.min() / width, (xs.max() + 1) / width)
        assert (box[1], box[3]) == (ys.min() / height, (ys.max() + 1) / height)


@given(MASKS, st.booleans())
def test_runs_down_the_columns_are_the_same_mask(mask: np.ndarray, relative: bool) -> None:
    runs = RunLengths.of_columns(columns_of(mask, relative=relative), *mask.shape, relative=relative)
    assert np.array_equal(runs.mask(), mask)


@pytest.mark.parametrize("runs", [[1], [1, 0], [0, 2], [9, 2], [1, 5, 8, 2]])
def test_runs_that_cannot_be_are_refused(runs: list[int]) -> None:
    with pytest.raises(ValueError, match="run"):
        RunLengths.of_columns(runs, 2, 4, relative=False)


def test_a_polygon_holds_the_centres_inside_it() -> None:
    square = RunLengths.of_polygon([(1, 1), (4, 1), (4, 3), (1, 3)], height=5, width=6)
    expected = np.zeros((5, 6), bool)
    expected[1:3, 1:4] = True
    assert np.array_equal(square.mask(), expected)
    beyond = RunLengths.of_polygon([(-5, -5), (20, -5), (20, 20), (-5, 20)], height=3, width=4)
    assert beyond.mask().all()
    assert beyond.box() == (0, 0, 1, 1)
    with pytest.raises(ValueError, match="three corners"):
        RunLengths.of_polygon([(0, 0), (1, 1)], height=3, width=4)
