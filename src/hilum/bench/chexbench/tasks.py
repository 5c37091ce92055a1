"""CheXbench's ten tasks: the exact keys of its JSON, what kind of answer each has, and our version of each.

TASKS["View Classification"].kind        # Kind.CHOICE
select(["View Classification"])

CheXbench: Chen et al., arXiv 2401.12208. A changed definition is a new version: figures of two versions of
one task cannot be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hilum.bench.adapters import Kind
from hilum.bench.adapters.asking import slug
from hilum.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class ChexbenchTask:
    """One task.

    Args:
        name: the key of the JSON.
        axis: 1 image perception, 2 image-text reasoning, 3 text generation.
        version: of its definition here.
    """

    name: str
    axis: int
    kind: Kind
    version: int = 1

    @property
    def slug(self) -> str:
        """The name as part of a figure's name: `view_classification`."""
        return slug(self.name)


VIEW = "View Classification"
BINARY = "Binary Disease Classification"
SINGLE = "Single Disease Identification"
MULTIPLE = "Multiple Disease Identification"
TEMPORAL = "Temporal Classification"
VQA = "Visual Question Answering"
FINE = "Fine-Grained Reasoning"
GROUNDING = "Phrase Grounding"
FINDINGS = "Findings Generation"
SUMMARY = "Findings Summarization"

TASKS: dict[str, ChexbenchTask] = {
    name: ChexbenchTask(name, axis, kind)
    for name, axis, kind in (
        (VIEW, 1, Kind.CHOICE),
        (BINARY, 1, Kind.CHOICE),
        (SINGLE, 1, Kind.CHOICE),
        (MULTIPLE, 1, Kind.CHOICE),
        (TEMPORAL, 1, Kind.CHOICE),
        (VQA, 2, Kind.CHOICE),
        (FINE, 2, Kind.CHOICE),
        (GROUNDING, 2, Kind.BOX),
        (FINDINGS, 3, Kind.TEXT),
        (SUMMARY, 3, Kind.TEXT),
    )
}
"""The tasks by their key, in the order in which they are measured."""

CHOICES = tuple(task.name for task in TASKS.values() if task.kind is Kind.CHOICE)
"""Those that are answered by one of their options."""

OPTIONS = ("option_0", "option_1", "option_2", "option_3")
"""The keys of a choice's options, of which the last may be empty."""


def select(names: Sequence[str]) -> tuple[ChexbenchTask, ...]:
    """The tasks of these names, written as in the JSON or as `view_classification`; all of them for none.

    Raises:
        UsageError: an unknown name.
    """
    by_name = {key: task for task in TASKS.values() for key in (task.name.lower(), task.slug)}
    for name in names:
        if name.lower() not in by_name:
            known = [task.slug for task in TASKS.values()]
            remedy = f"{did_you_mean(name, known)}choose from {', '.join(known)}"
            raise UsageError(name or "--task", "is not a task of CheXbench", remedy)
    wanted = {by_name[name.lower()].name for name in names}
    return tuple(task for task in TASKS.values() if not names or task.name in wanted)
