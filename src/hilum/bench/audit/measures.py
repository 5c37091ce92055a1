"""What is compared between groups: every figure of the benchmark, yes/no errors, and probabilities of yes.

measures, skipped = of_answers(Task.VIEW, items, answers)
measures[0].over.sum() / measures[0].under.sum()        # the figure itself

Each is a ratio of two sums over items, so that one test and one interval serve them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from hilum.bench.answers import Item, normal
from hilum.bench.findings import by_trial
from hilum.bench.intervals import Array
from hilum.bench.probability import YesProbabilities
from hilum.bench.result import Skipped
from hilum.bench.tasks import TASKS, BenchTask
from hilum.errors import UsageError
from hilum.model.answer import Answer
from hilum.study import Finding, Task


class Kind(StrEnum):
    """What a measure says of the answers."""

    SCORE = "score"
    """The benchmark's own figure: higher is better."""
    TPR = "true positive rate"
    """Of what is there, the share said to be there: higher is better."""
    FPR = "false positive rate"
    """Of what is not there, the share said to be there: lower is better."""
    CALIBRATION = "excess probability"
    """Mean probability of yes less the share that is yes: 0 is best."""


@dataclass(frozen=True)
class Measure:
    """One figure of some of a task's items.

    Args:
        name: such as "view", "binary_disease, Edema".
        items: which of the task's items each of the N rows is about.
        over: what each row adds above the line (N,), and `under` below it, above 0; a row without a score
            (NaN) counts for nothing.
        finding: for yes/no errors of one finding alone.

    Raises:
        UsageError: `items`, `over` and `under` are not of one length.
    """

    name: str
    kind: Kind
    task: Task
    metric: str
    items: npt.NDArray[np.int64]
    over: Array
    under: Array
    finding: Finding | None = None

    def __post_init__(self) -> None:
        if not len(self.items) == len(self.over) == len(self.under):
            problem = f"has {len(self.over)} scores over {len(self.under)}, of {len(self.items)} items"
            raise UsageError(self.name, problem, "give one of each for each answer")

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is, 0 where both are worse."""
        return {Kind.FPR: -1, Kind.CALIBRATION: 0}.get(self.kind, 1)

    def worse_by(self, gap: float) -> float:
        """By how much a group that lies so far from the rest is worse off; negative when it is better off."""
        return -self.sign * gap if self.sign else abs(gap)


def audited(task: Task) -> list[BenchTask]:
    """The benchmark's figures of one task's answers of which more is better."""
    return [entry for entry in TASKS if entry.tasks == (task,) and entry.ranked]


def of_answers(
    task: Task, items: Sequence[Item], answers: Sequence[Answer]
) -> tuple[list[Measure], list[Skipped]]:
    """Everything that can be compared of one task's answers, and what cannot be and why."""
    entries = audited(task)
    if same_answers(answers):
        reason = (
            "the model answered every question alike: groups would differ by what they were asked, not by it"
        )
        return [], [Skipped(entry.name, entry.title, reason) for entry in entries]
    found, skipped = [], []
    for entry in entries:
        over, under = entry.score(items, answers).parts()
        kept = np.flatnonzero(np.isfinite(over) & (under > 0))
        if len(kept):
            found.append(Measure(entry.name, Kind.SCORE, task, entry.metric, kept, over[kept], under[kept]))
        else:
            reason = "no question has a true answer to compare with"
            skipped.append(Skipped(entry.name, entry.title, reason))
    errors, missing = _errors(task, items, answers)
    return found + errors, skipped + missing


def same_answers(answers: Sequence[Answer]) -> bool:
    """Whether several answers were all given, and all are the same."""
    return len(answers) > 1 and len({(normal(a.text), a.boxes) for a in answers}) == 1


def _errors(
    task: Task, items: Sequence[Item], answers: Sequence[Answer]
) -> tuple[list[Measure], list[Skipped]]:
    """True and false positive rates, of all findings together and of each."""
    trials = list(by_trial(task, items, answers))
    found: list[Measure] = []
    skipped: list[Skipped] = []
    if not trials:
        return found, skipped
    number, there = (np.array([trial[k] for trial in trials]) for k in (0, 2))
    right = np.array([said is true for _, _, true, said in trials])
    of = np.array([trial[1].value for trial in trials])
    for kind, wanted in ((Kind.TPR, True), (Kind.FPR, False)):
        rows = there == wanted
        if not rows.any():
            lacking = "is there" if wanted else "is not there"
            title = f"{task.value}, {kind.value}"
            skipped.append(Skipped(title, title, f"one class only: no finding asked about {lacking}"))
            continue
        # A wrong answer to what is there misses it; a wrong one to what is not there makes it up.
        said = (right if wanted else ~right).astype(float)
        whole = Measure(
            task.value,
            kind,
            task,
            f"{kind.value}, all findings",
            number[rows],
            said[rows],
            np.ones(int(rows.sum())),
        )
        found.append(whole)
        for finding in dict.fromkeys(trial[1] for trial in trials):
            some = of[rows] == finding.value
            if some.any():
                found.append(
                    replace(
                        whole,
                        name=f"{task.value}, {finding.value}",
                        metric=kind.value,
                        items=whole.items[some],
                        over=whole.over[some],
                        under=whole.under[some],
                        finding=finding,
                    )
                )
    return found, skipped


def excess(found: YesProbabilities) -> Measure:
    """Calibration in the large, as a measure: mean probability of yes less the share that is yes."""
    metric = "mean probability of yes less the share that is yes"
    ones = np.ones(len(found.yes))
    return Measure(
        found.task.value, Kind.CALIBRATION, found.task, metric, found.items, found.yes - found.truth, ones
    )
