"""Models side by side on the same questions, the best marked together with all that do not differ from it.

hilum leaderboard bench-a bench-b bench-c --out leaderboard
board = leaderboard([read_result(folder) for folder in folders])
board.tables[0].rows[0].cells["view"].best

Results stand in one table when they were measured alike: the same studies by the same protocol, and of every
figure they share the same version on the same questions. What was measured otherwise has a table of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from hilum.bench.compare import pair
from hilum.bench.corrections import ALPHA, holm
from hilum.bench.intervals import Bootstrap, Estimate
from hilum.bench.saved import SavedResult, Sums, require_different, scored
from hilum.bench.tasks import UNRANKED
from hilum.errors import DataError

MEASURED_ALIKE = ("protocol", "split", "studies", "limit_per_task", "limit_of_judged_reports", "decoding")
"""What of the protocol must be equal in one table."""


@dataclass(frozen=True)
class Cell:
    """A model's figure; `best` when no model of the table is higher, or none is significantly so.

    Of one model alone nothing is best.
    """

    estimate: Estimate
    best: bool

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {**self.estimate.to_json(), "best": self.best}


@dataclass(frozen=True)
class Row:
    """One model; figures it was not measured in have no cell."""

    result: SavedResult
    cells: Mapping[str, Cell]


@dataclass(frozen=True)
class Table:
    """Models that were measured alike.

    Args:
        figures: the columns, each with the version of its definition.
        protocol: what they have in common.
        apart: why it is not the first table; empty for the first.
    """

    figures: Mapping[str, int]
    protocol: Mapping[str, Any]
    rows: tuple[Row, ...]
    apart: str = ""

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        rows = [
            {**row.result.head(), "figures": {name: cell.to_json() for name, cell in row.cells.items()}}
            for row in self.rows
        ]
        return {
            "figures": dict(self.figures),
            "protocol": dict(self.protocol),
            "apart": self.apart,
            "rows": rows,
        }


@dataclass(frozen=True)
class Leaderboard:
    """All tables, and the seed of what is drawn at random for them."""

    tables: tuple[Table, ...]
    seed: int

    def to_json(self) -> dict[str, Any]:
        """One JSON document."""
        method = (
            "Of two models or more, best is the highest value, and every model whose difference from it has "
            f"p above {ALPHA} by approximate randomisation over patients, corrected by Holm's method over "
            "all pairs of models in the column."
        )
        return {"tables": [table.to_json() for table in self.tables], "best": method, "seed": self.seed}


@dataclass
class _Group:
    results: list[SavedResult] = field(default_factory=list)
    apart: str = ""


def leaderboard(results: Sequence[SavedResult], *, seed: int = 0) -> Leaderboard:
    """Put results into tables.

    Args:
        seed: of the resamples and of the exchanges.

    Raises:
        DataError: a result holds no figure.
        UsageError: a result is given twice.
    """
    require_different(results)
    groups: list[_Group] = []
    for result in sorted(results, key=lambda r: (r.model, r.weights, r.name)):
        if not result.items:
            raise DataError(result.name, "holds no scored item", "measure the model again")
        why = ""
        for group in groups:
            reasons = [reason for reason in (_apart(result, other) for other in group.results) if reason]
            if not reasons:
                group.results.append(result)
                break
            why = why or reasons[0]
        else:
            groups.append(_Group([result], why))
    return Leaderboard(tuple(_table(group, seed) for group in groups), seed)


def _apart(result: SavedResult, other: SavedResult) -> str:
    """Why two results cannot stand in one table; empty when they can."""
    for key in MEASURED_ALIKE:
        if result.protocol.get(key) != other.protocol.get(key):
            return f"another {key.replace('_', ' ')} than {other.name}"
    common = result.items.keys() & other.items.keys()
    if not common:
        return f"no figure in common with {other.name}"
    for name in sorted(common):
        if result.versions[name] != other.versions[name]:
            return f"another version of {name} than {other.name}"
        if result.items[name].keys() != other.items[name].keys():
            return f"other questions of {name} than {other.name}"
    return ""


def _table(group: _Group, seed: int) -> Table:
    figures = {name: version for result in group.results for name, version in result.versions.items()}
    columns = {name: _column(group.results, name, seed) for name in figures}
    rows = []
    for number, result in enumerate(group.results):
        cells = {name: column[number] for name, column in columns.items() if number in column}
        rows.append(Row(result, cells))
    first = group.results[0].protocol
    common = {key: first[key] for key in MEASURED_ALIKE if first.get(key) is not None}
    return Table(figures, common, tuple(rows), group.apart)


def _column(results: Sequence[SavedResult], name: str, seed: int) -> dict[int, Cell]:
    """One figure of every model that was measured in it, by the model's place."""
    measured = {i: result for i, result in enumerate(results) if name in result.items}
    found = {i: estimate(result, name, seed) for i, result in measured.items()}
    known = {i: e.value for i, e in found.items() if e.value is not None}
    best: set[int] = set()
    if len(known) > 1 and name not in UNRANKED:
        top = max(known, key=lambda i: known[i])
        # The data chose the highest, so that every pair could have been the one compared.
        pairs = list(combinations(known, 2))
        ps = holm([pair(results[i], results[j], name).p_value(seed) for i, j in pairs])
        differ = {two for two, p in zip(pairs, ps, strict=True) if p is not None and p <= ALPHA}
        best = {i for i in known if differ.isdisjoint({(i, top), (top, i)})}
    return {i: Cell(e, i in best) for i, e in found.items()}


def estimate(result: SavedResult, name: str, seed: int = 0) -> Estimate:
    """A figure of a saved result with its interval, worked out from its items."""
    items = result.items[name]
    known = [items[key] for key in sorted(items) if scored(items[key])]
    return Sums.of(known).estimate(Bootstrap([item.patient for item in known], seed=seed))
