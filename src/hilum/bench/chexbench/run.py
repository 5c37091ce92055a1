"""Ask a model all of CheXbench and measure its answers.

result = run(adapter, read(Path("data.json"), Path("images")), seed=0)
print(result.rows())
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

from hilum.bench.adapters import Adapter, Kind
from hilum.bench.adapters.checked import description
from hilum.bench.answers import sample
from hilum.bench.chexbench.ask import CONTROLLED, Asker, Task
from hilum.bench.chexbench.figures import measure, pool
from hilum.bench.chexbench.protocol import TEXT
from hilum.bench.chexbench.read import Chexbench, Item
from hilum.bench.chexbench.result import ChexbenchResult, Pooled, TaskResult
from hilum.bench.chexbench.tasks import TASKS
from hilum.bench.intervals import LEVEL, RESAMPLES
from hilum.bench.software import versions
from hilum.errors import UsageError
from hilum.model.answer import NOTICE
from hilum.progress import Progress

Protocol = Literal["likelihood", "generation", "both"]
Keep = Callable[[ChexbenchResult], None]
"""Told what has been found so far whenever a task is finished."""


def run(
    adapter: Adapter,
    bench: Chexbench,
    *,
    protocol: Protocol = "both",
    limit: int | None = None,
    controlled: int = CONTROLLED,
    seed: int = 0,
    command: str = "",
    keep: Keep | None = None,
    progress: bool = True,
) -> ChexbenchResult:
    """Measure a model.

    Args:
        protocol: how choices are answered. Under "both" a model without likelihoods is measured by its words.
            Boxes and texts have generation alone.
        limit: most items of each task, drawn at random.
        controlled: most items of each task that are asked again without images, with others' images, and with
            their options in another order; 0 for none.
        seed: of the draws and of the bootstrap.
        command: printed in the protocol.
        keep: told of the result after every task.
        progress: show bars on stderr.

    Raises:
        UsageError: likelihoods alone are asked for, and the model gives none, or no chosen task is a choice.
    """
    choices = {item.task for item in bench.items if item.question.kind is Kind.CHOICE}
    if protocol == "likelihood" and not choices:
        raise UsageError("--protocol likelihood", "is for multiple choice alone", "choose such a task too")
    with Progress(progress) as bars:
        running = _Running(bench, Asker(adapter, seed, controlled, bars), protocol, seed)
        about = _about(adapter, bench, protocol, limit, controlled, seed, command)
        for name in TASKS:
            items = sample(bench.of(name), limit, seed)
            if items:
                running.add(name, items)
                if keep is not None:
                    keep(running.result(about, complete=False))
    result = running.result(about, complete=True)
    if keep is not None:
        keep(result)
    return result


class _Running:
    """What has been measured so far."""

    def __init__(self, bench: Chexbench, asker: Asker, protocol: Protocol, seed: int) -> None:
        self.bench, self.asker, self.protocol, self.seed = bench, asker, protocol, seed
        self.found: list[tuple[TaskResult, Task]] = []
        self.skipped = dict(bench.missing)

    def add(self, name: str, items: list[Item]) -> None:
        """Ask one task by the protocols that it has."""
        choice = TASKS[name].kind is Kind.CHOICE
        if self.protocol != "likelihood":
            self._measured(name, "generation", self.asker.generation(items))
        elif not choice:
            self.skipped[name] = "its answers are no options, which have likelihoods"
        if choice and self.protocol != "generation" and "likelihood" not in self.skipped:
            try:
                self._measured(name, "likelihood", self.asker.likelihood(items))
            except UsageError as error:
                if self.protocol == "likelihood":
                    raise
                self.skipped["likelihood"] = error.problem

    def _measured(self, name: str, protocol: str, asked: Task) -> None:
        self.found.append((measure(TASKS[name], protocol, asked, self.seed), asked))

    def result(self, about: dict[str, Any], *, complete: bool) -> ChexbenchResult:
        """All of it as one value."""
        bench = self.bench
        held = {result.task for result, _ in self.found}
        unasked = {
            name: "none of its items can be asked"
            for name in bench.left_out
            if complete and name in TASKS and name not in held and name not in self.skipped
        }
        return ChexbenchResult(
            tuple(result for result, _ in self.found),
            tuple(self._pooled()),
            bench.left_out,
            tuple(bench.problems.kept),
            {**self.skipped, **unasked},
            complete,
            about,
        )

    def _pooled(self) -> list[Pooled]:
        choices = [(r, asked) for r, asked in self.found if TASKS[r.task].kind is Kind.CHOICE]
        each = (
            pool(name, [(r, asked) for r, asked in choices if r.protocol == name], self.seed)
            for name in ("generation", "likelihood")
        )
        return [pooled for pooled in each if pooled is not None]


def _about(
    adapter: Adapter,
    bench: Chexbench,
    protocol: Protocol,
    limit: int | None,
    controlled: int,
    seed: int,
    command: str,
) -> dict[str, Any]:
    model = description(adapter)
    return {
        "model": model.get("model", ""),
        "weights": model.get("weights", ""),
        "adapter": model,
        "command": command,
        "file_sha256": bench.sha256,
        "seed": seed,
        "limit_per_task": limit,
        "controlled_per_task": controlled,
        "choices_by": protocol,
        "rules": TEXT,
        "interval": (
            f"{LEVEL:.0%} BCa bootstrap over patients, or over groups of items that share a film where the "
            f"file names no patient, {RESAMPLES} resamples"
        ),
        "versions": versions("scipy"),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "notice": NOTICE,
    }
