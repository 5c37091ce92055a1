"""Two models on the same questions: what differs, how sure that is, and what could not have been seen.

hilum compare A B --out comparison                       # folders of `hilum bench … --out`
found = compare(read_result(Path("A")), read_result(Path("B")))
found.figures[0].difference                              # B less A, with its paired interval

What a result's folder must hold, whoever wrote it: `items.jsonl` (`hilum.bench.items`), and `report.json`
with

    {"protocol": {"model": "name", "weights": "hash", "seed": 0, "versions": {"hilum": "0.1.0", …},
                  "tasks": {"view": 1, …}}}

Further keys of the protocol are read where they are there: `split`, `studies`, `limit_per_task`, `decoding`
and `protocol` by the leaderboard, `trained_on` and `base_model` by the model card.

The p value is that of approximate randomisation (Noreen, Computer Intensive Methods for Testing Hypotheses,
1989): under the null hypothesis the two answers of a question might as well be each other's, so both models'
answers are exchanged patient by patient, at random. Over the figures p is corrected by Holm's method.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

from hilum.bench.corrections import ALPHA, holm
from hilum.bench.intervals import LEVEL, Array, Bootstrap, Estimate, decimals, divide
from hilum.bench.items import ItemScore
from hilum.bench.saved import SavedResult, Sums, scored
from hilum.errors import DataError

SWAPS = 10_000
"""Random exchanges behind a p value, which is therefore never below 1 / 10,001."""
POWER = 0.8
_CELLS = 4_000_000


@dataclass(frozen=True)
class FigureComparison:
    """One figure of two models, on the questions that both answered.

    Args:
        n: questions that both answered and both can be scored on, of `patients` patients.
        only_a, only_b: questions that one alone was asked; `unscored`: that one of the two has no score for.
        difference: B less A, with its paired interval.
        p: of no difference, `p_holm` the same corrected for all figures compared; None with one patient.
        detectable: the smallest true difference that would have been found in four of five such benchmarks,
            at the level that is left to each figure; None where the scores never differ.
    """

    name: str
    version: int
    n: int
    patients: int
    only_a: int
    only_b: int
    unscored: int
    a: Estimate
    b: Estimate
    difference: Estimate
    p: float | None
    p_holm: float | None
    detectable: float | None

    @property
    def significant(self) -> bool:
        """Whether the two differ, after correction."""
        return self.p_holm is not None and self.p_holm <= ALPHA

    @property
    def verdict(self) -> str:
        """What it comes to, in words."""
        gap = self.difference.value
        if gap is None or self.p is None:
            return f"cannot be told: it rests on {self.patients} patient{'s' if self.patients != 1 else ''}"
        if self.significant:
            return f"B is {'higher' if gap > 0 else 'lower'} by {decimals(abs(gap))}"
        if self.detectable is None:
            return "no difference: both scored the same on every patient"
        return f"no difference shown; {decimals(self.detectable)} would be seen four times in five"

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {**asdict(self), "verdict": self.verdict}


@dataclass(frozen=True)
class Comparison:
    """Two results side by side; `refused` says of figures why they cannot be compared."""

    a: SavedResult
    b: SavedResult
    figures: tuple[FigureComparison, ...]
    refused: Mapping[str, str]
    seed: int

    def to_json(self) -> dict[str, Any]:
        """One JSON document."""
        return {
            "a": self.a.head(),
            "b": self.b.head(),
            "figures": [figure.to_json() for figure in self.figures],
            "not_compared": dict(self.refused),
            "method": {
                "difference": "B less A on the questions both answered",
                "interval": f"{LEVEL:.0%} bootstrap over patients, paired, bias-corrected and accelerated",
                "p": f"approximate randomisation by patient, {SWAPS} exchanges",
                "p_holm": f"Holm's correction over {len(self.figures)} figures",
                "detectable": f"{POWER:.0%} power, two-sided, level {ALPHA} / {len(self.figures)}",
                "seed": self.seed,
            },
        }


def compare(a: SavedResult, b: SavedResult, *, seed: int = 0) -> Comparison:
    """Compare two results figure by figure.

    Args:
        seed: of the resamples and of the exchanges.

    Raises:
        DataError: no question of the same version of a figure was answered in both.
    """
    refused: dict[str, str] = {}
    pairs: dict[str, Paired] = {}
    for name in list(dict.fromkeys([*a.items, *b.items])):
        reason = _hindrance(a, b, name)
        found = None if reason else pair(a, b, name)
        if found is None or not found.n:
            refused[name] = reason or "no question was answered in both"
        else:
            pairs[name] = found
    if not pairs:
        why = "; ".join(f"{name}: {reason}" for name, reason in refused.items()) or "both are empty"
        remedy = "measure both on the same studies, with the same version of Hilum"
        raise DataError(f"{a.name} and {b.name}", f"have nothing in common ({why})", remedy)
    ps = [found.p_value(seed) for found in pairs.values()]
    level = ALPHA / len(pairs)
    figures = [
        found.compared(name, a.versions[name], p, corrected, level, seed)
        for (name, found), p, corrected in zip(pairs.items(), ps, holm(ps), strict=True)
    ]
    return Comparison(a, b, tuple(figures), refused, seed)


def _hindrance(a: SavedResult, b: SavedResult, name: str) -> str:
    for one, other in ((a, b), (b, a)):
        if name not in one.items:
            return f"measured in {other.name} alone"
    if a.versions[name] != b.versions[name]:
        return f"version {a.versions[name]} of it in {a.name}, {b.versions[name]} in {b.name}"
    return ""


def pair(a: SavedResult, b: SavedResult, name: str) -> Paired:
    """The questions of one figure that both answered.

    Raises:
        DataError: a question is of one patient here and of another there, or is scored in two ways.
    """
    left, right = a.items[name], b.items[name]
    # Sorted, so that neither the order of a file nor which one is A moves a random number.
    common = sorted(left.keys() & right.keys())
    both = [(left[key], right[key]) for key in common]
    for one, other in both:
        if one.patient != other.patient:
            problem = f"gives question {one.id} of {name} to another patient than {a.name}"
            raise DataError(b.name, problem, "measure both on the same studies")
    known = [(one, other) for one, other in both if scored(one) and scored(other)]
    if any((one.counts is None) != (other.counts is None) for one, other in known):
        raise DataError(b.name, f"scores {name} in another way than {a.name}", "measure both again")
    ones, others = [one for one, _ in known], [other for _, other in known]
    unmatched = len(left) - len(common), len(right) - len(common), len(common) - len(known)
    return Paired(ones, others, *unmatched)


class Paired:
    """N questions with both answers' scores, of C patients."""

    def __init__(
        self, a: Sequence[ItemScore], b: Sequence[ItemScore], only_a: int, only_b: int, unscored: int
    ) -> None:
        self.a, self.b = Sums.of(a), Sums.of(b)
        self.whose = [item.patient for item in a]
        self.only_a, self.only_b, self.unscored = only_a, only_b, unscored
        _, self._cluster = np.unique(np.asarray(self.whose, dtype=str), return_inverse=True)
        self.n = len(a)
        self.patients = int(self._cluster.max()) + 1 if self.n else 0

    def _by_patient(self) -> Array:
        """Sums of each patient: (C, 4), A's over and under, then B's."""
        parts = (self.a.over, self.a.under, self.b.over, self.b.under)
        return np.stack([np.bincount(self._cluster, part, self.patients) for part in parts], 1)

    def p_value(self, seed: int = 0, swaps: int = SWAPS) -> float | None:
        """How often exchanging the answers of random patients gives as large a difference; two-sided."""
        if self.patients < 2:
            return None
        sums_C4 = self._by_patient()
        # What an exchange moves from A to B; B loses the same.
        moved_C2 = sums_C4[:, 2:] - sums_C4[:, :2]
        whole = sums_C4.sum(0)
        seen = abs(_gap(whole[None, :2], whole[None, 2:])[0])
        if not math.isfinite(seen):
            return None
        rng, extreme = np.random.default_rng(seed), 0
        step = max(1, _CELLS // self.patients)
        for start in range(0, swaps, step):
            swapped = rng.random((min(step, swaps - start), self.patients)) < 0.5
            moved = swapped.astype(np.float64) @ moved_C2
            gaps = np.abs(_gap(whole[None, :2] + moved, whole[None, 2:] - moved))
            # Sums in another order differ in their last digits.
            extreme += int((gaps >= seen - 1e-12).sum())
        return (1 + extreme) / (1 + swaps)

    def standard_error(self) -> float:
        """Of the difference, from the spread between patients (linearised: each patient's influence)."""
        sums_C4 = self._by_patient()
        influence = _influence(sums_C4[:, 2:]) - _influence(sums_C4[:, :2])
        return math.sqrt(self.patients / (self.patients - 1) * float(influence @ influence))

    def detectable(self, level: float) -> float | None:
        """The difference that is found with a power of `POWER` by a two-sided test at `level`."""
        if self.patients < 2:
            return None
        error = self.standard_error()
        if not math.isfinite(error) or error <= 1e-12:
            return None
        free = self.patients - 1
        return error * float(stdtrit(free, 1 - level / 2) + stdtrit(free, POWER))

    def compared(
        self, name: str, version: int, p: float | None, p_holm: float | None, level: float, seed: int
    ) -> FigureComparison:
        """All that is to be said of it."""
        boot = Bootstrap(self.whose, seed=seed)
        on = (self.a.under > 0) | (self.b.under > 0)
        difference = boot.estimate(lambda w: self.b.statistic(w) - self.a.statistic(w), on=on)
        sides = self.a.estimate(boot), self.b.estimate(boot)
        counts = self.n, self.patients, self.only_a, self.only_b, self.unscored
        return FigureComparison(name, version, *counts, *sides, difference, p, p_holm, self.detectable(level))


def _gap(a_R2: Array, b_R2: Array) -> Array:
    return divide(b_R2[:, 0], b_R2[:, 1]) - divide(a_R2[:, 0], a_R2[:, 1])


def _influence(sums_C2: Array) -> Array:
    """What each patient adds to a ratio of sums, to first order."""
    over, under = sums_C2.sum(0)
    if not under:
        return np.full(len(sums_C2), np.nan)
    influence: Array = (sums_C2[:, 0] - over / under * sums_C2[:, 1]) / under
    return influence
