"""Reading an image of whatever format: one decode path for every room.

read_image("chest.dcm").pixels
view_of("chest.png", position=Position.PA).load()
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from PIL import Image

from hilum.errors import DataError, UsageError
from hilum.images.radiograph import MAX_BYTES, Radiograph
from hilum.images.turn import UPRIGHT, Orientation
from hilum.study import Pixels, Position, View, member

_RASTER = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
_OTHER = (
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\0\0\0\x0cjP  ", "a bare JPEG 2000"),
    (b"RIFF", "a WebP or other RIFF"),
)
"""Formats that people try, by their first bytes."""


def read_image(
    source: str | os.PathLike[str] | bytes, *, force: bool = False, name: str | None = None
) -> Radiograph:
    """Read a chest radiograph: DICOM, PNG or JPEG, told apart by content, not by file name.

    Args:
        source: a file, or its bytes.
        force: read also what its header says is not a chest radiograph.
        name: what to call it in errors; by default the path.

    Returns:
        Pixels in [0, 1], bone white, with what the header says.

    Raises:
        UsageError: neither a path nor bytes.
        DataError: missing, unreadable, broken off, without pixels, absurdly large, of another format, or
            by its header not a chest radiograph.
    """
    if not isinstance(source, str | os.PathLike | bytes):
        problem = f"is a {type(source).__name__}, not a file"
        raise UsageError("image", problem, "give its path; images in memory go to hilum.images.pixels_from")
    if isinstance(source, bytes):
        name, data = name or "image", source
    else:
        name = name or os.fspath(source)
        data = _read_bytes(Path(source), name)
    if not data:
        raise DataError(name, "is empty", "fetch it again")
    # Decoders are imported by the first image: text and labels alone need none.
    if data.startswith(_RASTER):
        from hilum.images.raster import decode_raster

        return decode_raster(data, name)
    if not is_dicom(data):
        raise DataError(
            name, f"is {_what(data)}, not a DICOM, PNG or JPEG file", "convert it, or name another"
        )
    from hilum.images.dicom import decode_dicom

    return decode_dicom(data, name, force=force)


def view_of(
    path: str | os.PathLike[str],
    id: str | None = None,
    position: Position | None = None,
    *,
    force: bool = False,
) -> View:
    """A view whose pixels are read each time they are asked for.

    Args:
        path: the file.
        id: the view's id; by default the file's name.
        position: how it was taken; where it is not known a DICOM's header is asked.
        force: see `read_image`.

    Returns:
        A view that can be sent to another process. A file that cannot be read raises when it is loaded.
    """
    path = Path(path)
    spacing = None
    if (position is None or position is Position.UNKNOWN) and _has_preamble(path):
        from hilum.images.dicom import read_header

        position, spacing = read_header(path)
    return View(
        id=id or path.name,
        load=partial(load_pixels, str(path), force=force),
        position=member(Position, position or Position.UNKNOWN, "position"),
        spacing_mm=spacing,
        path=str(path),
    )


def orientation_of(path: str | os.PathLike[str]) -> Orientation:
    """How a file's stored pixels lie before they are read, which turns them; only a DICOM's header tells."""
    if not _has_preamble(Path(path)):
        return UPRIGHT
    from hilum.images.dicom import read_orientation

    return read_orientation(Path(path))


def size_of(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Height and width of an image in pixels, read without its pixels.

    Raises:
        DataError: it is missing or unreadable, or its header tells no size.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(132)
        if head.startswith(_RASTER):
            with Image.open(path, formats=("PNG", "JPEG")) as image:
                return image.height, image.width
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(path, "cannot be read", "fetch it again") from error
    if is_dicom(head):
        from hilum.images.dicom import read_size

        size = read_size(path)
        if size is not None:
            return size
    raise DataError(path, "does not tell its size", "give a DICOM, PNG or JPEG file")


def refusal_of(path: str | os.PathLike[str]) -> DataError | None:
    """Why a DICOM file's header rules a chest radiograph out, read without its pixels; else None."""
    if not _has_preamble(Path(path)):
        return None
    from hilum.images.dicom import refusal

    return refusal(Path(path))


def load_pixels(path: str, *, force: bool = False) -> Pixels:
    """The pixels of a file, see `read_image`."""
    return read_image(path, force=force).pixels


def is_dicom(data: bytes) -> bool:
    """Whether bytes begin like DICOM: with the preamble, or at once with an element of group 2 or 8."""
    if data[128:132] == b"DICM":
        return True
    group, element = data[0:2], int.from_bytes(data[2:4], "little")
    return len(data) > 64 and group in (b"\x02\0", b"\x08\0") and element < 0x1200


def _has_preamble(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _read_bytes(path: Path, name: str) -> bytes:
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise DataError(name, "is a folder", "name an image file")
        if not path.is_file():  # a pipe may never end, nor a device
            raise DataError(name, "is no regular file", "save it to a file first")
        if size > MAX_BYTES:
            raise DataError(name, f"has {size:,} bytes, more than any radiograph", "name an image file")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(name, "does not exist", "check the path") from error
    except OSError as error:
        raise DataError(name, f"cannot be opened ({error.strerror})", "check its permissions") from error


def _what(data: bytes) -> str:
    for magic, kind in _OTHER:
        if data.startswith(magic):
            return kind
    head = data[:512]
    try:
        head.decode("utf-8", errors="strict" if head == data else "ignore")
    except UnicodeDecodeError:
        return "of an unknown format"
    return "a text" if all(byte >= 32 or byte in b"\t\n\r\f" for byte in head) else "of an unknown format"
