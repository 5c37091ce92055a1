"""What a text metric gives: a value for all pairs, one for each pair where it has them, and its interval.

scores = bleu(references, candidates)
scores["bleu_4"].corpus, scores["bleu_4"].pairs
scores.estimates(patients)["bleu_4"]              # Estimate with its 95 % interval over patients
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from hilum.bench.intervals import Array, Bootstrap, Estimate, Statistic, mean
from hilum.errors import UsageError, a_text


@dataclass(frozen=True)
class Value:
    """One number of a metric over N pairs of reports.

    Args:
        corpus: over all pairs; NaN where it is not defined on them.
        pairs: of each pair, (N,); None where only the corpus has a value.
        statistic: the corpus value of each resample; None where it has to be worked out anew by a network.
    """

    name: str
    corpus: float
    pairs: Array | None
    statistic: Statistic | None

    @classmethod
    def mean_of(cls, name: str, pairs: Array) -> Value:
        """A corpus value that is the mean of the pairs'; a pair whose value is NaN counts for nothing."""
        return cls.of(name, pairs, lambda weights_RN: mean(weights_RN, pairs))

    @classmethod
    def of(cls, name: str, pairs: Array | None, statistic: Statistic, count: int | None = None) -> Value:
        """A corpus value by its statistic; `count` is N where no pair has a value."""
        number = len(pairs) if pairs is not None else count
        return cls(name, float(statistic(np.ones((1, number or 0)))[0]), pairs, statistic)


@dataclass(frozen=True)
class Scores:
    """All numbers of one metric.

    Args:
        metric: its name; with `version` it says what the numbers can be compared with.
        library: whose code worked them out, and `library_version` of it.
        pairs: how many pairs of reports.
    """

    metric: str
    version: int
    library: str
    library_version: str
    pairs: int
    values: tuple[Value, ...]

    def __getitem__(self, name: str) -> Value:
        """The value of that name.

        Raises:
            KeyError: the metric has none.
        """
        for value in self.values:
            if value.name == name:
                return value
        raise KeyError(name)

    def estimates(self, patients: Sequence[str], *, seed: int = 0) -> dict[str, Estimate]:
        """Each corpus value with its bootstrap interval over patients.

        Args:
            patients: whose each pair is, (N,).

        Raises:
            UsageError: there are more or fewer patients than pairs, or they are no list.
        """
        require_list("patients", patients, "give a list with the patient of each pair")
        if len(patients) != self.pairs:
            raise UsageError("patients", f"are {len(patients)} for {self.pairs} pairs", "give one per pair")
        boot = Bootstrap(patients, seed=seed)
        return {value.name: _estimate(value, boot, self.pairs) for value in self.values}

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary without the pairs' values; a value that is not defined is None."""
        corpus = {v.name: None if np.isnan(v.corpus) else v.corpus for v in self.values}
        names = ("metric", "version", "library", "library_version", "pairs")
        return {**{name: getattr(self, name) for name in names}, "values": corpus}


TextMetric = Callable[[Sequence[str], Sequence[str]], Scores]
"""References and candidates, one candidate for each reference, to scores."""


def _estimate(value: Value, boot: Bootstrap, pairs: int) -> Estimate:
    if value.statistic is None:
        return Estimate(None if np.isnan(value.corpus) else value.corpus, None, None, pairs)
    return boot.estimate(value.statistic)


def require_list(name: str, given: object, remedy: str) -> None:
    """Refuse what has no length or order, such as None, a generator or a set, and what is one text.

    Raises:
        UsageError: it is no list of values.
    """
    if isinstance(given, str):
        raise UsageError(name, "are one text", remedy)
    if not isinstance(given, Collection) or isinstance(given, Set | Mapping):
        raise UsageError(name, f"are of the type {type(given).__name__}", remedy)


def require_pairs(references: Sequence[str], candidates: Sequence[str]) -> None:
    """Refuse what cannot be scored pair by pair.

    Raises:
        UsageError: there are none, more of the one than of the other, or one of them is no text.
    """
    for name, reports in (("references", references), ("candidates", candidates)):
        require_list(name, reports, "give lists of texts")
        for number, report in enumerate(reports, start=1):
            a_text(report, f"{name}, number {number}", "give the text of one report for each")
    if len(references) != len(candidates):
        problem = f"are {len(candidates)} for {len(references)} references"
        raise UsageError("candidates", problem, "give one candidate for each reference")
    if not len(references):
        raise UsageError("references", "are empty", "give at least one pair of reports")
