"""Turning a picture that does not lie as it is looked at, and what was drawn on it with it.

turned(pixels, Orientation(mirrored=True))
turned_box((0.1, 0.2, 0.3, 0.6), Orientation(mirrored=True))
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from hilum.study import Box


class Orientation(NamedTuple):
    """How a picture lies: rows and columns exchanged, then left and right, and top and bottom."""

    transposed: bool = False
    mirrored: bool = False
    upside_down: bool = False


UPRIGHT = Orientation()

Value = TypeVar("Value", bound=np.generic)


def turned(picture: npt.NDArray[Value], lies: Orientation) -> npt.NDArray[Value]:
    """A picture or a mask (height, width) upright: the feet below, the patient's left on the right side."""
    found = picture.T if lies.transposed else picture
    return np.ascontiguousarray(found[:: -1 if lies.upside_down else 1, :: -1 if lies.mirrored else 1])


def turned_box(box: Box, lies: Orientation) -> Box:
    """Where a box in fractions of the picture is when the picture is upright."""
    x1, y1, x2, y2 = box
    if lies.transposed:
        x1, y1, x2, y2 = y1, x1, y2, x2
    if lies.mirrored:
        x1, x2 = 1 - x2, 1 - x1
    if lies.upside_down:
        y1, y2 = 1 - y2, 1 - y1
    return x1, y1, x2, y2
