"""Conversations about the studies of a part, as rows split by split: what worker processes do second.

make_conversations(TaskChunk(part, splits, balance, seed=0)).conversations[Split.TRAIN]      # an Arrow batch
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from hilum.instruct.label_state import Balance
from hilum.instruct.parts import read_table
from hilum.instruct.records import STUDIES, StudyRecord, records_of, study_batch
from hilum.instruct.rows import conversation_batch
from hilum.instruct.splits import Keys, image_keys
from hilum.instruct.tasks import CORE, conversations
from hilum.prompts import VIEWS
from hilum.study import Conversation, Presence, Split, Task

Count = Counter[tuple[Task, Split]]
Labels = Counter[tuple[str, Presence]]
"""How many studies state a finding, or a word of the source's own, to be present, absent or uncertain."""


@dataclass(frozen=True)
class TaskChunk:
    """The studies of a part of one source, each with the split it was given.

    Args:
        part: its folder.
        balance: of the source.
        measuring, views, tasks: see `conversations`.
        others: studies that came before, with their splits, for tasks that take something from others.
    """

    part: Path
    splits: tuple[Split, ...]
    balance: Balance
    seed: int
    measuring: bool = False
    views: int = VIEWS
    tasks: AbstractSet[Task] = CORE
    others: pa.RecordBatch | None = None


OTHERS = 8
"""Studies of its split before and after a study that are its others: enough to find one that differs."""


class RecentStudies:
    """The last studies of each split of a source, whatever the number of workers."""

    def __init__(self) -> None:
        self._rows: dict[Split, deque[pa.RecordBatch]] = {split: deque(maxlen=OTHERS) for split in Split}

    def add(self, studies: pa.RecordBatch, splits: Sequence[Split]) -> None:
        """Take note of a chunk's studies."""
        settled = _settled(studies, splits)
        for row, split in enumerate(splits):
            self._rows[split].append(settled.slice(row, 1))

    def batch(self) -> pa.RecordBatch:
        """All of them as one batch of `STUDIES`."""
        rows = [row for split in Split for row in self._rows[split]]
        [whole] = pa.Table.from_batches(rows, STUDIES).combine_chunks().to_batches() or [study_batch([])]
        return whole


@dataclass(frozen=True)
class TaskResult:
    """A chunk as rows for the shards.

    Args:
        counts, turns: how many conversations there are of each task and split, and how many questions with
            their answers.
        about: how many studies they are about.
        shown: the images that they show or have drawn, each once.
        labels: what the studies state.
    """

    studies: Mapping[Split, pa.RecordBatch]
    conversations: Mapping[Split, pa.RecordBatch]
    counts: Count
    turns: Count
    about: Count
    shown: Mapping[tuple[Task, Split], Keys]
    labels: Labels


def make_conversations(chunk: TaskChunk) -> TaskResult:
    """Draw up every conversation of a chunk; its studies keep their order."""
    settled = _settled(read_table(chunk.part, "studies"), chunk.splits)
    before = [] if chunk.others is None else records_of(chunk.others)
    studies: dict[Split, pa.RecordBatch] = {}
    written: dict[Split, pa.RecordBatch] = {}
    counts: Count = Counter()
    turns: Count = Counter()
    about: Count = Counter()
    images: dict[tuple[Task, Split], set[str]] = {}
    labels: Labels = Counter()
    for split in dict.fromkeys(chunk.splits):
        studies[split] = settled.filter(pa.array([own is split for own in chunk.splits]))
        said: list[Conversation] = []
        records = records_of(studies[split])
        labels.update(pair for record in records for pair in stated(record).items())
        around = [*(other for other in before if other.split is split), *records]
        first = len(around) - len(records)
        for place, record in enumerate(records, first):
            others = around[max(0, place - OTHERS) : place] + around[place + 1 : place + 1 + OTHERS]
            said.extend(
                conversations(
                    record,
                    split,
                    chunk.balance,
                    seed=chunk.seed,
                    measuring=chunk.measuring,
                    views=chunk.views,
                    tasks=chunk.tasks,
                    others=() if chunk.others is None else others,
                )
            )
        written[split] = conversation_batch(said)
        counts.update((c.task, split) for c in said)
        about.update((task, split) for task, _ in {(c.task, c.study) for c in said})
        for c in said:
            turns[c.task, split] += len(c.messages) // 2
            images.setdefault((c.task, split), set()).update(c.images_in, c.images_out)
    shown = {pair: np.sort(image_keys(list(ids))) for pair, ids in images.items()}
    return TaskResult(studies, written, counts, turns, about, shown, labels)


def stated(record: StudyRecord) -> dict[str, Presence]:
    """What a source states of a study: by labels and words of its own, and beside them by facts."""
    said: dict[str, Presence] = {}
    for presence in (Presence.ABSENT, Presence.UNCERTAIN, Presence.PRESENT):  # the last counts
        said |= {fact.finding.value: presence for fact in record.facts if fact.presence is presence}
    return {**said, **record.terms, **{finding.value: own for finding, own in record.labels.items()}}


def _settled(studies: pa.RecordBatch, splits: Sequence[Split]) -> pa.RecordBatch:
    """Studies with the splits that they were given."""
    column = STUDIES.get_field_index("split")
    names = pa.array([split.value for split in splits], pa.string())
    return studies.set_column(column, STUDIES.field(column), names)
