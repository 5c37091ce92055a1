"""Judges by rule: no network, no GPU.

FactsJudge()(references, candidates)       # as `hilum.judge.score`
MatchesJudge()(references, candidates)     # blind to what is made up: for studies of over-optimisation alone
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hilum import __version__
from hilum.judge.base import Keep, Pair, PairJudge
from hilum.judge.score import score
from hilum.study import State, Verdict


class FactsJudge(PairJudge):
    """`hilum.judge.score`: the facts of both reports compared, false, missed and wrong ones counted."""

    name = "facts"

    @property
    def identity(self) -> Mapping[str, Any]:
        """Its name and Hilum's version, by which its rules may change."""
        return {"judge": self.name, "version": 1, "hilum": __version__}

    def _judge(self, pairs: Sequence[Pair], keep: Keep) -> None:
        references, candidates = zip(*pairs, strict=True)
        keep(dict(enumerate(map(self._valued, score(references, candidates).scores))))

    def _valued(self, verdict: Verdict) -> Verdict:
        return verdict


class MatchesJudge(FactsJudge):
    """The share of the reference's facts that the candidate states too, whatever else it states.

    Made to be cheated: a report that states every finding scores 1. It shows what a policy does to a judge
    that does not mind inventions; do not report its scores.
    """

    name = "matches"

    def _valued(self, verdict: Verdict) -> Verdict:
        if verdict.state is not State.SCORED:
            return verdict
        matched, missed = len(verdict.matched), len(verdict.errors.get("b", ()))
        # Of a normal reference nothing can be missed.
        return replace(verdict, value=matched / (matched + missed) if matched + missed else 1.0)
