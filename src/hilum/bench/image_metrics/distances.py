"""Distances between two sets of pictures in a space of features.

fd = frechet_distance(Moments.of(real_ND), Moments.of(drawn_MD))
kd = kernel_distance(real_ND, drawn_MD, seed=0)
near = Neighbourhoods.of(real_ND, drawn_MD); near.precision_M.mean()

Everything is worked out in double precision and in blocks of rows. Shape suffixes: N real pictures, M drawn
ones, D features.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from hilum.bench.intervals import Array
from hilum.errors import UsageError

Features = npt.NDArray[np.floating]

BLOCK = 1024
"""Rows whose distances to all others are held at a time."""
FRACTIONS = 15
"""Sizes of subsets from which the Fréchet distance is extrapolated."""


class Moments:
    """Mean and covariance of features that arrive in batches, of which none is kept.

    Batches are merged as Chan et al. (The American Statistician 37:242, 1983) do, so that features far from 0
    keep their digits.
    """

    def __init__(self, width: int) -> None:
        self.count = 0
        self.mean_D: Array = np.zeros(width)
        self._scatter_DD: Array = np.zeros((width, width))

    @classmethod
    def of(cls, features_ND: Features) -> Moments:
        """Of all features at once."""
        moments = cls(features_ND.shape[1])
        moments.add(features_ND)
        return moments

    def add(self, features_BD: Features) -> None:
        """Take in a batch, (B, D)."""
        if not len(features_BD):
            return
        batch = np.asarray(features_BD, np.float64)
        centred = batch - batch.mean(0)
        gap = batch.mean(0) - self.mean_D
        count = self.count + len(batch)
        self._scatter_DD += centred.T @ centred + np.outer(gap, gap) * (self.count * len(batch) / count)
        self.mean_D = self.mean_D + gap * (len(batch) / count)
        self.count = count

    def covariance(self) -> Array:
        """(D, D), divided by one less than the pictures, as `numpy.cov` has it."""
        return np.asarray(self._scatter_DD / (self.count - 1))


def frechet_distance(real: Moments, drawn: Moments) -> float:
    """Fréchet distance of two Gaussians (Heusel et al., NeurIPS 2017), 0 for equal ones.

    |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½). It grows as the sets get smaller, so values are comparable only at
    equal numbers of pictures and in the same features; see `frechet_infinity`.

    Raises:
        UsageError: a set has fewer than two pictures, or the features are of different widths.
    """
    for name, side in (("real", real), ("drawn", drawn)):
        if side.count < 2:
            raise UsageError(name, f"has {side.count} pictures", "give at least 2")
    if len(real.mean_D) != len(drawn.mean_D):
        raise UsageError("features", "are of different widths", "use one encoder for both sets")
    one, other = real.covariance(), drawn.covariance()
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    # tr (Σ₁Σ₂)^½ = tr (Σ₁^½ Σ₂ Σ₁^½)^½, whose matrix is symmetric.
    cross = np.sqrt(np.clip(np.linalg.eigvalsh(root @ other @ root), 0, None)).sum()
    gap = real.mean_D - drawn.mean_D
    return float(max(0.0, gap @ gap + np.trace(one) + np.trace(other) - 2 * cross))


def frechet_infinity(real_ND: Features, drawn_MD: Features, *, seed: int = 0) -> float:
    """The Fréchet distance that infinitely many pictures would have (Chong & Forsyth, CVPR 2020); may be < 0.

    Subsets from half of both sets to all of them, drawn at random; a line through their distances over 1 / n,
    read off at 0. The bias is about as 1 / n from a few times as many pictures as features on.
    """
    rng = np.random.default_rng(seed)
    shares = np.linspace(0.5, 1, FRACTIONS)
    found = []
    for share in shares:
        parts = [
            side[rng.permutation(len(side))[: max(2, round(share * len(side)))]]
            for side in (real_ND, drawn_MD)
        ]
        found.append(frechet_distance(*map(Moments.of, parts)))
    _, intercept = np.polyfit(1 / shares, found, 1)
    return float(intercept)


def kernel_distance(
    real_ND: Features, drawn_MD: Features, *, size: int = 1000, subsets: int = 100, seed: int = 0
) -> tuple[float, float]:
    """Kernel distance (Bińkowski et al., ICLR 2018): unbiased squared MMD with the kernel (x·y / D + 1)³.

    0 on average for two sets of one distribution, whatever their size; may be negative.

    Args:
        size: pictures of each set in a subset; sets that are no larger are taken whole, once.
        subsets: how many random subsets the mean is over.

    Returns:
        The mean over subsets, and their standard deviation (not that of the mean; 0 for one subset).

    Raises:
        UsageError: a set has fewer than two pictures.
    """
    least = min(len(real_ND), len(drawn_MD))
    if least < 2:
        raise UsageError("pictures", f"are {least}", "give at least 2 of each set")
    if max(len(real_ND), len(drawn_MD)) <= size:
        return _mmd(real_ND, drawn_MD), 0.0
    rng = np.random.default_rng(seed)
    found = [
        _mmd(*(side[rng.permutation(len(side))[:size]] for side in (real_ND, drawn_MD)))
        for _ in range(subsets)
    ]
    return float(np.mean(found)), float(np.std(found))


def _mmd(x: Features, y: Features) -> float:
    one, other = (np.asarray(side, np.float64) for side in (x, y))

    def kernel(a: Array, b: Array) -> Array:
        return np.asarray((a @ b.T / a.shape[1] + 1) ** 3)

    def within(a: Array) -> float:
        values = kernel(a, a)
        return float((values.sum() - np.trace(values)) / (len(a) * (len(a) - 1)))

    return within(one) + within(other) - 2 * float(kernel(one, other).mean())


@dataclass(frozen=True)
class Neighbourhoods:
    """Which pictures of one set lie within reach of the other's, by their k nearest neighbours.

    Precision and recall as Kynkäänniemi et al. (NeurIPS 2019), density and coverage as Naeem et al. (ICML
    2020) have them; each figure is the mean of its array.

    Args:
        precision_M: 1 for a drawn picture within the reach of a real one.
        recall_N: 1 for a real picture within the reach of a drawn one.
        density_M: of each drawn picture, in the reach of how many real ones it lies, over k; may exceed 1.
        coverage_N: 1 for a real picture with a drawn one within its reach.
    """

    precision_M: Array
    recall_N: Array
    density_M: Array
    coverage_N: Array

    @classmethod
    def of(cls, real_ND: Features, drawn_MD: Features, k: int = 5) -> Neighbourhoods:
        """Compare two sets.

        Args:
            k: the reach of a picture is the distance to its k-th nearest neighbour in its own set.

        Raises:
            UsageError: a set has no more than k pictures.
        """
        least = min(len(real_ND), len(drawn_MD))
        if not 1 <= k < least:
            raise UsageError("k", f"is {k} for {least} pictures", "give more pictures, or a smaller k")
        reach_N, reach_M = (_reach(side, k) for side in (real_ND, drawn_MD))
        within_M = np.zeros(len(drawn_MD))
        recall_N, coverage_N = np.zeros(len(real_ND)), np.zeros(len(real_ND))
        for rows, distances in _blocks(real_ND, drawn_MD):
            near = distances < reach_N[rows][:, None]
            within_M += near.sum(0)
            coverage_N[rows] = near.any(1)
            recall_N[rows] = (distances < reach_M).any(1)
        return cls((within_M > 0).astype(np.float64), recall_N, within_M / k, coverage_N)


def nearest(of_ND: Features, among_MD: Features) -> Array:
    """Euclidean distance of each picture to the nearest of another set, (N,)."""
    found = np.empty(len(of_ND))
    for rows, distances in _blocks(of_ND, among_MD):
        found[rows] = distances.min(1)
    return found


def _reach(features_ND: Features, k: int) -> Array:
    found = np.empty(len(features_ND))
    for rows, distances in _blocks(features_ND, features_ND):
        # The nearest of all is the picture itself.
        found[rows] = np.partition(distances, k, axis=1)[:, k]
    return found


def _blocks(one_ND: Features, other_MD: Features) -> Iterator[tuple[slice, Array]]:
    one, other = (np.asarray(side, np.float64) for side in (one_ND, other_MD))
    for start in range(0, len(one), BLOCK):
        rows = slice(start, start + BLOCK)
        yield rows, cdist(one[rows], other)
