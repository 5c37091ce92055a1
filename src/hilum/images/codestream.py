"""What a compressed picture says of itself, read without unpacking it.

stated_size(open("film.jpg", "rb").read())      # (height, width)

DICOM repeats size and colours in its header, and the two do not always agree. A size that disagrees is
damage, or an attempt to make the decoder fill the memory. Colours that disagree are a known fault of
writers that hand RGB to a JPEG library, which turns it to YCbCr without telling.
"""

from __future__ import annotations

from collections.abc import Iterator

_START_OF_FRAME = frozenset({0xF7, *range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""Markers that carry the size: one for each JPEG process, and JPEG-LS."""

_START_OF_SCAN = 0xDA

_JPEG_2000 = b"\xff\x4f\xff\x51"
"""How its codestream begins, bare or within a JP2 header."""


def stated_sign(data: bytes) -> bool | None:
    """Whether a JPEG 2000 codestream states that its values have a sign; None for anything else."""
    start = data.find(_JPEG_2000, 0, 4096)
    return bool(data[start + 42] & 0x80) if start >= 0 and len(data) > start + 42 else None


def stated_components(data: bytes) -> int | None:
    """How many samples a pixel has in a JPEG 2000 codestream; None for anything else."""
    start = data.find(_JPEG_2000, 0, 4096)
    return int.from_bytes(data[start + 40 : start + 42], "big") if start >= 0 else None


def stated_size(data: bytes) -> tuple[int, int] | None:
    """Height and width that a JPEG, JPEG-LS or JPEG 2000 codestream states; None for anything else."""
    start = data.find(_JPEG_2000, 0, 4096)
    if start >= 0 and len(data) >= start + 24:
        x1, y1, x0, y0 = (int.from_bytes(data[start + 8 + i : start + 12 + i], "big") for i in (0, 4, 8, 12))
        return y1 - y0, x1 - x0
    for marker, body in _segments(data):
        if marker in _START_OF_FRAME and len(body) >= 5:
            return int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    return None


def stated_colours(data: bytes) -> str | None:
    """The colours of a JPEG picture of three components: "RGB", "YBR_FULL", or None when it does not say.

    By Adobe's marker, by JFIF's (always YCbCr), by the components' names, or because two of them are
    coarser than the first, which is done to chroma only.
    """
    jfif = False
    for marker, body in _segments(data):
        if marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
            return "RGB" if body[11] == 0 else "YBR_FULL"
        jfif = jfif or (marker == 0xE0 and body.startswith(b"JFIF"))
        if marker in _START_OF_FRAME and len(body) >= 15 and body[5] == 3:
            names, sampling = body[6:15:3], body[7:15:3]
            if names == b"RGB":
                return "RGB"
            return "YBR_FULL" if jfif or sampling[0] > sampling[1] else None
    return None


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and body of each segment of a JPEG up to the first scan."""
    if not data.startswith(b"\xff\xd8"):
        return
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        yield marker, data[at + 4 : at + 2 + length]
        if marker == _START_OF_SCAN or length < 2:
            return
        at += 2 + length
