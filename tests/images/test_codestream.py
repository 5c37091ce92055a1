"""What a compressed picture says of its own size and colours is read without unpacking it."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import get_frame

from hilum.images.codestream import stated_colours, stated_components, stated_sign, stated_size
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


def jpeg_2000(x1: int, y1: int, x0: int, y0: int, components: int, depth: int) -> bytes:
    """The head of a codestream (T.800, A.5.1), up to the first component's depth and sign."""
    return b"\xff\x4f\xff\x51" + struct.pack(
        ">HH8IHB", 41, 0, x1, y1, x0, y0, x1, y1, 0, 0, components, depth
    )


def test_a_jpeg_2000_that_begins_beside_its_grid():
    data = jpeg_2000(80, 48, 7, 5, 3, 0x87)
    for before in (b"", bytes(4092)):  # as deep as it is looked for
        assert stated_size(before + data) == (43, 73)
        assert stated_components(before + data) == 3
        assert stated_sign(before + data) is True
    for read in (stated_size, stated_components, stated_sign):
        assert read(bytes(4093) + data) is None
    assert stated_sign(jpeg_2000(80, 48, 7, 5, 258, 0x7F)) is False
    assert stated_components(jpeg_2000(80, 48, 7, 5, 258, 0x7F)) == 258
    assert stated_size(data[:24]) == (43, 73)
    assert stated_size(data[:23]) is None
    assert stated_sign(data[:43]) is True
    assert stated_sign(data[:42]) is None


FRAME = b"\x08\x00\x30\x00\x50\x03"
"""Of a JPEG: eight bits, 48 × 80, three components."""


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


def of_three(names: bytes, sampling: bytes) -> bytes:
    return FRAME + b"".join(bytes(each) for each in zip(names, sampling, b"\0\1\1", strict=True))


@pytest.mark.parametrize(
    ("segments", "colours"),
    [
        ([segment(0xC0, of_three(b"RGB", b"\x11\x11\x11"))], "RGB"),
        ([segment(0xC0, of_three(b"\1\2\3", b"\x11\x11\x11"))], None),
        ([segment(0xC0, of_three(b"\1\2\3", b"\x22\x11\x11"))], "YBR_FULL"),
        ([segment(0xC0, of_three(b"\1\2\3", b"\x11\x22\x22"))], None),
        ([segment(0xE0, b"JFIF\0"), segment(0xC0, of_three(b"\1\2\3", b"\x11\x11\x11"))], "YBR_FULL"),
        ([segment(0xE0, b"AVI1\0"), segment(0xC0, of_three(b"\1\2\3", b"\x11\x11\x11"))], None),
        ([segment(0xE1, b"JFIF\0"), segment(0xC0, of_three(b"\1\2\3", b"\x11\x11\x11"))], None),
        ([segment(0xE0, b"JFIF\0"), segment(0xC0, of_three(b"RGB", b"\x11\x11\x11"))], "RGB"),
        ([segment(0xE0, b"JFIF\0"), segment(0xC0, b"\x08\0\x30\0\x50\x01" + bytes(9))], None),
        ([segment(0xE0, b"JFIF\0"), segment(0xC0, of_three(b"RGB", b"\x11\x11\x11")[:-1])], None),
        ([segment(0xEE, b"Adobe" + bytes(7))], "RGB"),
        ([segment(0xEE, b"Adobe" + bytes(6) + b"\1")], "YBR_FULL"),
        ([segment(0xEE, b"Adobe" + bytes(6) + b"\2")], "YBR_FULL"),
        ([segment(0xEE, b"Adobe" + bytes(6))], None),
        ([segment(0xEE, b"adobe" + bytes(7))], None),
        ([segment(0xED, b"Adobe" + bytes(7))], None),
        ([segment(0xDA, b""), segment(0xEE, b"Adobe" + bytes(7))], None),
        ([b"\xff\xfe\0\1", segment(0xEE, b"Adobe" + bytes(7))], None),
        ([segment(0xFE, b""), segment(0xEE, b"Adobe" + bytes(7))], "RGB"),
    ],
)
def test_which_marker_decides_the_colours(segments, colours):
    assert stated_colours(b"\xff\xd8" + b"".join(segments)) == colours


@pytest.mark.parametrize("marker", range(0xC0, 0x100))
def test_the_markers_that_carry_a_size(marker):
    frame = marker == 0xF7 or (marker < 0xD0 and marker not in (0xC4, 0xC8, 0xCC))
    data = b"\xff\xd8" + segment(marker, FRAME[:5])
    assert stated_size(data) == ((48, 80) if frame else None)
    assert stated_size(b"\xff\xd8" + segment(marker, FRAME[:4])) is None


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
