"""Copies of one film found again: resized, compressed, windowed anew or renamed.

signatures = np.stack([signature(pixels) for pixels in films])
for i, j, similarity in copies(signatures): ...

Chest radiographs look alike: what tells two of them apart is fine structure. The middle square of a film is
shrunk to 24 × 24 cells, its grey levels are replaced by their ranks (which no monotone change of grey moves),
and what varies slowly is taken away (the shape that all chests share). Two copies then correlate at 0.95 or
more, films of two patients hardly at 0.9.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from scipy.stats import rankdata

from hilum.images.fit import fit
from hilum.study import Pixels

Signature = npt.NDArray[np.int8]

CELLS = 24
"""Cells a side of the shrunken film."""
SLOW = 2.0
"""Standard deviation in cells of the blur whose result is taken away."""
THRESHOLD = 0.93
"""Correlation from which two films are one; see docs/data.md for what it finds."""
BLOCK = 2048
"""Films that are compared with others at a time."""


def signature(pixels: Pixels) -> Signature:
    """What tells a film from others: (576,) int8, all zero for a picture of one grey.

    Args:
        pixels: (H, W), float32 in [0, 1].
    """
    ranks = rankdata(fit(pixels, CELLS)).reshape(CELLS, CELLS)
    fine = ranks - gaussian_filter(ranks, SLOW, mode="nearest")
    most = np.abs(fine).max()
    return np.zeros(CELLS**2, np.int8) if most < 1 else np.round(fine * (127 / most)).astype(np.int8).ravel()


def copies(
    signatures: Signature, others: Signature | None = None, threshold: float = THRESHOLD
) -> Iterator[tuple[int, int, float]]:
    """Pairs of films that are one: row of `signatures`, row of `others`, their correlation.

    Args:
        signatures: (N, 576).
        others: (M, 576); None compares the films among themselves, each pair once.

    Every film is compared with every other, as one matrix product: 400,000 films among themselves are 5e13
    multiplications, minutes on a processor with many cores, and no pair is missed.
    """
    columns = signatures if others is None else others
    for top in range(0, len(signatures), BLOCK):
        rows = _unit(signatures[top : top + BLOCK])
        for left in range(top if others is None else 0, len(columns), BLOCK):
            found = rows @ _unit(columns[left : left + BLOCK]).T
            for i, j in np.argwhere(found >= threshold):
                if others is not None or top + i < left + j:
                    yield top + int(i), left + int(j), float(found[i, j])


def _unit(signatures: Signature) -> npt.NDArray[np.float32]:
    values = signatures.astype(np.float32)
    values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1)
    return values
