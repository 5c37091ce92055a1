"""Stored value to grey: rescale, VOI LUT and windows, padding, MONOCHROME1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.pixels.processing import apply_rescale, apply_windowing

from hilum.images import read_image
from images.dicoms import as_bytes, film, lut

RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)


def grey(values: np.ndarray = RAMP, bits: int = 12, **attributes) -> np.ndarray:
    return read_image(as_bytes(film(values, bits, **attributes))).pixels


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID", None])
@given(
    centre=st.integers(-500, 4500),
    width=st.integers(2, 5000),
    slope=st.sampled_from([0.5, 1.0, 2.0]),
    intercept=st.integers(-1024, 100),
)
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")  # pydicom's sigmoid
def test_windows_are_those_of_the_standard(function, centre, width, slope, intercept):
    dataset = film(RAMP, 12, RescaleSlope=slope, RescaleIntercept=intercept)
    dataset.WindowCenter, dataset.WindowWidth = centre, width
    if function:
        dataset.VOILUTFunction = function
    modality = apply_rescale(RAMP, dataset)
    shown = apply_windowing(modality, dataset)
    low = min(intercept, intercept + slope * 4095)
    # pydicom spreads the window over the range that the rescaled values can take.
    expected = (shown - low) / (slope * 4095)
    if np.ptp(expected) < 2e-3:
        return
    np.testing.assert_allclose(read_image(as_bytes(dataset)).pixels, expected, atol=2e-6)


def test_the_first_of_several_windows():
    pixels = grey(WindowCenter=[1000, 3000], WindowWidth=[500, 500])
    assert pixels[0, 0] == 0
    assert pixels.flat[1500] == 1


def test_a_window_of_width_one_is_a_step():
    pixels = grey(WindowCenter=2000, WindowWidth=1)
    assert np.array_equal(pixels, (RAMP >= 2000).astype(np.float32))


@pytest.mark.parametrize(
    "window",
    [
        {},
        {"WindowCenter": 60000, "WindowWidth": 10},
        {"WindowCenter": -9, "WindowWidth": 1e-3},
        {"WindowCenter": 2000, "WindowWidth": 0},
        {"WindowCenter": 2000, "WindowWidth": -5, "VOILUTFunction": "SIGMOID"},
        {"WindowCenter": 2000, "WindowWidth": 0, "VOILUTFunction": "LINEAR_EXACT"},
        {"WindowCenter": 2000},
    ],
    ids=[
        "none",
        "beside the values",
        "narrow beside them",
        "zero wide",
        "negative sigmoid",
        "zero exact",
        "half a window",
    ],
)
def test_without_a_window_that_shows_anything_the_whole_range(window):
    values = RAMP // 8 + 700
    np.testing.assert_allclose(grey(values, **window), (values - 700) / 511, atol=1e-6)


def test_eight_bits_are_shown_as_they_are():
    values = np.arange(50, 114, dtype=np.uint8).reshape(8, 8)
    np.testing.assert_allclose(grey(values, 8), values / 255, atol=1e-7)


@pytest.mark.parametrize(
    ("values", "bits", "top"),
    [
        (np.arange(64, dtype=np.uint8), 8, 255),
        (np.arange(192, 256, dtype=np.uint8), 8, 255),
        (np.arange(64, dtype=np.uint8), 7, 127),
        (np.arange(192, 256, dtype=np.uint16), 8, 255),
        (np.arange(201, dtype=np.uint16), 12, 200),
        (np.arange(64, dtype=np.uint16), 9, 63),
    ],
    ids=["from black", "to white", "seven bits", "in words", "few of twelve bits", "few of nine bits"],
)
def test_only_up_to_eight_bits_are_shown_as_they_are(values, bits, top):
    np.testing.assert_allclose(grey(values[None], bits), values[None] / top, atol=1e-6)


def test_eight_bits_with_a_sign_or_a_rescale_are_spread_over_the_whole_range():
    values = np.arange(-20, 44, dtype=np.int8)[None]
    np.testing.assert_allclose(grey(values, 8), (values + 20.0) / 63, atol=1e-6)
    rescaled = {"RescaleSlope": 2, "RescaleIntercept": 5}
    np.testing.assert_allclose(grey(np.arange(64, dtype=np.uint8)[None], 8, **rescaled)[0, -1], 1)


def test_one_grey_throughout_is_black():
    assert (grey(np.full((4, 4), 900, np.uint16)) == 0).all()


def test_rescale_comes_before_the_window():
    pixels = grey(
        RescaleSlope=2,
        RescaleIntercept=-1000,
        WindowCenter=0,
        WindowWidth=2000,
        VOILUTFunction="LINEAR_EXACT",
    )
    np.testing.assert_allclose(pixels, np.clip((RAMP * 2.0 - 1000) / 2000 + 0.5, 0, 1), atol=1e-6)


def test_a_negative_slope_turns_the_picture():
    np.testing.assert_allclose(grey(RescaleSlope=-1, RescaleIntercept=4095), 1 - RAMP / 4095, atol=1e-6)


def test_a_slope_of_zero_is_no_slope():
    np.testing.assert_allclose(grey(RescaleSlope=0, RescaleIntercept=0), RAMP / 4095, atol=1e-6)


def test_modality_lut():
    item = lut(0, [i * 4 for i in range(1024)], 12)
    pixels = grey(ModalityLUTSequence=[item], WindowCenter=2048, WindowWidth=4096)
    np.testing.assert_allclose(pixels.flat[:1024], np.clip(np.arange(1024) * 4 / 4095, 0, 1), atol=2e-3)
    assert (pixels.flat[1024:] == pixels.flat[1023]).all()


def test_a_voi_lut_goes_before_a_window():
    item = lut(1000, [0, 1023, 2047, 4095], 12)
    pixels = grey(VOILUTSequence=[item], WindowCenter=1, WindowWidth=1)
    assert pixels.flat[999] == pixels.flat[1000] == 0
    np.testing.assert_allclose(pixels.flat[1001:1004], [1023 / 4095, 2047 / 4095, 1.0], atol=1e-6)
    assert pixels.flat[4095] == 1


def test_a_voi_lut_that_claims_more_bits_than_it_uses():
    item = lut(0, list(range(4096)), 16)
    np.testing.assert_allclose(grey(VOILUTSequence=[item]), RAMP / 4095, atol=1e-6)


def test_a_voi_lut_for_values_below_zero():
    item = lut(-2048, list(range(4096)), 12)
    values = RAMP.astype(np.int16) - 2048
    np.testing.assert_allclose(grey(values, VOILUTSequence=[item]), RAMP / 4095, atol=1e-6)


@pytest.mark.parametrize("start", [0, 40000])
def test_a_voi_lut_whose_start_is_read_with_the_wrong_sign(start):
    item = lut(0, list(range(4095, -1, -1)), 12)
    item["LUTDescriptor"].VR = "SS"
    item.LUTDescriptor = [4096, start - (start and 1 << 16), 12]
    np.testing.assert_allclose(grey(RAMP + start, 16, VOILUTSequence=[item]), 1 - RAMP / 4095, atol=1e-6)


def test_a_voi_lut_stored_as_words_and_as_packed_bytes():
    wide = lut(0, [1], 12)
    wide.LUTDescriptor = [4096, 0, 12]
    wide["LUTData"].VR = "OW"
    wide["LUTData"].value = np.arange(4096, dtype="<u2").tobytes()
    np.testing.assert_allclose(grey(VOILUTSequence=[wide]), RAMP / 4095, atol=1e-6)
    packed = lut(0, [1], 8)
    packed.LUTDescriptor = [256, 0, 8]
    packed["LUTData"].VR = "OW"
    packed["LUTData"].value = np.arange(255, -1, -1, dtype=np.uint8).tobytes()
    np.testing.assert_allclose(grey(VOILUTSequence=[packed]).flat[:256], 1 - np.arange(256) / 255, atol=1e-6)


def test_an_incomplete_lut_is_passed_over():
    item = lut(0, [1, 2], 12)
    del item.LUTData
    pixels = grey(VOILUTSequence=[item], ModalityLUTSequence=[item])
    np.testing.assert_allclose(pixels, RAMP / 4095, atol=1e-6)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_either_way_and_does_not_stretch_the_range(photometric):
    values = RAMP // 8 + 700
    values[:8] = 4095
    attributes = {"PixelPaddingValue": 4095, "photometric": photometric}
    pixels = grey(values, **attributes)
    assert (pixels[:8] == 0).all()
    assert pixels[8:].max() == 1
    assert pixels[8:].min() == 0


def test_a_range_of_padding():
    pixels = grey(PixelPaddingValue=10, PixelPaddingRangeLimit=0, photometric="MONOCHROME1")
    assert (pixels.flat[:11] == 0).all()
    assert pixels.flat[11] == 1


def test_a_padding_value_written_with_the_wrong_sign():
    values = RAMP.astype(np.int16) - 2048
    values[0] = -2000
    dataset = film(values, 12)
    dataset.add_new("PixelPaddingValue", "US", 63536)
    assert (read_image(as_bytes(dataset)).pixels[0] == 0).all()
    unsigned = film(np.full((4, 4), 63536, np.uint16), 16)
    unsigned.add_new("PixelPaddingValue", "SS", -2000)
    unsigned.PixelRepresentation = 0
    assert (read_image(as_bytes(unsigned)).pixels == 0).all()


def test_a_picture_of_padding_only_is_black():
    assert (grey(np.full((4, 4), 9, np.uint16), PixelPaddingValue=9) == 0).all()


@pytest.mark.parametrize(("where", "bits"), [("FloatPixelData", 32), ("DoubleFloatPixelData", 64)])
def test_float_pixels(where, bits):
    dataset = film(RAMP, 12)
    values = np.linspace(-3, 5, 4096, dtype=f"<f{bits // 8}").reshape(64, 64)
    values[3, 3] = np.nan
    del dataset.PixelData
    for keyword in ("BitsStored", "HighBit", "PixelRepresentation"):
        delattr(dataset, keyword)
    dataset.BitsAllocated = bits
    setattr(dataset, where, values.tobytes())
    pixels = read_image(as_bytes(dataset)).pixels
    assert np.isfinite(pixels).all()
    assert pixels[0, 0] == 0
    assert pixels[-1, -1] == 1
    assert pixels[0, 1] == pytest.approx(1 / 4095, abs=1e-5)


@pytest.mark.parametrize("width", [0.05, 0.5, 0.999, 1.0, 1.5])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_narrow_window_on_finely_rescaled_values(width, photometric):
    slope = 1 / 4095
    window = {
        "WindowCenter": 0.5,
        "WindowWidth": width,
        "RescaleSlope": f"{slope:.8f}",
        "RescaleIntercept": 0,
    }
    expected = np.clip((RAMP * slope - 0.5) / width + 0.5, 0, 1)
    pixels = grey(photometric=photometric, **window)
    expected = 1 - expected if photometric == "MONOCHROME1" else expected
    np.testing.assert_allclose(pixels, expected, atol=1e-3)


@pytest.mark.parametrize("slope", [-1, 1, 1e-6])
def test_a_window_made_for_the_stored_values_is_used_on_them(slope):
    window = {"WindowCenter": 2048, "WindowWidth": 4096, "RescaleSlope": slope, "RescaleIntercept": -9000}
    np.testing.assert_allclose(grey(**window), RAMP / 4095, atol=1e-6)
    np.testing.assert_allclose(grey(photometric="MONOCHROME1", **window), 1 - RAMP / 4095, atol=1e-6)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("slope", [1, 1e-7])
def test_a_window_that_misses_all_values_leaves_bone_white(photometric, slope):
    pixels = grey(photometric=photometric, WindowCenter=-90000, WindowWidth=9, RescaleSlope=slope)
    assert pixels.flat[4095 if photometric == "MONOCHROME2" else 0] == 1
    assert pixels.flat[0 if photometric == "MONOCHROME2" else 4095] == 0


@pytest.mark.parametrize("vr", ["US", "SS", "OW"])
@pytest.mark.parametrize("sequence", ["VOILUTSequence", "ModalityLUTSequence"])
def test_lut_data_are_unsigned_whatever_they_were_written_as(vr, sequence):
    entries = np.arange(4096) * 16 + 15
    item = lut(0, [0, 1], 16)
    item.LUTDescriptor = [4096, 0, 16]
    item["LUTData"].VR = vr
    words = entries.astype("<u2")
    item["LUTData"].value = (
        words.tobytes() if vr == "OW" else words.view("<i2" if vr == "SS" else "<u2").tolist()
    )
    np.testing.assert_allclose(grey(**{sequence: [item]}), RAMP / 4095, atol=3e-4)


@pytest.mark.parametrize("bits", [9, 10, 11, 12, 14, 15])
def test_a_lut_that_does_not_use_all_its_bits_keeps_its_scale(bits):
    item = lut(0, [v // 8 for v in range(4096)], bits)
    np.testing.assert_allclose(grey(VOILUTSequence=[item]), RAMP // 8 / (2**bits - 1), atol=1e-6)


@pytest.mark.parametrize(("highest", "bits", "top"), [(1023, 10, 1023), (1024, 10, 4095), (100, 8, 255)])
def test_a_lut_one_grey_too_bright_for_its_bits_is_of_more(highest, bits, top):
    pixels = grey(VOILUTSequence=[lut(0, [0, 64, highest], bits)])
    np.testing.assert_allclose(pixels.flat[:3], np.array([0, 64, highest]) / top, atol=1e-6)


def test_a_lut_with_fewer_words_than_it_claims_is_level_from_there_on():
    item = lut(0, [1], 12)
    item.LUTDescriptor = [4096, 0, 12]
    item["LUTData"].VR = "OW"
    item["LUTData"].value = np.arange(3000, dtype="<u2").tobytes()
    pixels = grey(VOILUTSequence=[item])
    np.testing.assert_allclose(pixels, np.minimum(RAMP, 2999) / 4095, atol=1e-6)


def test_a_lut_of_eight_bits_may_be_stored_in_words():
    item = lut(0, [1], 8)
    item.LUTDescriptor = [256, 0, 8]
    item["LUTData"].VR = "OW"
    item["LUTData"].value = np.arange(256, dtype="<u2").tobytes()
    np.testing.assert_allclose(grey(VOILUTSequence=[item]), np.minimum(RAMP, 255) / 255, atol=1e-6)


def test_a_lut_of_65536_entries_says_none():
    item = lut(0, [1], 16)
    item.LUTDescriptor = [0, 0, 16]
    item["LUTData"].VR = "OW"
    item["LUTData"].value = np.arange(1 << 16, dtype="<u2")[::-1].tobytes()
    values = np.arange(1 << 16, dtype=np.uint16).reshape(256, 256)
    np.testing.assert_allclose(grey(values, 16, VOILUTSequence=[item]), 1 - values / 65535, atol=1e-6)


def test_a_lut_that_uses_more_bits_than_it_claims():
    np.testing.assert_allclose(grey(VOILUTSequence=[lut(0, list(range(4096)), 8)]), RAMP / 4095, atol=1e-6)


def test_the_first_input_of_a_lut_written_with_the_wrong_sign():
    values = (RAMP + 40000).astype(np.uint16)
    item = lut(-25536, list(range(4096)), 12)  # 40000
    np.testing.assert_allclose(grey(values, 16, VOILUTSequence=[item]), RAMP / 4095, atol=1e-6)
    item = lut(63488, list(range(4096)), 12)  # -2048
    values = RAMP.astype(np.int16) - 2048
    np.testing.assert_allclose(grey(values, VOILUTSequence=[item]), RAMP / 4095, atol=1e-6)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("relationship", ["LIN", "LOG"])
@pytest.mark.parametrize("sign", [1, -1])
def test_bone_is_white_in_what_was_made_for_processing(photometric, relationship, sign):
    raw = {"PresentationIntentType": "FOR PROCESSING", "PixelIntensityRelationshipSign": sign}
    radiograph = read_image(
        as_bytes(film(RAMP, 12, photometric, PixelIntensityRelationship=relationship, **raw))
    )
    bone, air = (0, 4095) if sign == 1 else (4095, 0)
    assert (radiograph.pixels.flat[bone], radiograph.pixels.flat[air]) == (1, 0)
    assert radiograph.notes == ("holds the detector's own values, made for processing",)
    for_eyes = grey(photometric=photometric, PixelIntensityRelationshipSign=sign)
    assert for_eyes.flat[4095] == (photometric == "MONOCHROME2")


def test_intensities_are_shown_by_their_logarithm():
    raw = {"PresentationIntentType": "FOR PROCESSING", "PixelIntensityRelationshipSign": 1}
    pixels = grey(np.array([[4000, 2000, 1000, 0]], np.uint16), PixelIntensityRelationship="LIN", **raw)
    np.testing.assert_allclose(pixels, [[0, 1 / 8, 2 / 8, 1]], atol=1e-6)
    assert (grey(np.zeros((2, 2), np.uint16), PixelIntensityRelationship="LIN", **raw) == 1).all()
    halves = np.array([[1, 0]], np.uint16)
    assert grey(halves, PixelIntensityRelationship="LIN", **raw).tolist() == [[0, 1]]
