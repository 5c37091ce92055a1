"""Whether two groups of patients differ by more than chance: a permutation test.

p = p_value(over, under, patients, inside, seed=0)      # of over.sum() / under.sum() inside against outside

Every figure of the audit is a ratio of two sums over items: an accuracy (values over ones), an F1 (twice the
right over twice the right plus wrong plus missed), a true positive rate (found over there). The test
permutes whole patients between the groups, or, of a patient who has items in both (films of two views), the
items among each other. Its statistic is the gap over its standard error between patients, which keeps the
level also where the groups differ in more than the rate (Janssen, Statistics & Probability Letters 36:9,
1997; Chung & Romano, Annals of Statistics 41:484, 2013). Permutations are drawn until 50 of them reach the
observed statistic, so that only small p-values take many (Besag & Clifford, Biometrika 78:301, 1991).

Shape suffixes: N items, C patients, P permutations, K kinds of patients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hilum.bench.corrections import ALPHA
from hilum.bench.intervals import Array, Flags

DRAWS = 9_999
"""Most permutations, unless there are so many comparisons that no p-value of these could pass Holm's rule."""
REACHED = 50
"""Permutations that reach the observed statistic before no more are drawn."""
_CELLS = 1_000_000
"""Random numbers held at once."""


def draws_for(comparisons: int) -> int:
    """How many permutations it takes for a p-value a quarter of what Holm's rule asks for first."""
    return max(DRAWS, int(4 * comparisons / ALPHA))


def residuals(over_N: Array, under_N: Array) -> Array:
    """What each item adds above or below the rate of all; they sum to 0."""
    found: Array = over_N - over_N.sum() / under_N.sum() * under_N
    # Rounding alone must not make a difference where every item has the same rate.
    return np.where(np.abs(found) > 1e-12 * np.abs(under_N), found, 0.0)


def p_value(
    over_N: Array,
    under_N: Array,
    patients_N: npt.NDArray[np.int64],
    inside_N: Flags,
    *,
    seed: int = 0,
    draws: int = DRAWS,
) -> float | None:
    """The two-sided p-value of the difference between the rates inside and outside a group.

    Args:
        over_N: what each item adds above the line.
        under_N: what it adds below; above 0.
        patients_N: whose it is.
        inside_N: whether it is in the group.
        seed: of the permutations.
        draws: the most of them.

    Returns:
        In (0, 1]; None where all items have the same rate, or one side has no item: nothing can be compared.
    """
    residuals_N = residuals(over_N, under_N)
    if not residuals_N.any() or inside_N.all() or not inside_N.any():
        return None
    split = _Split.of(over_N, under_N, residuals_N, patients_N, inside_N)
    observed = split.observed()
    rng = np.random.default_rng(seed)
    step, done, reached = 2 * REACHED, 0, 0
    while done < draws:
        count = min(step, draws - done, max(1, _CELLS // len(over_N)))
        hits = np.flatnonzero(split.permuted(rng, count) >= observed * (1 - 1e-9))
        if reached + len(hits) >= REACHED:
            return float(REACHED / (done + hits[REACHED - reached - 1] + 1))
        reached, done, step = reached + len(hits), done + count, 2 * step
    return (reached + 1) / (done + 1)


@dataclass(frozen=True)
class _Split:
    """Patients who are on one side, and the items of those who are on both, sorted by patient.

    Args:
        whole_C3: of each patient on one side, sums of over, under and residuals.
        inside_C: whether the patient is in the group.
        kinds_K3: the different rows of `whole_C3`, residuals squared, and `alike_K` how many of each.
        items_N3: the same three of each item of the others.
        inside_N: whether the item is in the group, the group's items first in each patient.
        starts: where each of these patients' items begin; `patient_N` numbers them.
    """

    whole_C3: Array
    inside_C: Flags
    kinds_K3: Array
    alike_K: npt.NDArray[np.int64]
    items_N3: Array
    inside_N: Flags
    starts: npt.NDArray[np.int64]
    patient_N: npt.NDArray[np.int64]

    @classmethod
    def of(
        cls, over: Array, under: Array, residuals: Array, patients: npt.NDArray[np.int64], inside: Flags
    ) -> _Split:
        _, patient = np.unique(patients, return_inverse=True)
        size, within = np.bincount(patient), np.bincount(patient, inside)
        pure = (within == 0) | (within == size)
        rows = np.column_stack([over, under, residuals])
        sums = np.column_stack([np.bincount(patient, column) for column in rows.T])
        kept = np.flatnonzero(~pure[patient])
        kept = kept[np.lexsort((~inside[kept], patient[kept]))]
        _, starts, numbers = np.unique(patient[kept], return_index=True, return_inverse=True)
        whole = sums[pure]
        kinds, alike = np.unique(_squared(whole).round(12), axis=0, return_counts=True)
        return cls(whole, within[pure] > 0, kinds, alike, rows[kept], inside[kept], starts, numbers)

    def observed(self) -> float:
        """The statistic as it is."""
        whole = self.whole_C3[self.inside_C]
        sums = np.array([[whole[:, 0].sum(), whole[:, 1].sum(), (whole[:, 2] ** 2).sum()]])
        return float(self._statistic(sums, self.inside_N[None])[0])

    def permuted(self, rng: np.random.Generator, count: int) -> Array:
        """The statistic of `count` random permutations (P,)."""
        drawn = np.zeros((count, len(self.inside_N)), dtype=bool)
        if len(self.inside_N):
            keys = rng.random(drawn.shape) + self.patient_N
            np.put_along_axis(drawn, keys.argsort(1), np.broadcast_to(self.inside_N, drawn.shape), 1)
        return self._statistic(self._whole_sums(rng, count), drawn)

    def _whole_sums(self, rng: np.random.Generator, count: int) -> Array:
        """Sums of over, under and squared residuals of as many random patients as the group has (P, 3)."""
        every, chosen = len(self.inside_C), int(self.inside_C.sum())
        fewer = min(chosen, every - chosen)  # the smaller side is drawn
        if not fewer:
            sums = np.zeros((count, 3))
        elif 8 * len(self.kinds_K3) < every:
            # Patients with the same sums are interchangeable: how many of each kind are drawn says it all.
            drawn = rng.multivariate_hypergeometric(self.alike_K, fewer, size=count)
            sums = drawn @ self.kinds_K3
        else:
            rows = rng.random((count, every), dtype=np.float32).argpartition(fewer - 1, axis=1)[:, :fewer]
            sums = self._terms[rows].sum(1)
        return sums if fewer == chosen else self._terms.sum(0) - sums

    @property
    def _terms(self) -> Array:
        return _squared(self.whole_C3)

    def _statistic(self, whole_P3: Array, drawn_PN: Flags) -> Array:
        """Gap over its standard error, without sign."""
        over, under, inner = whole_P3.T
        outer = (self.whole_C3[:, 2] ** 2).sum() - inner
        total = self.whole_C3[:, :2].sum(0) + self.items_N3[:, :2].sum(0)
        cross = np.zeros(len(over))
        if len(self.starts):
            over, under = (side + drawn_PN @ self.items_N3[:, k] for k, side in enumerate((over, under)))
            own = np.add.reduceat(drawn_PN * self.items_N3[:, 2], self.starts, axis=1)
            other = np.add.reduceat(self.items_N3[:, 2], self.starts) - own
            inner, outer = inner + (own**2).sum(1), outer + (other**2).sum(1)
            cross = (own * other).sum(1)
        rest = total[1] - under
        gap = over / under - (total[0] - over) / rest
        variance = inner / under**2 - 2 * cross / (under * rest) + outer / rest**2
        least = 1e-15 * (gap**2 + 1e-300)
        statistic: Array = np.abs(gap) / np.sqrt(np.maximum(variance, least))
        return statistic


def _squared(sums_C3: Array) -> Array:
    """Over, under and squared residuals."""
    return np.column_stack([sums_C3[:, :2], sums_C3[:, 2] ** 2])
