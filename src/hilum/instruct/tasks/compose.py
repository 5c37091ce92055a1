"""A study put in words: all its conversations.

for conversation in conversations(record, Split.TRAIN, balance, seed=0): ...

In training, short questions about one image share a conversation of up to six turns, whose task is that of
its first turn; no turn of it gives another one's answer away. In val and test, and wherever a model is to be
measured, every question stands alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from hilum.instruct.label_state import Balance, LabelState
from hilum.instruct.qa_pairs import Case, QAPair
from hilum.instruct.records import StudyRecord
from hilum.instruct.tasks.registry import CORE, makers_of
from hilum.prompts import VIEWS
from hilum.study import Conversation, Message, Split, Task

TURNS = 6
"""Most questions in one conversation."""


def conversations(
    record: StudyRecord,
    split: Split,
    balance: Balance,
    *,
    seed: int = 0,
    measuring: bool = False,
    views: int = VIEWS,
    tasks: AbstractSet[Task] = CORE,
    others: Sequence[StudyRecord] = (),
) -> Iterator[Conversation]:
    """Every conversation about one study; a function of it, its source's balance, the seed and `others`.

    Args:
        split: the split the study is in.
        balance: how often each finding is there in the study's source.
        measuring: also ask the studies of train as those of test are asked.
        views: most images that a report is asked for with, see `hilum.prompts.report_views`.
        tasks: those that are asked for, see `hilum.instruct.tasks.chosen`.
        others: studies of its split, from which tasks that need it take what does not belong to this one;
            those of the same patient are passed over.
    """
    strangers = tuple(other for other in others if other.patient != record.patient)
    asked = Split.TEST if measuring else split
    case = Case(record, LabelState(record), balance, asked, seed, views, tasks, strangers)
    pairs = [pair for make in makers_of(frozenset(tasks)) for pair in make(case) if pair.task in tasks]
    if case.split is Split.TRAIN:
        alone = [[pair] for pair in pairs if not pair.bundle]
        groups = alone + _bundled(case, [pair for pair in pairs if pair.bundle])
    else:
        groups = [[pair] for pair in pairs]
    for group in groups:
        first = group[0]
        name = f"{first.task.value}/{first.name}" if first.name else first.task.value
        yield Conversation(
            id=f"{record.id}/{name}",
            study=record.id,
            patient=record.patient,
            source=record.source,
            task=first.task,
            split=split,
            messages=_messages(group),
        )


def _bundled(case: Case, pairs: Sequence[QAPair]) -> list[list[QAPair]]:
    """Shuffle, then put each question into the first conversation with room that does not give it away."""
    if not pairs:
        return []
    groups: list[list[QAPair]] = []
    for pair in case.rng("bundle").sample(pairs, len(pairs)):
        for group in groups:
            room = len(group) < TURNS and group[0].images == pair.images
            if room and all(pair.about.isdisjoint(other.about) for other in group):
                group.append(pair)
                break
        else:
            groups.append([pair])
    return groups


def _messages(group: Sequence[QAPair]) -> tuple[Message, ...]:
    return tuple(turn for index, pair in enumerate(group) for turn in pair.turns(first=index == 0))
