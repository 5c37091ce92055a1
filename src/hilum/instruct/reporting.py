"""Whole sections and whole images: reports from images, images from reports, summaries, change, plain text.

pairs = list(findings(case))
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import resources

from hilum.instruct.qa_pairs import Case, QAPair, qa_pair, yes_no
from hilum.prompts import UNCONDITIONAL, Ask, change_views, report_views, word
from hilum.reports import extract_facts, in_brief, name_of, names
from hilum.study import Finding, ImageIn, ImageOut, Position, Presence, Report, Task

SILENT_SHARE = 0.35
"""How often, in training, a report is asked for without its indication."""

UNSAID_SHARE = 0.35
"""How often, in training, nothing is said of how the images of a report or a comparison were taken."""

OTHER_MODALITIES = frozenset({"CT", "MR", "MG", "NM", "PT", "US"})
"""DICOM's codes, as a text's `group`, of what is no radiograph: the lexicon of chest findings misreads it."""

UNCONDITIONAL_SHARE = 0.12
"""How often, in training, a picture is asked for without its report."""

DEFINITIONS: Mapping[Finding, str] = {
    Finding(name): text
    for name, text in tomllib.loads(
        resources.files(__package__).joinpath("definitions.toml").read_text(encoding="utf-8")
    ).items()
}
"""What each finding is, in one short sentence."""


def _told(case: Case, report: Report, rng: random.Random, indicated: Task) -> str:
    """The indication; training now and then does without it, as people do.

    Args:
        indicated: the task that tells it always; where that is asked for, this one never does.
    """
    silent = case.varied and rng.random() < SILENT_SHARE
    return "" if silent or indicated in case.tasks else report.indication


def said(case: Case, images: tuple[ImageIn, ...], kind: str) -> tuple[ImageIn, ...]:
    """The images with their positions; training now and then does without, for many a PNG has none."""
    if case.varied and case.rng(f"{kind} positions").random() < UNSAID_SHARE:
        return tuple(replace(image, position=None) for image in images)
    return images


def views(case: Case, kind: str) -> tuple[ImageIn, ...]:
    """The study's images, the frontal ones first."""
    return said(case, report_views(case.record.image_ids, case.record.positions, case.views), kind)


def unnamed_views(case: Case) -> tuple[ImageIn, ...]:
    """The same of which nothing is said, as of a figure's."""
    shown = report_views(case.record.image_ids, case.record.positions, case.views)
    return tuple(ImageIn(image.image_id) for image in shown)


def findings(case: Case) -> Iterator[QAPair]:
    """The findings section from the study's images, told the indication where there is one."""
    report = case.record.report
    if report and report.findings and case.image:
        rng = case.rng("findings")
        question = word(Task.FINDINGS, rng, indication=_told(case, report, rng, Task.FINDINGS_INDICATED))
        yield qa_pair(Task.FINDINGS, views(case, "findings"), question, report.findings)


def impression(case: Case) -> Iterator[QAPair]:
    """The impression from the study's images."""
    report = case.record.report
    if report and report.impression and case.image:
        rng = case.rng("impression")
        question = word(Task.IMPRESSION, rng, indication=_told(case, report, rng, Task.IMPRESSION_INDICATED))
        yield qa_pair(Task.IMPRESSION, views(case, "impression"), question, report.impression)


def draw(case: Case) -> Iterator[QAPair]:
    """The frontal image from its report in brief; in training now and then of anything, for guidance."""
    report, view = case.record.report, case.state.frontal
    if not report or not report.text or view is None:
        return
    position = case.record.positions[view]
    if position is Position.UNKNOWN:
        return
    rng = case.rng("draw")
    text = in_brief(report.findings or report.impression)
    question = word(Task.DRAW, rng, report=text, position=position.value)
    if case.varied and rng.random() < UNCONDITIONAL_SHARE:
        question = UNCONDITIONAL
    yield qa_pair(Task.DRAW, (), question, [ImageOut(case.record.image_ids[view])])


def summarize(case: Case) -> Iterator[QAPair]:
    """The impression that sums the findings up."""
    report = case.record.report
    if report and report.findings and report.impression:
        question = word(Task.SUMMARIZE, case.rng("summarize"), findings=report.findings)
        yield qa_pair(Task.SUMMARIZE, (), question, report.impression)


def view(case: Case) -> Iterator[QAPair]:
    """Which view each image is; neither these questions nor those beside them may say it."""
    rng = case.rng("view")
    for index, (image, position) in enumerate(zip(case.record.image_ids, case.record.positions, strict=True)):
        if position is not Position.UNKNOWN:
            yield qa_pair(
                Task.VIEW, [image], word(Task.VIEW, rng), position.value, bundle=True, name=str(index)
            )


def before_and_now(case: Case, kind: str, view: int | None = None) -> tuple[ImageIn, ...] | None:
    """The prior study's image and a present one, the frontal one if no view is named; None without both."""
    record = case.record
    view = case.state.frontal if view is None else view
    if not record.prior_image_ids or view is None:
        return None
    ids = (record.prior_image_ids[0], record.image_ids[view])
    positions = (record.prior_position, record.positions[view])
    return said(case, change_views(ids, positions, case.views), kind)


def progression(case: Case) -> Iterator[QAPair]:
    """What became of each finding since the prior study: two images, the earlier one first."""
    changed = [f for f in case.state.facts if f.change and f.presence is not Presence.UNCERTAIN]
    images = before_and_now(case, "progression") if changed else None
    if images is None:
        return
    rng = case.rng("progression")
    for fact in changed:
        question = word(Task.PROGRESSION, rng, **names(fact.finding))
        about = frozenset({fact.finding})
        name = fact.finding.name.lower()
        answer = fact.change.value if fact.change else ""
        yield qa_pair(Task.PROGRESSION, images, question, answer, about=about, name=name)


def text_only(case: Case) -> Iterator[QAPair]:
    """Instructions without an image: what a term means, what a text says is there; of chest films alone."""
    if not case.record.image_ids and case.record.group in OTHER_MODALITIES:
        return
    rng = case.rng("text")
    terms = [finding for finding in case.balance.findings if finding in DEFINITIONS]
    if terms and rng.random() < 0.3:
        finding = rng.choice(terms)
        yield qa_pair(
            Task.TEXT, (), word(Ask.DEFINE, rng, **names(finding)), DEFINITIONS[finding], name="define"
        )
    report = case.record.report
    if report is None or not (report.findings or report.impression):
        return
    text = report.findings or report.impression
    stated = extract_facts(text)
    present = list(
        dict.fromkeys(
            f.finding
            for f in stated
            if f.presence is Presence.PRESENT and f.finding is not Finding.NO_FINDING
        )
    )
    listed = ", ".join(name_of(finding) for finding in present) or "none"
    yield qa_pair(Task.TEXT, (), word(Ask.LIST, rng, text=text), listed, name="list")
    unsure = {f.finding for f in stated if f.presence is Presence.UNCERTAIN}
    denied = [f for f in case.balance.findings if f not in present and f not in unsure]
    there = bool(present) and (not denied or rng.random() < 0.6)
    if not present and rng.random() < 0.5:  # a normal text can only be asked for what it lacks
        return
    choices = present if there else denied
    if choices:
        finding = rng.choice(choices)
        question = word(Ask.STATED, rng, text=text, **names(finding))
        yield qa_pair(Task.TEXT, (), question, yes_no(case, question, there, rng), name="stated")
