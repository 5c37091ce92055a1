"""One measure, group by group: each rate with its interval, each group against the rest, and the spread.

table = Table(patients, grouping.labels, min_n=30, seed=0)
result, comparisons = table.axis(measure, "sex")
comparisons[0].gap, comparisons[0].p
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hilum.bench.audit.groups import JOIN, Labels
from hilum.bench.audit.measures import Kind, Measure
from hilum.bench.audit.result import AxisResult, Comparison, GroupRate
from hilum.bench.audit.significance import DRAWS, p_value, residuals
from hilum.bench.corrections import benjamini_hochberg, holm
from hilum.bench.intervals import Array, Bootstrap, Estimate, Flags, ratio
from hilum.errors import UsageError

MIN_N = 30
"""Fewest patients of a group that a figure is printed of."""


def require_labels(patients: Sequence[str], labels: Mapping[str, Labels]) -> None:
    """Refuse groups that are not told of each item.

    Raises:
        UsageError: an axis has more or fewer labels than there are items.
    """
    for axis, row in labels.items():
        if len(row) != len(patients):
            problem = f"are {len(row)} for the patients of {len(patients)} answers"
            raise UsageError(f"labels of {axis}", problem, "give one for each answer")


@dataclass(frozen=True)
class Table:
    """The items of one task with their groups.

    Args:
        patients: whose each item is.
        labels: axis → group of each item, "" where it is not known.
        min_n: fewest patients of a group, and of the rest, that are compared.
        seed: of bootstrap and permutations.
        draws: most permutations.
        resamples: of the bootstrap; with 0 there are no intervals.

    Raises:
        UsageError: `min_n` is below 2, or an axis has more or fewer labels than there are items.
    """

    patients: Sequence[str]
    labels: Mapping[str, Labels]
    min_n: int = MIN_N
    seed: int = 0
    draws: int = DRAWS
    resamples: int = 1000

    def __post_init__(self) -> None:
        if self.min_n < 2:
            raise UsageError("min_n", f"is {self.min_n}", "give 2 or more patients: one has no interval")
        require_labels(self.patients, self.labels)

    def axes(self, measure: Measure) -> list[str]:
        """The axes a measure is audited on; a single finding is too rare for pairs of them."""
        return [axis for axis in self.labels if measure.finding is None or JOIN not in axis]

    def axis(self, measure: Measure, axis: str) -> tuple[AxisResult, tuple[Comparison, ...]]:
        """All groups of an axis, and each that is large enough against the rest."""
        some = _Some.of(self, measure, axis)
        groups = [some.group(name, self.min_n) for name in some.names]
        groups.sort(key=lambda g: (g.rate is None, -_badness(measure, g)))
        whole = AxisResult(measure.name, measure.kind, axis, tuple(groups))
        large = [group for group in groups if group.rate is not None]
        reason = some.why_not(large, self.min_n)
        if reason:
            return replace(whole, reason=reason), ()
        found = [c for group in large if (c := some.compare(group, self.min_n, self.draws)) is not None]
        if len(some.names) == 2 and len(found) == 2:
            # Of two groups each is the other's rest: one comparison, told of the worse.
            found = [max(found, key=lambda c: c.worse_by)]
        spread, quotient = some.spread(large)
        return replace(whole, spread=spread, ratio=quotient), tuple(found)


def corrected(comparisons: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """With p-values corrected for their number; those found first, then the worst."""
    ps = [comparison.p for comparison in comparisons]
    pairs = zip(holm(ps), benjamini_hochberg(ps), strict=True)
    done = [replace(c, holm=h, bh=b) for c, (h, b) in zip(comparisons, pairs, strict=True)]
    return tuple(sorted(done, key=lambda c: (not c.found, -c.worse_by)))


def _badness(measure: Measure, group: GroupRate) -> float:
    return measure.worse_by(group.rate.value) if group.rate and group.rate.value is not None else 0.0


@dataclass(frozen=True)
class _Some:
    """The rows of a measure that are scored and whose group on one axis is known.

    Args:
        scored: whether any row is scored, its group known or not.
    """

    measure: Measure
    axis: str
    labels: Labels
    patients: npt.NDArray[np.int64]
    over: Array
    under: Array
    seed: int
    resamples: int
    scored: bool

    @classmethod
    def of(cls, table: Table, measure: Measure, axis: str) -> _Some:
        labels = table.labels[axis][measure.items]
        usable = np.isfinite(measure.over) & (measure.under > 0)
        known = (labels != "") & usable
        _, patients = np.unique(np.asarray(table.patients, dtype=str), return_inverse=True)
        rows = measure.items[known]
        arrays = (labels[known], patients[rows], measure.over[known], measure.under[known])
        return cls(measure, axis, *arrays, table.seed, table.resamples, bool(usable.any()))

    @property
    def names(self) -> list[str]:
        return sorted(set(self.labels.tolist()))

    def _count(self, rows: Flags) -> int:
        return len(np.unique(self.patients[rows]))

    def group(self, name: str, min_n: int) -> GroupRate:
        """One group; without a figure when it is too small."""
        rows = self.labels == name
        patients = self._count(rows)
        rate = self._rate(rows) if patients >= min_n else None
        return GroupRate(name, patients, int(rows.sum()), rate)

    def why_not(self, large: Sequence[GroupRate], min_n: int) -> str:
        """Why nothing is compared; empty when it is."""
        if not len(self.labels):
            return "no item's group is known" if self.scored else "no answer could be scored"
        if len(self.names) < 2:
            return f"all are {self.names[0]}"
        if not large:
            return f"no group has {min_n} patients"
        if not residuals(self.over, self.under).any():
            return "all items score the same"
        if all(self._count(self.labels != group.group) < min_n for group in large):
            return f"one group alone has {min_n} patients, and the rest together fewer"
        return ""

    def compare(self, group: GroupRate, min_n: int, draws: int) -> Comparison | None:
        """A group against the rest; None where the rest is too small."""
        inside = self.labels == group.group
        if self._count(~inside) < min_n:
            return None
        p = p_value(self.over, self.under, self.patients, inside, seed=self.seed, draws=draws)
        assert p is not None
        assert group.rate is not None
        rest = self._rate(~inside)
        gap = self._between(inside, ~inside, lambda one, other: one - other)
        signed = self.measure.kind is Kind.CALIBRATION
        quotient = None if signed else self._between(inside, ~inside, _quotient)
        worse_by = self.measure.worse_by(gap.value or 0.0)
        named = (self.measure.name, self.measure.kind, self.axis, group.group, group.patients)
        return Comparison(*named, group.rate, rest, gap, quotient, worse_by, p)

    def spread(self, large: Sequence[GroupRate]) -> tuple[Estimate | None, float | None]:
        """The figure of the best group less the worst's, and the lowest over the highest."""
        if len(large) < 2:
            return None, None
        worst, best = (self.labels == group.group for group in (large[0], large[-1]))
        values = [group.rate.value for group in large if group.rate and group.rate.value is not None]
        least, most = min(values), max(values)
        defined = self.measure.kind is not Kind.CALIBRATION and most > 0
        apart = self._between(best, worst, lambda one, other: one - other)
        return apart, least / most if defined else None

    def _rate(self, rows: Flags) -> Estimate:
        over, under = self.over[rows], self.under[rows]
        patients = [str(patient) for patient in self.patients[rows]]
        if not self.resamples:
            return Estimate(float(over.sum() / under.sum()), None, None, len(over))
        boot = Bootstrap(patients, seed=self.seed, resamples=self.resamples)
        if (under == 1).all():
            return boot.mean(over)
        return boot.estimate(lambda w: ratio(w, over, under))

    def _between(self, one: Flags, other: Flags, how: Callable[[Array, Array], Array]) -> Estimate:
        """Two groups' figures put together, patients of both drawn again."""
        rows = one | other
        sides = [np.where(side[rows], x[rows], 0.0) for side in (one, other) for x in (self.over, self.under)]
        # Sums by patient say all that the resamples need.
        _, patient = np.unique(self.patients[rows], return_inverse=True)
        a, b, c, d = (np.bincount(patient, side).astype(np.float64) for side in sides)

        def statistic(weights_RC: Array) -> Array:
            return how(ratio(weights_RC, a, b), ratio(weights_RC, c, d))

        if not self.resamples:
            return Estimate(float(statistic(np.ones((1, len(a))))[0]), None, None, int(rows.sum()))
        boot = Bootstrap([str(k) for k in range(len(a))], seed=self.seed, resamples=self.resamples)
        return boot.estimate(statistic, int(rows.sum()))


def _quotient(one: Array, other: Array) -> Array:
    found: Array = np.divide(one, other, out=np.full(one.shape, np.nan), where=other > 0)
    return found
