"""Studies written up: their rows and conversations, split by split. This is what worker processes do second.

write_up(Chapter(batch, splits, balance, seed=0)).conversations[Split.TRAIN]      # an Arrow batch
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from hilum.instruct.known import Balance
from hilum.instruct.records import STUDIES, records_of
from hilum.instruct.rows import conversation_batch
from hilum.instruct.tasks import conversations
from hilum.study import Conversation, Split, Task

Count = Counter[tuple[Task, Split]]


@dataclass(frozen=True)
class Chapter:
    """Some studies of one source, each with the split it was given.

    Args:
        studies: a batch of `STUDIES`.
        balance: of their source.
        measuring: see `conversations`.
    """

    studies: pa.RecordBatch
    splits: tuple[Split, ...]
    balance: Balance
    seed: int
    measuring: bool = False


@dataclass(frozen=True)
class Written:
    """A chapter as rows for the shards.

    Args:
        conversations, turns: how many there are of each task and split; a turn is a question with its answer.
    """

    studies: Mapping[Split, pa.RecordBatch]
    conversations: Mapping[Split, pa.RecordBatch]
    counts: Count
    turns: Count


def write_up(chapter: Chapter) -> Written:
    """Draw up every conversation of a chapter; its studies keep their order."""
    names = pa.array([split.value for split in chapter.splits], pa.string())
    column = STUDIES.get_field_index("split")
    settled = chapter.studies.set_column(column, STUDIES.field(column), names)
    studies: dict[Split, pa.RecordBatch] = {}
    written: dict[Split, pa.RecordBatch] = {}
    counts: Count = Counter()
    turns: Count = Counter()
    for split in dict.fromkeys(chapter.splits):
        studies[split] = settled.filter(pa.array([own is split for own in chapter.splits]))
        said: list[Conversation] = []
        for record in records_of(studies[split]):
            said.extend(
                conversations(record, split, chapter.balance, seed=chapter.seed, measuring=chapter.measuring)
            )
        written[split] = conversation_batch(said)
        counts.update((c.task, split) for c in said)
        for c in said:
            turns[c.task, split] += len(c.messages) // 2
    return Written(studies, written, counts, turns)
