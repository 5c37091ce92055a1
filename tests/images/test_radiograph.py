"""How large a picture may be, and how many bits a detector has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hilum.errors import DataError
from hilum.images import Radiograph, read_image
from hilum.images.radiograph import MAX_BYTES, MAX_PIXELS, check_size, levels_in_use
from hilum.study import Position, Sex
from images.test_raster import GREY, LEVELS, saved


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


def test_the_smallest_picture_and_a_file_s_most_bytes():
    check_size(1, 1, "film")
    check_size(2, 3, "film", 6)
    with pytest.raises(DataError, match="2 × 4 pixels, more than any chest film"):
        check_size(2, 4, "film", 6)
    assert MAX_BYTES == 4 * 2 * MAX_PIXELS  # four times a film of the most pixels, two bytes each


def test_a_radiograph_of_which_nothing_is_known_is_of_eight_bits_and_equal_whatever_it_shows():
    one, other = Radiograph(GREY), Radiograph(1 - GREY)
    assert one == other
    assert one.bits == 8
    assert one.position is Position.UNKNOWN
    assert one.sex is Sex.UNKNOWN
    assert one != Radiograph(GREY, bits=12)


def test_a_radiograph_never_prints_its_pixels():
    radiograph = read_image(saved(Image.fromarray(LEVELS)))
    assert isinstance(radiograph, Radiograph)
    assert "array" not in repr(radiograph)
