"""The fairness audit: a model's answers about studies, compared between groups of patients and of images.

found = audit(Model.load("quickstart/model"), Shards("quickstart/data"), choice=Choice.ALL)
print(found.verdict)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from hilum.bench.answers import Item, ask, gather
from hilum.bench.audit.compare import MIN_N, Table, corrected, require_labels
from hilum.bench.audit.groups import Grouping
from hilum.bench.audit.measures import (
    Kind,
    Measure,
    audited,
    excess,
    of_answers,
)
from hilum.bench.audit.result import Audit, AxisResult, Calibration, Comparison, EqualizedOdds
from hilum.bench.audit.significance import draws_for
from hilum.bench.audit.yes_no import calibration, equalized_odds
from hilum.bench.corrections import ALPHA
from hilum.bench.findings import COUNTED
from hilum.bench.population import Choice, Population, Records, Trained
from hilum.bench.probability import GivesLikelihoods, YesProbabilities, ask_yes
from hilum.bench.result import Measured, Skipped
from hilum.bench.software import versions
from hilum.bench.tasks import select
from hilum.errors import UsageError
from hilum.images import Frame
from hilum.instruct import Shards
from hilum.model import Model
from hilum.model.answer import NOTICE, Answer, Answerer
from hilum.progress import Progress
from hilum.study import Task


@dataclass(frozen=True)
class TaskAnswers:
    """What is known of one task: whose each item is, of which groups, and what is measured of the answers.

    Raises:
        UsageError: there are more or fewer labels than patients, or a measure is about items beyond them.
    """

    patients: Sequence[str]
    grouping: Grouping
    measures: Sequence[Measure]
    probabilities: YesProbabilities | None = None

    def __post_init__(self) -> None:
        count = len(self.patients)
        require_labels(self.patients, self.grouping.labels)
        for measure in self.measures:
            if len(measure.items) and measure.items.max() >= count:
                problem = f"is about item {measure.items.max()}, and only {count} have a patient"
                raise UsageError(
                    measure.name, problem, "give patients and labels of each answer, from item 0"
                )


@dataclass
class _Found:
    comparisons: list[Comparison] = field(default_factory=list)
    axes: list[AxisResult] = field(default_factory=list)
    odds: list[EqualizedOdds] = field(default_factory=list)
    calibration: list[Calibration] = field(default_factory=list)


def audit(
    model: Answerer,
    shards: Shards,
    *,
    tasks: Sequence[Task] | None = None,
    choice: Choice = Choice.TEST,
    trained: Trained | None = None,
    limit: int | None = None,
    min_n: int = MIN_N,
    seed: int = 0,
    command: str = "",
    progress: bool = True,
) -> Audit:
    """Ask a model and compare its answers between groups.

    Args:
        model: anything that answers prompts; where it also gives likelihoods, its probabilities are audited.
        tasks: audit these alone; the default is every task that is answered in words or boxes.
        choice: which studies of the shards.
        trained: what the model was trained on, as far as it is known.
        limit: most questions per task, drawn at random.
        min_n: fewest patients of a group that a figure is printed of.
        seed: of that draw, of permutations and of the bootstrap.
        command: printed in the protocol.
        progress: show bars on stderr.

    Raises:
        UsageError: a task has no figure, or `min_n` is below 2.
        DataError: there is no question of the chosen tasks.
    """
    if min_n < 2:
        raise UsageError("min_n", f"is {min_n}", "give 2 or more patients")
    seen = shards.framed(Frame(model.config.image_size, model.fit)) if isinstance(model, Model) else shards
    population = Population.choose(seen, choice, trained)
    asked = dict.fromkeys(task for entry in select(tasks) for task in entry.tasks)
    found: list[TaskAnswers] = []
    skipped: list[Skipped] = []
    with Progress(progress) as bars:
        for task in asked:
            items = gather(population, task, limit=limit, seed=seed)
            if not items:
                reason = "no question about these studies"
                skipped.append(Skipped(task.value, task.value.replace("_", " "), reason))
                continue
            name = task.value.replace("_", " ")
            answers = ask(model, items, population.shards.pixels, tick=bars.bar(name, len(items)).advance)
            likely = None
            if task in COUNTED and isinstance(model, GivesLikelihoods):
                bar = bars.bar(f"{name}, probabilities", len(items))
                likely = ask_yes(model, task, items, population.shards.pixels, tick=bar.advance)
            known, missing = of_task(task, items, answers, likely, population.records)
            found.append(known)
            skipped += missing
    if not found:
        raise population.without_questions()
    named: dict[str, Any] = {"model": type(model).__name__, "weights": None}
    if isinstance(model, Model):
        named = {"model": model.name, "weights": model.weights_hash()}
    chosen: dict[str, Any] = {
        **named,
        "command": command,
        "limit_per_task": limit,
        "split": population.choice.value,
        "split_meaning": population.why,
        "tasks": {entry.name: entry.version for task in asked for entry in audited(task)},
    }
    result = compare(found, min_n=min_n, seed=seed)
    whom = Measured(population.choice, population.why, population.counts)
    return replace(
        result, protocol={**chosen, **result.protocol}, measured=whom, skipped=(*result.skipped, *skipped)
    )


def of_task(
    task: Task,
    items: Sequence[Item],
    answers: Sequence[Answer],
    likely: YesProbabilities | None,
    records: Records,
) -> tuple[TaskAnswers, list[Skipped]]:
    """What can be audited of one task's answers, and what cannot."""
    measures, skipped = of_answers(task, items, answers)
    if likely is not None:
        measures.append(excess(likely))
    patients = [item.cluster for item in items]
    grouping = Grouping.of(items, records)
    return TaskAnswers(patients, grouping, measures, likely), skipped


def compare(
    tasks: Sequence[TaskAnswers], *, min_n: int = MIN_N, seed: int = 0, resamples: int = 1000
) -> Audit:
    """Compare answers that are already scored.

    Args:
        resamples: of the bootstrap, for intervals.

    Raises:
        UsageError: `min_n` is below 2.
    """
    found = _Found()
    draws = _draws(tasks)
    for task in tasks:
        table = Table(task.patients, task.grouping.labels, min_n, seed, draws, resamples)
        _compare(task, table, found)
    skipped_axes = _skipped_axes(tasks)
    unknown = {axis: count for task in tasks for axis, count in task.grouping.unknown.items()}
    protocol = _protocol(min_n, seed, resamples, draws, len(found.comparisons))
    nobody = Measured(Choice.ALL, "the answers given", ())
    return Audit(
        protocol,
        nobody,
        corrected(found.comparisons),
        tuple(found.axes),
        tuple(found.odds),
        tuple(found.calibration),
        (),
        skipped_axes,
        unknown,
    )


def comparisons(tasks: Sequence[TaskAnswers], *, min_n: int = MIN_N, seed: int = 0) -> tuple[Comparison, ...]:
    """The comparisons of `compare` alone, without intervals: what a simulation of many audits needs."""
    found: list[Comparison] = []
    draws = _draws(tasks)
    for task in tasks:
        table = Table(task.patients, task.grouping.labels, min_n, seed, draws, 0)
        for measure in task.measures:
            for axis in table.axes(measure):
                found += table.axis(measure, axis)[1]
    return corrected(found)


def _draws(tasks: Sequence[TaskAnswers]) -> int:
    """Permutations enough for as many comparisons as there may be."""
    return draws_for(
        sum(
            len(set(task.grouping.labels[axis][measure.items].tolist()) - {""})
            for task in tasks
            for measure in task.measures
            for axis in task.grouping.labels
        )
    )


def _compare(task: TaskAnswers, table: Table, found: _Found) -> None:
    for measure in task.measures:
        for axis in table.axes(measure):
            result, comparisons = table.axis(measure, axis)
            found.axes.append(result)
            found.comparisons.extend(comparisons)
    rates = {(measure.name, measure.kind): measure for measure in task.measures}
    for (name, kind), tpr in rates.items():
        fpr = rates.get((name, Kind.FPR))
        if kind is Kind.TPR and fpr is not None:
            found.odds.extend(equalized_odds(tpr, fpr, axis, table) for axis in table.axes(tpr))
    if task.probabilities is not None:
        for axis in task.grouping.labels:
            found.calibration.extend(calibration(task.probabilities, axis, table))


def _skipped_axes(tasks: Sequence[TaskAnswers]) -> dict[str, str]:
    """Axes on which no task can be audited."""
    audited = {axis for task in tasks for axis in task.grouping.labels}
    return {
        axis: reason
        for task in tasks
        for axis, reason in task.grouping.skipped.items()
        if axis not in audited
    }


def _protocol(min_n: int, seed: int, resamples: int, draws: int, comparisons: int) -> dict[str, Any]:
    return {
        "seed": seed,
        "fewest_patients": min_n,
        "comparisons": comparisons,
        "level": ALPHA,
        "test": (
            f"two-sided permutation of patients between group and rest, studentised, up to {draws:,} draws"
        ),
        "correction": "Holm over all comparisons of the audit; Benjamini-Hochberg beside it",
        "interval": f"95 % bootstrap over patients, {resamples} resamples",
        "versions": versions("fairlearn", "scipy"),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "notice": NOTICE,
    }
