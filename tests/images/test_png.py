"""Pictures out: what is written reads back, and equal pictures share an id."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from hilum.errors import DataError, UsageError
from hilum.images import encode_png, image_id, read_image, write_png

pictures = arrays.arrays(
    np.float32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.floats(0, 1, width=32)
)


@given(pictures)
def test_writing_and_reading_moves_no_grey_level_by_more_than_half(pixels):
    back = read_image(encode_png(pixels)).pixels
    assert back.dtype == np.float32
    assert back.shape == pixels.shape
    assert np.abs(back - pixels).max() <= 0.5 / 255 + 1e-6


@given(pictures)
def test_a_second_writing_changes_nothing(pixels):
    once = encode_png(pixels)
    assert encode_png(read_image(once).pixels) == once


@given(pictures)
def test_the_id_is_of_the_content(pixels):
    plain, told = encode_png(pixels), encode_png(pixels, text={"Description": "x"})
    assert plain != told
    assert image_id(pixels) == image_id(plain) == image_id(told)
    assert len(image_id(pixels)) == 16
    assert int(image_id(pixels), 16) >= 0


def test_the_id_tells_shape_and_value_apart():
    flat = np.zeros((2, 8), np.float32)
    other = flat.copy()
    other[0, 0] = 1
    assert len({image_id(flat), image_id(flat.reshape(4, 4)), image_id(flat.T), image_id(other)}) == 4


def test_the_id_is_of_grey_levels_not_of_the_compression():
    pixels = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    levels = (pixels * 255 + 0.5).astype(np.uint8)
    out = BytesIO()
    Image.fromarray(levels).save(out, format="PNG", compress_level=0)
    assert image_id(out.getvalue()) == image_id(pixels) == image_id(levels)


def test_text_goes_into_the_file(tmp_path):
    write_png(tmp_path / "a.png", np.zeros((4, 4), np.float32), {"Synthetic": "yes", "Name": "Å中"})
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "L"
        assert image.text == {"Synthetic": "yes", "Name": "Å中"}


def test_a_grey_level_is_rounded_at_its_middle():
    between = np.array([[0.49, 0.51, 100.45, 100.55, 254.49, 254.51]], np.float32) / np.float32(255)
    assert np.rint(read_image(encode_png(between)).pixels * 255).tolist() == [[0, 1, 100, 101, 254, 255]]


def test_the_id_of_a_picture_is_the_same_in_every_version():
    assert image_id(np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)) == "3c68a9234e1a5356"


def test_the_bytes_do_not_hang_on_the_library_s_default():
    pixels = np.add.outer(np.sin(np.arange(64) / 5), np.cos(np.arange(64) / 7)).astype(np.float32) / 4 + 0.5
    sizes = {level: BytesIO() for level in range(10)}
    for level, out in sizes.items():
        Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).save(out, "PNG", compress_level=level)
    assert encode_png(pixels) == sizes[4].getvalue()
    assert len({sizes[level].getvalue() for level in (3, 4, 5, 6)}) == 4


def test_a_file_of_ours_is_written_anew_and_one_of_another_hand_is_not(tmp_path):
    grey = np.zeros((4, 4), np.float32)
    for path in (tmp_path / "a.png", str(tmp_path / "a.png")):
        write_png(path, grey + np.float32(0.2 * isinstance(path, str)))
    assert read_image(tmp_path / "a.png").pixels.max() == pytest.approx(0.2)
    (tmp_path / "b.png").write_bytes(encode_png(grey))
    with pytest.raises(UsageError, match=r"b\.png"):
        write_png(tmp_path / "b.png", grey)


def test_values_outside_are_cut_off():
    pixels = np.array([[-1.0, 2.0]], np.float32)
    assert read_image(encode_png(pixels)).pixels.tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize(
    ("pixels", "problem"),
    [
        (np.full((2, 2), np.nan, np.float32), "not numbers"),
        (np.full((2, 2), np.inf, np.float32), "not numbers"),
        (np.zeros((0, 2), np.float32), "shape"),
        (np.zeros((2, 2, 3), np.float32), "shape"),
    ],
)
def test_what_is_no_picture_leaves_the_old_file_alone(tmp_path, pixels, problem):
    path = tmp_path / "a.png"
    path.write_bytes(b"before")
    with pytest.raises(DataError, match=problem):
        write_png(path, pixels)
    assert path.read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
