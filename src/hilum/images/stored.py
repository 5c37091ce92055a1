"""From a DICOM's pixel data to its stored values, by whichever decoder knows the transfer syntax.

values, colour = stored_values(dataset, "chest.dcm")

What the compressed picture says of its own size is compared with the header before anything is unpacked.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.utils import as_pixel_options
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
)

from hilum.errors import DataError
from hilum.images.apart import decode, decode_apart
from hilum.images.codestream import stated_colours, stated_components, stated_sign, stated_size
from hilum.images.header import number
from hilum.study import Pixels

LIBRARIES = {
    JPEGBaseline8Bit: "pillow",
    JPEGExtended12Bit: "pillow",
    JPEG2000: "pylibjpeg",
    JPEG2000Lossless: "pylibjpeg",
    HTJ2K: "pylibjpeg",
    HTJ2KLossless: "pylibjpeg",
    HTJ2KLosslessRPCL: "pylibjpeg",
}
"""Transfer syntaxes whose library, by pydicom's name for it, complains of damage in an orderly way.

What is compressed otherwise (RLE, JPEG lossless, JPEG-LS) is decoded apart. For JPEG 2000, OpenJPEG also
takes only two thirds of GDCM's time."""

_LOSSY_JPEG = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit})

_RGB_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def stored_values(dataset: Dataset, name: str) -> tuple[npt.NDArray[Any], str]:
    """Decode the first frame.

    Args:
        dataset: with pixel data; `BitsStored` is set to the bits in use when `HighBit` says otherwise, and
            `PixelRepresentation` to that of a JPEG 2000 picture.
        name: what to call the file in errors.

    Returns:
        (H, W) or (H, W, samples), signed as the header says, and the colours they stand for, by
        DICOM's name ("MONOCHROME2", "RGB", "YBR_FULL", …).

    Raises:
        DataError: the compressed picture contradicts the header, or no decoder is installed.
    """
    syntax = UID(str(dataset.file_meta.get("TransferSyntaxUID", "")))
    rows, columns = (int(number(dataset, keyword) or 0) for keyword in ("Rows", "Columns"))
    codestream = _codestream(dataset) if syntax.is_encapsulated else b""
    _check_size(codestream, (rows, columns), name)
    if stated_sign(codestream) and not number(dataset, "PixelRepresentation"):
        dataset.PixelRepresentation = 1  # read without their sign, the values below zero are the highest
    if syntax == JPEGExtended12Bit and (number(dataset, "BitsStored") or 8) > 8:
        problem = "is compressed as 12-bit JPEG Extended, which no decoder here reads"
        raise DataError(name, problem, "decompress it first, for example with `dcmdjpeg` of DCMTK")
    shift = _unused_low_bits(dataset)
    if codestream and syntax not in LIBRARIES:
        options = as_pixel_options(dataset, number_of_frames=1)
        values, found = decode_apart(encapsulate([codestream]), syntax, options)
    else:
        values, found = decode(dataset, syntax, LIBRARIES.get(syntax, ""))
    colour = stated_colours(codestream) if syntax in _LOSSY_JPEG else None
    return (values >> shift if shift else values), colour or str(found["photometric_interpretation"])


def _unused_low_bits(dataset: Dataset) -> int:
    """Bits below the stored ones; old scanners kept 12 bits in the upper part of 16.

    The decoder assumes that there are none: it is told that these bits, too, are in use.
    """
    stored, high = number(dataset, "BitsStored"), number(dataset, "HighBit")
    if "PixelData" not in dataset or stored is None or high is None or high + 1 <= stored:
        return 0
    dataset.BitsStored = int(high) + 1
    return int(high + 1 - stored)


def _codestream(dataset: Dataset) -> bytes:
    frames = max(1, int(number(dataset, "NumberOfFrames") or 1))
    return get_frame(dataset.PixelData, 0, number_of_frames=frames)


def _check_size(codestream: bytes, header_hw: tuple[int, int], name: str) -> None:
    own = stated_size(codestream)
    if own is not None and own != header_hw:
        (high, wide), (own_high, own_wide) = header_hw, own
        problem = f"says {wide} × {high} in its header but {own_wide} × {own_high} in its compressed picture"
        raise DataError(name, problem, "it is damaged or was tampered with: fetch it again")
    if (samples := stated_components(codestream) or 1) > 4:  # each is unpacked at the size of the picture
        problem = f"has {samples:,} samples a pixel in its compressed picture"
        raise DataError(name, problem, "it is damaged or was tampered with: fetch it again")


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
