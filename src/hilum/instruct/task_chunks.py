"""Conversations about the studies of a part, as rows split by split: what worker processes do second.

make_conversations(TaskChunk(part, splits, balance, seed=0)).conversations[Split.TRAIN]      # an Arrow batch
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from hilum.instruct.label_state import Balance
from hilum.instruct.parts import read_table
from hilum.instruct.records import STUDIES, records_of
from hilum.instruct.rows import conversation_batch
from hilum.instruct.tasks import conversations
from hilum.prompts import VIEWS
from hilum.study import Conversation, Split, Task

Count = Counter[tuple[Task, Split]]


@dataclass(frozen=True)
class TaskChunk:
    """The studies of a part of one source, each with the split it was given.

    Args:
        part: its folder.
        balance: of the source.
        measuring, views: see `conversations`.
    """

    part: Path
    splits: tuple[Split, ...]
    balance: Balance
    seed: int
    measuring: bool = False
    views: int = VIEWS


@dataclass(frozen=True)
class TaskResult:
    """A chunk as rows for the shards.

    Args:
        conversations, turns: how many there are of each task and split; a turn is a question with its answer.
    """

    studies: Mapping[Split, pa.RecordBatch]
    conversations: Mapping[Split, pa.RecordBatch]
    counts: Count
    turns: Count


def make_conversations(chunk: TaskChunk) -> TaskResult:
    """Draw up every conversation of a chunk; its studies keep their order."""
    names = pa.array([split.value for split in chunk.splits], pa.string())
    column = STUDIES.get_field_index("split")
    settled = read_table(chunk.part, "studies").set_column(column, STUDIES.field(column), names)
    studies: dict[Split, pa.RecordBatch] = {}
    written: dict[Split, pa.RecordBatch] = {}
    counts: Count = Counter()
    turns: Count = Counter()
    for split in dict.fromkeys(chunk.splits):
        studies[split] = settled.filter(pa.array([own is split for own in chunk.splits]))
        said: list[Conversation] = []
        for record in records_of(studies[split]):
            said.extend(
                conversations(
                    record,
                    split,
                    chunk.balance,
                    seed=chunk.seed,
                    measuring=chunk.measuring,
                    views=chunk.views,
                )
            )
        written[split] = conversation_batch(said)
        counts.update((c.task, split) for c in said)
        for c in said:
            turns[c.task, split] += len(c.messages) // 2
    return TaskResult(studies, written, counts, turns)
