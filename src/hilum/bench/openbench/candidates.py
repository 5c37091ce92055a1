"""What a study could be asked in the open bench, task by task, each with the answers that are surely wrong.

for candidate in candidates(record): candidate.question, candidate.answer, candidate.wrong

Nothing is chosen here. Options come about in `hilum.bench.openbench.blocks`, where films are put together of
which each has the answer that is wrong for the others.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

from hilum.bench.chexbench.tasks import (
    BINARY,
    CHOICES,
    FINDINGS,
    FINE,
    GROUNDING,
    MULTIPLE,
    SINGLE,
    SUMMARY,
    TEMPORAL,
    VIEW,
    VQA,
)
from hilum.instruct.label_state import KINDS_OF, LIKE, LabelState, aside
from hilum.instruct.options import right_options
from hilum.instruct.questions import after_history
from hilum.instruct.records import StudyRecord
from hilum.instruct.sites import others, place
from hilum.prompts import WORDINGS, Ask, report_views
from hilum.reports import name_of, names, phrase, speaks_of_change
from hilum.study import (
    DEVICES,
    Box,
    Change,
    Fact,
    Finding,
    Position,
    Presence,
    Question,
    Severity,
    Side,
)

GROUPED_ANSWERS = frozenset({*CHOICES, FINDINGS, SUMMARY} - {MULTIPLE})
"""Those of which there are few answers, so that as many films of each are kept."""

PLAIN = 0.45
"""Visibility from which a finding is asked about; a report hedges below it."""
LARGEST = 0.12
"""Share of the film that a box to be found has at most: of a larger one, a guess covers much."""
REPORT_VIEWS = 2
"""Most films a findings section is asked for with, as CheXbench's own script takes them."""

DISEASES = tuple(f for f in Finding if not aside(f) and f not in KINDS_OF)
_COURSE = {
    Change.NEW: "new",
    Change.WORSENED: "worsening",
    Change.STABLE: "stable",
    Change.IMPROVED: "improving",
    Change.RESOLVED: "resolved",
}
_NOT_APART = ({"new", "worsening"}, {"improving", "resolved"})
"""Courses that readers may call by either word, and that are never offered together."""
_SIDES = {Side.LEFT: "left", Side.RIGHT: "right", Side.BILATERAL: "both sides"}
_COUNTS = ("none", "one", "two", "three", "four")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A question about one study that may become an item.

    Args:
        task: its key in CheXbench's JSON.
        group: only candidates of one group can stand in one block: what is asked about.
        part: CheXbench's `slice`, the subgroup that figures are broken down by.
        images: ids, in the order in which they are shown.
        answer: the right option in words; of a report whether it is normal.
        parts: what an option claims, one by one; it is wrong where one of its claims is.
        wrong: claims that are known to be wrong for this study.
        box: what is to be found.
        texts: indication, findings, impression.
    """

    task: str
    source: str
    group: str
    part: str
    patient: str
    question: str
    images: tuple[str, ...]
    answer: str
    parts: tuple[str, ...] = ()
    wrong: frozenset[str] = frozenset()
    box: Box | None = None
    texts: tuple[str, str, str] = ("", "", "")

    @property
    def key(self) -> str:
        """A hash of what is asked and shown: the same whenever and in whatever order studies are read.

        Whose study it is does not count, nor how a question of its group is worded: copies of a film or a
        report, and rewordings, are asked once.
        """
        told = asdict(self) | {"wrong": sorted(self.wrong), "patient": "", "question": ""}
        return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()

    def rules_out(self, other: Candidate) -> bool:
        """Whether the other's answer is surely wrong for this study."""
        return any(claim in self.wrong for claim in other.parts or (other.answer,))


def candidates(record: StudyRecord) -> Iterator[Candidate]:
    """All that a study could be asked, by task."""
    study = _Study(record, LabelState(record))
    yield from study.views()
    yield from study.binary()
    yield from study.single()
    yield from study.multiple()
    yield from study.temporal()
    yield from study.attributes()
    yield from study.devices()
    yield from study.own()
    yield from study.descriptions()
    yield from study.places()
    yield from study.reports()


@dataclass(frozen=True)
class _Study:
    record: StudyRecord
    state: LabelState

    def _ask(
        self, task: str, group: str, part: str, question: str, answer: str, wrong: set[str]
    ) -> Candidate:
        view = self.state.frontal
        images = () if view is None else (self.record.image_ids[view],)
        about = (self.record.source, group, part, self.record.patient, question, images, answer)
        return Candidate(task, *about, wrong=frozenset(wrong - {answer}))

    def _plain(self, finding: Finding) -> bool:
        """Whether a finding that is there is plain to see, as far as its places are known."""
        places = [region for region in self.record.regions if region.finding is finding]
        return not places or any(r.view == self.state.frontal and r.visibility >= PLAIN for r in places)

    def _distinct(self, finding: Finding) -> bool:
        """Whether it is plain, and nothing else is there that one could call the same."""
        return self._plain(finding) and not any(self.state.there(f) for f in LIKE.get(finding, ()))

    def _single(self) -> Iterator[Fact]:
        """The one fact about each finding that is distinct and of which there is no second."""
        for finding in self.state.present if self.state.frontal is not None else ():
            fact = self.state.single(finding)
            if fact is not None and finding is not Finding.NO_FINDING and self._distinct(finding):
                yield fact

    @property
    def _seen(self) -> list[Finding]:
        return [f for f in DISEASES if self.state.there(f) and self._plain(f)]

    @property
    def _unseen(self) -> set[str]:
        return {name_of(f) for f in DISEASES if self.state.there(f) is False}

    def views(self) -> Iterator[Candidate]:
        known = {p.value for p in Position if p is not Position.UNKNOWN}
        question = "What is the view of this chest X-ray?"
        for image, position in zip(self.record.image_ids, self.record.positions, strict=True):
            if position is not Position.UNKNOWN:
                asked = self._ask(VIEW, "", "", question, position.value, known)
                yield replace(asked, images=(image,))

    def binary(self) -> Iterator[Candidate]:
        if self.state.frontal is None:
            return
        for finding in DISEASES:
            there = self.state.there(finding)
            if there is False or (there and self._plain(finding)):
                name = name_of(finding)
                question = f"Does this chest X-ray contain {names(finding)['a']}?"
                yield self._ask(BINARY, name, name, question, _yes(there), {"Yes", "No"})

    def single(self) -> Iterator[Candidate]:
        if self.state.frontal is None:
            return
        question = "Which of these findings is present in this chest X-ray?"
        for finding in self._seen:
            name = name_of(finding)
            yield self._ask(SINGLE, "", name, question, name, self._unseen)

    def multiple(self) -> Iterator[Candidate]:
        seen = [name_of(f) for f in self._seen]
        if self.state.frontal is None or not 2 <= len(seen) <= 3:
            return
        question = "Which of these sets of findings is present in this chest X-ray?"
        part = f"{len(seen)} findings"
        asked = self._ask(MULTIPLE, "", part, question, ", ".join(seen), self._unseen)
        yield replace(asked, parts=tuple(seen))

    def temporal(self) -> Iterator[Candidate]:
        view = self.state.frontal
        if view is None or not self.record.prior_image_ids:
            return
        images = (self.record.prior_image_ids[0], self.record.image_ids[view])
        told = [f.finding for f in self.state.facts]
        for fact in self.state.facts:
            there = None if fact.presence is Presence.UNCERTAIN else fact.presence is Presence.PRESENT
            known = there is not None and self.state.there(fact.finding) is there
            if fact.change is None or not known or told.count(fact.finding) > 1:
                continue
            if there and not self._distinct(fact.finding):
                continue
            name, answer = name_of(fact.finding), _COURSE[fact.change]
            alike = next((some for some in _NOT_APART if answer in some), set())
            question = (
                "You are given two images: one reference image and one new image. "
                f"Please identify the progression of {name}:"
            )
            asked = self._ask(TEMPORAL, name, name, question, answer, set(_COURSE.values()) - alike)
            yield replace(asked, images=images)

    def attributes(self) -> Iterator[Candidate]:
        for fact in self._single():
            if aside(fact.finding):
                continue
            if fact.side in _SIDES:
                yield self._of(fact, Ask.SIDE, _SIDES[fact.side], set(_SIDES.values()))
            if fact.severity:
                yield self._of(fact, Ask.SEVERITY, fact.severity.value, {grade.value for grade in Severity})
            if fact.site:
                wrong = {place(site, None) for site in others(fact.site, fact.side)}
                yield self._of(fact, Ask.SITE, place(fact.site, None), wrong)

    def _of(self, fact: Fact, ask: Ask, answer: str, known: set[str]) -> Candidate:
        question = WORDINGS[ask][0].format(name=name_of(fact.finding))
        return self._ask(VQA, question, ask.value, question, answer, known)

    def devices(self) -> Iterator[Candidate]:
        if self.state.frontal is None:
            return
        for finding in DEVICES:
            there = self.state.there(finding)
            if there is False or (there and self._plain(finding)):
                question = WORDINGS[Ask.PRESENCE][0].format(**names(finding))
                yield self._ask(VQA, question, "device", question, _yes(there), {"Yes", "No"})
        if not self.state.certain:
            return
        seen = [finding for finding in self.state.present if finding in DEVICES]
        question = WORDINGS[Ask.COUNT][0].format(things="devices")
        if len(seen) < len(_COUNTS):
            yield self._ask(VQA, question, "count", question, _COUNTS[len(seen)], set(_COUNTS))
        if len(seen) == 1:
            question = WORDINGS[Ask.WHICH_DEVICE][0]
            kinds = {name_of(f) for f in DEVICES}
            yield self._ask(VQA, question, "which device", question, name_of(seen[0]), kinds)

    def own(self) -> Iterator[Candidate]:
        """Questions of the source's own, where what else could be answered is known."""
        for asked in self.record.questions:
            if asked.compares or asked.view >= len(self.record.image_ids):
                continue
            right = right_options(asked)
            if len(right) == 1:
                (answer,), offered = right, set(asked.options)
            elif asked.answer.strip().lower() in ("yes", "no"):
                answer, offered = asked.answer.strip().capitalize(), {"Yes", "No"}
            else:
                continue
            group, part = _subject(asked), f"own {asked.kind.lower()}".strip()
            found = self._ask(VQA, group, part, after_history(asked), answer, offered)
            yield replace(found, images=(self.record.image_ids[asked.view],))

    def descriptions(self) -> Iterator[Candidate]:
        """A finding's description; what differs from it in nothing but side, site or grade is wrong."""
        for fact in self._single():
            told = Fact(fact.finding, side=fact.side, site=fact.site, severity=fact.severity)
            wrong = {phrase(other) for other in _near(told)}
            if wrong:
                question = "Which of these descriptions fits this chest X-ray?"
                name = name_of(fact.finding)
                yield self._ask(FINE, name, name, question, phrase(told), wrong)

    def places(self) -> Iterator[Candidate]:
        """The place of a finding that has one only, without a word on where it is."""
        view = self.state.frontal
        of_view = [region for region in self.record.regions if region.view == view]
        found = [region.finding for region in of_view]
        for region in self.state.places(PLAIN) if view is not None else ():
            x1, y1, x2, y2 = region.box
            small = (x2 - x1) * (y2 - y1) <= LARGEST
            if region.finding is None or not small or found.count(region.finding) > 1:
                continue
            if not self._distinct(region.finding):
                continue
            name = name_of(region.finding)
            question = f"Please locate the following phrase: {name}"
            yield replace(self._ask(GROUNDING, name, name, question, "", set()), box=region.box)

    def reports(self) -> Iterator[Candidate]:
        report, normal = self.record.report, self.state.there(Finding.NO_FINDING)
        if report is None or not report.findings or normal is None:
            return
        answer, kinds = "normal" if normal else "abnormal", {"normal", "abnormal"}
        views = report_views(self.record.image_ids, self.record.positions, REPORT_VIEWS)
        shown = tuple(view.image_id for view in views)
        texts = (report.indication, report.findings, report.impression)
        if self.state.frontal is not None and not speaks_of_change(report.findings):
            asked = self._ask(FINDINGS, "", answer, "", answer, kinds)
            yield replace(asked, images=shown, texts=texts)
        if report.impression:
            asked = self._ask(SUMMARY, "", answer, "", answer, kinds)
            yield replace(asked, images=shown, texts=texts)


def _yes(there: bool) -> str:
    return "Yes" if there else "No"


def _near(fact: Fact) -> Iterator[Fact]:
    """The same finding elsewhere, or of another grade, in one respect."""
    mirrored = {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT}
    if fact.side in mirrored:
        yield replace(fact, side=mirrored[fact.side])
    for site in others(fact.site, fact.side) if fact.site else ():
        yield replace(fact, site=site)
    for grade in Severity if fact.severity else ():
        if grade is not fact.severity:
            yield replace(fact, severity=grade)


_IDLE = frozenset({"a", "an", "any", "are", "evidence", "is", "of", "present", "the", "there", "this", "was"})
"""Words without which a question asks the same."""


def _subject(asked: Question) -> str:
    """A question without the words that it could do without, in their order, and its options."""
    words = re.findall(r"[a-z]+", after_history(asked).lower().replace("/are", ""))
    return " ".join([*(word for word in words if word not in _IDLE), *sorted(asked.options)])
