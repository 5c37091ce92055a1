"""PNG and JPEG of every kind become the same bone-white pixels."""

from __future__ import annotations

import re
import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from hilum.errors import DataError
from hilum.images import read_image

LEVELS = np.linspace(0, 255, 48, dtype=np.uint8).reshape(6, 8)
GREY = LEVELS.astype(np.float32) / 255


def saved(image: Image.Image, format: str = "PNG", **options) -> bytes:
    out = BytesIO()
    image.save(out, format=format, **options)
    return out.getvalue()


def png(width: int, height: int, bit_depth: int = 8, colour: int = 0, rows: bytes = b"") -> bytes:
    """A PNG written by hand, for what Pillow would not write."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, bit_depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def palette() -> Image.Image:
    image = Image.fromarray(255 - LEVELS).convert("P")
    image.putpalette([255 - i // 3 for i in range(768)])
    return image


rgba = np.dstack([LEVELS, LEVELS, LEVELS, np.full_like(LEVELS, 255)])


@pytest.mark.parametrize(
    ("data", "mode"),
    [
        (saved(Image.fromarray(LEVELS)), "L"),
        (saved(Image.fromarray(rgba[..., :3])), "RGB"),
        (saved(Image.fromarray(rgba)), "RGBA"),
        (saved(Image.fromarray(np.ascontiguousarray(rgba[..., 2:]))), "LA"),
        (saved(palette()), "P"),
    ],
    ids=["grey", "rgb", "rgba", "grey with alpha", "palette"],
)
def test_eight_bits_of_any_kind(data, mode):
    radiograph = read_image(data)
    assert np.array_equal(radiograph.pixels, GREY)
    assert radiograph.pixels.dtype == np.float32
    assert (radiograph.format, radiograph.encoding, radiograph.bits) == ("PNG", mode, 8)


@pytest.mark.parametrize(("highest", "bits"), [(200, 8), (1000, 10), (4095, 12), (16383, 14), (65535, 16)])
def test_sixteen_bits_are_scaled_by_the_bits_in_use(highest, bits):
    values = np.linspace(0, highest, 64).astype(np.uint16).reshape(8, 8)
    radiograph = read_image(saved(Image.fromarray(values)))
    assert radiograph.bits == bits
    np.testing.assert_allclose(radiograph.pixels, values / (2**bits - 1), atol=1e-6)


def test_one_bit():
    image = Image.fromarray(LEVELS > 100)
    assert np.array_equal(read_image(saved(image)).pixels, (LEVELS > 100).astype(np.float32))


def test_alpha_lies_over_black():
    half = rgba.copy()
    half[..., 3] = 0
    assert read_image(saved(Image.fromarray(half))).pixels.max() == 0


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_what_is_half_transparent_is_half_as_bright(mode):
    half = rgba.copy()
    half[..., 3] = 128
    data = saved(Image.fromarray(half).convert(mode))
    np.testing.assert_allclose(read_image(data).pixels, GREY * 128 / 255, atol=1 / 255)
    half[..., 3] = 0
    assert not read_image(saved(Image.fromarray(half).convert(mode))).pixels.any()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK"])
def test_colour_becomes_its_luma(mode):
    colour = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    colour = np.repeat(np.repeat(colour, 16, 0), 16, 1)
    image = Image.fromarray(colour)
    image = image.convert(mode, palette=Image.Palette.ADAPTIVE) if mode == "P" else image.convert(mode)
    data = saved(image, "JPEG", quality=98) if mode == "CMYK" else saved(image)
    expected = colour @ [0.299, 0.587, 0.114] / 255
    inner = (np.arange(128) % 16 > 2) & (np.arange(128) % 16 < 13)  # JPEG blurs the edges
    difference = np.abs(read_image(data).pixels - expected)[np.ix_(inner, inner)]
    assert difference.max() < 0.03
    assert read_image(data).bits == 8


def test_a_transparent_palette_colour_is_black():
    data = saved(palette(), transparency=int(np.asarray(palette())[5, 7]))
    assert read_image(data).pixels[5, 7] == 0
    assert read_image(data).pixels[5, 6] == GREY[5, 6]


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg(mode):
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    radiograph = read_image(saved(Image.fromarray(smooth).convert(mode), "JPEG", quality=95))
    assert (radiograph.format, radiograph.encoding) == ("JPEG", mode)
    np.testing.assert_allclose(radiograph.pixels, smooth / 255, atol=0.02)


def test_jpeg_turned_by_its_orientation_tag():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(Image.fromarray(np.repeat(LEVELS, 8, 0)), "JPEG", exif=exif, quality=95)
    assert read_image(data).pixels.shape == (8, 48)


def test_a_broken_file_is_named_with_what_pillow_says_of_it_to_the_last_letter():
    data = saved(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)), "JPEG")
    with pytest.raises(DataError) as caught:
        read_image(data[: len(data) * 9 // 10], name="chest")
    assert re.fullmatch(
        r"chest: cannot be read \(image file is truncated \(\d+ bytes not processed\)\); "
        r"it is damaged or broken off: fetch it again",
        str(caught.value),
    )
    with pytest.raises(DataError, match=r"^chest: cannot be read \(no whole PNG or JPEG\); it is damaged"):
        read_image(b"\x89PNG\r\n\x1a\n" + bytes(20), name="chest")


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
@pytest.mark.parametrize("kept", [0.05, 0.3, 0.9])
def test_a_file_broken_off_is_named(format, kept):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    data = saved(Image.fromarray(noise), format)
    with pytest.raises(DataError, match=r"^chest: cannot be read \([\w ()/'-]+\).*fetch it again"):
        read_image(data[: int(len(data) * kept)], name="chest")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (png(100_000, 100_000), "far too large"),
        (png(30_000, 3_000), "30,000 × 3,000 pixels"),
        (png(0, 5), r"0 × 5 pixels|cannot be read"),
        (png(4, 4), "cannot be read"),
        (png(4, 4, bit_depth=3), "cannot be read"),
    ],
    ids=["absurd", "bomb", "zero", "no rows", "unknown depth"],
)
def test_a_picture_that_cannot_be_is_refused_before_it_is_unpacked(data, problem, recwarn):
    with pytest.raises(DataError, match=problem):
        read_image(data)
    assert not recwarn.list
