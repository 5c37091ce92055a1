"""What an audit found: the rate of each group, the differences between groups, which are more than chance.

audit.found                       # comparisons that hold after Holm's correction, the worst first
audit.to_json()["comparisons"][0]["gap"]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hilum.bench.audit.measures import Kind
from hilum.bench.corrections import ALPHA
from hilum.bench.intervals import Estimate, decimals
from hilum.bench.probability import Bin
from hilum.bench.result import Measured, Skipped

COLUMNS = (
    "measure",
    "kind",
    "group",
    "patients",
    "rate [95 % interval]",
    "the rest",
    "gap [95 % interval]",
    "p",
    "p (Holm)",
    "p (BH)",
)


@dataclass(frozen=True)
class GroupRate:
    """The figure in one group.

    Args:
        patients: on whom it rests.
        items: on which it rests.
        rate: None for a group of too few patients.
    """

    group: str
    patients: int
    items: int
    rate: Estimate | None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        counts = {"group": self.group, "patients": self.patients, "items": self.items}
        return {**counts, "rate": self.rate and self.rate.to_json(), "too_small": self.rate is None}


@dataclass(frozen=True)
class Comparison:
    """One group against the rest of its axis.

    Args:
        rest: the figure of everybody else whose group is known.
        gap: the group's figure less the rest's.
        ratio: the group's figure over the rest's; None for a calibration gap, which may be of either sign.
        worse_by: the gap, turned so that what is above 0 is the group's disadvantage.
        p: of the permutation test; `holm` and `bh` are corrected for all comparisons of the audit.
    """

    measure: str
    kind: Kind
    axis: str
    group: str
    patients: int
    rate: Estimate
    rest: Estimate
    gap: Estimate
    ratio: Estimate | None
    worse_by: float
    p: float
    holm: float = 1.0
    bh: float = 1.0

    @property
    def found(self) -> bool:
        """Whether it is more than chance, among all comparisons of the audit."""
        return self.holm <= ALPHA

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        named = {"measure": self.measure, "kind": self.kind.value, "axis": self.axis, "group": self.group}
        estimates = {"rate": self.rate, "rest": self.rest, "gap": self.gap, "ratio": self.ratio}
        return {
            **named,
            "patients": self.patients,
            **{name: estimate and estimate.to_json() for name, estimate in estimates.items()},
            "worse_by": self.worse_by,
            "p": self.p,
            "p_holm": self.holm,
            "p_bh": self.bh,
            "found": self.found,
        }

    def row(self) -> list[str]:
        """Cells under `COLUMNS`."""
        group = f"{self.axis}: {self.group}"
        estimates = (str(self.rate), str(self.rest), str(self.gap))
        values = (f"{p:.2g}" for p in (self.p, self.holm, self.bh))
        return [self.measure, self.kind.value, group, str(self.patients), *estimates, *values]


@dataclass(frozen=True)
class AxisResult:
    """One measure on one axis.

    Args:
        groups: all of them, the worst first and those that are too small last.
        spread: the best group's figure less the worst's, of the groups that are large enough.
        ratio: the lowest group's figure over the highest's; None where the highest is not above 0.
        reason: why groups were not compared; empty where they were.
    """

    measure: str
    kind: Kind
    axis: str
    groups: tuple[GroupRate, ...]
    spread: Estimate | None = None
    ratio: float | None = None
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {
            "measure": self.measure,
            "kind": self.kind.value,
            "axis": self.axis,
            "groups": [group.to_json() for group in self.groups],
            "worst_to_best": self.spread and self.spread.to_json(),
            "ratio_lowest_to_highest": self.ratio,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class EqualizedOdds:
    """The larger of the gaps in true and false positive rates between the groups of an axis.

    Args:
        difference: as fairlearn's `equalized_odds_difference`; None where it is not defined.
        tpr_gap, fpr_gap: of which it is the larger.
        reason: why it is not defined.
    """

    measure: str
    axis: str
    groups: tuple[str, ...]
    difference: float | None = None
    tpr_gap: float | None = None
    fpr_gap: float | None = None
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {
            "measure": self.measure,
            "axis": self.axis,
            "groups": list(self.groups),
            "equalized_odds_difference": self.difference,
            "tpr_gap": self.tpr_gap,
            "fpr_gap": self.fpr_gap,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Calibration:
    """How far probabilities of yes are from the share that is yes, in one group.

    Args:
        error: expected calibration error; None for a group too small or with one class only.
        bins: those of probability that hold an item.
        reason: why there is no number.
    """

    measure: str
    axis: str
    group: str
    patients: int
    error: Estimate | None = None
    bins: tuple[Bin, ...] = ()
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {
            "measure": self.measure,
            "axis": self.axis,
            "group": self.group,
            "patients": self.patients,
            "expected_calibration_error": self.error and self.error.to_json(),
            "bins": [part.to_json() for part in self.bins],
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Audit:
    """Everything an audit found, and the protocol by which it did.

    Args:
        comparisons: those found first, of these and of the others the worst first.
        skipped_axes: axes that could not be audited, and why; by task, where tasks differ.
    """

    protocol: Mapping[str, Any]
    measured: Measured
    comparisons: tuple[Comparison, ...]
    axes: tuple[AxisResult, ...]
    odds: tuple[EqualizedOdds, ...] = ()
    calibration: tuple[Calibration, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    skipped_axes: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, int] = field(default_factory=dict)

    @property
    def found(self) -> tuple[Comparison, ...]:
        """The differences that are more than chance after Holm's correction."""
        return tuple(comparison for comparison in self.comparisons if comparison.found)

    @property
    def verdict(self) -> str:
        """What was found, in a sentence."""
        count = len(self.comparisons)
        if not count:
            why = [axis.reason for axis in self.axes if axis.reason]
            why = why or [*self.skipped_axes.values()] or [skipped.reason for skipped in self.skipped]
            # Of many axes and pairs the commonest reasons tell; each one's own stands beside it.
            reasons = [reason for reason, _ in Counter(why).most_common(2)]
            return f"Nothing could be compared: {'; '.join(reasons) or 'no axis has two groups'}."
        few = f"{count} comparisons" if count > 1 else "one comparison"
        if not self.found:
            return f"No difference was found in {few}; smaller ones than could be seen may be there."
        worst = self.found[0]
        return (
            f"{len(self.found)} of {few} differ by more than chance. The worst: {worst.axis} {worst.group}, "
            f"{worst.measure} ({worst.kind.value}), gap {decimals(worst.gap.value or 0.0)}."
        )

    def to_json(self) -> dict[str, Any]:
        """One JSON document; `columns` and `rows` are the same comparisons as a table of text."""
        return {
            "verdict": self.verdict,
            "measured": self.measured.to_json(),
            "comparisons": [comparison.to_json() for comparison in self.comparisons],
            "axes": [axis.to_json() for axis in self.axes],
            "equalized_odds": [odds.to_json() for odds in self.odds],
            "calibration": [calibration.to_json() for calibration in self.calibration],
            "skipped": [skipped.to_json() for skipped in self.skipped],
            "skipped_axes": dict(self.skipped_axes),
            "items_of_unknown_group": dict(self.unknown),
            "protocol": dict(self.protocol),
            "columns": list(COLUMNS),
            "rows": [comparison.row() for comparison in self.comparisons],
        }
