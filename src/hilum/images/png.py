"""Pictures out: 8-bit grey PNG, and the id that two equal pictures share.

write_png("chest.png", radiograph.pixels)
image_id(radiograph.pixels) == image_id(encode_png(radiograph.pixels))
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hilum.errors import DataError
from hilum.files import MARK, atomic_path
from hilum.study import Pixels

if TYPE_CHECKING:  # Pillow is imported by the first picture: text and labels alone need none
    from PIL.PngImagePlugin import PngInfo

MARK_CHUNK = (b"hiLM", MARK.encode())
"""By PNG's rules of naming the last capital says "unsafe to copy": who edits the picture drops the chunk."""

COMPRESSION = 4
"""A real film of 512 × 512 takes a third of the time of zlib's default, 6, and 3 % more bytes. Fixed here, as
the bytes of a shard must not depend on the library's default."""


def to_bytes(pixels: Pixels | npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Grey levels 0 to 255, rounded.

    Args:
        pixels: (H, W) in [0, 1]; what lies outside is cut off. Grey levels pass as they are.

    Raises:
        DataError: not two-dimensional, without pixels, or not finite.
    """
    if pixels.ndim != 2 or 0 in pixels.shape:
        raise DataError("image", f"has the shape {pixels.shape}", "give height and width, both above zero")
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    levels = pixels * np.float32(255)
    if not np.isfinite(levels).all():
        raise DataError("image", "holds values that are not numbers", "give pixels in [0, 1]")
    levels += np.float32(0.5)
    return np.clip(levels, 0, 255, out=levels).astype(np.uint8)


def encode_png(pixels: Pixels, *, text: Mapping[str, str] | None = None) -> bytes:
    """An 8-bit grey PNG; the same pixels and text give the same bytes.

    Args:
        pixels: (H, W) in [0, 1], bone white.
        text: keyword → value, stored in the PNG's own text chunks.

    Raises:
        DataError: not a finite two-dimensional picture.
    """
    from PIL.PngImagePlugin import PngInfo

    return _encode(pixels, PngInfo(), text)


def _encode(pixels: Pixels | npt.NDArray[np.uint8], words: PngInfo, text: Mapping[str, str] | None) -> bytes:
    from PIL import Image

    for key, value in (text or {}).items():
        words.add_text(key, value)
    out = BytesIO()
    Image.fromarray(to_bytes(pixels)).save(out, format="PNG", compress_level=COMPRESSION, pnginfo=words)
    return out.getvalue()


def write_png(path: str | os.PathLike[str], pixels: Pixels, text: Mapping[str, str] | None = None) -> None:
    """Write pixels and text, as `encode_png` does, to a file, whole or not at all.

    Raises:
        DataError: not a finite two-dimensional picture.
        UsageError: a file stands there that Hilum did not write.
    """
    data = _encode(pixels, marked(), text)
    with atomic_path(path) as tmp:
        tmp.write_bytes(data)


def marked() -> PngInfo:
    """Text chunks for a PNG file, with the one by which Hilum knows that it may replace the file."""
    from PIL.PngImagePlugin import PngInfo

    words = PngInfo()
    words.add(*MARK_CHUNK)
    return words


def image_id(image: Pixels | bytes) -> str:
    """A name for a picture's content: 16 hex digits of SHA-256 over its size and 8-bit grey levels.

    How the file was compressed, and text stored in it, make no difference.

    Args:
        image: pixels in [0, 1], or the bytes of a PNG or JPEG.
    """
    if isinstance(image, bytes):
        from hilum.images.raster import decode_raster

        image = decode_raster(image, "image").pixels
    levels = np.ascontiguousarray(to_bytes(image))
    digest = hashlib.sha256(f"{levels.shape[0]}x{levels.shape[1]}:".encode())
    digest.update(levels.tobytes())
    return digest.hexdigest()[:16]
