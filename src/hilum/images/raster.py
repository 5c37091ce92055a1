"""PNG and JPEG in.

decode_raster(Path("chest.png").read_bytes(), "chest.png").pixels
"""

from __future__ import annotations

import struct
import warnings
import zlib
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from hilum.errors import DataError
from hilum.images.radiograph import Radiograph, check_size, levels_in_use
from hilum.study import Pixels

_BROKEN = (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, struct.error, zlib.error)
"""Whatever Pillow raises on a file that breaks off or contradicts itself."""


def decode_raster(data: bytes, name: str) -> Radiograph:
    """Decode a PNG or JPEG: 8 or 16 bits, grey, colour, palette, with or without alpha.

    Colour becomes luma (ITU-R BT.601); alpha is laid over black; JPEG's orientation tag is obeyed.
    Values of 16 bits are scaled by the bits in use, see `levels_in_use`.

    Args:
        data: the file's bytes.
        name: what to call it in errors.

    Raises:
        DataError: not readable, broken off, without pixels or absurdly large.
    """
    try:
        with warnings.catch_warnings():
            # The size is checked below, more strictly than Pillow's warning would.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(BytesIO(data), formats=("PNG", "JPEG"))
            kind, mode = str(image.format), image.mode
            check_size(*image.size, name)
            pixels, bits = _grey(image)
    except Image.DecompressionBombError as error:
        raise DataError(name, "is far too large", "reduce it: no chest film has so many pixels") from error
    except UnidentifiedImageError as error:  # its own words hold a memory address
        problem = "cannot be read (no whole PNG or JPEG)"
        raise DataError(name, problem, "it is damaged or broken off: fetch it again") from error
    except _BROKEN as error:
        problem = f"cannot be read ({_clause(error)})"
        raise DataError(name, problem, "it is damaged or broken off: fetch it again") from error
    return Radiograph(pixels, format=kind, encoding=mode, bits=bits)


def _grey(image: Image.Image) -> tuple[Pixels, int]:
    if image.format == "JPEG":
        image = ImageOps.exif_transpose(image)
    if image.mode == "I;16":
        values = np.asarray(image)
        bits = levels_in_use(int(values.max()))
        return _scaled(values, (1 << bits) - 1), bits
    if image.mode in ("LA", "RGBA") or "transparency" in image.info:
        colour = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", colour.size, "black"), colour)
    return _scaled(np.asarray(image.convert("L")), 255), 8


def _scaled(values: npt.NDArray[np.generic], top: int) -> Pixels:
    pixels = values.astype(np.float32)
    # Divided, not multiplied by the inverse: 255 must become exactly 1.
    pixels /= np.float32(top)
    return pixels


def _clause(error: BaseException) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return words[:80].rstrip(".")
