"""Which studies a model is measured on, and how many there are.

trained = Trained.of(Shards("quickstart/data"))
population = Population.choose(shards, Choice.UNSEEN, trained)
for conversation in population.conversations(Task.VIEW): ...

A study is one the model has seen when one of its images, by content, or its patient was among those the model
was trained or validated on. A source the model never met is therefore measured whole, and of one it was
trained on only the patients that were kept aside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from hilum.errors import DataError
from hilum.instruct import Shards, StudyRecord
from hilum.study import Conversation, Split, Task

Records = Mapping[tuple[str, str], StudyRecord]
"""Studies by source and id."""

LEARNED = (Split.TRAIN, Split.VAL)
"""The splits that decide what a model becomes."""


class Choice(StrEnum):
    """Which studies to measure."""

    UNSEEN = "unseen"
    """Those the model has not seen."""
    TEST = "test"
    """Those of the test split, the same tenth of the patients on every machine."""
    VALIDATION = "validation"
    """Those of the validation split, by which choices are made so that the test split stays clean."""
    ALL = "all"
    """All of them, also those the model was trained on."""


_MEANING = {
    Choice.UNSEEN: "all studies of which the model has seen neither an image nor the patient in training",
    Choice.TEST: "the studies of the test split alone",
    Choice.VALIDATION: "the studies of the validation split alone, by which choices may have been made",
    Choice.ALL: "all studies, whether the model has seen them in training or not",
}


@dataclass(frozen=True)
class Trained:
    """What a model was trained and validated on: image ids, and patients as (source, patient)."""

    images: AbstractSet[str]
    patients: AbstractSet[tuple[str, str]]

    @classmethod
    def of(cls, shards: Shards) -> Trained:
        """From the shards a model was trained on."""
        images = (image for split in LEARNED for image in shards.image_ids(split))
        patients = (patient for split in LEARNED for patient in shards.patients(split))
        return cls(frozenset(images), frozenset(patients))

    def saw(self, record: StudyRecord) -> bool:
        """Whether the study is one of them, or shares an image or the patient with one."""
        return (record.source, record.patient) in self.patients or not self.images.isdisjoint(
            record.image_ids
        )


@dataclass
class SourceCount:
    """How many studies and patients of one source are measured.

    Args:
        left_out: studies that are not measured.
        seen: measured studies that the model was trained on; None where nobody knows.
        problems: how often each kind of fault was met in its files when the shards were built.
    """

    source: str
    studies: int = 0
    left_out: int = 0
    seen: int | None = None
    patients: set[str] = field(default_factory=set, repr=False)
    problems: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {
            "source": self.source,
            "studies": self.studies,
            "patients": len(self.patients),
            "left_out": self.left_out,
            "seen_in_training": self.seen,
            "problems": self.problems,
        }

    def __str__(self) -> str:
        text = f"{self.source}: {self.studies:,} studies of {len(self.patients):,} patients"
        seen = f" ({self.seen:,} of them seen in training)" if self.seen else ""
        left_out = f", {self.left_out:,} left out" if self.left_out else ""
        faults = ", ".join(f"{count:,} × {kind}" for kind, count in self.problems.items())
        return text + seen + left_out + (f"; faults in its files: {faults}" if faults else "")


@dataclass(frozen=True)
class Population:
    """The measured studies of some shards.

    Args:
        choice: by which they were chosen.
        why: the same in words.
    """

    shards: Shards
    records: Records
    counts: tuple[SourceCount, ...]
    choice: Choice
    why: str

    @classmethod
    def choose(
        cls, shards: Shards, choice: Choice = Choice.TEST, trained: Trained | None = None
    ) -> Population:
        """Pick the studies to measure.

        Args:
            trained: what the model was trained on. Where that is not known, nothing can be called unseen, and
                the test split is measured, whose patients no training of Hilum's touches.
        """
        why = _MEANING[choice]
        if choice is Choice.UNSEEN and trained is None:
            choice = Choice.TEST
            why = f"{_MEANING[choice]}, since nothing tells what the model was trained on"
        records: dict[tuple[str, str], StudyRecord] = {}
        counts: dict[str, SourceCount] = {}
        splits = _splits(choice)
        for split in splits:
            for record in shards.records(split):
                count = counts.setdefault(
                    record.source, SourceCount(record.source, seen=None if trained is None else 0)
                )
                seen = trained is not None and trained.saw(record)
                if seen and choice is Choice.UNSEEN:
                    count.left_out += 1
                    continue
                records[record.source, record.id] = record
                count.studies += 1
                count.patients.add(record.patient)
                if count.seen is not None:
                    count.seen += seen
        for split in Split:
            if split not in splits:
                for (source, _), studies in shards.patients(split).items():
                    counts.setdefault(source, SourceCount(source)).left_out += studies
        for source, kinds in shards.problems.items():
            counts.setdefault(source, SourceCount(source)).problems = kinds
        return cls(shards, records, tuple(counts.values()), choice, why)

    def without_questions(self) -> DataError:
        """That none of the chosen tasks asks anything about these studies."""
        sources = ", ".join(count.source for count in self.counts) or "test split"
        problem, remedy = "holds no question of the chosen tasks", "add studies or other tasks"
        left_out = sum(count.left_out for count in self.counts)
        if left_out:
            problem += f" about {len(self.records):,} studies; {left_out:,} more are left out ({self.why})"
            remedy += ", or measure every study with --split all"
        return DataError(sources, problem, remedy)

    def conversations(self, task: Task) -> Iterator[Conversation]:
        """What is asked about these studies, in a fixed order."""
        for split in _splits(self.choice):
            for conversation in self.shards.conversations(split, tasks=[task]):
                if (conversation.source, conversation.study) in self.records:
                    yield conversation

    def usual(self, task: Task) -> Iterator[Conversation]:
        """What the usual answer is learned from: the training split, or all there is where that is empty."""
        found = False
        for conversation in self.shards.conversations(Split.TRAIN, tasks=[task]):
            found = True
            yield conversation
        if not found:
            yield from self.conversations(task)


def _splits(choice: Choice) -> Sequence[Split]:
    one = {Choice.TEST: (Split.TEST,), Choice.VALIDATION: (Split.VAL,)}
    return one.get(choice, tuple(Split))
