"""A report's sections and sentences.

from hilum.reports.sections import parse_sections
parse_sections("INDICATION: Cough. FINDINGS: Clear lungs. IMPRESSION: Normal.").findings
"""

from __future__ import annotations

import re
from functools import lru_cache
from operator import itemgetter
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import OSA

from hilum.reports.lexicon import expand, table
from hilum.reports.spelling import SHORTHAND
from hilum.study import Report

_NAMES: Final = {
    form: section
    for section, terms in table("headings.toml").items()
    for term in terms
    for form in expand(term)
}
_LONG_NAMES: Final = [name for name in _NAMES if len(name) >= 6]
_KEPT: Final = frozenset({"indication", "comparison", "findings", "impression"})
_DESCRIBING: Final = frozenset({"findings", "impression"})

_NAME: Final = r"[A-Za-z][A-Za-z /,&()'#\d-]{1,60}?"
_SEPARATOR: Final = re.compile(r"[: \t](?:(?<=:)|[-–—](?=\s))")  # one class in front: the scan skips ahead
_LABEL: Final = re.compile(rf"(?:^|[\n.;!?)][ \t]*)(?P<start>)[#*_>= \t]*(?P<name>{_NAME})[ \t]*[*_]*$")
_LOUD: Final = re.compile(
    r"(?:^|\s)(?P<start>)(?P<name>[A-Z][A-Z /,&()]{2,60}|"
    r"Findings|Impression|Conclusion|Comparison|Technique|Indication|History)$"
)
_LINE: Final = re.compile(rf"^[#*_>= \t]*(?P<name>(?=[A-Z]){_NAME})[ \t]*[*_=]*[ \t]*$", re.MULTILINE)
_BARE: Final = re.compile(
    r"(?P<name>FINDINGS|IMPRESSION|CONCLUSION|COMPARISON|TECHNIQUE|INDICATION|HISTORY)(?=\s+[A-Z\d]?[a-z.])"
)
_SIGNED: Final = re.compile(
    r"(?:^|(?<=[.\n]\s)|(?<=\n))[ \t]*(?:electronically )?(?:dictated|signed|transcribed) by\b", re.I
)
_LONGEST = 64
"""Characters of the longest heading."""
_WORD_OF_NAME: Final = re.compile(r"[a-z]+")

_END: Final = re.compile(
    r"""[.!?\n](?<![.!?][.!?\n])(?:        # one class in front, so that the scan skips ahead, once a run
        (?<!\n)[.!?]*(?=\s|$)               # stops before a blank
      | (?<=[A-Za-z]{3}\.)(?=[A-Z]|[a-z]{4,}\s)  # a stop whose blank was lost
      | (?<=\n)                             # the end of a line
    )""",
    re.VERBOSE,
)
_CLOSED: Final = frozenset(
    [
        "dr",
        "mr",
        "mrs",
        "ms",
        "prof",
        "vs",
        "approx",
        "fig",
        "e.g",
        "i.e",
        "st",
        "sm",
        "lg",
        "bilat",
        "assoc",
        "asp",
        "comp",
        "pl",
        "incl",
    ]
)
"""Abbreviations that end no sentence."""
_OPEN: Final = frozenset(
    ["mod", "eff", "consol", "min", "lat", "ant", "post", "inf", "sup", "rt", "lt", "est", "sig", *SHORTHAND]
)
"""Abbreviations that end one only before a capital."""
_LAST_LETTERS: Final = frozenset(word[-2:] for word in _CLOSED | _OPEN)
_NUMBER: Final = re.compile(r"\s*\d{1,2}")
_ANSWER: Final = re.compile(
    r"[ \t]+(?:yes|no|none|nil|y|n|present|absent|(?:not|none)[ \t]+seen)\b(?=\s*(?:[.,;]|$))", re.IGNORECASE
)

_NEXT_LINE: Final = re.compile(r"[ \t]*(?P<item>[-*•]|\d{1,2}[.)]\s|[A-Z][A-Za-z ]{1,30}:)?(?P<word>\S*)")
_CAPITAL_LINE: Final = re.compile(r"^[ \t]*[A-Z]", re.MULTILINE)
_UNFINISHED: Final = re.compile(
    r"(?:,|\b(?:and|or|of|the|a|an|in|with|no|without|to|at|is|are|was|were|for|on|by|from|left|right|not|than|which|that))$",
    re.IGNORECASE,
)
_NARROW = 60
"""Characters of the narrowest column that text is wrapped to."""

_BOILERPLATE: Final = re.compile("|".join(table("boilerplate.toml")["sentences"]), re.IGNORECASE)
_TITLE: Final = frozenset(table("boilerplate.toml")["title"])
_CHEST: Final = frozenset({"chest", "cxr", "thorax"})
_TITLE_WORD: Final = re.compile(r"[A-Za-z][A-Za-z-]*")


_BEFORE_FINDINGS: Final = frozenset({"indication", "comparison", "none"})
_BLANK_LINE: Final = re.compile(r"\n[ \t]*\n\s*(?=\S)")
_DESCRIBES: Final = re.compile(
    r"(?:no|there (?:is|are)|(?:the |both |clear |normal )*(?:heart|cardi\w+|lungs?|mediastin\w+|trachea"
    r"|hil(?:a|um|ar)|pleura\w*|bon(?:es|y)|osseous))\b",
    re.IGNORECASE,
)
"""How a sentence begins that speaks of the picture."""


def section_spans(raw: str) -> list[tuple[str, int, int]]:
    """Sections in order: its name in `Report` ("" for one that is not kept), its text's start and end.

    Text before the first heading, or without any, counts as findings. A preliminary reading counts only
    where no final report follows.
    """
    headings = _headings(raw) if ":" in raw or "\n" in raw or " by " in raw or " - " in raw else []
    ends = [*(start for _, start, _ in headings), len(raw)]
    spans = [("findings", 0, ends[0])]
    spans += [(name, end, after) for (name, _, end), after in zip(headings, ends[1:], strict=True)]
    spans = [(name, start, end) for name, start, end in spans if raw[start:end].strip()]
    spans = _with_body(raw, spans)
    last = max((at for at, (name, *_) in enumerate(spans) if name in _DESCRIBING), default=-1)
    return [
        ("" if at < last else "findings", start, end)
        if name == "wet"
        else (name if name in _KEPT else "", start, end)
        for at, (name, start, end) in enumerate(spans)
    ]


def _with_body(raw: str, spans: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """The sections, with findings that follow an indication or the like without a heading of their own.

    They begin behind a blank line; in running text where a sentence speaks of the picture, or behind the
    sentence that names what was compared.
    """
    last = next((at for at, (name, *_) in enumerate(spans) if name == "impression"), len(spans)) - 1
    if last < 0 or any(name == "findings" and start for name, start, _ in spans):
        return spans
    name, start, end = spans[last]
    if name not in _BEFORE_FINDINGS:
        return spans
    blank = _BLANK_LINE.search(raw, end - len(raw[start:end].lstrip()), end)
    if blank:
        body: int | None = blank.end()
    else:
        later = sentences(raw, start, end)[1:]
        body = next((b for b, _ in later if name == "comparison" or _DESCRIBES.match(raw, b)), None)
    if body is None:
        return spans
    return [*spans[:last], (name, start, body), ("findings", body, end), *spans[last + 1 :]]


def _headings(raw: str) -> list[tuple[str, int, int]]:
    """Each heading's section, its start and its end, in order."""
    found = [heading for mark in _SEPARATOR.finditer(raw) if (heading := _label(raw, mark))]
    if "\n" in raw:
        found += [
            (section, m.start(), m.end()) for m in _LINE.finditer(raw) if (section := _named(m["name"]))
        ]
    for m in _BARE.finditer(raw):
        if not raw[m.start() - 1 : m.start()].strip():
            found.append((_NAMES[m["name"].lower()], m.start(), m.end()))
    if "d by" in raw.lower():
        found += [("none", m.start(), m.end()) for m in _SIGNED.finditer(raw)]
    return sorted(set(found), key=itemgetter(1, 2))


def _label(raw: str, mark: re.Match[str]) -> tuple[str, int, int] | None:
    """The heading that ends at a colon or a dash: a whole line or sentence so far, or capitals within one."""
    first = max(0, mark.start() - _LONGEST)
    before = raw[max(first, raw.rfind("\n", first, mark.start()) + 1) : mark.start()]
    heading = _heading(before, colon=mark[0] == ":")
    return heading and (heading[0], mark.start() - len(before) + heading[1], mark.end())


@lru_cache(maxsize=4096)
def _heading(before: str, *, colon: bool) -> tuple[str, int] | None:
    """The section that the end of a line so far names, and where its name begins."""
    whole = _LABEL.search(before)
    section = _named(whole["name"], slips=colon) if whole else None
    if whole and section:
        return section, whole.start("start")
    loud = _LOUD.search(before) if colon else None
    if loud is None:
        return None
    words = list(_WORD_OF_NAME.finditer(loud["name"].lower()))
    for at, word in enumerate(words):  # "COUGH FINDINGS:" ends in a heading
        section = _NAMES.get(" ".join(w[0] for w in words[at:]))
        if section:
            return section, loud.start("name") + word.start()
    return None


def _named(name: str, *, slips: bool = False) -> str | None:
    return _section(" ".join(_WORD_OF_NAME.findall(name.lower())), slips=slips)


@lru_cache(maxsize=4096)
def _section(name: str, *, slips: bool) -> str | None:
    """The section that a heading opens; a misspelt heading, or a title, counts where it has a colon."""
    known = _NAMES.get(name)
    if known is not None or not slips or len(name) < 6:
        return known
    words = name.split()
    if len(words) > 1 and _TITLE.issuperset(words) and not _CHEST.isdisjoint(words):
        return "findings"  # "CXR PA VIEW: the heart is …"
    near = process.extractOne(name, _LONG_NAMES, scorer=OSA.distance, score_cutoff=1 if len(name) < 8 else 2)
    return _NAMES[near[0]] if near and near[0][0] == name[0] else None


def parse_sections(raw: str) -> Report:
    """Split a report at its headings ("FINDINGS:", "Impression:", "Clinical history:", …).

    Never raises; a section that occurs twice is joined, one that `Report` has no place for (technique,
    recommendation) is left out, and so is what does not describe the image: titles, signatures, who was told.
    """
    parts: dict[str, list[str]] = {}
    for name, start, end in section_spans(raw):
        if name:
            text = _without_boilerplate(raw, start, end) if name in _DESCRIBING else raw[start:end]
            parts.setdefault(name, []).append(" ".join(text.split()))
    return Report(**{name: " ".join(filter(None, texts)) for name, texts in parts.items()})


def _without_boilerplate(raw: str, start: int, end: int) -> str:
    spans = sentences(raw, start, end)
    kept = [raw[a:b] for a, b in spans if not _BOILERPLATE.search(raw, a, b) and not _is_title(raw[a:b])]
    return raw[start:end] if len(kept) == len(spans) else " ".join(kept)


def _is_title(sentence: str) -> bool:
    """Whether a sentence only names the examination: "PORTABLE CHEST RADIOGRAPH, ___ 5:12 AM"."""
    words = [word.lower() for word in _TITLE_WORD.findall(sentence)]
    return len(words) > 1 and all(word in _TITLE for word in words)


def sentences(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Where the sentences of `text[start:end]` begin and end, without the blanks around them.

    Decimals, numbered lists and common abbreviations do not end a sentence; a line ends one where the text
    is not merely wrapped.
    """
    stop = len(text) if end is None else end
    spans: list[tuple[int, int]] = []
    begin = start
    layout: tuple[int, bool] | None = None
    for match in _END.finditer(text, start, stop):
        at = match.start()
        if text[at] == "\n":
            layout = layout or _layout(text[start:stop])
            if not _line_ends(text, begin, at, stop, *layout):
                continue
        elif _goes_on(text, begin, at, stop):
            continue
        _keep(spans, text, begin, match.end())
        begin = match.end()
    _keep(spans, text, begin, stop)
    return spans


def _layout(text: str) -> tuple[int, bool]:
    """The width that a text is wrapped to, and whether none of its lines begins with a capital."""
    return max(_NARROW, *map(len, text.split("\n"))), _CAPITAL_LINE.search(text) is None


def _line_ends(text: str, begin: int, at: int, stop: int, width: int, small: bool) -> bool:
    """Whether the line that ends at `at` ends a sentence: the next line's first word would have fitted."""
    after = _NEXT_LINE.match(text, at + 1, stop)
    line = text[max(begin, text.rfind("\n", begin, at) + 1) : at].rstrip()
    if after is None or after["item"] or not after["word"] or not line:
        return True
    if _UNFINISHED.search(line):
        return False
    fits = len(line) + 1 + len(after["word"]) <= width
    return fits and (small or not after["word"][0].islower())


def _goes_on(text: str, start: int, at: int, stop: int) -> bool:
    """Whether the stop at `at` ends nothing: an abbreviation, a list's number, "? pneumonia"."""
    if text[at] == "?":
        before = text[at - 1] if at > start else " "
        return before.isspace() or _ANSWER.match(text, at + 1, stop) is not None
    if text[at] != ".":
        return False
    if at - start < 6 and _NUMBER.fullmatch(text, start, at):
        return True
    if text[at - 2 : at].lower() not in _LAST_LETTERS:
        return False
    words = text[max(start, at - 8) : at].split()
    word = words[-1].lstrip("(").lower() if words else ""
    return word in _CLOSED or (word in _OPEN and not text[at + 1 : at + 3].strip()[:1].isupper())


def _keep(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    if start < end:
        spans.append((start, end))
