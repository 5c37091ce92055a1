"""The thirteen tasks that are made where nobody asks for others, in the order in which they are.

[spec.task for spec in SPECS]
"""

from __future__ import annotations

from hilum.instruct import grounding, questions, reporting
from hilum.instruct.tasks import question
from hilum.instruct.tasks.spec import Group, TaskSpec
from hilum.study import Task

CLASSIFIED = (
    "nih-chestxray14",
    "chexpert",
    "mimic-cxr",
    "padchest",
    "rsna-pneumonia",
    "covidx-cxr",
    "cxr-lt",
    "brax",
    "nlm-tb",
)
"""Sources of which CheXinstruct asks what an image shows."""
_ASKED = ("vqa-rad", "slake", "medvqa-2019", "pmc-vqa", "rad-restruct", "mimic-cxr-vqa")
_QUESTIONS = (questions.attributes, questions.which, questions.counts, questions.own)

SPECS = (
    TaskSpec(
        Task.FINDINGS,
        "Findings Generation",
        Group.TEXT,
        (reporting.findings,),
        "a frontal image, findings",
        ("mimic-cxr-struct", "chexpert", "open-i"),
    ),
    TaskSpec(
        Task.IMPRESSION,
        "Impression Generation",
        Group.TEXT,
        (reporting.impression,),
        "a frontal image, an impression",
        ("mimic-cxr-struct", "chexpert", "open-i", "candid-ptx", "padchest", "bimcv-covid19"),
    ),
    TaskSpec(
        Task.DRAW,
        "Report-to-Image Generation",
        Group.OWN,
        (reporting.draw,),
        "a frontal image of known view, a report",
    ),
    TaskSpec(
        Task.SUMMARIZE,
        "Findings Summarization",
        Group.TEXT,
        (reporting.summarize,),
        "findings, an impression",
        ("mimic-cxr", "open-i", "mimic-iii"),
    ),
    TaskSpec(
        Task.VIEW,
        "View Classification",
        Group.COARSE,
        (reporting.view,),
        "an image of known view",
        ("mimic-cxr", "chexpert"),
    ),
    TaskSpec(
        Task.PROGRESSION,
        "Temporal Image Classification",
        Group.COARSE,
        (reporting.progression,),
        "a frontal image, a prior one, what became of a finding",
        ("ms-cxr-t",),
    ),
    TaskSpec(
        Task.TEXT,
        "Text Instruction",
        Group.OWN,
        (reporting.text_only,),
        "a report, or nothing",
    ),
    TaskSpec(
        Task.DISEASES,
        "Image Classification",
        Group.COARSE,
        (questions.diseases,),
        "a frontal image, four findings present or absent",
        CLASSIFIED,
    ),
    TaskSpec(
        Task.BINARY,
        "Image Classification",
        Group.COARSE,
        (questions.binary,),
        "a frontal image, a finding present or absent",
        CLASSIFIED,
    ),
    TaskSpec(
        Task.VQA_CLOSED,
        "Close-Ended VQA",
        Group.QUESTION,
        (questions.presence, questions.normal, *_QUESTIONS, question.choices),
        "an image, and a question of its own or facts",
        _ASKED,
    ),
    TaskSpec(
        Task.VQA_OPEN,
        "Open-Ended VQA",
        Group.QUESTION,
        (*_QUESTIONS, question.openly),
        "an image, and a question of its own or facts",
        _ASKED,
    ),
    TaskSpec(
        Task.GROUND,
        "Phrase Grounding",
        Group.FINE,
        (grounding.ground,),
        "a frontal image, a phrase that has one box",
        ("ms-cxr",),
    ),
    TaskSpec(
        Task.DETECT,
        "Abnormality Grounding",
        Group.FINE,
        (grounding.detect,),
        "a frontal image, a finding with boxes, or absent",
        ("vindr-cxr", "vindr-pcxr"),
    ),
)
