"""Whatever is handed over as an image gives the pixels that its file gives, or an error says what to pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hilum.errors import DataError, UsageError
from hilum.images import pixels_from, read_image, view_of

GREY = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)


@pytest.fixture
def film(tmp_path) -> Path:
    path = tmp_path / "film.png"
    Image.fromarray(GREY).save(path)
    return path


def test_every_form_of_one_film_is_the_same_pixels(film) -> None:
    radiograph = read_image(film)
    forms = [
        film,
        str(film),
        film.read_bytes(),
        radiograph,
        radiograph.pixels,
        radiograph.pixels.astype(np.float64),
        torch.from_numpy(radiograph.pixels),
        view_of(film),
        Image.open(film),
        Image.fromarray(GREY).convert("RGB"),
        Image.fromarray(GREY).convert("RGBX"),
        Image.fromarray(radiograph.pixels),
        GREY,
        GREY.astype(np.uint16),
        GREY.astype(np.int64),
        torch.from_numpy(GREY),
    ]
    for form in forms:
        pixels = pixels_from(form)
        assert pixels.dtype == np.float32
        assert np.array_equal(pixels, radiograph.pixels), form


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_pil_image_is_read_as_its_file_is(tmp_path, mode) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 6)
    else:
        colour = np.random.default_rng(1).integers(0, 256, (20, 30, 4), dtype=np.uint8)
        image = Image.fromarray(colour, "RGBA").convert(mode)
    image.save(tmp_path / "image.png")
    assert np.array_equal(pixels_from(image), read_image(tmp_path / "image.png").pixels)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "is a NoneType; give a path, a PIL image, or an array"),
        (3, "is a int; give a path"),
        ({"image": 1}, "is a dict; give a path"),
        (
            np.zeros((3, 4, 4), np.float32),
            "is an array of 3 × 4 × 4; give height and width alone: one channel",
        ),
        (np.zeros(7, np.float32), "is an array of 7; give height and width alone"),
        (np.zeros((0, 4), np.float32), "is an array of 0 × 4"),
        (np.float32(1), "is an array of one number"),
        (np.full((4, 4), True), "is an array of bool"),
        (np.full((4, 4), -1), "is an array of int64; .*or uint8"),
        (np.full((4, 4), 1 << 20), "is an array of int64"),
        (np.zeros((4, 4), complex), "is an array of complex128"),
    ],
)
def test_what_is_no_image_is_refused_with_what_to_pass(given, said) -> None:
    with pytest.raises(UsageError, match=f"^film: {said}"):
        pixels_from(given, "film")


def test_a_path_that_is_not_there_is_the_reader_s_error() -> None:
    with pytest.raises(DataError, match=r"nowhere\.png: does not exist"):
        pixels_from("nowhere.png")


@pytest.mark.parametrize("given", [GREY, Image.fromarray(GREY), None, ["film.png"]])
def test_reading_an_image_wants_a_file(given) -> None:
    with pytest.raises(UsageError, match=r"not a file; give its path; .*pixels_from"):
        read_image(given)
