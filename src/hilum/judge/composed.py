"""Judges made of others: controlled for length, or a weighted mean.

judge = LengthControlled(named_judge("green", endpoint="http://127.0.0.1:8000/v1#green"))
judge = Composite({FactsJudge(): 0.5, named_judge("bertscore"): 0.5})
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hilum.errors import UsageError
from hilum.judge.base import Judge
from hilum.judge.score import require_pairs
from hilum.study import State, Verdict


def verbosity(reference: str, candidate: str) -> float:
    """How many times the words of the reference the candidate has."""
    return len(candidate.split()) / max(1, len(reference.split()))


class LengthControlled:
    """A judge whose scores are divided by max(verbosity, 1): longer than the reference costs.

    For GREEN this is the LC-GREEN of CheXalign (arXiv 2410.07025). A failure stays the failure it is.
    """

    def __init__(self, judge: Judge) -> None:
        self.judge, self.name = judge, f"lc-{judge.name}"

    @property
    def identity(self) -> Mapping[str, Any]:
        """The judge's own, and that its scores are divided."""
        return {"length_controlled": 1, **self.judge.identity}

    def __call__(self, references: Sequence[str], candidates: Sequence[str]) -> list[Verdict]:
        """The judge's verdicts, their values divided."""
        verdicts = self.judge(references, candidates)
        return list(map(_divided, verdicts, references, candidates))

    def spent(self) -> dict[str, Any]:
        """What the judge spent."""
        return self.judge.spent()


def _divided(verdict: Verdict, reference: str, candidate: str) -> Verdict:
    if verdict.value is None:
        return verdict
    return replace(verdict, value=verdict.value / max(1.0, verbosity(reference, candidate)))


class Composite:
    """The weighted mean of several judges.

    A pair that one of them cannot judge has that one's state and no value, and the judges after it are not
    asked about it: put the dearest last.

    Args:
        weights: of each judge, above 0; only their ratios matter.

    Raises:
        UsageError: there are none, or one is not above 0.
    """

    def __init__(self, weights: Mapping[Judge, float]) -> None:
        for judge, weight in weights.items():
            if not (math.isfinite(weight) and weight > 0):
                raise UsageError(f"weight of {judge.name}", f"is {weight}", "give a number above 0")
        if not weights:
            raise UsageError("a composite judge", "is made of none", 'give weights: {"facts": 1.0}')
        total = sum(weights.values())
        self.parts = {judge: weight / total for judge, weight in weights.items()}
        self.name = "+".join(judge.name for judge in self.parts)

    @property
    def identity(self) -> Mapping[str, Any]:
        """Those of its parts, with their weights."""
        return {"composite": 1, "parts": [[weight, judge.identity] for judge, weight in self.parts.items()]}

    def __call__(self, references: Sequence[str], candidates: Sequence[str]) -> list[Verdict]:
        """The mean of what the parts score, or the first failure."""
        require_pairs(references, candidates)
        found = [Verdict(0.0) for _ in references]
        for judge, weight in self.parts.items():
            open_ = [number for number, verdict in enumerate(found) if verdict.state is State.SCORED]
            given = judge([references[i] for i in open_], [candidates[i] for i in open_])
            for number, verdict in zip(open_, given, strict=True):
                found[number] = _added(found[number], verdict, weight, judge.name)
        return found

    def spent(self) -> dict[str, Any]:
        """What each part spent, by its name."""
        return {judge.name: judge.spent() for judge in self.parts}


def _added(sum_: Verdict, verdict: Verdict, weight: float, name: str) -> Verdict:
    if sum_.value is None or verdict.value is None:
        detail = f"{name}: {verdict.detail}" if verdict.detail else name
        return Verdict(None, state=verdict.state, detail=detail)
    return Verdict(min(1.0, sum_.value + weight * verdict.value))
