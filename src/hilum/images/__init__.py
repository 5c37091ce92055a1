"""Pixels in and out: one decode path for DICOM, PNG and JPEG.

from hilum.images import read_image, fit, write_png
write_png("square.png", fit(read_image("chest.dcm").pixels, 256))
"""

from hilum.images.fit import (
    Fit,
    Frame,
    fit,
    fit_box,
    fit_mask,
    shrink,
    shrink_mask,
    shrunken_shape,
    unfit_box,
)
from hilum.images.given import ImageLike, pixels_from, radiograph_from
from hilum.images.png import encode_png, image_id, write_png
from hilum.images.radiograph import Radiograph
from hilum.images.read import orientation_of, read_image, size_of, view_of
from hilum.images.turn import Orientation, turned, turned_box

__all__ = [
    "Fit",
    "Frame",
    "ImageLike",
    "Orientation",
    "Radiograph",
    "encode_png",
    "fit",
    "fit_box",
    "fit_mask",
    "image_id",
    "orientation_of",
    "pixels_from",
    "radiograph_from",
    "read_image",
    "shrink",
    "shrink_mask",
    "shrunken_shape",
    "size_of",
    "turned",
    "turned_box",
    "unfit_box",
    "view_of",
    "write_png",
]
