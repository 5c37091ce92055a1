"""From a DICOM's pixel data to its stored values, by whichever decoder knows the transfer syntax.

values, colour = stored_values(dataset, "chest.dcm")

What the compressed picture says of its own size is compared with the header before anything is unpacked:
a codestream of a few bytes may claim any size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGExtended12Bit,
)

from hilum.errors import DataError
from hilum.images.header import number
from hilum.study import Pixels

OPENJPEG_FIRST = frozenset({JPEG2000, JPEG2000Lossless, HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL})
"""Syntaxes that OpenJPEG reads in about two thirds of GDCM's time, or that GDCM does not read at all."""

_JPEG_SIZE_MARKERS = frozenset({0xF7, *range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""Start of frame of every JPEG process, and of JPEG-LS."""

_RGB_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def stored_values(dataset: Dataset, name: str) -> tuple[npt.NDArray[Any], str]:
    """Decode the first frame.

    Args:
        dataset: with pixel data; `BitsStored` is set to the bits in use when `HighBit` says otherwise.
        name: what to call the file in errors.

    Returns:
        (H, W) or (H, W, samples), signed as the header says, and the colours they stand for, by
        DICOM's name ("MONOCHROME2", "RGB", "YBR_FULL", …).

    Raises:
        DataError: the compressed picture contradicts the header, or no decoder is installed.
    """
    syntax = UID(str(dataset.file_meta.get("TransferSyntaxUID", "")))
    rows, columns = (int(number(dataset, keyword) or 0) for keyword in ("Rows", "Columns"))
    if syntax.is_encapsulated:
        _check_codestream(dataset, (rows, columns), name)
    if syntax == JPEGExtended12Bit and (number(dataset, "BitsStored") or 8) > 8:
        problem = "is compressed as 12-bit JPEG Extended, which no decoder here reads"
        raise DataError(name, problem, "decompress it first, for example with `dcmdjpeg` of DCMTK")
    shift = _unused_low_bits(dataset)
    decoder = get_decoder(syntax)
    chosen = "pylibjpeg" if syntax in OPENJPEG_FIRST and "pylibjpeg" in decoder.available_plugins else ""
    # raw: luma is all that is wanted of a colour picture, so turning it to RGB would be for nothing.
    values, found = decoder.as_array(dataset, index=0, raw=True, decoding_plugin=chosen)
    return (values >> shift if shift else values), str(found["photometric_interpretation"])


def _unused_low_bits(dataset: Dataset) -> int:
    """Bits below the stored ones; old scanners kept 12 bits in the upper part of 16.

    The decoder assumes that there are none: it is told that these bits, too, are in use.
    """
    stored, high = number(dataset, "BitsStored"), number(dataset, "HighBit")
    if "PixelData" not in dataset or stored is None or high is None or high + 1 <= stored:
        return 0
    dataset.BitsStored = int(high) + 1
    return int(high + 1 - stored)


def _check_codestream(dataset: Dataset, header_hw: tuple[int, int], name: str) -> None:
    frames = max(1, int(number(dataset, "NumberOfFrames") or 1))
    codestream = get_frame(dataset.PixelData, 0, number_of_frames=frames)
    own = codestream_size(codestream)
    if own is not None and own != header_hw:
        problem = "says {} × {} in its header but {} × {} in its compressed picture".format(
            *header_hw[::-1], *own[::-1]
        )
        raise DataError(name, problem, "it is damaged or was tampered with: fetch it again")


def codestream_size(data: bytes) -> tuple[int, int] | None:
    """Height and width that a JPEG, JPEG-LS or JPEG 2000 codestream states; None for anything else."""
    start = data.find(b"\xff\x4f\xff\x51", 0, 4096)  # JPEG 2000, bare or within a JP2 header
    if start >= 0 and len(data) >= start + 24:
        x1, y1, x0, y0 = (int.from_bytes(data[start + 8 + i : start + 12 + i], "big") for i in (0, 4, 8, 12))
        return y1 - y0, x1 - x0
    if not data.startswith(b"\xff\xd8"):
        return None
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _JPEG_SIZE_MARKERS:
            return int.from_bytes(data[at + 5 : at + 7], "big"), int.from_bytes(data[at + 7 : at + 9], "big")
        # A fill byte stands alone; every other marker before the frame has a length.
        at += 1 if marker == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def luma(values: npt.NDArray[Any], colour: str, bits: int) -> Pixels:
    """Brightness of a colour picture in [0, 1] (ITU-R BT.601).

    Args:
        values: (H, W, 3).
        colour: "RGB", or a YBR whose first sample is the luma already.
        bits: of each sample.
    """
    grey: Pixels
    if colour.startswith("YBR_PARTIAL"):  # luma runs from 16 to 235 of 255
        grey = (values[..., 0].astype(np.float32) / np.float32(1 << (bits - 8)) - 16) / np.float32(219)
    elif colour.startswith("YBR_FULL"):
        grey = values[..., 0].astype(np.float32) / np.float32((1 << bits) - 1)
    else:
        grey = values[..., :3].astype(np.float32) @ _RGB_LUMA / np.float32((1 << bits) - 1)
    return np.clip(grey, 0, 1, out=grey)
