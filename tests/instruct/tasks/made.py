"""What the tests of every family of tasks share: a study asked for one task, and what was said in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hilum.instruct import conversations
from hilum.instruct.records import RegionRecord, StudyRecord
from hilum.study import (
    Box,
    BoxPart,
    Conversation,
    Fact,
    Finding,
    ImageIn,
    Position,
    Presence,
    Report,
    RunLengths,
    Split,
    Task,
    Text,
)
from instruct.helpers import BOX, EFFUSION, balance_of, record

MASK = RunLengths.of_mask(np.eye(16, dtype=bool))
OTHER_BOX: Box = (0.1, 0.1, 0.3, 0.3)


def region(phrase: str, finding: Finding | None = None, box: Box = BOX, *, outlined: bool = False, **fields):
    return RegionRecord(
        fields.pop("view", 0),
        finding,
        phrase,
        box,
        mask=MASK if outlined else None,
        **fields,
    )


def asked(
    study: StudyRecord,
    task: Task,
    split: Split = Split.TEST,
    *,
    seed: int = 0,
    others: tuple[StudyRecord, ...] = (),
    tasks: frozenset[Task] | None = None,
    balance=None,
) -> list[Conversation]:
    """The conversations of one task about a study."""
    balance = balance or balance_of(study, *others, BARE)
    wanted = frozenset({task}) if tasks is None else tasks
    said = conversations(study, split, balance, seed=seed, tasks=wanted, others=others)
    return [one for one in said if one.task is task]


def question(conversation: Conversation) -> str:
    return "".join(p.text for p in conversation.messages[-2].parts if isinstance(p, Text | BoxPart))


def answer(conversation: Conversation) -> str:
    return "".join(p.text for p in conversation.messages[-1].parts if isinstance(p, Text | BoxPart))


def boxes(conversation: Conversation) -> list[Box]:
    return [p.box for p in conversation.messages[-1].parts if isinstance(p, BoxPart)]


def shown(conversation: Conversation) -> tuple[ImageIn, ...]:
    return tuple(p for m in conversation.messages for p in m.parts if isinstance(p, ImageIn))


BARE = record("bare", report=None)
"""A normal study with nothing but an image."""
EMPTY = replace(BARE, image_ids=(), positions=(), facts_complete=False)
"""A study that holds nothing at all."""
PAIR = record(
    "pair",
    EFFUSION,
    image_ids=("pair-pa", "pair-lateral"),
    positions=(Position.PA, Position.LATERAL),
    prior_image_ids=("pair-before",),
    prior_positions=(Position.AP,),
    report=Report(
        "Cough.",
        "Prior film.",
        "The left pleural effusion has increased. Heart size is normal.",
        "1. Larger left pleural effusion. 2. Normal heart.",
    ),
)
"""A study of two views with a prior one and a report that speaks of change."""


def sick(name: str, *findings: Finding, **fields) -> StudyRecord:
    """A study whose report states its findings, each alone in a sentence, and denies nothing."""
    text = " ".join(f"There is {finding.value.lower()}." for finding in findings)
    labels = {f: Presence.PRESENT if f in findings else Presence.ABSENT for f in LABELS}
    given = {"report": Report("Cough.", "", text, text), "labels": labels, **fields}
    return record(name, *(Fact(f) for f in findings), complete=False, **given)


LABELS = (
    Finding.CARDIOMEGALY,
    Finding.EDEMA,
    Finding.PNEUMOTHORAX,
    Finding.PLEURAL_EFFUSION,
    Finding.FRACTURE,
    Finding.ATELECTASIS,
)
