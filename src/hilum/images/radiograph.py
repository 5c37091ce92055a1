"""What reading an image gives: the pixels and what the file says about them.

radiograph = hilum.images.read_image("chest.dcm")
radiograph.pixels.shape, radiograph.position, radiograph.spacing_mm
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hilum.errors import DataError
from hilum.study import Pixels, Position, Sex

MAX_PIXELS = 1 << 26
"""67 million: three times the largest chest film in use. More is a mistake or an attack."""

MAX_BYTES = 1 << 29
"""512 MiB: a file of `MAX_PIXELS` at 16 bits takes a quarter of it, uncompressed."""


@dataclass(frozen=True, slots=True)
class Radiograph:
    """One image as read.

    Args:
        pixels: (H, W), float32 in [0, 1], bone white.
        position: how the view was taken, as far as the header says.
        laterality: "L", "R" or "B", when the header says.
        spacing_mm: row and column spacing in millimetres: in the patient's plane when the file gives it,
            else in the detector's.
        modality: DICOM's word, "CR" or "DX" mostly; None for PNG and JPEG.
        body_part: as the header words it.
        format: "DICOM", "PNG" or "JPEG".
        encoding: the transfer syntax by name, or the colour type of a PNG or JPEG.
        bits: grey levels of the file as bits, 8 to 16 mostly.
        sex: of the patient.
        age: of the patient in years.
        notes: what was done to the picture or left out of it, each a clause: "is turned upright by …".
    """

    pixels: Pixels = field(compare=False, repr=False)
    position: Position = Position.UNKNOWN
    laterality: str | None = None
    spacing_mm: tuple[float, float] | None = None
    modality: str | None = None
    body_part: str | None = None
    format: str = ""
    encoding: str = ""
    bits: int = 8
    sex: Sex = Sex.UNKNOWN
    age: float | None = None
    notes: tuple[str, ...] = ()


def check_size(width: int, height: int, name: str, most: int = MAX_PIXELS) -> None:
    """Refuse a picture without pixels, or with so many that memory would run out.

    Raises:
        DataError: a side is zero, or there are more than `most` pixels.
    """
    if width < 1 or height < 1:
        raise DataError(name, f"is {width} × {height} pixels", "give an image that has pixels")
    if width * height > most:
        problem = f"is {width:,} × {height:,} pixels, more than any chest film"
        raise DataError(name, problem, f"reduce it below {most // 10**6} megapixels")


def levels_in_use(highest: int) -> int:
    """Bits that a detector with this highest value has: 8, 10, 12, 14 or 16.

    A file of 16 bits per pixel says how the values are stored, not how far they go: films of 12 bits
    shown on a scale of 65,535 would be black.
    """
    bits = max(8, int(highest).bit_length())
    return bits + bits % 2
