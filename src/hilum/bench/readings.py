"""Findings that a classifier reads off painted pictures, beside those it reads off the films they stand for.

scores = compare_readings(drawn_NK, real_NK, asked_NK, boot)
scores.drawn, scores.gap, scores.findings

Shape suffixes: N pictures, K findings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hilum.bench.intervals import Array, Bootstrap, Estimate
from hilum.bench.metrics import FINDINGS, auroc, macro_auroc, scorable


@dataclass(frozen=True)
class FindingScore:
    """How well the classifier finds one finding, in painted and in real pictures."""

    finding: str
    asked: int
    drawn: Estimate
    real: Estimate

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return asdict(self)


@dataclass(frozen=True)
class ReadingScores:
    """Macro AUROC in painted and in real pictures, the first less the second, and that of each finding."""

    drawn: Estimate
    real: Estimate
    gap: Estimate
    findings: tuple[FindingScore, ...]


def compare_readings(drawn_NK: Array, real_NK: Array, labels_NK: Array, boot: Bootstrap) -> ReadingScores:
    """Compare a classifier's chances in painted pictures and in the films that they stand for.

    Args:
        labels_NK: 1 there, 0 absent, NaN unknown; findings without both are left out.
    """
    columns = [int(k) for k in scorable(labels_NK)]

    def macro(scores_NK: Array) -> Callable[[Array], Array]:
        return lambda w: macro_auroc(w, scores_NK, labels_NK, columns)

    def alone(scores_NK: Array, k: int) -> Estimate:
        known = int(np.isfinite(labels_NK[:, k]).sum())
        return boot.estimate(lambda w: auroc(w, scores_NK[:, k], labels_NK[:, k]), known)

    drawn, real = macro(drawn_NK), macro(real_NK)
    findings = (
        FindingScore(
            FINDINGS[k].value, int((labels_NK[:, k] == 1).sum()), alone(drawn_NK, k), alone(real_NK, k)
        )
        for k in columns
    )
    gap = boot.estimate(lambda w: drawn(w) - real(w))
    return ReadingScores(boot.estimate(drawn), boot.estimate(real), gap, tuple(findings))
