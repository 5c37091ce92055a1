"""Where things are: the box of a phrase, and the boxes of a finding or none.

pairs = list(ground(case))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from hilum.instruct.qa_pairs import Case, QAPair, qa_pair
from hilum.prompts import word
from hilum.reports import names
from hilum.study import BoxPart, Part, Task, Text

MOST = 3
"""Boxes an answer holds at most; with more of them a finding is not asked for."""


def ground(case: Case) -> Iterator[QAPair]:
    """The one box of a phrase; a phrase with several boxes would leave open which is meant."""
    if case.image is None:
        return
    places = case.state.places()
    if not places:
        return
    rng = case.rng("ground")
    seen = Counter(region.phrase for region in case.record.regions if region.view == case.state.frontal)
    for index, region in enumerate(places):
        if region.phrase and seen[region.phrase] == 1:
            question = word(Task.GROUND, rng, phrase=region.phrase)
            about = frozenset({region.finding}) if region.finding else frozenset()
            box = [BoxPart(region.box)]
            yield qa_pair(Task.GROUND, [case.image], question, box, about=about, bundle=True, name=str(index))


def detect(case: Case) -> Iterator[QAPair]:
    """Every box of a finding, from left to right, or "none" where it is known to be absent."""
    if case.image is None or not case.balance.boxed:
        return
    rng = case.rng("detect")
    places = case.state.places()
    for finding in case.balance.boxed:
        absent = case.state.there(finding) is False and case.balance.keep_unboxed(finding, rng)
        boxes = sorted(region.box for region in places if region.finding is finding)
        if not (1 <= len(boxes) <= MOST or (absent and not boxes)):
            continue
        answer: list[Part] = [BoxPart(box) for box in boxes] or [Text("none")]
        question = word(Task.DETECT, rng, **names(finding))
        about, name = frozenset({finding}), finding.name.lower()
        yield qa_pair(Task.DETECT, [case.image], question, answer, about=about, bundle=True, name=name)
