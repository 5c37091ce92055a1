"""Colours of stored values: what the header says, and what the compressed picture knows better."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.pixels import convert_color_space
from pydicom.uid import JPEG2000, JPEGBaseline8Bit

from hilum.errors import DataError
from hilum.images import read_image
from hilum.images.stored import luma
from images.dicoms import as_bytes, compressed, film

Y, X = np.mgrid[:40, :48]
COLOURS = np.dstack([Y * 6, X * 5, 255 - 3 * (X + Y) // 2]).astype(np.uint8)
LUMA = COLOURS @ [0.299, 0.587, 0.114] / 255


def in_dicom(data: bytes, photometric: str, syntax: str) -> bytes:
    dataset = film(COLOURS, photometric=photometric)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([data])
    return as_bytes(dataset)


def saved(format: str, **options) -> bytes:
    out = BytesIO()
    Image.fromarray(COLOURS).save(out, format, **options)
    return out.getvalue()


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", "YBR_FULL_422"])
@pytest.mark.parametrize("keep_rgb", [False, True])
def test_a_jpeg_is_believed_about_its_own_colours(photometric, keep_rgb):
    data = saved("JPEG", quality=98, subsampling=0, keep_rgb=keep_rgb)
    pixels = read_image(in_dicom(data, photometric, JPEGBaseline8Bit)).pixels
    np.testing.assert_allclose(pixels, LUMA, atol=0.02)


@pytest.mark.parametrize("photometric", ["RGB", "YBR_ICT", "YBR_RCT"])
def test_jpeg_2000_comes_as_rgb_whatever_was_transformed(photometric):
    data = saved("JPEG2000", no_jp2=True, mct=int(photometric != "RGB"))
    pixels = read_image(in_dicom(data, photometric, JPEG2000)).pixels
    np.testing.assert_allclose(pixels, LUMA, atol=0.02)


@pytest.mark.parametrize("colour", ["RGB", "YBR_FULL", "YBR_FULL_422"])
def test_luma_is_that_of_the_same_picture_in_rgb(colour):
    values = COLOURS if colour == "RGB" else convert_color_space(COLOURS, "RGB", "YBR_FULL")
    np.testing.assert_allclose(luma(values, colour, 8), LUMA, atol=0.004)


def test_partial_range_runs_from_16_to_235():
    values = np.zeros((1, 4, 3), np.uint8)
    values[0, :, 0] = [0, 16, 235, 255]
    np.testing.assert_allclose(luma(values, "YBR_PARTIAL_420", 8), [[0, 0, 1, 1]], atol=1e-6)


def test_partial_range_of_ten_bits_is_four_times_as_fine():
    values = np.zeros((1, 4, 3), np.uint16)
    values[0, :, 0] = [64, 284, 940, 1023]
    expected = [[0, (284 / 4 - 16) / 219, 1, 1]]
    np.testing.assert_allclose(luma(values, "YBR_PARTIAL_420", 10), expected, atol=1e-6)


@pytest.mark.parametrize(("bits", "high"), [(12, 15), (12, 13), (10, 11), (12, 11), (12, 9)])
def test_bits_below_the_stored_ones_are_dropped(bits, high):
    unused = max(0, high + 1 - bits)
    values = np.arange(1 << bits, dtype=np.uint16).reshape(-1, 32)
    stored = (values << unused) + (1 << unused) // 2  # noise below
    window = {"WindowCenter": 2 ** (bits - 1), "WindowWidth": 2**bits}
    radiograph = read_image(as_bytes(film(stored, bits, HighBit=high, **window)))
    np.testing.assert_allclose(radiograph.pixels, values / (2**bits - 1), atol=1e-6)
    assert radiograph.bits == bits


@pytest.mark.parametrize("components", [4, 5])
def test_four_samples_a_pixel_are_the_most(components):
    data = saved("JPEG2000", no_jp2=True)
    start = data.index(b"\xff\x4f\xff\x51")
    many = data[: start + 40] + components.to_bytes(2, "big") + data[start + 42 :]
    with pytest.raises(DataError) as caught:
        read_image(in_dicom(many, "RGB", JPEG2000))
    assert ("samples a pixel in its compressed picture" in str(caught.value)) is (components == 5)


def test_luma_of_sixteen_bits():
    values = np.full((2, 2, 3), 65535, np.uint16)
    np.testing.assert_allclose(luma(values, "RGB", 16), 1, atol=1e-6)


def test_the_first_of_several_compressed_frames():
    first = saved("JPEG", quality=98)
    out = BytesIO()
    Image.new("RGB", (48, 40)).save(out, "JPEG")
    second = out.getvalue()
    dataset = dcmread(BytesIO(in_dicom(first, "YBR_FULL", JPEGBaseline8Bit)))
    dataset.PixelData = encapsulate([first, second])
    dataset.NumberOfFrames = 2
    out = BytesIO()
    dataset.save_as(out)
    np.testing.assert_allclose(read_image(out.getvalue(), force=True).pixels, LUMA, atol=0.05)


def test_a_jpeg_2000_with_a_sign_is_believed_before_the_header():
    values = (np.arange(40 * 48, dtype=np.int16).reshape(40, 48) * 2 - 1900).astype(np.int16)
    expected = read_image(compressed(film(values, 12), "JPEG 2000 lossless")).pixels
    dataset = dcmread(BytesIO(compressed(film(values, 12), "JPEG 2000 lossless")))
    assert dataset.PixelRepresentation == 1
    dataset.PixelRepresentation = 0
    out = BytesIO()
    dataset.save_as(out)
    pixels = read_image(out.getvalue()).pixels
    assert np.array_equal(pixels, expected)
    assert (np.diff(pixels.ravel()) > 0).all()


def test_a_jpeg_2000_of_too_many_samples_is_not_unpacked():
    data = saved("JPEG2000", no_jp2=True)
    start = data.index(b"\xff\x4f\xff\x51")
    many = data[: start + 40] + (16384).to_bytes(2, "big") + data[start + 42 :]
    with pytest.raises(DataError, match="has 16,384 samples a pixel in its compressed picture"):
        read_image(in_dicom(many, "RGB", JPEG2000))
