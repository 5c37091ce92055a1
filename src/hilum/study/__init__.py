"""The vocabulary every room speaks: studies, views, reports, facts, regions, conversations, scores.

Frozen dataclasses and enums only: no files are read here and no tensors are made.

from hilum.study import Fact, Finding, Severity, Side
Fact(Finding.PLEURAL_EFFUSION, side=Side.LEFT, severity=Severity.MILD)
"""

from hilum.study.boxes import cut_at_boxes, iou, parse_boxes, write_box
from hilum.study.conversations import (
    BoxPart,
    Conversation,
    ImageIn,
    ImageOut,
    Message,
    Part,
    Text,
)
from hilum.study.facts import FACT_DETAILS, Fact, State, Verdict
from hilum.study.masks import RunLengths
from hilum.study.roles import role_words
from hilum.study.terms import (
    CHEXPERT_14,
    DEVICES,
    Acuity,
    Change,
    Finding,
    Position,
    Presence,
    Severity,
    Sex,
    Side,
    Site,
    Split,
    Task,
    TextKind,
    Tip,
    member,
    strictest,
)
from hilum.study.visits import Box, Mask, Pixels, Question, Region, Report, Study, TextExample, View

__all__ = [
    "CHEXPERT_14",
    "DEVICES",
    "FACT_DETAILS",
    "Acuity",
    "Box",
    "BoxPart",
    "Change",
    "Conversation",
    "Fact",
    "Finding",
    "ImageIn",
    "ImageOut",
    "Mask",
    "Message",
    "Part",
    "Pixels",
    "Position",
    "Presence",
    "Question",
    "Region",
    "Report",
    "RunLengths",
    "Severity",
    "Sex",
    "Side",
    "Site",
    "Split",
    "State",
    "Study",
    "Task",
    "Text",
    "TextExample",
    "TextKind",
    "Tip",
    "Verdict",
    "View",
    "cut_at_boxes",
    "iou",
    "member",
    "parse_boxes",
    "role_words",
    "strictest",
    "write_box",
]
