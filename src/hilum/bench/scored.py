"""What each answer scores, and the figure that any resampling of the answers gives.

scored = Scored(values=np.array([1.0, 0.0, 1.0]))
scored.estimate(Bootstrap(clusters)), scored.gain(others, Bootstrap(clusters))

Shape suffixes: R resamples, N answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from hilum.bench.intervals import Array, Bootstrap, Estimate, Flags, mean
from hilum.bench.metrics import Counts


@dataclass(frozen=True)
class Scored:
    """The scores of N answers: one value each, or counts that add up to an F1.

    Args:
        values: (N,), NaN where an answer cannot be scored; the figure is their mean.
        counts: right, wrong and missed of each answer; the figure is the F1 of their sums.
        macro: of counts, the mean of the columns' F1 instead.
        known: (N,), False for an answer whose counts say nothing; None where all do.
        unusable: how many could not be compared as they are, by what was wrong with them.
    """

    values: Array | None = None
    counts: Counts | None = None
    macro: bool = False
    known: Flags | None = None
    unusable: Mapping[str, int] = field(default_factory=dict)

    def statistic(self, weights_RN: Array) -> Array:
        """The figure in each resample of the items, (R,)."""
        if self.values is not None:
            return mean(weights_RN, self.values)
        assert self.counts is not None
        return (self.counts.macro_f1 if self.macro else self.counts.micro_f1)(weights_RN)

    def estimate(self, boot: Bootstrap) -> Estimate:
        """The figure with its interval."""
        if self.values is not None:
            return boot.mean(self.values)
        assert self.counts is not None
        return boot.estimate(self.statistic, self._count, share=True, on=self.counts.counted)

    def gain(self, other: Scored, boot: Bootstrap) -> Estimate:
        """This figure less another one of the same items, with the paired interval."""
        if self.values is not None and other.values is not None:
            return boot.difference(self.values, other.values)
        assert self.counts is not None
        assert other.counts is not None
        on = self.counts.counted | other.counts.counted
        return boot.estimate(lambda w: self.statistic(w) - other.statistic(w), self._count, on=on)

    @property
    def _count(self) -> int | None:
        return None if self.known is None else int(self.known.sum())

    def of(self, places: Sequence[int]) -> Scored:
        """The scores of some of the answers."""
        some = np.asarray(places, dtype=np.intp)
        return replace(
            self,
            values=None if self.values is None else self.values[some],
            counts=None if self.counts is None else self.counts.of_items(some),
            known=None if self.known is None else self.known[some],
        )

    def each(self) -> list[tuple[float | None, tuple[float, float, float] | None]]:
        """Of each answer its value, None where it has none, and its counts summed over the columns."""
        if self.values is not None:
            return [(float(value) if np.isfinite(value) else None, None) for value in self.values]
        assert self.counts is not None
        sums = (part.sum(1) for part in (self.counts.right, self.counts.wrong, self.counts.missed))
        return [(None, (float(r), float(w), float(m))) for r, w, m in zip(*sums, strict=True)]

    def parts(self) -> tuple[Array, Array]:
        """The figure as a ratio of sums: what each answer adds above and below the line, (N,) each."""
        if self.values is not None:
            return self.values, np.ones(len(self.values))
        assert self.counts is not None
        right = 2 * self.counts.right.sum(1)
        return right, right + self.counts.wrong.sum(1) + self.counts.missed.sum(1)
