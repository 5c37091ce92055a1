"""Whatever a person hands over as an image, as pixels: a path, a PIL image, an array of 8 or 16 bits.

radiograph_from("chest.dcm").position
pixels_from(np.asarray(Image.open("chest.png")))
"""

from __future__ import annotations

import os
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from hilum.errors import UsageError
from hilum.images.radiograph import Radiograph, levels_in_use
from hilum.images.read import read_image
from hilum.study import Pixels, View

if TYPE_CHECKING:  # Pillow is imported by the first picture
    from PIL import Image

ImageLike = Any
"""A path, the bytes of a file, a `Radiograph`, a `View`, a PIL image, or an array (H, W): floating point in
[0, 1], or whole numbers that are grey levels of 8 or 16 bits; bone white."""

_REMEDY = "give a path, a PIL image, or an array (height, width): floats in [0, 1], or uint8"


def pixels_from(image: ImageLike, name: str = "image") -> Pixels:
    """The pixels of an image, (H, W) float32; see `radiograph_from`."""
    return radiograph_from(image, name).pixels


def radiograph_from(image: ImageLike, name: str = "image") -> Radiograph:
    """An image with what is known of it; floating-point values are taken as they are.

    A `View` knows its position, a DICOM file by its header; of other images it is unknown.

    Args:
        image: see `ImageLike`.
        name: what to call it in errors.

    Raises:
        UsageError: it is none of these.
        DataError: a file that cannot be read, see `read_image`.
    """
    from PIL import Image

    match image:
        case str() | os.PathLike() | bytes():
            return read_image(image)
        case Radiograph():
            return image
        case View():
            return Radiograph(image.load(), image.position)
        case Image.Image():
            return Radiograph(_of_pil(image, name))
    if not hasattr(image, "__array__"):
        raise UsageError(name, f"is a {type(image).__name__}", _REMEDY)
    return Radiograph(_of_array(np.asarray(image), name))


def _of_pil(image: Image.Image, name: str) -> Pixels:
    """Through PNG, so that colour, palettes and transparency are read as those of a file are."""
    from hilum.images.raster import decode_raster

    if image.mode.startswith(("I", "F")):
        return _of_array(np.asarray(image), name)
    if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
        image = image.convert("RGB")
    file = BytesIO()
    image.save(file, format="PNG", compress_level=0)
    return decode_raster(file.getvalue(), name).pixels


def _of_array(array: Any, name: str) -> Pixels:
    if array.ndim != 2 or 0 in array.shape:
        shape = " × ".join(map(str, array.shape)) or "one number"
        hint = ": one channel of a colour picture is enough" if array.ndim == 3 else ""
        raise UsageError(name, f"is an array of {shape}", f"give height and width alone{hint}")
    if array.dtype.kind == "f":
        return np.asarray(array, dtype=np.float32)
    if array.dtype.kind not in "iu" or array.min() < 0 or array.max() > 65535:
        raise UsageError(name, f"is an array of {array.dtype}", _REMEDY)
    top = (1 << levels_in_use(int(array.max()))) - 1
    pixels: Pixels = array.astype(np.float32)
    pixels /= np.float32(top)
    return pixels
