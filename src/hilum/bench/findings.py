"""How often a model finds each finding that is there, and denies each that is not; how far to believe it.

table = by_finding(Task.BINARY, items, answers)
table[0].finding, table[0].sensitivity, table[0].specificity, table[0].ppv

Two things are counted: the answer to "is it there?", where the image's labels are known, and whether a
written report states the finding. In a report what is not stated is denied; so it is in the reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hilum.bench.answers import Item, polarity
from hilum.bench.intervals import Estimate, wilson
from hilum.bench.metrics import FINDINGS, stated
from hilum.model.answer import Answer
from hilum.reports import extract_facts
from hilum.study import Finding, Task

COUNTED = (Task.FINDINGS, Task.BINARY, Task.VQA_CLOSED)
"""The tasks whose answers tell of single findings."""

INTERVAL = "95% Wilson score interval, trials divided by the design effect of several from one patient"

FINDING_COLUMNS = ("finding", "task", "present", "absent", "sensitivity", "specificity", "PPV", "NPV")

_SHARES = ("sensitivity", "specificity", "ppv", "npv")
_BY_NAME = {finding.name.lower(): finding for finding in FINDINGS}


@dataclass(frozen=True)
class FindingAccuracy:
    """One finding in the answers of one task.

    Args:
        true_positive: rightly found; `false_negative`: there but not found; and so on.
        ppv: positive predictive value, the share of what is said to be there that is; `npv`: of what is
            denied that is not there. An answer that is neither yes nor no is in neither.
    """

    finding: Finding
    task: Task
    true_positive: int
    false_negative: int
    false_positive: int
    true_negative: int
    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    npv: Estimate

    @property
    def present(self) -> int:
        """How often it is there."""
        return self.true_positive + self.false_negative

    @property
    def absent(self) -> int:
        """How often it is not there."""
        return self.false_positive + self.true_negative

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        counts = ("true_positive", "false_negative", "false_positive", "true_negative")
        return {
            "finding": self.finding.value,
            "task": self.task.value,
            **{name: getattr(self, name) for name in counts},
            **{name: getattr(self, name).to_json() for name in _SHARES},
        }

    def row(self) -> list[str]:
        """Cells under `FINDING_COLUMNS`."""
        counts = (str(self.present), str(self.absent))
        shares = (str(getattr(self, name)) for name in _SHARES)
        return [self.finding.value, self.task.value, *counts, *shares]


@dataclass(frozen=True)
class _Trial:
    patient: str
    there: bool
    said: bool | None
    """None where the answer is neither yes nor no."""

    @property
    def right(self) -> bool:
        return self.said is self.there


def by_finding(task: Task, items: Sequence[Item], answers: Sequence[Answer]) -> tuple[FindingAccuracy, ...]:
    """Sensitivity and specificity of every finding that is there or was said to be.

    None for a task whose answers do not tell of single findings.
    """
    if task not in COUNTED:
        return ()
    trials: dict[Finding, list[_Trial]] = {finding: [] for finding in FINDINGS}
    for number, finding, there, said in by_trial(task, items, answers):
        trials[finding].append(_Trial(items[number].cluster, there, said))
    return tuple(
        _accuracy(finding, task, some)
        for finding, some in trials.items()
        if any(trial.there or not trial.right for trial in some)
    )


def by_trial(
    task: Task, items: Sequence[Item], answers: Sequence[Answer]
) -> Iterator[tuple[int, Finding, bool, bool | None]]:
    """Number of the item, finding, whether it is there, and whether it was said to be; see `by_finding`.

    None where the answer says neither, which is wrong.
    """
    if task in COUNTED:
        judge = _written if task is Task.FINDINGS else _asked
        for number, (item, answer) in enumerate(zip(items, answers, strict=True)):
            for finding, there, said in judge(item, answer):
                yield number, finding, there, said


def _written(item: Item, answer: Answer) -> Iterator[tuple[Finding, bool, bool | None]]:
    there, said = ({fact.finding for fact in stated(f)} for f in (item.truth, extract_facts(answer.text)))
    for finding in FINDINGS:
        yield finding, finding in there, finding in said


def _asked(item: Item, answer: Answer) -> Iterator[tuple[Finding, bool, bool | None]]:
    """An answer that is neither yes nor no is wrong, whichever were right."""
    finding, there = _BY_NAME.get(item.id.rpartition("/")[2]), polarity(item.reference)
    if finding is not None and there is not None:
        yield finding, there, polarity(answer.text)


def _accuracy(finding: Finding, task: Task, trials: Sequence[_Trial]) -> FindingAccuracy:
    found, counts = [], []
    for there in (True, False):
        some = [trial for trial in trials if trial.there is there]
        hits = [trial.right for trial in some]
        found.append(wilson(hits, [trial.patient for trial in some]))
        counts.append((sum(hits), len(hits) - sum(hits)))
    for said in (True, False):
        some = [trial for trial in trials if trial.said is said]
        found.append(wilson([trial.right for trial in some], [trial.patient for trial in some]))
    (hit, missed), (denied, made_up) = counts
    return FindingAccuracy(finding, task, hit, missed, made_up, denied, *found)
