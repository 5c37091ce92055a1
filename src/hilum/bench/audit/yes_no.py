"""Equalised odds between groups, and how well probabilities of yes hold in each group.

odds = equalized_odds(tpr, fpr, "sex", table)
calibration(found, "sex", table)[0].error

Equalised odds (Hardt et al., NeurIPS 2016) as `fairlearn` works it out. Expected calibration error (Naeini et
al., AAAI 2015): the mean distance between probability and share in ten bins of equal width, weighted by the
items in them. It is above 0 also for perfect probabilities, the more so the fewer items there are: compare it
between groups of about the same size, and see the excess probability, which has no such bias, for a test.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hilum.bench.audit.compare import Table
from hilum.bench.audit.measures import Measure
from hilum.bench.audit.result import Calibration, EqualizedOdds
from hilum.bench.intervals import Array, Bootstrap
from hilum.bench.probability import BINS, YesProbabilities, bins_of, reliability


def equalized_odds(tpr: Measure, fpr: Measure, axis: str, table: Table) -> EqualizedOdds:
    """The larger gap of two error rates between the groups of an axis that are large enough for both.

    Args:
        tpr: the true positive rate of some findings, and `fpr` their false positive rate.
    """
    labels = [table.labels[axis][measure.items] for measure in (tpr, fpr)]
    enough = [_large(table, measure, axis) for measure in (tpr, fpr)]
    groups = tuple(sorted(enough[0] & enough[1]))
    if len(groups) < 2:
        reason = f"fewer than two groups have {table.min_n} patients with the finding and as many without it"
        return EqualizedOdds(tpr.name, axis, groups, reason=reason)
    from fairlearn.metrics import MetricFrame, false_positive_rate, true_positive_rate

    truth = np.concatenate([np.ones(len(labels[0]), int), np.zeros(len(labels[1]), int)])
    said = np.concatenate([tpr.over, fpr.over]).astype(int)
    group = np.concatenate(labels)
    kept = np.isin(group, groups)
    frame = MetricFrame(
        metrics={"tpr": true_positive_rate, "fpr": false_positive_rate},
        y_true=truth[kept],
        y_pred=said[kept],
        sensitive_features=group[kept],
    )
    gaps: Any = frame.difference()
    # The larger of the two is what fairlearn's `equalized_odds_difference` gives, at half its time.
    found = {rate: float(gaps[rate]) for rate in ("tpr", "fpr")}
    return EqualizedOdds(tpr.name, axis, groups, max(found.values()), found["tpr"], found["fpr"])


def _large(table: Table, measure: Measure, axis: str) -> set[str]:
    """The groups of so many patients as a figure takes."""
    labels = table.labels[axis][measure.items]
    patients = np.asarray(table.patients, dtype=str)[measure.items]
    names = set(labels.tolist()) - {""}
    return {name for name in names if len(np.unique(patients[labels == name])) >= table.min_n}


def calibration(found: YesProbabilities, axis: str, table: Table) -> list[Calibration]:
    """Expected calibration error and reliability of each group, the worst first."""
    labels = table.labels[axis][found.items]
    patients = np.asarray(table.patients, dtype=str)[found.items]
    rows = []
    for name in sorted(set(labels.tolist()) - {""}):
        inside = labels == name
        whose, yes, truth = patients[inside], found.yes[inside], found.truth[inside]
        count = len(np.unique(whose))
        reason = ""
        if count < table.min_n:
            reason = f"fewer than {table.min_n} patients"
        elif truth.all() or not truth.any():
            reason = f"one class only: every right answer is {'yes' if truth.all() else 'no'}"
        if reason:
            rows.append(Calibration(found.task.value, axis, name, count, reason=reason))
            continue
        boot = Bootstrap(whose.tolist(), seed=table.seed, resamples=table.resamples)
        bins = bins_of(yes)
        error = boot.estimate(lambda w, b=bins, y=yes, t=truth: calibration_error(w, b, y - t))  # type: ignore[misc]
        points = reliability(yes, truth, whose.tolist())
        rows.append(Calibration(found.task.value, axis, name, count, error, points))
    return sorted(rows, key=lambda row: -(row.error.value or 0.0) if row.error else 1.0)


def calibration_error(weights_RN: Array, bins_N: npt.NDArray[np.int64], excess_N: Array) -> Array:
    """Expected calibration error of each resample (R,).

    Args:
        excess_N: probability of yes less 1 where yes is right, less 0 where no is.
    """
    total = sum(np.abs(weights_RN[:, bins_N == b] @ excess_N[bins_N == b]) for b in range(BINS))
    found: Array = np.asarray(total) / weights_RN.sum(1)
    return found
