"""Squares, boxes and masks keep to the same geometry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hilum.errors import DataError, UsageError
from hilum.images import Fit, fit, fit_box, fit_mask, shrink, unfit_box
from hilum.images.fit import shrink_mask, shrunken_shape

sides = st.integers(1, 90)
sizes = st.integers(1, 70)
ways = st.sampled_from(Fit)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((height, width), dtype=np.float32)


@given(sides, sides, sizes, ways, st.integers(0, 5))
def test_a_square_in_range_whatever_the_shape(height, width, size, how, seed):
    square = fit(picture(height, width, seed), size, how)
    assert square.shape == (size, size)
    assert square.dtype == np.float32
    assert square.flags.c_contiguous or size == 1
    assert 0.0 <= square.min() <= square.max() <= 1.0


@given(sides, sides, sizes, st.floats(0, 1, width=32))
def test_an_even_picture_stays_even(height, width, size, grey):
    square = fit(np.full((height, width), grey, np.float32), size, Fit.CROP)
    np.testing.assert_allclose(square, grey, atol=1e-5)


@given(st.integers(1, 12), st.integers(1, 8), st.integers(0, 5))
def test_reducing_by_a_whole_factor_is_the_mean_of_each_block(size, factor, seed):
    pixels = picture(size * factor, size * factor, seed)
    blocks = pixels.reshape(size, factor, size, factor).mean(axis=(1, 3))
    np.testing.assert_allclose(fit(pixels, size), blocks, atol=1e-6)


@given(st.integers(2, 60), st.integers(1, 60), st.integers(0, 5))
def test_reducing_keeps_the_mean(side, size, seed):
    assume(size <= side)
    pixels = picture(side, side, seed)
    assert fit(pixels, size).mean() == pytest.approx(pixels.mean(), abs=1e-5)


@given(st.integers(2, 60), st.integers(2, 60), st.integers(0, 5))
def test_padding_keeps_the_light_of_the_whole_picture(height, width, seed):
    pixels = picture(height, width, seed)
    size = min(height, width, 20)
    square = fit(pixels, size, Fit.PAD)
    share = pixels.sum() / max(height, width) ** 2
    assert square.mean() == pytest.approx(share, abs=1e-5)


def test_crop_keeps_the_middle_and_pad_fills_with_black():
    pixels = np.zeros((4, 8), np.float32)
    pixels[:, 2:6] = 1.0
    assert (fit(pixels, 4, Fit.CROP) == 1.0).all()
    padded = fit(np.ones((4, 8), np.float32), 8, Fit.PAD)
    assert (padded[:2] == 0).all()
    assert (padded[2:6] == 1).all()
    assert (padded[6:] == 0).all()


def test_enlarging_interpolates_between_pixel_centres():
    ramp = np.tile(np.array([0.0, 1.0], np.float32), (2, 1))
    np.testing.assert_allclose(fit(ramp, 4)[0], [0.0, 0.25, 0.75, 1.0], atol=1e-6)


@given(sides, sides, sizes)
def test_shrinking_keeps_the_shape_and_never_enlarges(height, width, size):
    shown = shrink(picture(height, width), size).shape
    if min(height, width) <= size:
        assert shown == (height, width)
    else:
        assert min(shown) == size
        assert shown == (round(height * size / min(height, width)), round(width * size / min(height, width)))


def test_a_picture_of_the_right_size_is_returned_as_it_is():
    pixels = picture(16, 16)
    assert np.array_equal(fit(pixels, 16), pixels)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (4, 4, 3)])
def test_what_is_no_picture_is_refused(shape):
    with pytest.raises(DataError, match="shape"):
        fit(np.zeros(shape, np.float32), 8)


def test_another_way_of_fitting_is_refused_with_those_there_are():
    with pytest.raises(UsageError, match=r"^fit: .*'stretch'.*crop.*pad"):
        fit(picture(4, 4), 2, "stretch")


def test_a_size_of_zero_is_refused():
    for resize in (fit, shrink, lambda pixels, size: shrunken_shape(pixels.shape, size)):
        with pytest.raises(UsageError, match="size: is 0"):
            resize(picture(4, 4), 0)


@pytest.mark.parametrize(
    ("shape", "size", "shrunken"),
    [
        ((30, 20), 10, (15, 10)),
        ((20, 30), 10, (10, 15)),
        ((20, 30), 20, (20, 30)),
        ((20, 30), 21, (20, 30)),
        ((20, 30), 1, (1, 2)),
        ((7, 5, 3), 3, (4, 3)),
    ],
)
def test_the_short_side_is_brought_to_size(shape, size, shrunken):
    assert shrunken_shape(shape, size) == shrunken


def test_shrinking_is_the_mean_of_blocks_along_either_side():
    pixels = picture(12, 20)
    blocks = pixels.reshape(3, 4, 5, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(shrink(pixels, 3), blocks, atol=1e-6)
    np.testing.assert_allclose(shrink(pixels.T, 3), blocks.T, atol=1e-6)


def test_a_mask_is_shrunken_as_its_picture_and_keeps_what_is_thin():
    mask = np.zeros((12, 20), bool)
    mask[4:8, 8:14] = True
    kept = np.zeros((3, 5), bool)
    kept[1, 2:4] = True  # of the second cell, half is covered
    assert np.array_equal(shrink_mask(mask, (3, 5)), kept)
    assert np.array_equal(shrink_mask(mask.T, (5, 3)), kept.T)
    assert shrink_mask(mask, (12, 20)) is mask
    mask[4:8, 13] = False
    kept[1, 3] = False
    assert np.array_equal(shrink_mask(mask, (3, 5)), kept)
    thin = np.zeros((12, 20), bool)
    thin[:, 9] = True
    assert np.array_equal(shrink_mask(thin, (3, 5)), np.tile(np.arange(5) == 2, (3, 1)))


def test_enlarging_takes_no_fringe_for_a_mask():
    mask = np.zeros((4, 8), bool)
    mask[:, 1] = True  # just outside the crop
    assert not fit_mask(mask, 16).any()
    mask[:, 2] = True
    assert np.array_equal(fit_mask(mask, 16).any(axis=0), np.arange(16) < 4)


@pytest.mark.parametrize(
    ("box", "strip"),
    [
        ((0.1, 0.9, 0.4, 1.0), (0.1, 0.99, 0.4, 1.0)),
        ((0.1, 0.0, 0.4, 0.1), (0.1, 0.0, 0.4, 0.01)),
        ((0.5, 0.5, 0.5, 0.75), (0.5, 0.5, 0.505, 1.0)),
        ((0.2, 0.5, 0.6, 0.5), (0.2, 0.5, 0.6, 0.51)),
    ],
)
def test_a_box_brought_back_is_at_least_one_pixel(box, strip):
    assert unfit_box(box, (100, 200), Fit.PAD) == pytest.approx(strip)
    turned = (strip[1], strip[0], strip[3], strip[2])
    assert unfit_box((box[1], box[0], box[3], box[2]), (200, 100), Fit.PAD) == pytest.approx(turned)


@pytest.mark.parametrize(
    ("box", "left"),
    [
        ((0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 1.0, 1.0)),
        ((0.25, 0.0, 0.5, 0.5), (0.0, 0.0, 0.5, 0.5)),
        ((0.5, 0.5, 0.75, 1.0), (0.5, 0.5, 1.0, 1.0)),
        ((0.1, 0.2, 0.25, 0.4), None),
        ((0.75, 0.2, 0.9, 0.4), None),
        ((0.4, 0.4, 0.4, 0.6), None),
        ((0.4, 0.4, 0.6, 0.4), None),
    ],
)
def test_a_box_is_cut_at_the_crop_and_gone_where_only_an_edge_is_left(box, left):
    assert fit_box(box, (100, 200), Fit.CROP) == (None if left is None else pytest.approx(left))
    turned = None if left is None else pytest.approx((left[1], left[0], left[3], left[2]))
    assert fit_box((box[1], box[0], box[3], box[2]), (200, 100), Fit.CROP) == turned


unit = st.floats(0, 1)


@st.composite
def boxes(draw):
    (x1, x2), (y1, y2) = (sorted((draw(unit), draw(unit))) for _ in range(2))
    assume(x2 - x1 > 0.01 and y2 - y1 > 0.01)
    return x1, y1, x2, y2


@given(boxes(), sides, sides, ways)
def test_a_box_stays_in_the_square_and_comes_back(box, height, width, how):
    fitted = fit_box(box, (height, width), how)
    if fitted is None:
        assert how is Fit.CROP  # padding loses nothing
        return
    x1, y1, x2, y2 = fitted
    assert 0 <= x1 < x2 <= 1
    assert 0 <= y1 < y2 <= 1
    back = unfit_box(fitted, (height, width), how)
    again = fit_box(back, (height, width), how)
    if min(x2 - x1, y2 - y1) * (max if how is Fit.PAD else min)(height, width) <= 1:
        return  # widened to a whole pixel
    np.testing.assert_allclose(again, fitted, atol=1e-6)
    if how is Fit.PAD:
        np.testing.assert_allclose(back, box, atol=1e-6)


def test_a_box_in_the_part_cut_off_is_gone():
    assert fit_box((0.0, 0.1, 0.2, 0.9), (100, 200), Fit.CROP) is None
    assert fit_box((0.0, 0.1, 0.2, 0.9), (100, 200), Fit.PAD) == pytest.approx((0.0, 0.3, 0.2, 0.7))


def test_a_box_found_in_the_padding_comes_back_as_a_strip_at_the_edge():
    assert unfit_box((0.1, 0.9, 0.4, 1.0), (100, 200), Fit.PAD) == pytest.approx((0.1, 0.99, 0.4, 1.0))


@given(st.integers(8, 80), st.integers(8, 80), ways, st.data())
def test_box_and_mask_agree(height, width, how, data):
    top, left = data.draw(st.integers(0, height - 4)), data.draw(st.integers(0, width - 4))
    mask = np.zeros((height, width), bool)
    mask[top : top + 4, left : left + 4] = True
    size = 2 * min(height, width)
    box = fit_box((left / width, top / height, (left + 4) / width, (top + 4) / height), (height, width), how)
    fitted = fit_mask(mask, size, how)
    if box is None:
        assert not fitted.any()
        return
    assume(min(box[2] - box[0], box[3] - box[1]) * size >= 2)
    ys, xs = np.nonzero(fitted)
    found = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]) / size
    np.testing.assert_allclose(found, box, atol=1.01 / size)


def test_a_catheter_one_pixel_wide_does_not_vanish():
    mask = np.zeros((512, 512), bool)
    mask[:, 200] = True
    fitted = fit_mask(mask, 64)
    assert fitted.any(axis=1).all()
    assert fitted.sum() == 64


def test_an_empty_mask_stays_empty():
    assert not fit_mask(np.zeros((30, 20), bool), 8).any()
