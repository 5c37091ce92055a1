"""Bootstrap intervals: whole patients are drawn again, so that two studies of one person count as one.

boot = Bootstrap(patients=["a", "a", "b", "c"], seed=0)
boot.mean([1, 0, 1, 1])                        # Estimate(value=0.75, low=…, high=…, n=4)
boot.estimate(lambda w: ratio(w, new) - ratio(w, old))   # a paired difference: both see the same draws

Bias-corrected and accelerated bootstrap (Efron, JASA 82:171, 1987) over clusters (Field & Welsh, J R Stat Soc
B 69:369, 2007), its tails those of Student's t for as many patients (Hesterberg, The American Statistician
69:371, 2015). Plain percentiles hold the truth less often than they say
(`python benchmarks/interval_coverage.py`). Sensitivity and specificity, which often rest on few studies, have
`wilson`'s score interval instead. Shape suffixes: R resamples, N items, K findings, C patients.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, stdtrit

from hilum.errors import UsageError

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Statistic = Callable[[Array], Array]
"""How often each item counts in each resample, (R, N), to the statistic of each resample, (R,)."""

RESAMPLES = 1000
LEVEL = 0.95
GROUPS = 500
"""Most leave-one-out statistics that the acceleration is taken from."""
_CELLS = 4_000_000
"""Weights held in memory at once, R × N; more items mean fewer resamples at a time."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval.

    Args:
        value: on the items as they are; None when it is not defined on them.
        low: lower end; None when the interval is not defined, for instance with one patient.
        high: upper end.
        n: items the figure rests on.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval lies above zero: what a paired gain must show."""
        return self.low is not None and self.low > 0

    def __str__(self) -> str:
        if self.value is None:
            return "–"
        if self.low is None or self.high is None:
            return decimals(self.value)
        return f"{decimals(self.value)} [{decimals(self.low)}, {decimals(self.high)}]"


def decimals(value: float, places: int = 3) -> str:
    """A number with so many decimals, or as many more as it takes not to read as 0 or ±1 when it is none."""
    whole = round(value)
    if abs(value - whole) > 1e-9:
        while float(f"{value:.{places}f}") == whole in (-1, 0, 1):
            places += 1
    return f"{value:.{places}f}"


class Bootstrap:
    """The resamples of one set of items, the same for every statistic that is asked of them.

    Args:
        patients: whose each item is, (N,).
        seed: of the draws.
        resamples: how many.

    Raises:
        UsageError: fewer than one resample.
    """

    def __init__(self, patients: Sequence[str], *, seed: int = 0, resamples: int = RESAMPLES) -> None:
        if resamples < 1:
            raise UsageError("resamples", f"is {resamples}", "give at least 1")
        _, self._cluster = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
        self.n = len(self._cluster)
        self.clusters = int(self._cluster.max()) + 1 if self.n else 0
        self.seed, self.resamples = seed, resamples
        self._kept: Array | None = None

    def weights(self) -> Iterator[Array]:
        """Resamples in batches of (R, N): how often each item was drawn.

        Few enough of them are kept, since one set of items is asked for many statistics.
        """
        step = max(1, _CELLS // max(1, self.n))
        if step < self.resamples:
            starts = range(0, self.resamples, step)
            yield from (self._draw(i, min(step, self.resamples - start)) for i, start in enumerate(starts))
            return
        if self._kept is None:
            self._kept = self._draw(0, self.resamples)
        yield self._kept

    def _draw(self, number: int, count: int) -> Array:
        """Batch `number` of `count` resamples."""
        rng = np.random.default_rng((self.seed, number))
        drawn = rng.integers(0, self.clusters, (count, self.clusters))
        drawn += np.arange(count)[:, None] * self.clusters
        times = np.bincount(drawn.ravel(), minlength=count * self.clusters)
        return times.reshape(count, self.clusters).astype(np.float64)[:, self._cluster]

    def estimate(
        self, statistic: Statistic, n: int | None = None, *, share: bool = False, on: Flags | None = None
    ) -> Estimate:
        """A statistic of the items with its interval.

        Resamples in which the statistic is undefined (NaN) are left out; when they are the majority
        there is no interval. Nor is there one where all resamples are equal: they show no spread to tell it
        by. A share of 0 or 1 then has Clopper and Pearson's exact end for as many patients (Biometrika
        26:404, 1934), away from it.

        Args:
            n: items the figure rests on, when not all do.
            share: the statistic lies between 0 and 1.
            on: the items that can move it, (N,), when not all can; how sure it is depends on their patients.
        """
        count = self.n if n is None else n
        patients = self.clusters if on is None else len(np.unique(self._cluster[on]))
        if not self.n:
            return Estimate(None, None, None, 0)
        value = float(statistic(np.ones((1, self.n)))[0])
        if not math.isfinite(value):
            return Estimate(None, None, None, count)
        if patients < 2:
            return Estimate(value, None, None, count)
        drawn = np.concatenate([statistic(weights) for weights in self.weights()])
        drawn = drawn[np.isfinite(drawn)]
        if len(drawn) < self.resamples / 2:
            return Estimate(value, None, None, count)
        # Sums in another order differ in their last digits.
        if np.ptp(drawn) <= 1e-12 * max(1.0, abs(value)):
            return _without_spread(value, count, patients, share)
        left_out = np.concatenate([statistic(weights) for weights in self._without_each()])
        low, high = np.percentile(drawn, bca_percentages(value, drawn, left_out, patients))
        return Estimate(value, float(low), float(high), count)

    def _without_each(self) -> Iterator[Array]:
        """The items without each patient in turn, or, of many patients, without each of some groups."""
        groups = min(self.clusters, GROUPS)
        group = np.arange(self.clusters) % groups
        of_item = group[self._cluster]
        step = max(1, _CELLS // max(1, self.n))
        for start in range(0, groups, step):
            some = np.arange(start, min(groups, start + step))
            yield (of_item[None, :] != some[:, None]).astype(np.float64)

    def mean(self, values: Sequence[float] | Array) -> Estimate:
        """Mean of values in [0, 1] or of anything else; NaN marks an item that has no value."""
        known = np.asarray(values, dtype=np.float64)
        finite = np.isfinite(known)
        return self.estimate(
            lambda w: mean(w, known),
            int(finite.sum()),
            share=bool(((known[finite] >= 0) & (known[finite] <= 1)).all()),
            on=finite,
        )

    def difference(self, after: Sequence[float] | Array, before: Sequence[float] | Array) -> Estimate:
        """Mean of paired differences; a pair with a missing half is left out."""
        gap = np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)
        finite = np.isfinite(gap)
        return self.estimate(lambda w: mean(w, gap), int(finite.sum()), on=finite)


def _without_spread(value: float, n: int, patients: int, share: bool) -> Estimate:
    if not share or value not in (0, 1):
        return Estimate(value, None, None, n)
    # Both tails of the level stand on one side here, as in the two-sided exact interval.
    bound = ((1 - LEVEL) / 2) ** (1 / patients)
    return Estimate(value, bound, 1.0, n) if value else Estimate(value, 0.0, 1 - bound, n)


def bca_percentages(value: float, drawn_R: Array, left_out_C: Array, patients: int) -> tuple[float, float]:
    """Which percentiles of the resampled statistics are the ends of the interval.

    Args:
        value: the statistic of all items.
        drawn_R: of each resample.
        left_out_C: of all items but a patient's (or a group's); NaN where it is undefined.
        patients: two or more.
    """
    count = len(drawn_R)
    below = float((drawn_R < value).sum() + (drawn_R <= value).sum()) / 2
    bias = float(ndtri(min(max(below, 0.5), count - 0.5) / count))
    known = left_out_C[np.isfinite(left_out_C)]
    gaps = known.mean() - known if len(known) else known
    squares = float(gaps @ gaps)
    acceleration = float((gaps**3).sum()) / (6 * squares**1.5) if squares > 0 else 0.0
    tail = math.sqrt(patients / (patients - 1)) * float(stdtrit(patients - 1, (1 + LEVEL) / 2))
    low, high = (
        100 * float(ndtr(bias + (bias + z) / max(1e-9, 1 - acceleration * (bias + z)))) for z in (-tail, tail)
    )
    return low, high


def wilson(hits: Sequence[bool], patients: Sequence[str]) -> Estimate:
    """A share of N trials with Wilson's score interval (JASA 22:209, 1927), which holds also near 0 and 1.

    Several trials of one patient are worth fewer: N is divided by the design effect, the variance between
    patients over that of independent trials (Rao & Scott, Biometrics 48:577, 1992). A share of 0 or 1 shows
    no variance, and each patient then counts once.

    Args:
        hits: whether each trial succeeded, (N,).
        patients: whose each trial is, (N,).
    """
    if not len(hits):
        return Estimate(None, None, None, 0)
    _, cluster = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    successes = np.asarray(hits, dtype=np.float64)
    n, count, share = len(successes), int(cluster.max()) + 1, float(successes.mean())
    if count < 2:
        return Estimate(share, None, None, n)
    effective: float = count
    if 0 < share < 1:
        residuals = np.bincount(cluster, successes - share)
        variance = count / (count - 1) * float(residuals @ residuals) / n**2
        effective = min(n, share * (1 - share) / variance) if variance > 0 else n
    z2 = float(ndtri((1 + LEVEL) / 2)) ** 2
    centre = share + z2 / (2 * effective)
    spread = math.sqrt(z2 * (share * (1 - share) / effective + z2 / (4 * effective**2)))
    scale = 1 + z2 / effective
    low, high = (centre - spread) / scale, (centre + spread) / scale
    # In exact arithmetic the interval holds the share.
    return Estimate(share, min(share, max(0.0, low)), max(share, min(1.0, high)), n)


def mean(weights_RN: Array, values_N: Array) -> Array:
    """Weighted mean of each resample; NaN values count for nothing."""
    known = np.isfinite(values_N)
    return divide(weights_RN[:, known] @ values_N[known], weights_RN[:, known].sum(1))


def ratio(weights_RN: Array, over_N: Array, under_N: Array) -> Array:
    """Ratio of two sums in each resample, for instance words written over words in the references."""
    return divide(weights_RN @ over_N, weights_RN @ under_N)


def divide(over: Array, under: Array) -> Array:
    """Quotients; NaN where nothing is below the line."""
    quotient: Array = np.divide(over, under, out=np.full(over.shape, np.nan), where=under > 0)
    return quotient
