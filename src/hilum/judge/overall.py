"""Comparisons that name no finding: of the whole chest ("no interval change"), of an organ ("stable heart").

from hilum.judge.overall import overall
overall("Small left effusion. No significant interval change.")

`extract_facts` has nothing to hang them on. A report without a prior that makes one
has made it up all the same.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from hilum.judge.compare import OVERALL, PARTIAL
from hilum.reports import extract_facts
from hilum.reports.sections import section_spans, sentences
from hilum.study import Fact, Finding, Presence

_DESCRIBING: Final = frozenset({"findings", "impression"})
_MUCH: Final = (
    "significant(?:ly)?|substantial(?:ly)?|appreciabl[ey]|interval|relevant|definite|obvious|marked(?:ly)?"
    "|major|gross(?:ly)?|discernible|much|radiographic|radiological|overall|other|further|new|essentially"
)
_UNCHANGED: Final = re.compile(
    rf"""\b(?:
        (?:no|without(?:\ any)?|nil|little)\ (?:(?:{_MUCH})\ )*(?:change|difference)s?
      | (?:not|n't)\ (?:(?:{_MUCH})\ )*(?:changed|different)
      | unchanged | unaltered | stable | static
      | remains?\ (?:[a-z]+\ ){{0,2}}(?:clear|normal|unremarkable)
      | similar | as\ before | (?:same|identical)\ as
    )\b""",
    re.VERBOSE | re.IGNORECASE,
)
_WORD: Final = re.compile(r"[^\W\d_]+")
_CHEST: Final = frozenset(
    _WORD.findall(
        """
        a after again ago all am an and appearance appearances april are as august been before
        between by chest compared comparing comparison cxr date dated day days december earlier exam
        examination examinations february film films finding findings five for four from has have
        hours identified image images in interim interval is it january july june last little made
        march may month months morning most noted november october of on one or other otherwise
        overall pm present previous previously prior radiograph radiographic radiographs ray recent
        relatively relevant remain remains seen september several significant significantly since
        six studies study the there these this three time to today two was week weeks were when with
        x xray year years yesterday
        """
    )
)
"""Words that name the chest as a whole, the earlier study and its date, or nothing."""
_ORGAN: Final = re.compile(
    r"\b(?:heart|cardi|mediastin|silhouette|lung|pulmon|parenchym|aerat|hil(?:a|ar|um)\b|aort|vascul|vessel"
    r"|pleura|diaphragm|bon[ey]|osseous|skelet|thorax|thoracic|contour)",
    re.IGNORECASE,
)


def overall(text: str) -> list[Fact]:
    """`OVERALL` or, where only organs are compared, `PARTIAL`, with its sentence's span; nothing without.

    Args:
        text: a report with or without section headings.
    """
    if not _UNCHANGED.search(text):
        return []
    found = [
        replace(kind, span=span)
        for name, start, end in section_spans(text)
        if name in _DESCRIBING
        for span in sentences(text, start, end)
        if (kind := _compared(text[span[0] : span[1]])) is not None
    ]
    return [fact for fact in found if fact == OVERALL][:1] or found[:1]


def _compared(sentence: str) -> Fact | None:
    """What a sentence that states no finding says not to have changed: the chest, an organ, or neither."""
    rest, found = _UNCHANGED.subn(" ", sentence)
    if not found:
        return None
    facts = extract_facts(sentence)
    told = [fact for fact in facts if fact.finding is not Finding.NO_FINDING]
    if any(fact.presence is not Presence.ABSENT or fact.change for fact in told):
        return None  # told of the finding itself
    if not told and _CHEST.issuperset(_WORD.findall(rest.lower())):
        return OVERALL
    return PARTIAL if facts or _ORGAN.search(rest) else None
