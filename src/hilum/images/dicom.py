"""DICOM in.

decode_dicom(Path("chest.dcm").read_bytes(), "chest.dcm").pixels

Which decoder reads which transfer syntax is in docs/images.md.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import pydicom
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from hilum.errors import DataError, NoChestRadiograph
from hilum.images import header
from hilum.images.grey import to_grey
from hilum.images.radiograph import MAX_BYTES, MAX_PIXELS, Radiograph, check_size
from hilum.images.stored import luma, stored_values
from hilum.images.turn import UPRIGHT, Orientation, turned
from hilum.study import Pixels, Position

_STEP = 1 << 24
"""How many bytes are inflated at a time to see how many there are."""

T = TypeVar("T")

_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


def decode_dicom(data: bytes, name: str, *, force: bool = False) -> Radiograph:
    """Decode a chest radiograph.

    Args:
        data: the file's bytes, with or without preamble and meta header.
        name: what to call it in errors.
        force: decode also what its header says is not a chest radiograph; of several frames the first.

    Raises:
        DataError: unreadable, broken off, without pixels, absurdly large, or not a chest radiograph.
    """
    with warnings.catch_warnings():
        # pydicom warns of every oddity of old archives; those that matter end in a DataError below.
        warnings.simplefilter("ignore")
        dataset = read_dataset(data, name)
        try:
            refuse(dataset, name, force=force)
            return describe(dataset, turned(_pixels(dataset, name), header.orientation(dataset)))
        except (DataError, MemoryError):
            raise
        except Exception as error:  # the parser reads values when asked; every decoder has errors of its own
            raise _undecodable(dataset, name, error) from error


def read_dataset(data: bytes, name: str) -> Dataset:
    """Parse a file, with or without preamble.

    Args:
        data: the file's bytes.
        name: what to call it in errors.

    Raises:
        DataError: it is not DICOM.
    """
    _check_deflated(data, name)
    try:
        dataset = pydicom.dcmread(BytesIO(data), force=True)
    except Exception as error:  # the parser raises whatever it stumbles over
        raise DataError(name, "is no readable DICOM file", "it is damaged: fetch it again") from error
    if not ("SOPClassUID" in dataset or "Rows" in dataset or "Modality" in dataset):
        raise DataError(name, "is no readable DICOM file", "give a DICOM, PNG or JPEG file")
    if "TransferSyntaxUID" not in dataset.file_meta:
        _assume_syntax(dataset)
    return dataset


def _check_deflated(data: bytes, name: str) -> None:
    """Refuse a deflated file that would inflate beyond any film; the parser inflates without a limit."""
    if DeflatedExplicitVRLittleEndian.encode() not in data[132:1024] or data[132:136] != b"\x02\0\0\0":
        return
    # The first element of the meta header is its length, counted from the element's own end.
    start = 144 + int.from_bytes(data[140:144], "little")
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    left, inflated = data[start:], 0
    try:
        while left and inflated <= MAX_BYTES:
            inflated += len(inflater.decompress(left, _STEP))
            left = inflater.unconsumed_tail
    except zlib.error as error:
        raise DataError(name, "is no readable DICOM file", "it is damaged: fetch it again") from error
    if inflated > MAX_BYTES:
        raise DataError(name, f"inflates to more than {MAX_BYTES:,} bytes", "no radiograph is that large")


def refusal(path: Path) -> DataError | None:
    """Why a file's header rules a chest radiograph out, read without its pixels; None when it does not."""
    reason = _of_header(path, header.not_a_chest_radiograph, None)
    return _no_chest(str(path), reason) if reason is not None else None


def _of_header(path: Path, asked: Callable[[Dataset], T], unread: T, **options: Any) -> T:
    """What a file's header says, read without its pixels; `unread` when it cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return asked(pydicom.dcmread(path, stop_before_pixels=True, **options))
    except Exception:  # its parser raises whatever it stumbles over; who loads the pixels is told
        return unread


def _no_chest(name: str, reason: str) -> NoChestRadiograph:
    remedy = "if the header is wrong, read it with --force (in Python: force=True)"
    return NoChestRadiograph(name, f"is not a chest radiograph: {reason}", remedy)


def read_header(path: Path) -> tuple[Position, tuple[float, float] | None]:
    """Position and spacing of a file, read without its pixels; unknown when it cannot be read."""
    unread: tuple[Position, tuple[float, float] | None] = (Position.UNKNOWN, None)
    return _of_header(path, lambda said: (header.position(said), header.spacing_mm(said)), unread)


def read_orientation(path: Path) -> Orientation:
    """How a file's stored pixels lie, see `header.orientation`; upright when it cannot be read."""
    return _of_header(path, header.orientation, UPRIGHT, specific_tags=["PatientOrientation"])


def read_size(path: Path) -> tuple[int, int] | None:
    """Rows and columns of a file, read without its pixels; None when it does not tell them."""
    rows, columns = _of_header(path, _sides, (0, 0), specific_tags=["Rows", "Columns"], force=True)
    return (rows, columns) if rows > 0 and columns > 0 else None


def _sides(dataset: Dataset) -> tuple[int, int]:
    rows, columns = (int(header.number(dataset, keyword) or 0) for keyword in ("Rows", "Columns"))
    return rows, columns


def _assume_syntax(dataset: Dataset) -> None:
    """Without a meta header the parser's guess at the encoding is the only witness."""
    implicit = dataset.original_encoding[0] is not False
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian


def refuse(dataset: Dataset, name: str, *, force: bool) -> None:
    """Raise when there is nothing to decode, or when it is not a chest radiograph and not forced."""
    reason = header.not_a_chest_radiograph(dataset)
    if reason is not None and not force:
        raise _no_chest(name, reason)
    if not any(keyword in dataset for keyword in _PIXELS):
        raise DataError(name, "holds no pixels", "give the image itself, not a report or a reference to it")
    rows, columns = _sides(dataset)
    deep = (header.number(dataset, "BitsAllocated") or 16) > 16
    check_size(columns, rows, name, MAX_PIXELS // 4 if deep else MAX_PIXELS)


def _pixels(dataset: Dataset, name: str) -> Pixels:
    bits = int(header.number(dataset, "BitsStored") or 8)
    values, colour = stored_values(dataset, name)
    dataset.BitsStored = bits
    if colour.startswith("PALETTE"):
        values, colour = apply_color_lut(values, dataset), "RGB"
        bits = 8 * values.dtype.itemsize
    return luma(values, colour, bits) if values.ndim == 3 else to_grey(values, dataset)


def _notes(dataset: Dataset) -> tuple[str, ...]:
    """What was done to the picture, or left out of it, that nobody would expect."""
    planes = header.overlays(dataset)
    notes = {
        f"has {planes} overlay plane{'s' * (planes > 1)}, not drawn": planes,
        "is turned upright by its Patient Orientation": any(header.orientation(dataset)),
        "holds the detector's own values, made for processing": header.for_processing(dataset),
    }
    return tuple(note for note, holds in notes.items() if holds)


def describe(dataset: Dataset, pixels: Pixels) -> Radiograph:
    """Put the pixels and what the header says together."""
    return Radiograph(
        pixels,
        position=header.position(dataset),
        laterality=header.laterality(dataset),
        spacing_mm=header.spacing_mm(dataset),
        modality=header.text(dataset, "Modality") or None,
        body_part=header.text(dataset, "BodyPartExamined") or None,
        format="DICOM",
        encoding=_syntax(dataset),
        bits=int(header.number(dataset, "BitsStored") or 8),
        sex=header.sex(dataset),
        age=header.age_years(dataset),
        notes=_notes(dataset),
    )


def _syntax(dataset: Dataset) -> str:
    return header.one_line(UID(str(dataset.file_meta.get("TransferSyntaxUID", ""))).name)


def _undecodable(dataset: Dataset, name: str, error: Exception) -> DataError:
    words = header.one_line(str(error))
    if "missing dependencies" in words:
        remedy = "docs/images.md lists the decoder to install for each transfer syntax"
        return DataError(
            name, f"is compressed as {_syntax(dataset)}, for which no decoder is installed", remedy
        )
    problem = f"has pixels that cannot be decoded ({_syntax(dataset)}: {words[:100].rstrip('.')})"
    return DataError(name, problem, "it is damaged or broken off: fetch it again")
