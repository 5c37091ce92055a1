"""What belongs together: two images, or an image and a text. What does not is surely another patient's.

pairs = list(view_matching(case))

The other study is drawn by the study's own random numbers from those handed over with it, which are of its
split; where none of them will do, nothing is asked.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from hilum.instruct.label_state import LabelState
from hilum.instruct.options import offer
from hilum.instruct.qa_pairs import Case, QAPair, qa_pair, yes_no
from hilum.instruct.records import StudyRecord
from hilum.instruct.reporting import unnamed_views, views
from hilum.instruct.tasks.spec import Group, TaskSpec
from hilum.prompts import word
from hilum.reports import extract_facts, sentences
from hilum.study import Finding, ImageIn, Presence, Task

PART_SHARE = 0.2
"""How often, in training, an image is matched with some sentences of its text instead of all."""


def view_matching(case: Case) -> Iterator[QAPair]:
    """Whether two images are of one study: any two of its views, or one of them and another patient's.

    The other patient's image has the position of the view that it stands for, so that positions tell nothing.
    """
    record = case.record
    if len(record.image_ids) < 2:
        return
    rng = case.rng("view matching")
    first, second = rng.sample(range(len(record.image_ids)), 2)
    same = rng.random() < 0.5
    stranger = _like(case, second, rng)
    if stranger is None:  # then a yes is not asked for either, lest it be the likelier answer
        return
    pair = [record.image_ids[first], record.image_ids[second] if same else stranger]
    question = word(Task.VIEW_MATCHING, rng)
    rng.shuffle(pair)
    yield qa_pair(Task.VIEW_MATCHING, pair, question, yes_no(case, question, same, rng))


def _like(case: Case, view: int, rng: random.Random) -> str | None:
    """Another patient's image of the position of a view."""
    for other in _others(case, rng):
        for image, position in zip(other.image_ids, other.positions, strict=True):
            if position is case.record.positions[view] and image not in case.record.image_ids:
                return image
    return None


def _others(case: Case, rng: random.Random) -> Iterator[StudyRecord]:
    return iter(rng.sample(case.others, len(case.others)))


def contradicts(text: str, state: LabelState) -> bool:
    """Whether a text states what a study is known not to have, or denies altogether what it has."""
    for fact in extract_facts(text):
        there = state.there(fact.finding)
        if fact.presence is Presence.PRESENT and there is False:
            return True
        if fact.presence is Presence.ABSENT and there and not (fact.side or fact.site):
            return True
    return False


def _stated(text: str) -> frozenset[Finding]:
    return frozenset(fact.finding for fact in extract_facts(text) if fact.presence is Presence.PRESENT)


def _texts(record: StudyRecord) -> dict[str, str]:
    """What is written of a study's images, by kind."""
    report = record.report
    given = {"findings": report.findings, "impression": report.impression} if report else {}
    return {kind: text for kind, text in (given | {"caption": record.caption}).items() if text}


def _foreign(case: Case, kind: str, rng: random.Random) -> str | None:
    """A text of the same kind of another patient, that cannot be of this study.

    A report contradicts what is known of the study. A caption, beside which little is known, tells of other
    findings and of none that this one's tells of.
    """
    own = _stated(case.record.caption)
    for other in _others(case, rng):
        text = _texts(other).get(kind, "")
        if kind == "caption":
            stated = _stated(text)
            apart = bool(own and stated) and not own & stated
        else:
            apart = bool(text) and contradicts(text, case.state)
        if apart:
            return text
    return None


def _kind(case: Case, rng: random.Random) -> tuple[str, str] | None:
    """One of the study's texts, by chance."""
    texts = list(_texts(case.record).items())
    return rng.choice(texts) if texts else None


def _images(case: Case, kind: str, task: Task) -> tuple[ImageIn, ...]:
    """What the text was written of: all views; nothing is said of a figure's."""
    return unnamed_views(case) if kind == "caption" else views(case, task.value)


def match_text(case: Case) -> Iterator[QAPair]:
    """Whether a text is of the images: as often the study's own as one that cannot be."""
    rng = case.rng("match text")
    chosen = _kind(case, rng) if case.image else None
    if chosen is None:
        return
    kind, text = chosen
    own = rng.random() < 0.5
    part = case.varied and rng.random() < PART_SHARE
    wrong = _foreign(case, kind, rng)
    if wrong is not None:
        right = _some(text, rng) if part else text
        question = word(Task.MATCH_TEXT, rng, report=right if own else wrong)
        answer = yes_no(case, question, own, rng)
        yield qa_pair(Task.MATCH_TEXT, _images(case, kind, Task.MATCH_TEXT), question, answer)


def _some(text: str, rng: random.Random) -> str:
    """Some sentences of a text in their order, at least one."""
    spans = sentences(text)
    kept = sorted(rng.sample(spans, rng.randint(1, len(spans)))) if spans else []
    return " ".join(text[slice(*span)] for span in kept) or text


def select_text(case: Case) -> Iterator[QAPair]:
    """Which of two texts is of the images; the other one cannot be."""
    rng = case.rng("select text")
    chosen = _kind(case, rng) if case.image else None
    if chosen is None:
        return
    kind, text = chosen
    wrong = _foreign(case, kind, rng)
    if wrong is not None:
        offered = offer(case, [text, wrong], {text}, rng, between=" ", by_mark=True)
        question = word(Task.SELECT_TEXT, rng, options=offered.listed) + offered.note
        yield qa_pair(Task.SELECT_TEXT, _images(case, kind, Task.SELECT_TEXT), question, offered.answer)


_WRITTEN = ("mimic-cxr", "roco")

SPECS = (
    TaskSpec(
        Task.VIEW_MATCHING,
        "View Matching",
        Group.COARSE,
        (view_matching,),
        "two images; another patient's of one of their positions",
        ("mimic-cxr",),
        others=True,
    ),
    TaskSpec(
        Task.MATCH_TEXT,
        "Image-Text Matching",
        Group.OTHER,
        (match_text,),
        "a frontal image, a report or caption; another patient's that contradicts it",
        _WRITTEN,
        others=True,
    ),
    TaskSpec(
        Task.SELECT_TEXT,
        "Image-Text Selection",
        Group.OTHER,
        (select_text,),
        "a frontal image, a report or caption; another patient's that contradicts it",
        _WRITTEN,
        others=True,
    ),
)
