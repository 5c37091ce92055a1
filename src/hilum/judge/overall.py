"""Comparisons that a report makes of the whole chest: "no interval change", "stable examination".

from hilum.judge.overall import overall
overall("Small left effusion. No significant interval change.")

They name no finding, so `extract_facts` has nothing to hang them on. A report without a prior that makes one
has made it up all the same.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from hilum.judge.compare import OVERALL
from hilum.reports import extract_facts
from hilum.reports.sections import section_spans, sentences
from hilum.study import Fact, Finding

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
      | similar | as\ before | (?:same|identical)\ as
    )\b""",
    re.VERBOSE | re.IGNORECASE,
)
_WORD: Final = re.compile(r"[^\W\d_]+")
_CHEST: Final = re.compile(
    r"""
    a | again | all | an | and | appearance | appearances | are | as | been | before | chest | compared
    | comparison | cxr | date | dated | earlier | exam | examination | examinations | film | films |
    finding | findings | for | from | has | have | image | images | in | interval | is | it | last |
    most | of | on | or | other | otherwise | overall | present | previous | previously | prior |
    radiograph | radiographic | radiographs | recent | relatively | remain | remains | significant |
    significantly | since | studies | study | the | there | these | this | to | today | was | were |
    with | x | ray | xray
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Words that name the chest as a whole, the earlier study, or nothing."""


def overall(text: str) -> list[Fact]:
    """`OVERALL` with the span of its sentence, once; nothing where each comparison is of a finding or organ.

    Args:
        text: a report with or without section headings.
    """
    if not _UNCHANGED.search(text):
        return []
    for name, start, end in section_spans(text):
        if name in _DESCRIBING:
            for begin, stop in sentences(text, start, end):
                if _is_of_the_whole(text[begin:stop]):
                    return [replace(OVERALL, span=(begin, stop))]
    return []


def _is_of_the_whole(sentence: str) -> bool:
    rest, found = _UNCHANGED.subn(" ", sentence)
    if not found or any(not _CHEST.fullmatch(word) for word in _WORD.findall(rest)):
        return False
    return all(fact.finding is Finding.NO_FINDING for fact in extract_facts(sentence))
