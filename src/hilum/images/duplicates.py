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

from hilum.images.fit import fit
from hilum.study import Pixels

Signature = npt.NDArray[np.int8]

CELLS = 24
"""Cells a side of the shrunken film."""
SLOW = 2.0
"""Standard deviation in cells of the blur whose result is taken away."""
THRESHOLD = 0.93
"""Correlation from which two films are one; see docs/data.md for what it finds."""
BLOCK = 1024
"""Films that are compared with others at a time."""
ENERGY = 0.85
"""Share of the signatures' energy that the principal components hold by which most pairs are ruled out."""
SAMPLE = 20_000
"""Most films that the principal components are taken from."""
CANDIDATES = 4096
"""Pairs that are correlated in full at a time."""

Pairs = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float64]]
"""Rows of one set of films, rows of the other, and their correlations: (P,) each."""


def signature(pixels: Pixels) -> Signature:
    """What tells a film from others: (576,) int8, all zero for a picture of one grey.

    Args:
        pixels: (H, W), float32 in [0, 1].
    """
    ranks = _ranks(fit(pixels, CELLS))
    fine = ranks - gaussian_filter(ranks, SLOW, mode="nearest")
    most = np.abs(fine).max()
    return np.zeros(CELLS**2, np.int8) if most < 1 else np.round(fine * (127 / most)).astype(np.int8).ravel()


def _ranks(cells: Pixels) -> npt.NDArray[np.float64]:
    """The place of each grey level among all of them; equal ones share the mean of their places."""
    _, inverse, counts = np.unique(cells, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse].reshape(cells.shape)


def copies(
    signatures: Signature, others: Signature | None = None, threshold: float = THRESHOLD
) -> Iterator[tuple[int, int, float]]:
    """Pairs of films that are one: row of `signatures`, row of `others`, their correlation.

    See `copies_by_block`.
    """
    for rows, columns, found in copies_by_block(signatures, others, threshold):
        yield from zip(rows.tolist(), columns.tolist(), found.tolist(), strict=True)


def copies_by_block(
    signatures: Signature, others: Signature | None = None, threshold: float = THRESHOLD
) -> Iterator[Pairs]:
    """Pairs of films that are one, for each block of `BLOCK` rows of `signatures` in turn.

    Args:
        signatures: (N, 576).
        others: (M, 576); None compares the films among themselves, each pair once.

    No pair is missed: every film is compared with every other, as one matrix product, by an upper bound of
    their correlation. Of unit vectors a and b, split by an orthonormal basis into what K principal components
    hold of them and what is left, the correlation is at most a₁·b₁ + |a₂||b₂| (Cauchy and Schwarz), which is
    the product of two vectors of K + 1 numbers. The few pairs whose bound reaches the threshold are
    correlated in whole numbers, so that what is found does not depend on the machine. 400,000 films among
    themselves take six minutes of one core, and 430 MB with their signatures.
    """
    if not len(signatures):
        return
    components = _components(signatures)
    left = _bounds(signatures, components)
    right = left if others is None else _bounds(others, components)
    columns = signatures if others is None else others
    for top in range(0, len(left), BLOCK):
        rows: list[npt.NDArray[np.intp]] = []
        for start in range(top if others is None else 0, len(right), BLOCK):
            # What rounding may take from a bound is far below a thousandth.
            near = left[top : top + BLOCK] @ right[start : start + BLOCK].T >= threshold - 1e-3
            pairs = np.argwhere(near) + np.array([top, start])
            rows.append(pairs if others is not None else pairs[pairs[:, 0] < pairs[:, 1]])
        one, other = np.concatenate(rows).T
        found = _correlations(signatures, columns, one, other)
        kept = found >= threshold
        yield one[kept], other[kept], found[kept]


def _components(signatures: Signature) -> npt.NDArray[np.float32]:
    """The principal components of some films spread over all, as many as hold `ENERGY`: (576, K)."""
    some = np.linspace(0, len(signatures) - 1, min(len(signatures), SAMPLE)).astype(int)
    unit = _unit(signatures[some])
    energies, vectors = np.linalg.eigh(unit.T @ unit)
    held = np.cumsum(energies[::-1])
    count = int(np.searchsorted(held, ENERGY * held[-1])) + 1
    return np.ascontiguousarray(vectors[:, ::-1][:, :count])


def _bounds(signatures: Signature, components: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Vectors whose products bound the films' correlations from above: (N, K + 1)."""
    bounds = np.empty((len(signatures), components.shape[1] + 1), np.float32)
    for top in range(0, len(signatures), BLOCK):
        unit = _unit(signatures[top : top + BLOCK])
        held = unit @ components
        bounds[top : top + BLOCK, :-1] = held
        bounds[top : top + BLOCK, -1] = np.sqrt(np.maximum((unit**2).sum(1) - (held**2).sum(1), 0))
    return bounds


def _correlations(
    signatures: Signature, others: Signature, one: npt.NDArray[np.intp], other: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """Of pairs, each by two rows: (P,)."""
    found = np.empty(len(one))
    for start in range(0, len(one), CANDIDATES):
        a = signatures[one[start : start + CANDIDATES]].astype(np.int32)
        b = others[other[start : start + CANDIDATES]].astype(np.int32)
        squares = (a * a).sum(1, dtype=np.int64) * (b * b).sum(1, dtype=np.int64)
        product = (a * b).sum(1, dtype=np.int64)
        found[start : start + CANDIDATES] = product / np.sqrt(np.maximum(squares, 1))
    return found


def _unit(signatures: Signature) -> npt.NDArray[np.float32]:
    values = signatures.astype(np.float32)
    values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1)
    return values
