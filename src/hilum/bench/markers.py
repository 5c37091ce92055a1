"""Side markers: can the L or R on a film still be read in its reconstruction?

legible = legible_markers(films, reconstructions)        # 1 read, 0 not, NaN where the film shows none

The letter is found on the film itself, by normalised cross-correlation with the phantom's own glyphs, and
looked for in the same place on the other picture. Real films carry other typefaces, few of which match: those
without a sure match count for nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from hilum.bench.intervals import Array
from hilum.phantom.film import letters, scale_of
from hilum.study import Pixels

SURE = 0.9
"""Correlation from which a letter on a film counts as found."""
READ = 0.5
"""Correlation from which the letter is there on the other picture, when no other letter fits better."""
CORNER = 0.16
"""Of the side, within which a marker lies in its corner."""
AROUND = 1
"""Dots by which the letter may have moved."""


def legible_markers(films: npt.NDArray[np.floating], others: npt.NDArray[np.floating]) -> Array:
    """Whether each film's marker can be read on the other picture, (N,): 1, 0, or NaN without a marker.

    Args:
        films, others: (N, H, H) in [0, 1], pixel for pixel the same view.
    """
    found = [_legible(film, other) for film, other in zip(films, others, strict=True)]
    return np.asarray(found, np.float64)


def _legible(film: Pixels, other: Pixels) -> float:
    side = film.shape[0]
    reach = max(1, round(CORNER * side))
    best, where = SURE, None
    for columns in (slice(0, reach), slice(side - reach, side)):
        for letter in "LR":
            fits = _correlation(film[:reach, columns], _template(letter, side))
            if fits.size and fits.max() > best:
                row, column = np.unravel_index(int(fits.argmax()), fits.shape)
                best, where = float(fits.max()), (letter, int(row), int(column) + columns.start)
    if where is None:
        return float("nan")
    read = {letter: _there(other, letter, where[1], where[2]) for letter in "LR"}
    return float(read[where[0]] >= READ and read[where[0]] == max(read.values()))


def _there(picture: Pixels, letter: str, row: int, column: int) -> float:
    """The best correlation of a letter at a place or a dot beside it."""
    template = _template(letter, picture.shape[0])
    height, width = template.shape
    reach = AROUND * scale_of(letter, picture.shape[0])
    rows = slice(max(0, row - reach), row + height + reach)
    columns = slice(max(0, column - reach), column + width + reach)
    fits = _correlation(picture[rows, columns], template)
    return float(fits.max()) if fits.size else 0.0


def _template(letter: str, side: int) -> Array:
    """The letter, white, within a black rim of one dot."""
    scale = scale_of(letter, side)
    return np.pad(letters(letter, scale)[:, :-scale].astype(np.float64), scale)


def _correlation(picture: Pixels, template: Array) -> Array:
    """Pearson's correlation of a template with each window of its size, (rows, columns); 0 where a window is
    flat.
    """
    if any(have < need for have, need in zip(picture.shape, template.shape, strict=True)):
        return np.zeros((0, 0))
    windows = sliding_window_view(np.asarray(picture, np.float64), template.shape)
    centred = windows - windows.mean((2, 3), keepdims=True)
    shape = template - template.mean()
    spread = np.sqrt((centred**2).sum((2, 3)) * (shape**2).sum())
    fits: Array = np.where(spread > 1e-6, (centred * shape).sum((2, 3)) / np.maximum(spread, 1e-6), 0.0)
    return fits
