"""How large a picture may be, and how many bits a detector has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hilum.errors import DataError
from hilum.images import Radiograph, read_image
from hilum.images.radiograph import MAX_PIXELS, check_size, levels_in_use
from images.test_raster import LEVELS, saved


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (-3, 5)])
def test_a_picture_without_pixels_is_refused(width, height):
    with pytest.raises(DataError, match=f"film: is {width} × {height} pixels; give an image that has pixels"):
        check_size(width, height, "film")


def test_the_largest_picture_and_one_row_more():
    side = 1 << 13
    assert side * side == MAX_PIXELS
    check_size(side, side, "film")
    with pytest.raises(DataError, match=r"8,192 × 8,193 pixels.*reduce it below 67 megapixels"):
        check_size(side, side + 1, "film")


@given(st.integers(0, 2**20))
def test_the_bits_in_use_hold_the_highest_value_and_not_four_times_it(highest):
    bits = levels_in_use(highest)
    assert bits >= 8
    assert bits % 2 == 0
    assert highest < 1 << bits
    assert bits == 8 or highest >= 1 << (bits - 2)


def test_a_radiograph_never_prints_its_pixels():
    radiograph = read_image(saved(Image.fromarray(LEVELS)))
    assert isinstance(radiograph, Radiograph)
    assert "array" not in repr(radiograph)
