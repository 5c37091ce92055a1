"""A report's sections and sentences, and whether it is written in English.

from hilum.reports.sections import parse_sections
parse_sections("INDICATION: Cough. FINDINGS: Clear lungs. IMPRESSION: Normal.").findings
"""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import Final

from hilum.reports.lexicon import LEXICON, table
from hilum.study import Report

_NAMES: Final = {
    "indication": "indication",
    "indications": "indication",
    "history": "indication",
    "clinical history": "indication",
    "clinical information": "indication",
    "clinical indication": "indication",
    "reason for exam": "indication",
    "reason for examination": "indication",
    "reason for study": "indication",
    "comparison": "comparison",
    "comparisons": "comparison",
    "comparison studies": "comparison",
    "prior studies": "comparison",
    "findings": "findings",
    "finding": "findings",
    "findings and impression": "findings",
    "findings/impression": "findings",
    "report": "findings",
    "impression": "impression",
    "impressions": "impression",
    "conclusion": "impression",
    "conclusions": "impression",
    "opinion": "impression",
    "summary": "impression",
    "technique": "",
    "examination": "",
    "exam": "",
    "procedure": "",
    "study": "",
    "views": "",
    "recommendation": "",
    "recommendations": "",
    "notification": "",
    "final report": "findings",
}

_HEADING: Final = re.compile(
    r"(?:^|(?<=[\n.;!?])|(?<=[.;!?]\s))[ \t]*(?P<name>"
    + "|".join(sorted((re.escape(name) for name in _NAMES), key=len, reverse=True))
    + r")[ \t]*:",
    re.IGNORECASE,
)

_END: Final = re.compile(
    r"""[.!?\n](?<![.!?][.!?\n])(?:        # one class in front, so that the scan skips ahead, once a run
        (?<!\n)[.!?]*(?=\s|$)               # stops before a blank
      | (?<=[a-z]\.)(?=[A-Z])               # a stop whose blank was lost
      | (?<=\n)[ \t]*\n                    # an empty line
      | (?<=\n)(?=[ \t]*(?:[-*•]|\d{1,2}[.)]\s))  # a list's next item
    )""",
    re.VERBOSE,
)
_ABBREVIATION: Final = frozenset(["dr", "mr", "mrs", "ms", "prof", "vs", "approx", "fig", "e.g", "i.e", "st"])
_NUMBER: Final = re.compile(r"\s*\d{1,2}")

_LANGUAGES: Final = table("languages.toml")
_ENGLISH: Final = frozenset(_LANGUAGES["english"])
_FOREIGN: Final = frozenset(_LANGUAGES["foreign"])
_TERMS: Final = frozenset(word for entry in LEXICON.values() for form in entry.forms for word in form.split())
_WORD: Final = re.compile(r"[^\W\d_]+")


def section_spans(raw: str) -> list[tuple[str, int, int]]:
    """Sections in order: its name in `Report` ("" for one that is not kept), its text's start and end.

    Text before the first heading, or without any, counts as findings.
    """
    headings = list(_HEADING.finditer(raw)) if ":" in raw else []
    first = headings[0].start() if headings else len(raw)
    spans = [("findings", 0, first)]
    for heading, after in zip_longest(headings, headings[1:]):
        name = _NAMES[heading["name"].lower()]
        spans.append((name, heading.end(), after.start() if after else len(raw)))
    return [(name, start, end) for name, start, end in spans if raw[start:end].strip()]


def parse_sections(raw: str) -> Report:
    """Split a report at its headings ("FINDINGS:", "Impression:", "Clinical history:", …).

    Never raises; a section that occurs twice is joined, one that `Report` has no place for (technique,
    recommendation) is left out.
    """
    parts: dict[str, list[str]] = {}
    for name, start, end in section_spans(raw):
        if name:
            parts.setdefault(name, []).append(" ".join(raw[start:end].split()))
    return Report(**{name: " ".join(texts) for name, texts in parts.items()})


def sentences(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Where the sentences of `text[start:end]` begin and end, without the blanks around them.

    Decimals, numbered lists and common abbreviations do not end a sentence.
    """
    stop = len(text) if end is None else end
    spans: list[tuple[int, int]] = []
    begin = start
    for match in _END.finditer(text, start, stop):
        if _goes_on(text, begin, match.start()):
            continue
        _keep(spans, text, begin, match.end())
        begin = match.end()
    _keep(spans, text, begin, stop)
    return spans


def _goes_on(text: str, start: int, stop: int) -> bool:
    """Whether the stop at `stop` only closes an abbreviation or the number of a list's item."""
    if text[stop] != ".":
        return False
    if stop - start < 6 and _NUMBER.fullmatch(text, start, stop):
        return True
    words = text[max(start, stop - 8) : stop].split()
    return bool(words) and words[-1].lstrip("(").lower() in _ABBREVIATION


def _keep(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    inner = piece.strip()
    if inner:
        left = start + len(piece) - len(piece.lstrip())
        spans.append((left, left + len(inner)))


def is_english(text: str) -> bool:
    """Whether a report is in English, by its short words; text without a single letter is not.

    Words without any function word ("Cardiomegaly. Edema.") are taken as English when they are plain ASCII
    and few, or terms for the most part.
    """
    words = [word.lower() for word in _WORD.findall(text)]
    if not words:
        return False
    english = sum(word in _ENGLISH for word in words)
    foreign = sum(word in _FOREIGN for word in words)
    if english == foreign == 0:
        terms = sum(word in _TERMS for word in words)
        return all(word.isascii() for word in words) and (len(words) <= 12 or terms > len(words) / 2)
    return english > foreign and sum(word.isascii() for word in words) > 0.8 * len(words)
