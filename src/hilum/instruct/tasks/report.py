"""Reports beyond one section of one study: with indication, of change, of one part of the body; captions.

pairs = list(local_findings(case))

What only a comparison can tell is asked for with the prior image, and with it alone: a local description
that speaks of change is none of the present image, and a report that speaks of none is no report of change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from hilum.instruct.qa_pairs import Case, Maker, QAPair, qa_pair
from hilum.instruct.reporting import before_and_now, unnamed_views, views
from hilum.instruct.tasks.spec import Group, TaskSpec
from hilum.prompts import word
from hilum.reports import Anatomy, restructure, speaks_of_change
from hilum.study import Task

_BOTH = ("mimic-cxr-struct", "chexpert")
_TAGGED = re.compile(r"\[([^\[\]:]+?)(?::\s*([^\[\]]+?))?\]\s*([^\[]*)")
"""`[Section: Subsection] description`, as MIMIC-CXR-Struct writes its reports."""
_NUMBER = re.compile(r"^\d{1,2}[.)]\s*")
"""Of a list, which loses its sense where its points are parted."""


def _section(case: Case, section: str) -> str:
    report = case.record.report
    return getattr(report, section) if report else ""


def _indicated(task: Task, section: str) -> Maker:
    """A section from the study's images, always told the indication."""

    def make(case: Case) -> Iterator[QAPair]:
        text, indication = _section(case, section), _section(case, "indication")
        if text and indication and case.image:
            question = word(task, case.rng(task.value), indication=indication)
            yield qa_pair(task, views(case, task.value), question, text)

    return make


def _progression(task: Task, section: str) -> Maker:
    """A section that speaks of change, from the image before and the image now."""

    def make(case: Case) -> Iterator[QAPair]:
        text, images = _section(case, section), before_and_now(case, task.value)
        if images and text and speaks_of_change(text):
            yield qa_pair(task, images, word(task, case.rng(task.value)), text)

    return make


def by_anatomy(text: str) -> Mapping[str, str]:
    """What a section says of each part of the body, each sentence once: by the text's own tags, or as read.

    A tagged description belongs to its subsection alone (CheXinstruct also files it under the section).
    """
    tagged: dict[str, list[str]] = {}
    for main, sub, said in _TAGGED.findall(text):
        tagged.setdefault((sub or main).strip(), []).append(" ".join(said.split()))
    if tagged:
        return {name: " ".join(filter(None, parts)) for name, parts in tagged.items() if any(parts)}
    sentences = {a: [_NUMBER.sub("", s) for s in said] for a, said in restructure(text).sentences.items()}
    return {
        anatomy.value: " ".join(said) for anatomy, said in sentences.items() if anatomy is not Anatomy.GENERAL
    }


def _local(task: Task, section: str, *, change: bool) -> Maker:
    """What a section says of each part of the body; where it speaks of change, with the prior image."""

    def make(case: Case) -> Iterator[QAPair]:
        images = before_and_now(case, task.value) if change else views(case, task.value) if case.image else ()
        if not images:
            return
        rng = case.rng(task.value)
        for anatomy, text in by_anatomy(_section(case, section)).items():
            if speaks_of_change(text) is change:
                question = word(task, rng, anatomy=anatomy.lower())
                yield qa_pair(task, images, question, text, name=anatomy.lower().replace(" ", "-"))

    return make


findings_indicated = _indicated(Task.FINDINGS_INDICATED, "findings")
impression_indicated = _indicated(Task.IMPRESSION_INDICATED, "impression")
progression_findings = _progression(Task.PROGRESSION_FINDINGS, "findings")
progression_impression = _progression(Task.PROGRESSION_IMPRESSION, "impression")
local_findings = _local(Task.LOCAL_FINDINGS, "findings", change=False)
local_impression = _local(Task.LOCAL_IMPRESSION, "impression", change=False)
local_progression_findings = _local(Task.LOCAL_PROGRESSION_FINDINGS, "findings", change=True)
local_progression_impression = _local(Task.LOCAL_PROGRESSION_IMPRESSION, "impression", change=True)


def caption(case: Case) -> Iterator[QAPair]:
    """The caption of a figure from its images, of which nothing is said."""
    if case.record.caption and case.record.image_ids:
        question = word(Task.CAPTION, case.rng("caption"))
        yield qa_pair(Task.CAPTION, unnamed_views(case), question, case.record.caption)


def _spec(task: Task, name: str, make: Maker, needs: str, sources: tuple[str, ...] = _BOTH) -> TaskSpec:
    return TaskSpec(task, name, Group.TEXT, (make,), needs, sources)


_CHANGE = "a frontal image, a prior one, "

SPECS = (
    _spec(
        Task.FINDINGS_INDICATED,
        "Findings Generation with Indication",
        findings_indicated,
        "a frontal image, an indication, findings",
    ),
    _spec(
        Task.IMPRESSION_INDICATED,
        "Impression Generation with Indication",
        impression_indicated,
        "a frontal image, an indication, an impression",
    ),
    _spec(
        Task.PROGRESSION_FINDINGS,
        "Progression Findings Generation",
        progression_findings,
        f"{_CHANGE}findings that speak of change",
    ),
    _spec(
        Task.PROGRESSION_IMPRESSION,
        "Progression Impression Generation",
        progression_impression,
        f"{_CHANGE}an impression that speaks of change",
    ),
    _spec(
        Task.LOCAL_FINDINGS,
        "Local Findings Generation",
        local_findings,
        "a frontal image, findings on a part of the body that speak of no change",
    ),
    _spec(
        Task.LOCAL_IMPRESSION,
        "Local Impression Generation",
        local_impression,
        "a frontal image, an impression on a part of the body that speaks of no change",
    ),
    _spec(
        Task.LOCAL_PROGRESSION_FINDINGS,
        "Local Progression Findings Generation",
        local_progression_findings,
        f"{_CHANGE}findings on a part of the body that speak of change",
    ),
    _spec(
        Task.LOCAL_PROGRESSION_IMPRESSION,
        "Local Progression Impression Generation",
        local_progression_impression,
        f"{_CHANGE}an impression on a part of the body that speaks of change",
    ),
    _spec(Task.CAPTION, "Caption Generation", caption, "an image, a caption", ("roco",)),
)
