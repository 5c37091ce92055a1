"""A part's studies become conversations, each in its split and beside the studies that stand around it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from hilum.instruct import conversations
from hilum.instruct.ingest import StudyChunk
from hilum.instruct.parts import ingest_part, read_table
from hilum.instruct.records import StudyRecord, records_of, study_batch
from hilum.instruct.rows import conversations_of
from hilum.instruct.splits import image_keys
from hilum.instruct.task_chunks import OTHERS, RecentStudies, TaskChunk, make_conversations, stated
from hilum.study import Fact, Finding, Presence, Report, Split, Task
from instruct.helpers import balance_of, record, study

PRESENT, ABSENT, UNCERTAIN = Presence.PRESENT, Presence.ABSENT, Presence.UNCERTAIN
TASKS = frozenset({Task.SELECT_TEXT, Task.VIEW, Task.BINARY})


def part(folder: Path, count: int) -> Path:
    """A part whose reports all differ and are of two kinds; none can be of a study of the other kind."""
    studies = []
    for n in range(count):
        there = bool(n // 3 % 2)
        words = f"The heart is normal in size. There is {'a' if there else 'no'} mass on the film number {n}."
        known = {"facts": (Fact(Finding.MASS),) if there else (), "regions": ()}
        studies.append(study(f"s{n}", f"p{n}", report=Report(findings=words), **known))
    made = ingest_part(StudyChunk(studies), folder=folder, size=16, code="")
    return folder / made.part.key


def test_each_study_is_asked_beside_the_eight_before_and_after_it_in_its_split(tmp_path: Path) -> None:
    first, second = part(tmp_path / "a", 23), part(tmp_path / "b", 24)
    splits = [
        tuple([Split.TRAIN, Split.TEST, Split.TRAIN][n % 3] for n in range(count)) for count in (23, 24)
    ]
    recent = RecentStudies()
    recent.add(read_table(first, "studies"), splits[0])
    rows = records_of(read_table(second, "studies"))
    balance = balance_of(*rows)
    chunk = TaskChunk(second, splits[1], balance, 3, True, 2, TASKS, recent.batch())
    made = make_conversations(chunk)

    counts, turns, about, shown = Counter(), Counter(), Counter(), {}
    for split in (Split.TRAIN, Split.TEST):
        before = [
            r
            for r, own in zip(records_of(read_table(first, "studies")), splits[0], strict=True)
            if own is split
        ]
        own = [r for r, own in zip(rows, splits[1], strict=True) if own is split]
        line = [*before[-OTHERS:], *own]
        said = []
        for one in own:
            place = [r.id for r in line].index(one.id, len(line) - len(own))
            beside = [*line[max(0, place - OTHERS) : place], *line[place + 1 : place + 1 + OTHERS]]
            said += conversations(
                one, split, balance, seed=3, measuring=True, views=2, tasks=TASKS, others=beside
            )
        assert conversations_of(made.conversations[split]) == said
        assert [r.id for r in records_of(made.studies[split])] == [r.id for r in own]
        assert {r.split for r in records_of(made.studies[split])} == {split}
        for task in {c.task for c in said}:
            some = [c for c in said if c.task is task]
            counts[task, split] = len(some)
            turns[task, split] = sum(len(c.messages) for c in some) // 2
            about[task, split] = len({c.study for c in some})
            ids = sorted({image for c in some for image in (*c.images_in, *c.images_out)})
            shown[task, split] = np.sort(image_keys(ids)).tolist()
    assert (made.counts, made.turns, made.about) == (counts, turns, about)
    assert {pair: keys.tolist() for pair, keys in made.shown.items()} == shown
    assert made.labels == {("Mass", PRESENT): 12}
    assert {task for task, _ in counts} == TASKS


def test_without_studies_before_it_a_task_that_needs_others_is_not_asked(tmp_path: Path) -> None:
    folder = part(tmp_path, 3)
    rows = records_of(read_table(folder, "studies"))
    made = make_conversations(TaskChunk(folder, (Split.TRAIN,) * 3, balance_of(*rows), 0, tasks=TASKS))
    assert {Task.VIEW} <= {task for task, _ in made.counts} <= TASKS - {Task.SELECT_TEXT}


def test_the_last_eight_studies_of_each_split_are_kept() -> None:
    recent = RecentStudies()
    assert recent.batch().num_rows == 0
    assert recent.batch().schema == study_batch([]).schema
    records = [record(str(n)) for n in range(30)]
    splits = [Split.TEST if n in (3, 7) else Split.TRAIN for n in range(30)]
    for start in (0, 12):
        recent.add(study_batch(records[start : start + 18]), splits[start : start + 18])
    kept = records_of(recent.batch())
    last = [str(n) for n in range(22, 30)]
    assert [(one.id, one.split) for one in kept] == [
        *((name, Split.TRAIN) for name in last),
        *((name, Split.TEST) for name in ("3", "7")),
    ]


def test_labels_count_before_words_and_words_before_facts_of_which_presence_counts_most() -> None:
    facts = (
        Fact(Finding.MASS),
        Fact(Finding.MASS, presence=ABSENT),
        Fact(Finding.EDEMA, presence=UNCERTAIN),
        Fact(Finding.EDEMA, presence=ABSENT),
        Fact(Finding.NODULE, presence=ABSENT),
        Fact(Finding.FRACTURE, presence=ABSENT),
    )
    one: StudyRecord = record("s", *facts, terms={"Nodule": UNCERTAIN, "scar": PRESENT, "Fracture": PRESENT})
    assert stated(one) == {
        "Mass": PRESENT,
        "Edema": UNCERTAIN,
        "Nodule": UNCERTAIN,
        "Fracture": PRESENT,
        "scar": PRESENT,
    }
    labelled = record("s", *facts, labels={Finding.MASS: ABSENT}, terms={"Mass": UNCERTAIN})
    assert stated(labelled)["Mass"] is ABSENT
