"""Masks as runs of pixels, which are small enough to be handed from process to process.

RunLengths.of_mask(mask).mask()
RunLengths.of_polygon([(10, 20), (90, 20), (50, 80)], height=100, width=100).box()
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Runs = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RunLengths:
    """A mask of an image of `height` × `width`, row by row from the top left.

    Args:
        starts: the first pixel of each run, rising, without overlap.
        lengths: pixels of each run, 1 or more.
    """

    height: int
    width: int
    starts: Runs = field(compare=False, repr=False)
    lengths: Runs = field(compare=False, repr=False)

    @classmethod
    def of_mask(cls, mask: npt.NDArray[np.bool_]) -> RunLengths:
        """The runs of a mask (height, width)."""
        edges = np.flatnonzero(np.diff(np.concatenate(([False], mask.ravel(), [False])).astype(np.int8)))
        height, width = mask.shape
        return cls(height, width, edges[::2], edges[1::2] - edges[::2])

    @classmethod
    def of_columns(cls, runs: Sequence[int], height: int, width: int, *, relative: bool) -> RunLengths:
        """Pairs of start and length that run down the columns, as Kaggle's challenges write them.

        Args:
            relative: each start counts from the end of the run before it (SIIM-ACR, CANDID-PTX) and not
                from pixel 1 of the image.

        Raises:
            ValueError: an odd number of values, a run of no pixels, or one that leaves the image.
        """
        values = np.asarray(runs, np.int64)
        if len(values) % 2:
            raise ValueError("its run lengths are not pairs")
        gaps, lengths = values[::2], values[1::2]
        starts = np.cumsum(gaps + np.concatenate(([0], lengths[:-1]))) if relative else gaps - 1
        ends = starts + lengths
        if len(starts) and (lengths.min() < 1 or starts.min() < 0 or ends.max() > height * width):
            raise ValueError(f"its runs leave an image of {width} × {height}")
        flat = np.zeros(height * width + 1, np.int32)
        np.add.at(flat, starts, 1)
        np.add.at(flat, ends, -1)
        return cls.of_mask((flat[:-1].cumsum() > 0).reshape(width, height).T)

    @classmethod
    def of_polygon(cls, corners: Sequence[tuple[float, float]], height: int, width: int) -> RunLengths:
        """The pixels whose centres lie inside a polygon; corners x, y in pixels, by the even-odd rule.

        Raises:
            ValueError: fewer than three corners.
        """
        if len(corners) < 3:
            raise ValueError("its polygon has fewer than three corners")
        x, y = np.asarray(corners, float).T
        following_x, following_y = np.roll(x, -1), np.roll(y, -1)
        starts: list[int] = []
        lengths: list[int] = []
        for row in range(max(0, int(np.floor(y.min()))), min(height, int(np.ceil(y.max())) + 1)):
            middle = row + 0.5
            crossing = (y <= middle) != (following_y <= middle)
            share = (middle - y[crossing]) / (following_y - y)[crossing]
            at = np.sort(x[crossing] + share * (following_x - x)[crossing])
            for left, right in zip(at[::2], at[1::2], strict=True):
                first, last = max(0, int(np.ceil(left - 0.5))), min(width, int(np.ceil(right - 0.5)))
                if last > first:
                    starts.append(row * width + first)
                    lengths.append(last - first)
        return cls(height, width, np.array(starts, np.int64), np.array(lengths, np.int64))

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> RunLengths:
        """The inverse of `to_json`."""
        runs = (np.asarray(document[name], np.int64) for name in ("starts", "lengths"))
        return cls(document["height"], document["width"], *runs)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        runs = {"starts": self.starts.tolist(), "lengths": self.lengths.tolist()}
        return {"height": self.height, "width": self.width, **runs}

    def mask(self) -> npt.NDArray[np.bool_]:
        """The mask (height, width), True inside."""
        flat = np.zeros(self.height * self.width + 1, np.int8)
        flat[self.starts] += 1
        np.add.at(flat, self.starts + self.lengths, -1)
        return (flat[:-1].cumsum() > 0).reshape(self.height, self.width)

    def box(self) -> tuple[float, float, float, float] | None:
        """The smallest box around it, in fractions of width and height; None where it is empty."""
        if not len(self.starts):
            return None
        rows, columns = self.starts // self.width, self.starts % self.width
        ends = self.starts + self.lengths - 1
        wraps = bool((ends // self.width > rows).any())
        left = 0 if wraps else int(columns.min())
        right = self.width if wraps else int((ends % self.width).max()) + 1
        top, bottom = int(rows.min()), int((ends // self.width).max()) + 1
        return left / self.width, top / self.height, right / self.width, bottom / self.height
