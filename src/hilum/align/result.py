"""What an alignment saw, round by round: how much was sampled, judged and paired, and how training went.

result.rounds[0].mean_score, result.to_json()
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from hilum.align.table import Table
from hilum.study import State
from hilum.training import FitResult


@dataclass(frozen=True)
class RoundResult:
    """One round.

    Args:
        prompts: that were asked.
        drawn: answers that came to an end, and `unfinished` those that did not.
        judged: different answers, each judged once.
        states: how many verdicts there are of each state.
        mean_score: of all drawn answers with a score; None where there is none.
        ties: prompts whose answers all have the same score or none, and of which nothing is learned.
        examples: pairs, single answers or groups that were trained on.
        mean_chosen, mean_rejected: mean scores of the better and of the worse answers; None where a file of
            preferences gave none.
        length_chosen, length_rejected: their mean lengths in words.
        fit: how training went.
        tables: the samples, the verdicts and the examples themselves, on disk.
    """

    prompts: int
    drawn: int
    unfinished: int
    judged: int
    states: Mapping[str, int]
    mean_score: float | None
    ties: int
    examples: int
    mean_chosen: float | None
    mean_rejected: float | None
    length_chosen: float
    length_rejected: float
    fit: FitResult
    tables: tuple[Table, Table, Table]

    def line(self) -> str:
        """What there was to learn from, in one line."""
        mean = "no score" if self.mean_score is None else f"mean score {self.mean_score:.3f}"
        failures = sum(count for state, count in self.states.items() if state != State.SCORED)
        cut = f" ({self.unfinished:,} answers cut off and left out)" if self.unfinished else ""
        parts = [
            f"{self.prompts:,} prompts{cut}",
            f"{self.judged:,} different answers judged ({mean}, {failures:,} failures)",
            f"{self.ties:,} prompts without a difference",
            f"{self.examples:,} examples: {shown(self.mean_chosen)} over {shown(self.mean_rejected)}",
        ]
        if self.length_chosen or self.length_rejected:  # pictures have no words
            parts.append(f"{self.length_chosen:.1f} and {self.length_rejected:.1f} words")
        return " · ".join(parts)


@dataclass(frozen=True)
class AlignResult:
    """All rounds of an alignment."""

    prompts: int
    rounds: tuple[RoundResult, ...]

    def lines(self) -> list[str]:
        """The same for people, a line for each round."""
        return [f"round {number}: {one.line()}" for number, one in enumerate(self.rounds, start=1)]

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {"prompts": self.prompts, "rounds": [_to_json(one) for one in self.rounds]}


def _to_json(one: RoundResult) -> dict[str, Any]:
    row = {field.name: getattr(one, field.name) for field in fields(one)}
    row["tables"] = [table.folder.name for table in one.tables]
    history = f"{one.fit.history.parent.name}/{one.fit.history.name}"
    numbers = {"steps": one.fit.steps, "metrics": one.fit.metrics, "seconds": one.fit.seconds}
    row["fit"] = {**numbers, "history": history}
    return row


def round_result(samples: Table, verdicts: Table, examples: Table, fit: FitResult) -> RoundResult:
    """Counted from the tables, a chunk in memory at a time."""
    prompts = drawn = unfinished = judged = 0
    states: Counter[str] = Counter()
    values: list[float] = []
    weights: list[int] = []
    for sample, verdict in zip(samples, verdicts, strict=True):
        prompts += 1
        drawn += sum(sample["draws"])
        unfinished += sample["unfinished"]
        judged += len(verdict["states"])
        states.update(verdict["states"])
        scored = [(v, d) for v, d in zip(verdict["values"], sample["draws"], strict=True) if v is not None]
        values += [value for value, _ in scored]
        weights += [count for _, count in scored]
    used: set[str] = set()
    count = 0
    better, worse = [], []
    for row in examples:
        used.add(row["id"])
        count += 1
        if row["desirable"] is None:
            better.append((row["values"][0], _words(row["texts"][0])))
            worse.append((row["values"][-1], _words(row["texts"][-1])))
        else:
            (better if row["desirable"] else worse).append((row["values"][0], _words(row["texts"][0])))
    (chosen, length_chosen), (rejected, length_rejected) = map(_means, (better, worse))
    return RoundResult(
        prompts=prompts or len(used),
        drawn=drawn,
        unfinished=unfinished,
        judged=judged,
        states={state.value: states[state.value] for state in State if states[state.value]},
        mean_score=float(np.average(values, weights=weights)) if values else None,
        ties=max(0, prompts - len(used)),
        examples=count,
        mean_chosen=chosen,
        mean_rejected=rejected,
        length_chosen=length_chosen,
        length_rejected=length_rejected,
        fit=fit,
        tables=(samples, verdicts, examples),
    )


def shown(score: float | None) -> str:
    """A score for people."""
    return "no score" if score is None else f"{score:.3f}"


def _means(rows: Sequence[tuple[float | None, int]]) -> tuple[float | None, float]:
    """The mean of the scores that there are, and of the lengths."""
    scores = [score for score, _ in rows if score is not None]
    return float(np.mean(scores)) if scores else None, float(np.mean([length for _, length in rows]))


def _words(text: str) -> int:
    return len(text.split())
