"""Left and right: which side a finding is on, and which the model says, in a table of both.

[table] = by_side(Task.FINDINGS, items, answers)
table.counts["left", "right"]          # how often what is on the left was said to be on the right
table.mirrored                         # the share of one-sided findings put on the other side

Counted are findings of reports where the truth or the report names a side, and questions whose answer is a
side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hilum.bench.answers import Item, normal
from hilum.bench.intervals import Estimate, wilson
from hilum.bench.metrics import FINDINGS, stated
from hilum.model.answer import Answer
from hilum.reports import extract_facts
from hilum.study import Fact, Side, Task

SIDES = ("left", "right", "both")
NO_SIDE = "no side"
"""It is stated, but not on which side, or in the midline."""
NONE = "none"
"""It is not stated at all."""
CATEGORIES = (*SIDES, NO_SIDE, NONE)

_OF_SIDE = {Side.LEFT: {"left"}, Side.RIGHT: {"right"}, Side.BILATERAL: {"left", "right"}}
_OF_WORD = {
    "left": {"left"},
    "right": {"right"},
    "both": {"left", "right"},
    "bilateral": {"left", "right"},
    "bilaterally": {"left", "right"},
}
_BESIDE = {"side", "sides", "sided", "lung", "lungs", "on"}
"""Words that may stand beside a side in an answer that is nothing but a side."""


@dataclass(frozen=True)
class SideTable:
    """Sides in the answers of one task.

    Args:
        counts: (true, said) of `CATEGORIES` → how often.
        right: the share of findings on a side whose side is said.
        mirrored: the share of findings on one side, and said to be on one, that are said to be on the other.
    """

    task: Task
    counts: Mapping[tuple[str, str], int]
    right: Estimate
    mirrored: Estimate

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary; `counts` is a row for each true side, in the order of `categories`."""
        rows = [[self.counts.get((true, said), 0) for said in CATEGORIES] for true in CATEGORIES]
        return {
            "task": self.task.value,
            "categories": list(CATEGORIES),
            "counts": rows,
            "right": self.right.to_json(),
            "mirrored": self.mirrored.to_json(),
        }


@dataclass(frozen=True)
class _Trial:
    patient: str
    true: str
    said: str


def by_side(task: Task, items: Sequence[Item], answers: Sequence[Answer]) -> tuple[SideTable, ...]:
    """The table of one task; none where no side is asked for or named."""
    if task not in (Task.FINDINGS, Task.VQA_OPEN):
        return ()
    judge = _written if task is Task.FINDINGS else _asked
    trials = [
        _Trial(item.cluster, true, said)
        for item, answer in zip(items, answers, strict=True)
        for true, said in judge(item, answer)
    ]
    if not trials:
        return ()
    sided = [trial for trial in trials if trial.true in SIDES]
    one = [t for t in sided if {t.true, t.said} <= {"left", "right"}]
    right = wilson([t.true == t.said for t in sided], [t.patient for t in sided])
    mirrored = wilson([t.true != t.said for t in one], [t.patient for t in one])
    return (SideTable(task, Counter((t.true, t.said) for t in trials), right, mirrored),)


def _written(item: Item, answer: Answer) -> Iterator[tuple[str, str]]:
    truth, said = stated(item.truth), stated(extract_facts(answer.text))
    for finding in FINDINGS:
        sides = [_side([fact for fact in facts if fact.finding is finding]) for facts in (truth, said)]
        if any(side in SIDES for side in sides):
            yield sides[0], sides[1]


def _asked(item: Item, answer: Answer) -> Iterator[tuple[str, str]]:
    words = normal(item.reference).split()
    true = side_named(item.reference)
    if true in SIDES and all(word in _OF_WORD or word in _BESIDE for word in words):
        yield true, side_named(answer.text)


def _side(facts: Sequence[Fact]) -> str:
    if not facts:
        return NONE
    return _together(_OF_SIDE.get(fact.side, set()) if fact.side else set() for fact in facts)


def side_named(text: str) -> str:
    """Which side an answer names: one of `CATEGORIES`, `NONE` for an empty one."""
    words = normal(text).split()
    return _together(_OF_WORD.get(word, set()) for word in words) if words else NONE


def _together(named: Iterable[set[str]]) -> str:
    sides = set[str]().union(*named)
    if len(sides) == 2:
        return "both"
    return sides.pop() if sides else NO_SIDE
