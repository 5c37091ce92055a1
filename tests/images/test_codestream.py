"""What a compressed picture says of its own size and colours is read without unpacking it."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import get_frame

from hilum.images.codestream import stated_colours, stated_size
from images.dicoms import compressed, film

FILM = np.arange(48 * 80, dtype=np.uint16).reshape(48, 80).astype(np.uint8)


def saved(format: str, mode: str = "L", **options) -> bytes:
    out = BytesIO()
    Image.fromarray(FILM).convert(mode).save(out, format, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [saved("JPEG"), saved("JPEG", progressive=True), saved("JPEG2000"), saved("JPEG2000", no_jp2=True)],
    ids=["JPEG", "progressive", "JP2", "bare JPEG 2000"],
)
def test_the_size_of_a_file(data):
    assert stated_size(data) == (48, 80)


@pytest.mark.parametrize("syntax", ["JPEG lossless", "JPEG lossless SV1", "JPEG-LS", "JPEG-LS near"])
def test_the_size_within_a_dicom(syntax):
    dataset = dcmread(BytesIO(compressed(film(FILM), syntax)))
    assert stated_size(get_frame(dataset.PixelData, 0, number_of_frames=1)) == (48, 80)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"RLE has no header", saved("PNG")])
def test_nothing_is_made_up(data):
    assert stated_size(data) is None
    assert stated_colours(data) is None


def without(marker: int, data: bytes) -> bytes:
    """The JPEG without its first segment of this kind."""
    at = data.index(bytes([0xFF, marker]))
    return data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]


def filled(marker: int, data: bytes) -> bytes:
    """The JPEG with fill bytes before its first segment of this kind, as T.81, B.1.1.2 allows."""
    at = data.index(bytes([0xFF, marker]))
    return data[:at] + b"\xff\xff" + data[at:]


YBR = saved("JPEG", "RGB", subsampling=0)
CMYK = saved("JPEG", "CMYK")
RGB = saved("JPEG", "RGB", keep_rgb=True)


@pytest.mark.parametrize(
    ("data", "colours"),
    [
        (saved("JPEG"), None),
        (YBR, "YBR_FULL"),
        (without(0xE0, YBR), None),
        (without(0xE0, saved("JPEG", "RGB", subsampling=2)), "YBR_FULL"),
        (RGB, "RGB"),
        (without(0xEE, RGB), "RGB"),
        (filled(0xEE, RGB), "RGB"),
    ],
    ids=["grey", "JFIF", "nothing said", "coarser chroma", "Adobe RGB", "components named RGB", "fill bytes"],
)
def test_the_colours_of_a_jpeg(data, colours):
    assert stated_colours(data) == colours


@given(st.data())
def test_a_codestream_cut_or_altered_never_raises(data):
    whole = data.draw(st.sampled_from([saved("JPEG"), YBR, RGB, CMYK, saved("JPEG2000")]))
    altered = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for at in data.draw(st.lists(st.integers(0, max(0, len(altered) - 1)), max_size=4)):
        altered[at : at + 1] = data.draw(st.binary(min_size=1, max_size=2))
    size = stated_size(bytes(altered))
    assert size is None or all(isinstance(side, int) for side in size)
    assert stated_colours(bytes(altered)) in (None, "RGB", "YBR_FULL")
