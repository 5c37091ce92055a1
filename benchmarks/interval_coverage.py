"""How often an interval of 95 % holds the truth: ours against plain percentiles of the same bootstrap.

    python benchmarks/interval_coverage.py --trials 2000 --json

Simulated test sets of 30, 100 and 500 patients with one to four studies each, whose results hang together
within a patient. For each figure the truth is taken from 60,000 patients of the same kind; the seed of a
trial is its number. `cells` holds the share of trials whose interval holds the truth, ours and the peer's;
the figure is the greatest distance of a share from 0.95 (standard error of a share of 2,000 trials: 0.005).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from hilum.bench.intervals import Array, Bootstrap, Flags, Statistic, mean
from hilum.bench.metrics import Counts, auroc
from result import Result, print_result

PATIENTS = (30, 100, 500)
PREVALENCE = np.array([0.3, 0.2, 0.1, 0.1, 0.05, 0.05])
Sample = Callable[[np.random.Generator, Array], "Statistic | tuple[Statistic, Flags]"]
"""Random numbers and whose each item is, to the figure of these items, and which of them can move it."""


def accuracy(rng: np.random.Generator, cluster: Array) -> Statistic:
    """Right or wrong, some patients being harder."""
    right = rng.random(len(cluster)) < rng.beta(2.55, 0.45, cluster[-1] + 1)[cluster]
    return lambda w: mean(w, right.astype(float))


def overlap(rng: np.random.Generator, cluster: Array) -> Statistic:
    """Intersection over union, some boxes missing the place altogether."""
    of_patient = rng.beta(2, 2, cluster[-1] + 1)[cluster]
    values = (0.7 * of_patient + 0.3 * rng.random(len(cluster))) * (rng.random(len(cluster)) > 0.15)
    return lambda w: mean(w, values)


def gain(rng: np.random.Generator, cluster: Array) -> Statistic:
    """Paired differences of right and wrong."""
    of_patient = rng.normal(0, 0.3, cluster[-1] + 1)[cluster]
    values = np.sign(np.round(of_patient + rng.normal(0.05, 0.6, len(cluster))))
    return lambda w: mean(w, values)


def findings(rng: np.random.Generator, cluster: Array) -> Counts:
    """Findings right, wrong and missed, sick patients having more of them."""
    skill = rng.beta(8, 3, cluster[-1] + 1)[cluster][:, None]
    sick = rng.gamma(2, 0.5, cluster[-1] + 1)[cluster][:, None]
    shape = (len(cluster), len(PREVALENCE))
    true, hit, false = (
        rng.random(shape) < PREVALENCE * sick,
        rng.random(shape) < skill,
        rng.random(shape) < 0.04,
    )
    return Counts(*(part.astype(float) for part in (true & hit, ~true & false, true & ~hit)))


def micro_f1(rng: np.random.Generator, cluster: Array) -> tuple[Statistic, Flags]:
    """F1 of all findings together."""
    counts = findings(rng, cluster)
    return counts.micro_f1, counts.counted


def macro_f1(rng: np.random.Generator, cluster: Array) -> tuple[Statistic, Flags]:
    """Mean F1 of the findings, of which the rare ones are often not there."""
    counts = findings(rng, cluster)
    return counts.macro_f1, counts.counted


def ranking(rng: np.random.Generator, cluster: Array) -> Statistic:
    """Area under the ROC curve."""
    labels = rng.random(len(cluster)) < 0.25
    scores = rng.normal(0, 0.5, cluster[-1] + 1)[cluster] + rng.normal(0, 1, len(cluster)) + 1.2 * labels
    return lambda w: auroc(w, scores, labels.astype(float))


SAMPLES: dict[str, Sample] = {
    "accuracy": accuracy,
    "micro F1": micro_f1,
    "macro F1": macro_f1,
    "IoU": overlap,
    "AUROC": ranking,
    "paired gain": gain,
}


def clusters(rng: np.random.Generator, patients: int) -> Array:
    """Whose each study is: one to four of each patient."""
    return np.repeat(np.arange(patients), rng.integers(1, 5, patients))


def _drawn(sample: Sample, rng: np.random.Generator, cluster: Array) -> tuple[Statistic, Flags | None]:
    drawn = sample(rng, cluster)
    return drawn if isinstance(drawn, tuple) else (drawn, None)


def coverage(sample: Sample, patients: int, trials: int, truth: float) -> tuple[float, float]:
    """Share of trials whose interval holds the truth: ours, plain percentiles."""
    held = np.zeros((trials, 2), bool)
    for trial in range(trials):
        rng = np.random.default_rng((patients, trial))
        cluster = clusters(rng, patients)
        statistic, on = _drawn(sample, rng, cluster)
        boot = Bootstrap([str(patient) for patient in cluster], seed=trial)
        found = boot.estimate(statistic, on=on)
        drawn = np.concatenate([statistic(weights) for weights in boot.weights()])
        plain = np.nanpercentile(drawn, (2.5, 97.5))
        held[trial] = (
            found.low is not None and found.high is not None and found.low <= truth <= found.high,
            plain[0] <= truth <= plain[1],
        )
    ours, peer = held.mean(0)
    return float(ours), float(peer)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    cells = {}
    for name, sample in SAMPLES.items():
        rng = np.random.default_rng(0)
        cluster = clusters(rng, 60_000)
        truth = float(_drawn(sample, rng, cluster)[0](np.ones((1, len(cluster))))[0])
        for patients in PATIENTS:
            cells[f"{name}, {patients}"] = coverage(sample, patients, asked.trials, truth)
    ours, peer = (max(abs(cell[k] - 0.95) for cell in cells.values()) for k in (0, 1))
    shown = {name: [round(share, 4) for share in cell] for name, cell in cells.items()}
    details = {"trials": asked.trials, "cells": shown}
    print_result(Result("interval_coverage", ours, peer, "distance from 0.95", details), as_json=asked.json)


if __name__ == "__main__":
    main()
