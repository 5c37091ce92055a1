"""What is measured and counted, and where devices end: sizes, ribs and vertebrae, acuity, tips, malposition.

    from hilum.reports.details import details
    details(Finding.NODULE, "12 x 9 mm, previously 8 mm")        # size_mm 12.0, worsened
    details(Finding.FRACTURE, "old fractures of ribs 5-7")       # levels ("5", "6", "7"), healed

These stand in numbers and in whole phrases rather than in single words, so they are read from the characters
that belong to one claim, and only where its finding can have them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from operator import itemgetter
from typing import Any, Final

from hilum.reports.lexicon import table
from hilum.study import DEVICES, Acuity, Change, Finding, Tip

_TABLE: Final = table("details.toml")

LINES: Final = frozenset({*DEVICES, Finding.SUPPORT_DEVICES}) - {Finding.STERNOTOMY_WIRES}
"""Devices that end somewhere, and can lie well or not."""

IN_WORDS: Final = LINES | {Finding.FRACTURE}
"""Findings of which more than a size is told, and so without a number too."""

_UNSIZED: Final = frozenset({*DEVICES, Finding.SUPPORT_DEVICES, Finding.SURGICAL_CHANGE, Finding.NO_FINDING})

RIGHT_TIPS, WRONG_TIPS = (
    {Finding(name): frozenset(map(Tip, tips)) for name, tips in _TABLE[kind].items()}
    for kind in ("right", "wrong")
)
"""Where a device must, and must not, end; of other places a report says itself whether they will do."""


def details(finding: Finding, text: str, listed_with: str = "") -> dict[str, Any]:
    """The fields of a fact that the words of its claim fill in: only those that are said.

    A change is one of size, where what it was is said too.

    Args:
        finding: what the claim is of.
        text: the words that belong to the claim.
        listed_with: the words of the claim at the end of its list: "ET and NG tube in good position".
    """
    said: dict[str, Any] = {}
    if finding in LINES:
        text, listed_with = (_PAST.sub("", words) for words in (text, listed_with))
        place = tip(finding, text)
        said = {"tip": place, "malposition": malposition(finding, place, f"{text} {listed_with}")}
    elif finding is Finding.FRACTURE:
        said = {"levels": levels(text) or None, "acuity": acuity(text), **_size(text)}
    elif finding not in _UNSIZED:
        said = _size(text)
    return {key: value for key, value in said.items() if value is not None}


# Sizes

_NUMBER = r"\d+(?:[.,]\d+)?"
_UNIT = r"(?:mm|cm|millimet(?:er|re)s?|centimet(?:er|re)s?)"
_MEASURE: Final = re.compile(
    rf"(?<![\d.])(?P<numbers>{_NUMBER}(?:\s*{_UNIT})?(?:\s*(?:x|×|by|to|-|–|and)\s*{_NUMBER}(?:\s*{_UNIT})?)*?)"
    rf"[\s-]*(?P<unit>{_UNIT})\b(?!\s*(?:x|×|by)\s*\d)"
    r"(?!\s*(?:\w+\s+)?(?:above|below|from(?!\s+\d)|proximal|distal|beyond|past|superior|inferior|deep|away|into|cranial|caudal)\b)",
    re.IGNORECASE,
)
_SIZE: Final = re.compile(rf"({_NUMBER})(?:\s*({_UNIT}))?", re.IGNORECASE)
"""One number of several, with the unit that it may have of its own."""
_EARLIER: Final = re.compile(
    r"(?:previously|formerly|from|was|were|compared (?:to|with)|versus|prior|earlier)"
    r"(?: measur\w+)?(?: about| approximately)?\s*$",
    re.IGNORECASE,
)
_STEP: Final = re.compile(
    rf"(?P<range>\b(?:rang|vary)\w* )?\bfrom (?:about |approximately )?(?P<numbers>{_NUMBER}(?:\s*{_UNIT})?"
    rf"(?:\s*(?:x|×|by)\s*{_NUMBER}(?:\s*{_UNIT})?)*)\s+to\s+(?=\w*\s*\d)",
    re.IGNORECASE,
)
"""What it was, in "from 8 mm to 12 mm"; of several, "ranging from 8 to 12 mm", the smallest is."""
_DIGIT: Final = re.compile("[0-9]")
_PAST: Final = re.compile(
    r"^(?=.*\bnow\b).*?\b(?:previously|formerly|was|were)\b.*\bnow\b", re.IGNORECASE | re.DOTALL
)
"""How it was before: "previously in the right main bronchus, now …"."""
_NOW: Final = re.compile(r"\b(?:now|currently|today)\b", re.IGNORECASE)


def size_mm(text: str) -> float | None:
    """The greatest dimension stated, in millimetres; that of the prior study and distances do not count."""
    return _sizes(text)[0]


def _size(text: str) -> dict[str, Any]:
    now, before = _sizes(text)
    if now is None or before is None:
        return {"size_mm": now}
    change = Change.STABLE if now == before else Change.WORSENED if now > before else Change.IMPROVED
    return {"size_mm": now, "change": change}


def _sizes(text: str) -> tuple[float | None, float | None]:
    """The size now and before, in millimetres, as far as they are stated."""
    if not has_number(text):
        return None, None
    step = _STEP.search(text)
    text = _STEP.sub(" ", text)
    found = list(_MEASURE.finditer(text))
    now = _NOW.search(text)
    possible = [m for m in found if not _EARLIER.search(text, max(0, m.start() - 40), m.start())]
    current = [m for m in possible if now and m.start() > now.start()] or possible
    if not current:
        return None, None
    numbers, unit = current[0].group("numbers", "unit")
    past = [m.group("numbers", "unit") for m in found if m not in current]
    if step and not step["range"]:
        past = [(step["numbers"], unit)]
    return _millimetres(numbers, unit), _millimetres(*past[0]) if past else None


def has_number(text: str) -> bool:
    """Whether a text may hold a number: a look that is cheap in plain ASCII."""
    return not text.isascii() or _DIGIT.search(text) is not None


def _millimetres(numbers: str, unit: str) -> float:
    """The greatest of some numbers, each in the unit that it has of its own, else in `unit`."""
    sizes = [(number, own or unit) for number, own in _SIZE.findall(numbers)]
    return round(max(float(n.replace(",", ".")) * (10 if own[0] in "cC" else 1) for n, own in sizes), 3)


# Ribs and vertebrae

ORDINALS: Final[dict[str, str]] = _TABLE["ordinals"]
_COUNT = rf"(?:{'|'.join(ORDINALS)}|\d{{1,2}}(?:st|nd|rd|th)?)"
_RANGE = r"(?:\s*(?:-|–|to|through|thru)\s*)"
_AND = r"(?:\s*(?:,|and|&|/|or)\s*)+"
_OTHER_SIDE = r"(?:(?:left|right)\s+)?"
_COUNTS = rf"{_COUNT}(?:(?:{_RANGE}|{_AND})(?:the\s+)?{_OTHER_SIDE}{_COUNT})*"
_NOT_A_SIZE = rf"(?!\s*(?:\.\d|{_UNIT}\b))"
_RIBS: Final = re.compile(
    rf"\bribs?\s+(?:number\s+|#\s*)?(?P<after>{_COUNTS})\b{_NOT_A_SIZE}"
    rf"|\b(?P<before>{_COUNTS})(?:\s+(?!ribs?\b)[a-z-]+){{0,3}}?\s+ribs?\b",
    re.IGNORECASE,
)
_SPINE: Final = ("C", 7), ("T", 12), ("L", 5)
_VERTEBRAE: Final = [f"{part}{number}" for part, most in _SPINE for number in range(1, most + 1)]
_VERTEBRA = r"[CTLD]\d{1,2}"
_VERTEBRA_LIST: Final = re.compile(
    rf"\b{_VERTEBRA}(?:(?:{_RANGE}|{_AND})(?:{_VERTEBRA}|\d{{1,2}}))*\b", re.IGNORECASE
)
_MOST_RIBS = 12


def levels(text: str) -> tuple[str, ...]:
    """Ribs by number and vertebrae by name, ranges and lists written out, in the order of the skeleton."""
    ribs = {n for match in _RIBS.finditer(text) for n in _ribs(match["after"] or match["before"])}
    bodies = {n for match in _VERTEBRA_LIST.finditer(text) for n in _vertebrae(match[0])}
    return (*map(str, sorted(ribs)), *(_VERTEBRAE[n] for n in sorted(bodies)))


def _ribs(text: str) -> set[int]:
    steps = re.findall(rf"({_RANGE})?(?:the\s+)?{_OTHER_SIDE}({_COUNT})", text, re.IGNORECASE)
    return {n for n in _written_out(steps, _rib) if 1 <= n <= _MOST_RIBS}


def _rib(word: str) -> int:
    digits = re.match(r"\d+", word)
    return int(digits[0] if digits else ORDINALS[word.lower()])


def _vertebrae(text: str) -> set[int]:
    part = ""
    names: list[tuple[str, str]] = []
    for joint, word in re.findall(rf"({_RANGE})?({_VERTEBRA}|\d{{1,2}})", text, re.IGNORECASE):
        letter = word[0].upper().replace("D", "T")  # "D8" is the eighth dorsal vertebra
        part, number = (letter, word[1:]) if letter.isalpha() else (part, word)
        names.append((joint, f"{part}{int(number)}"))
    known = [(joint, name) for joint, name in names if name in _VERTEBRAE]
    return set(_written_out(known, _VERTEBRAE.index))


def _written_out(steps: list[tuple[str, str]], number: Any) -> list[int]:
    """The numbers of a list in which a joint before a word makes a range of the two."""
    listed: list[int] = []
    for joint, word in steps:
        value = number(word)
        listed += range(listed[-1] + 1, value + 1) if joint and listed else [value]
    return listed


# Acuity

_ACUITY: Final = [
    (Acuity(name), re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE))
    for name, words in _TABLE["acuity"].items()
]


def acuity(text: str) -> Acuity | None:
    """Whether a fracture is called acute or healed; None where neither or both are said."""
    said = [kind for kind, words in _ACUITY if words.search(text)]
    return said[0] if len(said) == 1 else None


# Tips and position. These patterns are small, and searched in small letters, which is several times faster.

_SIDE_PORT: Final = re.compile(r"\bside[- ]?(?:port|hole)s?\b[^.;,]*")


def _any(pieces: Iterable[str]) -> str:
    return f"(?:{'|'.join(pieces)})"


_TO_PLACE: Final = rf"\b{_any(_TABLE['lead']['words'])}\b(?:[\s,]+{_any(_TABLE['lead']['between'])}\b)*[\s,]+"
_AFTER_LEAD: Final = re.compile(
    _TO_PLACE + "(?:" + "|".join(f"({_any(pieces)})" for pieces in _TABLE["place"].values()) + ")",
)
_PLACES: Final = [Tip(name) for name in _TABLE["place"]]
_ANYWHERE: Final = [(Tip(name), re.compile(_any(pieces))) for name, pieces in _TABLE["anywhere"].items()]


def tip(finding: Finding, text: str) -> Tip | None:
    """Where a device is said to end; where its side port lies counts only if nothing is said of the tip."""
    text = text.lower()
    reaches = _REACHES.get(finding, frozenset())
    for part in dict.fromkeys((_SIDE_PORT.sub("", text), text)):
        anywhere = [(kind, words) for kind, words in _ANYWHERE if kind in reaches]
        named = [(match.start(), kind) for kind, words in anywhere if (match := words.search(part))]
        for match in _AFTER_LEAD.finditer(part):
            named.append((match.start(), _PLACES[(match.lastindex or 1) - 1]))
        possible = [(start, kind) for start, kind in named if kind in reaches]
        if possible:
            return min(possible, key=itemgetter(0))[1]
    return None


_REACHES: Final = {Finding(name): frozenset(map(Tip, tips)) for name, tips in _TABLE["reaches"].items()}


_GOOD: Final = re.compile(_any(_TABLE["position"]["good"]))
_BAD: Final = re.compile(_any(_TABLE["position"]["bad"]))
_ASTRAY: Final = {Finding(name): re.compile(_any(pieces)) for name, pieces in _TABLE["astray"].items()}


def malposition(finding: Finding, place: Tip | None, text: str) -> bool | None:
    """Whether a device is said to lie wrong (True) or well (False), or ends where it must not (True)."""
    text = text.lower()
    astray = _ASTRAY.get(finding)
    if _BAD.search(text) or (astray and astray.search(text)) or place in WRONG_TIPS.get(finding, frozenset()):
        return True
    return False if _GOOD.search(text) else None
