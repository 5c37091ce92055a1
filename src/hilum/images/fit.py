"""Making pictures smaller, making squares of them, and carrying boxes and masks along.

small = shrink(pixels, 512)                             # as shards keep it: aspect kept, never enlarged
square = fit(pixels, 256)                               # as models see it: short side to 256, centre kept
box = fit_box((0.1, 0.2, 0.4, 0.5), pixels.shape, Fit.CROP)

Reducing averages by area, so that every pixel of the film counts once and nothing aliases; enlarging
interpolates linearly. Neither is tied to whole pixels: the crop of an odd margin begins half a pixel in,
which is what keeps boxes exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hilum.errors import DataError, UsageError
from hilum.study import Box, Mask, Pixels, member

_Taps = tuple[tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]], ...]


class Fit(StrEnum):
    """How a picture that is not square becomes one; the aspect is kept either way."""

    CROP = "crop"
    """The short side is brought to size and the middle of the long side is kept."""
    PAD = "pad"
    """The long side is brought to size and the short side is filled up with black."""


def fit(pixels: Pixels, size: int, how: Fit = Fit.CROP) -> Pixels:
    """Resize to a square.

    Args:
        pixels: (H, W), float32 in [0, 1].
        size: height and width wanted, in pixels.
        how: what to do with the long side.

    Returns:
        (size, size), float32 in [0, 1].

    Raises:
        UsageError: the size is below 1.
        DataError: the picture is not two-dimensional or has no pixels.
    """
    if size < 1:
        raise UsageError("size", f"is {size}", "give 1 or more")
    if pixels.ndim != 2 or 0 in pixels.shape:
        raise DataError("image", f"has the shape {pixels.shape}", "give height and width, both above zero")
    height, width = pixels.shape
    if height == width == size:
        return np.asarray(pixels, dtype=np.float32)
    side, top, left = _frame(height, width, how)
    return _resized(pixels, _taps(height, top, side, size), _taps(width, left, side, size))


def shrink(pixels: Pixels, size: int) -> Pixels:
    """Bring the short side to size, the aspect kept; what is no larger stays as it is.

    Args:
        pixels: (H, W), float32 in [0, 1].
        size: most pixels of the short side.

    Returns:
        (h, w), float32 in [0, 1], as `shrunken_shape` says.
    """
    height, width = shrunken_shape(pixels.shape, size)
    if pixels.shape == (height, width):
        return np.asarray(pixels, dtype=np.float32)
    rows = _taps(pixels.shape[0], 0.0, float(pixels.shape[0]), height)
    return _resized(pixels, rows, _taps(pixels.shape[1], 0.0, float(pixels.shape[1]), width))


def shrunken_shape(shape_hw: tuple[int, ...], size: int) -> tuple[int, int]:
    """Height and width that `shrink` gives a picture of some height and width.

    Raises:
        UsageError: the size is below 1.
    """
    if size < 1:
        raise UsageError("size", f"is {size}", "give 1 or more")
    height, width = shape_hw[:2]
    share = min(1.0, size / min(height, width))
    return round(height * share), round(width * share)


def shrink_mask(mask: Mask, shape_hw: tuple[int, int]) -> Mask:
    """Resize a mask to the height and width of its picture as it is kept; see `fit_mask`."""
    height, width = mask.shape
    if (height, width) == shape_hw:
        return mask
    rows, columns = (_taps(n, 0.0, float(n), m) for n, m in zip(mask.shape, shape_hw, strict=True))
    covered = _resized(mask.astype(np.float32), rows, columns)
    return _inside(covered, reduced=min(height / shape_hw[0], width / shape_hw[1]) > 1)


def _resized(pixels: Pixels, rows: _Taps, columns: _Taps) -> Pixels:
    down = _resize_rows(np.asarray(pixels, dtype=np.float32), rows)
    across = _resize_rows(np.ascontiguousarray(down.T), columns)
    # The weights of a pixel sum to one only up to rounding.
    return np.clip(across.T, 0.0, 1.0, out=np.empty(across.shape[::-1], np.float32))


def fit_box(box: Box, shape_hw: tuple[int, ...], how: Fit = Fit.CROP) -> Box | None:
    """Where a box of the original lies after `fit`.

    Args:
        box: fractions of the original's width and height.
        shape_hw: the original's height and width.
        how: as given to `fit`.

    Returns:
        Fractions of the square, cut at its edges, or None when nothing of the box is left.
    """
    height, width = shape_hw[:2]
    side, top, left = _frame(height, width, how)
    x1, x2 = (min(1.0, max(0.0, (x * width - left) / side)) for x in (box[0], box[2]))
    y1, y2 = (min(1.0, max(0.0, (y * height - top) / side)) for y in (box[1], box[3]))
    return (x1, y1, x2, y2) if x2 - x1 > 1e-6 and y2 - y1 > 1e-6 else None


def unfit_box(box: Box, shape_hw: tuple[int, ...], how: Fit = Fit.CROP) -> Box:
    """The inverse of `fit_box`: from fractions of the square to fractions of the original.

    A box that lies in the padding becomes a strip one pixel wide at the nearest edge.
    """
    height, width = shape_hw[:2]
    side, top, left = _frame(height, width, how)
    x1, x2 = _within((box[0] * side + left) / width, (box[2] * side + left) / width, 1 / width)
    y1, y2 = _within((box[1] * side + top) / height, (box[3] * side + top) / height, 1 / height)
    return x1, y1, x2, y2


def fit_mask(mask: Mask, size: int, how: Fit = Fit.CROP) -> Mask:
    """Resize a mask as `fit` resizes its picture: a pixel is inside when at least half of it is.

    A mask too fine for that (a catheter one pixel wide) keeps the pixels it covers most.

    Args:
        mask: (H, W).
        size: height and width wanted, in pixels.
        how: as given to `fit`.

    Returns:
        (size, size).
    """
    covered = fit(mask.astype(np.float32), size, how)
    return _inside(covered, reduced=_frame(mask.shape[0], mask.shape[1], how)[0] > size)


def _inside(covered: Pixels, *, reduced: bool) -> Mask:
    most = float(covered.max())
    # Only reducing thins a mask out; enlarging, a fringe below a half may come from beyond the crop.
    fine = 0 < most < 0.5 and reduced
    inside: Mask = covered >= (most / 2 if fine else 0.5)
    return inside


@dataclass(frozen=True, slots=True)
class Frame:
    """The square in which pictures are read: its pixels a side, and how they are fitted into it."""

    size: int
    fit: Fit = Fit.CROP


def _frame(height: int, width: int, how: Fit) -> tuple[float, float, float]:
    """Side, top and left of the square laid over the original, in its pixels; negative where it pads."""
    side = min(height, width) if member(Fit, how, "fit") is Fit.CROP else max(height, width)
    return float(side), (height - side) / 2, (width - side) / 2


def _within(low: float, high: float, least: float) -> tuple[float, float]:
    low, high = min(1.0, max(0.0, low)), min(1.0, max(0.0, high))
    if high - low >= least:
        return low, high
    low = min(low, 1.0 - least)
    return low, low + least


@lru_cache(maxsize=256)
def _taps(n: int, start: float, side: float, size: int) -> _Taps:
    """Which of `n` rows make each of `size` rows, and how much of each.

    Returns:
        Pairs of row index and weight, each of shape (size,), to be summed over. Rows that fall outside
        the picture weigh nothing: padding is black.
    """
    step = side / size
    first = start + np.arange(size) * step
    if step >= 1:
        base = np.floor(first).astype(np.intp)
        reach = range(int(np.ceil(step)) + 1)
        overlaps = (np.minimum(base + k + 1, first + step) - np.maximum(base + k, first) for k in reach)
        found = [(base + k, np.maximum(0.0, o) / step) for k, o in enumerate(overlaps)]
    else:
        centre = first + step / 2 - 0.5
        base = np.floor(centre).astype(np.intp)
        share = centre - base
        inside = (centre >= -0.5) & (centre <= n - 0.5)
        # Beyond the outermost centres the edge row itself goes on.
        low, high = np.clip(base, 0, n - 1), np.clip(base + 1, 0, n - 1)
        found = [(low, np.where(inside, 1 - share, 0.0)), (high, np.where(inside, share, 0.0))]
    kept = []
    for index, weight in found:
        weight = np.where((index >= 0) & (index < n), weight, 0.0).astype(np.float32)
        if weight.any():
            kept.append((np.clip(index, 0, n - 1), weight))
    return tuple(kept)


def _resize_rows(pixels: Pixels, taps: _Taps) -> Pixels:
    total: Pixels | None = None
    for index, weight in taps:
        part = pixels[index]
        part *= weight[:, None]
        total = part if total is None else np.add(total, part, out=total)
    assert total is not None  # a square laid over the middle always meets the picture
    return total
