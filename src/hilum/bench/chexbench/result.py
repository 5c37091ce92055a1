"""What CheXbench found: per task and protocol, each figure with its interval, beside what no skill gives.

result.tasks[0].figures[0].estimate
result.to_json()["tasks"][0]["value"]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hilum.bench.chexbench.position import PositionBias
from hilum.bench.intervals import Estimate, decimals
from hilum.bench.items import ItemScore
from hilum.bench.result import Baseline
from hilum.errors import DataError, HilumError

SHOWN = 3
"""Reasons of failures that are shown below the table."""

COLUMNS = ("task", "metric", "n", "value [95 % interval]", "chance", "majority", "gain over no image")


@dataclass(frozen=True)
class Figure:
    """One figure of a task.

    Args:
        name: such as `chexbench/view_classification/generation/accuracy`.
        metric: what it is, in words.
        chance: what answers at random would score; None where that is not defined.
        baselines: `majority`, `majority_position`, `no_image`, `shuffled`, with the model's paired gain; a
            control may rest on a random part of the items.
        by_source, by_slice: the same figure of each `data_source`, and of each `data_source/slice`.
    """

    name: str
    metric: str
    estimate: Estimate
    chance: float | None = None
    baselines: Mapping[str, Baseline] = field(default_factory=dict)
    by_source: Mapping[str, Estimate] = field(default_factory=dict)
    by_slice: Mapping[str, Estimate] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {
            "name": self.name,
            "metric": self.metric,
            **self.estimate.to_json(),
            "chance": self.chance,
            "baselines": {name: baseline.to_json() for name, baseline in self.baselines.items()},
            "by_source": {name: found.to_json() for name, found in self.by_source.items()},
            "by_slice": {name: found.to_json() for name, found in self.by_slice.items()},
        }


@dataclass(frozen=True)
class Choices:
    """What is said of choices that are answered in words.

    Args:
        parsed: share of the answers that name one option.
        published: accuracy by the published rule with its random letters, as the seed draws them.
        published_expected: its expectation over all draws.
        position: None where nothing was asked in another order.
    """

    parsed: Estimate
    published: Estimate
    published_expected: float
    position: PositionBias | None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {
            "parsed": self.parsed.to_json(),
            "published": self.published.to_json(),
            "published_expected": self.published_expected,
            "position": self.position.to_json() if self.position else None,
        }


@dataclass(frozen=True)
class TaskResult:
    """One task by one protocol.

    Args:
        protocol: `generation` or `likelihood`.
        clusters: patients, or groups of items that share a film.
        failures: answers that could not be scored, by kind; they count as wrong.
        notes: why a figure is less than it looks.
        measured: False where the model answered nothing at all.
        details: the commonest words of its errors, without paths, and how often they were told.
    """

    task: str
    version: int
    protocol: str
    clusters: int
    figures: tuple[Figure, ...]
    failures: Mapping[str, int]
    notes: tuple[str, ...]
    measured: bool
    choices: Choices | None
    items: tuple[ItemScore, ...]
    details: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> list[dict[str, Any]]:
        """A plain dictionary for each figure."""
        head = {
            "version": self.version,
            "title": f"{self.task}, {self.protocol}",
            "clusters": self.clusters,
            "failures": dict(self.failures),
            "failure_details": [{"detail": text, "count": count} for text, count in self.details.items()],
            "notes": list(self.notes),
        }
        tail = {"choices": self.choices.to_json()} if self.choices else {}
        return [{**figure.to_json(), **head, **tail} for figure in self.figures]

    def rows(self) -> list[list[str]]:
        """Cells under `COLUMNS`, a line a figure."""
        found = []
        for figure in self.figures:
            majority, blind = (figure.baselines.get(name) for name in ("majority", "no_image"))
            found.append(
                [
                    f"{self.task}, {self.protocol}",
                    figure.metric,
                    str(figure.estimate.n),
                    str(figure.estimate),
                    "" if figure.chance is None else decimals(figure.chance),
                    str(majority.estimate) if majority else "",
                    str(blind.gain) if blind else "",
                ]
            )
        return found


@dataclass(frozen=True)
class Pooled:
    """Accuracy over all multiple-choice tasks of one protocol.

    Args:
        over_items: mean over the items, so that a large task weighs more.
        over_tasks: mean of the tasks' means.
        left_out: tasks in which the model answered nothing at all.
    """

    protocol: str
    over_items: Estimate
    over_tasks: Estimate
    tasks: tuple[str, ...]
    left_out: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {
            "protocol": self.protocol,
            "over_items": self.over_items.to_json(),
            "over_tasks": self.over_tasks.to_json(),
            "tasks": list(self.tasks),
            "left_out": list(self.left_out),
        }


@dataclass(frozen=True)
class ChexbenchResult:
    """All that was found.

    Args:
        left_out: items of the file that cannot be asked, by task and reason; `problems` names them.
        skipped: what was not measured, and why.
        complete: False while tasks are still to come.
        protocol: how it was measured: model, file, seed, versions, rules in words, date.
    """

    tasks: tuple[TaskResult, ...]
    pooled: tuple[Pooled, ...]
    left_out: Mapping[str, Mapping[str, int]]
    problems: tuple[HilumError, ...]
    skipped: Mapping[str, str]
    complete: bool
    protocol: Mapping[str, Any]

    @property
    def items(self) -> list[ItemScore]:
        """Every scored item."""
        return [item for task in self.tasks for item in task.items]

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """The commonest words of the model's errors over all tasks, and how often they were told."""
        told: Counter[str] = Counter()
        for task in self.tasks:
            told.update(task.details)
        return told.most_common(SHOWN)

    @property
    def failure(self) -> DataError | None:
        """The error to end with where every single answer failed, so that nothing at all was measured."""
        if not self.tasks or any(task.measured for task in self.tasks):
            return None
        kinds = ", ".join(dict.fromkeys(kind for task in self.tasks for kind in task.failures))
        reason = self.reasons[0][0] if self.reasons else kinds
        model = str(self.protocol.get("model") or "the model")
        return DataError(model, f"failed at every question; most often: {reason}", "mend it and run again")

    def rows(self) -> list[list[str]]:
        """Cells under `COLUMNS`."""
        return [row for task in self.tasks for row in task.rows()]

    def lines(self) -> list[str]:
        """What is to be said below the table, in plain words."""
        said = []
        for pooled in self.pooled:
            count = f"{len(pooled.tasks)} multiple-choice task{'s' if len(pooled.tasks) != 1 else ''}"
            said.append(f"{pooled.protocol}, {count}, mean over items: {pooled.over_items}")
            said.append(f"{pooled.protocol}, {count}, mean over tasks: {pooled.over_tasks}")
        notes: dict[str, dict[str, list[str]]] = {}
        for task in self.tasks:
            some = list(task.notes)
            if task.failures:
                kinds = ", ".join(f"{kind} {count}" for kind, count in task.failures.items())
                some.append(f"answers that cannot be scored, counted wrong: {kinds}")
            if task.choices and task.choices.position and task.choices.position.biased:
                some.append("the model prefers a place among the options, whatever stands there")
            for note in some:
                notes.setdefault(note, {}).setdefault(task.protocol, []).append(task.task)
        for note, where in notes.items():
            places = (f"{protocol}: {', '.join(names)}" for protocol, names in where.items())
            everywhere = sum(map(len, where.values())) == len(self.tasks)
            said.append(f"{note} ({'everywhere' if everywhere else '; '.join(places)})")
        said += [f"why answers failed, {count} times: {reason}" for reason, count in self.reasons]
        said += [f"not measured: {name}: {reason}" for name, reason in self.skipped.items()]
        said += [
            f"left out: {task}: {count} that {'each ' if count > 1 else ''}{reason}"
            for task, reasons in self.left_out.items()
            for reason, count in reasons.items()
        ]
        return said if self.complete else [*said, "unfinished: tasks that were still to come are missing"]

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {
            "benchmark": "CheXbench",
            "complete": self.complete,
            "tasks": [row for task in self.tasks for row in task.to_json()],
            "pooled": [pooled.to_json() for pooled in self.pooled],
            "skipped": dict(self.skipped),
            "left_out": {task: dict(reasons) for task, reasons in self.left_out.items()},
            "problems": [{"thing": p.thing, "problem": p.problem} for p in self.problems],
            "protocol": dict(self.protocol),
            "columns": list(COLUMNS),
            "rows": self.rows(),
        }
