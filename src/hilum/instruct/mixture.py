"""How often training draws a conversation of each task and source, by a file of weights.

mixture = read_mixture(Path("mixture.toml"))
mixture.shares({("binary_disease", "phantom"): 900, ("binary_disease", "brax"): 100})
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hilum.errors import UsageError, did_you_mean
from hilum.sources import SOURCES
from hilum.study import Task

_FIELDS = ("temperature", "tasks", "sources")
COLDEST = 0.1
"""The lowest temperature; at it little but the commonest pair of task and source is drawn."""


@dataclass(frozen=True)
class Mixture:
    """Weights of tasks and sources.

    The n conversations of a task and source are drawn in proportion to
    weight(task) × weight(source) × n^(1 / temperature): at 1 as many as there are, at 2 by the square root,
    and the higher it is, the more evenly.

    Args:
        temperature: from `COLDEST` up.
        tasks, sources: name → weight, from 0, which leaves it out; those not named have 1.
    """

    temperature: float = 1.0
    tasks: Mapping[str, float] = field(default_factory=dict)
    sources: Mapping[str, float] = field(default_factory=dict)

    def mass(self, task: str, source: str, n: int) -> float:
        """What the share of a task and source with n conversations is proportional to."""
        weight = self.tasks.get(task, 1.0) * self.sources.get(source, 1.0)
        return weight * n ** (1 / self.temperature) if n else 0.0

    def unheard(self, counts: Collection[tuple[str, str]]) -> list[str]:
        """The tasks and sources it names of which there is no conversation."""
        there = {name for pair in counts for name in pair}
        return [name for name in (*self.tasks, *self.sources) if name not in there]

    def shares(self, counts: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], float]:
        """The share of each task and source, by how many conversations there are; in all 1, or 0."""
        masses = {pair: self.mass(*pair, n) for pair, n in counts.items()}
        whole = sum(masses.values()) or 1.0
        return {pair: mass / whole for pair, mass in masses.items()}

    def to_json(self) -> dict[str, Any]:
        """As `card.json` holds it."""
        return asdict(self)


def read_mixture(path: Path) -> Mixture:
    """A mixture from a TOML file: `temperature`, and tables `tasks` and `sources` of weights by name.

    Raises:
        UsageError: the file cannot be read, or is not TOML; a field, task or source of an unknown name (the
            nearest is offered), or a number out of range.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(path, f"cannot be read ({error.strerror or error})", "check the path") from error
    except ValueError as error:
        raise UsageError(path, f"is not a TOML file ({error})", "see docs/data.md for an example") from error
    _known(path, "field", document, _FIELDS)
    temperature = _number(path, "temperature", document.get("temperature", 1.0))
    if temperature < COLDEST:
        raise UsageError(path, f"has the temperature {temperature}", f"give a number from {COLDEST} up")
    tasks = _weights(path, "task", document.get("tasks", {}), [task.value for task in Task])
    return Mixture(temperature, tasks, _weights(path, "source", document.get("sources", {}), SOURCES))


def _weights(path: Path, kind: str, table: object, known: Collection[str]) -> dict[str, float]:
    if not isinstance(table, dict):
        raise UsageError(path, f"has no table of weights in {kind}s", f"write [{kind}s] and a line for each")
    _known(path, kind, table, known)
    return {name: _number(path, name, weight) for name, weight in table.items()}


def _known(path: Path, kind: str, names: Collection[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            remedy = f"{did_you_mean(name, known)}the known ones: {', '.join(known)}"
            raise UsageError(path, f"names an unknown {kind}: {name}", remedy)


def _number(path: Path, name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise UsageError(path, f"has {value!r} for {name}", "give a number from 0 up")
    return float(value)
