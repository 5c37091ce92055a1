"""Every transfer syntax and photometric interpretation gives the same picture."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from hilum.errors import DataError
from hilum.images import read_image
from images.dicoms import as_bytes, compressed, film

RNG = np.random.default_rng(3)


def smooth(bits: int) -> np.ndarray:
    """A picture that a lossy coder keeps well: waves over the whole range of so many bits."""
    y, x = np.mgrid[:64, :48] / 48
    wave = (np.sin(3 * x) * np.cos(2 * y) + 1) / 2
    dtype = np.uint8 if bits <= 8 else np.uint16
    return np.rint(wave * (2**bits - 1)).astype(dtype)


def full_window(bits: int) -> dict[str, object]:
    """A window that shows every stored value on its own scale."""
    top = 2**bits - 1
    return {"WindowCenter": top / 2, "WindowWidth": top, "VOILUTFunction": "LINEAR_EXACT"}


LOSSLESS = ["RLE", "JPEG lossless", "JPEG lossless SV1", "JPEG-LS", "JPEG 2000 lossless"]
LOSSY_8 = ["JPEG baseline", "JPEG extended", "JPEG-LS near", "JPEG 2000"]


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 15, 16])
@pytest.mark.parametrize("syntax", LOSSLESS)
def test_lossless_of_any_depth(syntax, bits):
    values = smooth(bits)
    radiograph = read_image(compressed(film(values, bits, **full_window(bits)), syntax))
    np.testing.assert_allclose(radiograph.pixels, values / (2**bits - 1), atol=1e-6)
    assert radiograph.bits == bits
    assert radiograph.format == "DICOM"


@pytest.mark.parametrize("syntax", LOSSY_8)
def test_lossy(syntax):
    values = smooth(8)
    radiograph = read_image(compressed(film(values), syntax))
    np.testing.assert_allclose(radiograph.pixels, values / 255, atol=0.03)


@pytest.mark.parametrize("syntax", ["RLE", "JPEG-LS", "JPEG 2000 lossless"])
def test_signed_values(syntax):
    values = smooth(12).astype(np.int16) - 2048
    window = {"WindowCenter": -0.5, "WindowWidth": 4095, "VOILUTFunction": "LINEAR_EXACT"}
    plain = read_image(as_bytes(film(values, 12, **window))).pixels
    np.testing.assert_allclose(plain, (values + 2048) / 4095, atol=1e-6)
    try:
        data = compressed(film(values, 12, **window), syntax)
    except AssertionError:
        pytest.skip(f"GDCM writes no signed {syntax}")
    assert np.array_equal(read_image(data).pixels, plain)


@pytest.mark.parametrize("uid", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_uncompressed_of_every_kind(uid):
    values = smooth(12)
    dataset = film(values, 12, **full_window(12))
    dataset.file_meta.TransferSyntaxUID = uid
    if uid == ExplicitVRBigEndian:
        dataset.PixelData = values.astype(">u2").tobytes()
    radiograph = read_image(as_bytes(dataset))
    np.testing.assert_allclose(radiograph.pixels, values / 4095, atol=1e-6)
    assert radiograph.encoding == uid.name


@pytest.mark.parametrize(("uid", "order"), [(ExplicitVRBigEndian, ">"), (ImplicitVRLittleEndian, "<")])
def test_a_lut_of_words_has_the_byte_order_of_its_file(uid, order):
    values = smooth(12)
    item = Dataset()
    item.LUTDescriptor = [4096, 0, 12]
    item.add_new("LUTData", "OW", np.arange(4095, -1, -1).astype(f"{order}u2").tobytes())
    dataset = film(values, 12, VOILUTSequence=[item])
    dataset.file_meta.TransferSyntaxUID = uid
    dataset.PixelData = values.astype(f"{order}u2").tobytes()
    np.testing.assert_allclose(read_image(as_bytes(dataset)).pixels, 1 - values / 4095, atol=1e-6)


@pytest.mark.parametrize("uid", [ImplicitVRLittleEndian, None])
def test_without_preamble_and_meta_header(uid):
    values = smooth(8)
    dataset = film(values)
    if uid:
        dataset.file_meta.TransferSyntaxUID = uid
    data = as_bytes(dataset, meta=False)
    assert data[128:132] != b"DICM"
    assert np.array_equal(read_image(data).pixels, values.astype(np.float32) / np.float32(255))


@pytest.mark.parametrize("syntax", [None, "RLE", "JPEG lossless", "JPEG 2000 lossless"])
def test_monochrome1_is_turned(syntax):
    values = smooth(8)
    dataset = film(values, photometric="MONOCHROME1")
    data = compressed(dataset, syntax) if syntax else as_bytes(dataset)
    np.testing.assert_allclose(read_image(data).pixels, 1 - values / 255, atol=1e-6)


@pytest.mark.parametrize("syntax", [None, "RLE", "JPEG 2000 lossless", "JPEG baseline"])
def test_rgb_becomes_its_luma(syntax):
    colour = np.dstack([smooth(8), smooth(8).T[:48].repeat(2, 0)[:64].repeat(2, 1)[:, :48], smooth(8)[::-1]])
    colour = np.ascontiguousarray(colour)
    dataset = film(colour, photometric="RGB")
    data = compressed(dataset, syntax) if syntax else as_bytes(dataset)
    expected = colour @ [0.299, 0.587, 0.114] / 255
    tolerance = 0.02 if syntax == "JPEG baseline" else 5e-3
    np.testing.assert_allclose(read_image(data).pixels, expected, atol=tolerance)


def test_planes_one_after_another():
    colour = np.dstack([smooth(8), smooth(8)[::-1], smooth(8)[:, ::-1]])
    dataset = film(colour, photometric="RGB", PlanarConfiguration=1)
    dataset.PixelData = np.ascontiguousarray(colour.transpose(2, 0, 1)).tobytes()
    expected = colour @ [0.299, 0.587, 0.114] / 255
    np.testing.assert_allclose(read_image(as_bytes(dataset)).pixels, expected, atol=1e-5)


def test_ybr_is_read_by_its_luma():
    ybr = np.dstack([smooth(8), np.full((64, 48), 90, np.uint8), np.full((64, 48), 200, np.uint8)])
    pixels = read_image(as_bytes(film(np.ascontiguousarray(ybr), photometric="YBR_FULL"))).pixels
    np.testing.assert_allclose(pixels, smooth(8) / 255, atol=1e-6)


def test_palette_colour():
    values = smooth(8)
    dataset = film(values, photometric="PALETTE COLOR")
    grey = (255 - np.arange(256)).astype(np.uint16) * 257
    for name in ("Red", "Green", "Blue"):
        setattr(dataset, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(dataset, f"{name}PaletteColorLookupTableData", grey.tobytes())
    np.testing.assert_allclose(read_image(as_bytes(dataset)).pixels, 1 - values / 255, atol=1e-5)


def test_values_kept_in_the_upper_bits():
    values = smooth(12)
    dataset = film(values << 4, 12, **full_window(12))
    dataset.HighBit = 15
    radiograph = read_image(as_bytes(dataset))
    np.testing.assert_allclose(radiograph.pixels, values / 4095, atol=1e-6)
    assert radiograph.bits == 12


def test_what_stands_in_the_unused_upper_bits_is_ignored():
    values = smooth(12)
    overlay = RNG.integers(0, 16, values.shape).astype(np.uint16) << 12
    radiograph = read_image(as_bytes(film(values | overlay, 12, **full_window(12))))
    np.testing.assert_allclose(radiograph.pixels, values / 4095, atol=1e-6)


def test_thirty_two_bits():
    values = smooth(16).astype(np.uint32) * 1000
    values[0, 0] = 0
    pixels = read_image(as_bytes(film(values, 32))).pixels
    np.testing.assert_allclose(pixels, values / values.max(), atol=1e-5)


def test_of_several_frames_the_first_when_forced():
    frames = np.stack([smooth(8), smooth(8)[::-1]])
    dataset = film(smooth(8), NumberOfFrames=2)
    dataset.PixelData = frames.tobytes()
    with pytest.raises(DataError, match="2 frames"):
        read_image(as_bytes(dataset))
    np.testing.assert_allclose(read_image(as_bytes(dataset), force=True).pixels, frames[0] / 255, atol=1e-6)
