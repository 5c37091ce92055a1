"""A box goes where the turned picture has what it was drawn around."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.images.turn import UPRIGHT, Orientation, turned, turned_box
from hilum.study import RunLengths

LIES = [Orientation(*how) for how in product((False, True), repeat=3)]


@given(st.sampled_from(LIES), st.tuples(*[st.integers(0, 5)] * 4))
def test_a_box_turns_with_what_it_holds(lies, ends):
    x1, y1, width, height = ends
    mask = np.zeros((12, 20), bool)
    mask[y1 : y1 + height + 1, x1 : x1 + width + 1] = True
    box = (x1 / 20, y1 / 12, (x1 + width + 1) / 20, (y1 + height + 1) / 12)
    found = turned(mask, lies)
    assert found.shape == ((20, 12) if lies.transposed else (12, 20))
    assert found.flags.c_contiguous
    assert RunLengths.of_mask(found).box() == pytest.approx(turned_box(box, lies))


def test_upright_stays():
    picture = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(turned(picture, UPRIGHT), picture)
    assert turned_box((0.1, 0.2, 0.3, 0.4), UPRIGHT) == (0.1, 0.2, 0.3, 0.4)
