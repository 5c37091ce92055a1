"""What alignment on reports costs in other tasks: six of them before and after, on the same questions.

rows = tax(before, after, shards)
rows[0].verdict                                # "better", "no difference shown" or "worse"
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from hilum.bench.compare import FigureComparison, compare
from hilum.bench.intervals import Estimate
from hilum.bench.population import Choice
from hilum.bench.run import run
from hilum.bench.saved import SavedResult, gathered
from hilum.instruct import Shards
from hilum.model import Model
from hilum.study import Task

TASKS = (
    Task.VIEW,
    Task.BINARY,
    Task.DISEASES,
    Task.VQA_CLOSED,
    Task.VQA_OPEN,
    Task.GROUND,
    Task.PROGRESSION,
)
FIGURES = ("view", "binary_disease", "diseases", "vqa", "grounding", "progression")
"""Closed and open questions are one figure."""


@dataclass(frozen=True)
class TaxRow:
    """One task before and after.

    Args:
        n: questions, of `patients` patients.
        difference: after less before, with its paired interval over patients.
        p_holm: of no difference, corrected for all tasks compared; None with one patient.
        detectable: the smallest true difference that would have been found in four of five such studies; None
            where both scored the same on every patient.
        verdict: better, no difference shown, or worse.
    """

    figure: str
    n: int
    patients: int
    before: Estimate
    after: Estimate
    difference: Estimate
    p_holm: float | None
    detectable: float | None
    verdict: str

    @classmethod
    def of(cls, found: FigureComparison) -> TaxRow:
        """Of two benchmark results' comparison, of which A is before."""
        gap = found.difference.value or 0.0
        verdict = "no difference shown"
        if found.significant:
            verdict = "better" if gap > 0 else "worse"
        counts, sides = (found.n, found.patients), (found.a, found.b, found.difference)
        return cls(found.name, *counts, *sides, found.p_holm, found.detectable, verdict)

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> TaxRow:
        """What `to_json` gave."""
        sides = {name: Estimate(**row[name]) for name in ("before", "after", "difference")}
        return cls(**{**row, **sides})

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return asdict(self)


def measure(
    model: Model,
    shards: Shards,
    *,
    choice: Choice = Choice.VALIDATION,
    limit: int | None = None,
    seed: int = 0,
) -> SavedResult:
    """A model on the six tasks.

    Args:
        choice: whose studies; by default those of the validation split.
        limit: most questions of each kind.
    """
    result = run(model, shards, tasks=TASKS, choice=choice, limit=limit, seed=seed, baselines=False)
    kept = [item for item in result.items if item.figure in FIGURES]
    return gathered(model.name, result.protocol, kept)


def compared(before: SavedResult, after: SavedResult, *, seed: int = 0) -> tuple[TaxRow, ...]:
    """Two models' results as rows; see `hilum.bench.compare` for intervals, p and what could be seen.

    Raises:
        DataError: no question was asked of both.
    """
    return tuple(map(TaxRow.of, compare(before, after, seed=seed).figures))


def tax(
    before: Model,
    after: Model,
    shards: Shards,
    *,
    choice: Choice = Choice.VALIDATION,
    limit: int | None = None,
    seed: int = 0,
) -> tuple[TaxRow, ...]:
    """Both models on the six tasks; a task that the shards ask no question of is left out."""
    sides = [measure(model, shards, choice=choice, limit=limit, seed=seed) for model in (before, after)]
    return compared(*sides, seed=seed)
