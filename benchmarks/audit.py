"""Does the fairness audit find a planted gap, and does it accuse an unbiased model?

    python benchmarks/audit.py --json
    python benchmarks/audit.py --cohorts 2000 --patients 400 --gaps 0

Simulated cohorts of one question a study: 1 to 3 studies a patient, some patients being harder than others,
with sex, age band, group, and a view that changes between the studies of one patient. An unbiased model
answers three in four right; of a biased one women's share is 0.15 below men's. Each cohort is audited as
`hilum audit` does, on every axis and every pair of axes. The seed of a cohort is its number.

`sex_found`: share of cohorts in which the audit finds the sexes to differ, of biased ones its power
(`sex_uncorrected`: before Holm's correction). `any_found`: share in which it finds anything at all, of
unbiased ones its false alarms. `per_comparison`: share of all comparisons whose p-value is at most 0.05. The
figure is `sex_found` of the largest gap with the most patients.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np

from hilum.bench.audit.groups import Grouping
from hilum.bench.audit.measures import Kind, Measure
from hilum.bench.audit.result import Comparison
from hilum.bench.audit.run import TaskAnswers, comparisons
from hilum.study import Task
from result import Result, print_result

GAP = 0.15
RIGHT = 0.75
SPREAD = 8.0
"""Of the beta distribution of patients' own rates; the correlation within a patient is 1 / (1 + this)."""
SIZES = (100, 200, 400)
"""Patients of each sex."""


def cohort(patients: int, gap: float, seed: int) -> TaskAnswers:
    """A simulated cohort with so many patients of each sex."""
    rng = np.random.default_rng((patients, seed))
    count = 2 * patients
    sex = np.repeat(["F", "M"], patients)
    age = rng.choice(["18–40", "40–60", "60–80", "80 and over"], count, p=[0.2, 0.3, 0.35, 0.15])
    group = rng.choice(["A", "B", "C"], count, p=[0.6, 0.3, 0.1])
    rate = np.where(sex == "F", RIGHT - gap / 2, RIGHT + gap / 2)
    own = rng.beta(SPREAD * rate, SPREAD * (1 - rate))
    patient = np.repeat(np.arange(count), rng.integers(1, 4, count))
    right = rng.random(len(patient)) < own[patient]
    labels = {"sex": sex[patient], "age": age[patient], "group": group[patient]}
    labels["view"] = rng.choice(["PA", "AP"], len(patient), p=[0.65, 0.35])
    grouping = Grouping.from_labels({axis: row.tolist() for axis, row in labels.items()})
    count = len(patient)
    accuracy = Measure(
        "view", Kind.SCORE, Task.VIEW, "accuracy", np.arange(count), right * 1.0, np.ones(count)
    )
    return TaskAnswers([str(p) for p in patient], grouping, [accuracy])


@dataclass
class Tally:
    """What so many cohorts showed."""

    cohorts: int = 0
    any_found: int = 0
    sex_found: int = 0
    sex_uncorrected: int = 0
    low: int = 0
    comparisons: int = 0

    def add(self, compared: Sequence[Comparison]) -> None:
        """Count one audit."""
        self.cohorts += 1
        self.any_found += any(c.found for c in compared)
        of_sex = [c for c in compared if c.axis == "sex"]
        self.sex_found += any(c.found for c in of_sex)
        self.sex_uncorrected += any(c.p <= 0.05 for c in of_sex)
        self.low += sum(c.p <= 0.05 for c in compared)
        self.comparisons += len(compared)

    def shares(self) -> dict[str, float]:
        """Of all cohorts, and of all comparisons."""
        counts = ("any_found", "sex_found", "sex_uncorrected", "comparisons")
        shown = {name: getattr(self, name) / self.cohorts for name in counts}
        return {**shown, "per_comparison": self.low / self.comparisons}


def audited(cell: tuple[int, float, int]) -> Sequence[Comparison]:
    """What the audit says of one cohort: patients of each sex, gap, the cohort's seed."""
    patients, gap, seed = cell
    return comparisons([cohort(patients, gap, seed)], seed=seed)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cohorts", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="seed of the first cohort")
    parser.add_argument("--patients", type=int, nargs="*", default=list(SIZES), help="of each sex")
    parser.add_argument("--gaps", type=float, nargs="*", default=[GAP, 0.0], help="planted; 0 is unbiased")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    seeds = range(asked.first, asked.first + asked.cohorts)
    cells = [(patients, gap, seed) for patients in asked.patients for gap in asked.gaps for seed in seeds]
    tallies: defaultdict[tuple[int, float], Tally] = defaultdict(Tally)
    with ProcessPoolExecutor(asked.workers) as pool:
        for (patients, gap, _), compared in zip(cells, pool.map(audited, cells, chunksize=10), strict=True):
            tallies[patients, gap].add(compared)
    shown = {f"{patients}, gap {gap:g}": tally.shares() for (patients, gap), tally in tallies.items()}
    details = {"cohorts": asked.cohorts, "first": asked.first, "patients_of_each_sex": shown}
    found = tallies[max(asked.patients), max(asked.gaps)].shares()["sex_found"]
    print_result(Result("audit", found, None, "share of cohorts", details), as_json=asked.json)


if __name__ == "__main__":
    main()
