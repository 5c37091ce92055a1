"""Facts from the free text of a chest X-ray report, by rule.

    from hilum.reports import extract_facts
    extract_facts("Small left pleural effusion. No pneumothorax.")

Sentence by sentence: `words` finds the phrases of the tables, `scope` says which are denied or doubted,
`claims` turns them into findings, `attributes` gives each its side, site, severity and change. What a report
says twice is one fact. Sections that do not describe the image (indication, comparison, technique) are left
out, and a text in another language says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from hilum.errors import a_text
from hilum.reports.attributes import Mention, facts_of
from hilum.reports.claims import claims
from hilum.reports.language import is_foreign
from hilum.reports.lexicon import expand
from hilum.reports.scope import tones
from hilum.reports.sections import section_spans, sentences
from hilum.reports.words import ORGANS, Mark, marks, tokens
from hilum.study import DEVICES, FACT_DETAILS, Change, Fact, Finding, Presence

_DESCRIBING = frozenset({"findings", "impression"})
_MEMORABLE = 400
"""Characters of the longest sentence that is remembered."""
_ELLIPSIS = 48
"""Characters of the longest sentence that can lack its finding: "There is a moderate one on the right."."""
_CLAUSE = 120
"""Marks read together; a run-on text without a stop is cut here, so that the cost stays linear."""
_NORMAL = frozenset(form for term in ORGANS["whole"]["normal"] for form in expand(term))
"""What says that all is normal, where nothing else is said."""
_HARMLESS = frozenset({*DEVICES, Finding.SUPPORT_DEVICES, Finding.NO_FINDING})


_SUBHEADING = re.compile(
    r"^(?P<name>airway|breathing|cardiac|diaphragm|everything else):", re.IGNORECASE | re.MULTILINE
)
_remember = lru_cache(maxsize=8192)
_ORDER = {finding: number for number, finding in enumerate(Finding)}


def extract_facts(text: str) -> list[Fact]:
    """The facts a report states, in the order of their first mention.

    Args:
        text: a report with or without section headings, or a single sentence.

    Returns:
        Present, absent and uncertain facts, each with the span of the words that say it. Mentions of the same
        finding are merged where nothing speaks against it. `Finding.NO_FINDING` is there when the report
        calls the chest normal and names nothing but devices. Empty for a text that says nothing, and for one
        in another language than English.

    Raises:
        UsageError: it is no text.
    """
    a_text(text, "report", "give the text of one report at a time")
    if is_foreign(text):
        return []
    text = _without_subheadings(text)
    mentions: list[_Placed] = []
    for name, start, end in section_spans(text):
        if name in _DESCRIBING:
            mentions += _called_normal(text, start, end)
            for begin, sentence in statements(text, start, end):
                for fact, (first, last) in _reading(sentence).said:
                    mentions.append((fact, (begin + first, begin + last)))
    return _merged(mentions)


def _without_subheadings(text: str) -> str:
    """A structured report with blanks for its subheadings, which state nothing of the heart or diaphragm."""
    names = {match["name"].lower() for match in _SUBHEADING.finditer(text)} if "\n" in text else set()
    if not names - {"cardiac", "diaphragm"}:  # alone they do: "Cardiac: normal."
        return text
    return _SUBHEADING.sub(lambda match: " " * len(match[0]), text)


def _called_normal(text: str, start: int, end: int) -> list[Mention]:
    """No Finding where a section is nothing but "Normal."."""
    section = text[start:end].strip()
    if len(section) > _ELLIPSIS or " ".join(tokens(section)) not in _NORMAL:
        return []
    first = text.index(section, start)
    return [(Fact(Finding.NO_FINDING), (first, first + len(section)))]


def statements(text: str, start: int, end: int) -> list[tuple[int, str]]:
    """Where sentences begin, and they; one that only names grade and side is joined to the one before."""
    said: list[tuple[int, str]] = []
    for begin, stop in sentences(text, start, end):
        sentence = text[begin:stop]
        joins = said and len(sentence) <= _ELLIPSIS and len(said[-1][1]) <= _MEMORABLE
        if joins and said[-1][1].endswith(".") and _reading(sentence).is_ellipsis:
            first, before = said.pop()
            begin, sentence = first, f"{before[:-1]};{text[first + len(before) : stop]}"
        said.append((begin, sentence))
    return said


def mentioned(sentence: str, start: int) -> list[Fact]:
    """The facts of one sentence that begins at character `start` of its text, unmerged."""
    return [fact.at((start + first, start + last)) for fact, (first, last) in _reading(sentence).said]


class _Reading(NamedTuple):
    """What one sentence says, each fact with its characters, and whether it lacks its finding."""

    said: tuple[Mention, ...]
    is_ellipsis: bool


def _reading(sentence: str) -> _Reading:
    return _remembered(sentence) if len(sentence) <= _MEMORABLE else _read(sentence)


def _read(sentence: str) -> _Reading:
    found = marks(sentence)
    said: list[Mention] = []
    for start in range(0, len(found), _CLAUSE):
        part = found[start : start + _CLAUSE]
        said += facts_of(sentence, part, claims(part, tones(part)))
    return _Reading(tuple(said), _is_ellipsis(sentence, found))


# Reports repeat their sentences: of a real collection's, more than half have been seen before.
_remembered = _remember(_read)


def _is_ellipsis(sentence: str, found: Sequence[Mark]) -> bool:
    """Whether a sentence lacks its finding: "Small on the left."."""
    if len(sentence) > _ELLIPSIS:
        return False
    sided = graded = False
    for word in (mark.word for mark in found):
        if word.findings or (word.organ and not word.site) or not word.cues <= _BESIDE_A_SIDE:
            return False
        sided = sided or word.side is not None
        graded = graded or word.severity is not None
    if not (sided and graded):
        return False
    known = sum(mark.last - mark.first + 1 for mark in found)
    return known == sum(word not in _ARTICLES for word in tokens(sentence))


_BESIDE_A_SIDE = frozenset({"in", "one", "comma", "degree", "adverb", "exist", "cut", "verb"})
_ARTICLES = frozenset({"a", "an", "the"})


def merge(mentions: Iterable[Fact]) -> list[Fact]:
    """One fact for mentions of the same finding that agree, whatever their order.

    A mention with fewer details joins the one with more that it agrees with; where it agrees with several it
    adds nothing. "Present" wins over "uncertain" (the impression often hedges what the findings state), and a
    general denial gives way to a stated finding.

    Returns:
        The facts by the place of their first mention.
    """
    return _merged((fact, fact.span) for fact in mentions)


_Placed = tuple[Fact, tuple[int, int] | None]
"""A fact and the span it is to have; its own does not matter, nor is it part of its equality."""


def _merged(mentions: Iterable[_Placed]) -> list[Fact]:
    by_finding: dict[Finding, list[_Placed]] = {}
    for mention in mentions:
        by_finding.setdefault(mention[0].finding, []).append(mention)
    facts: list[_Placed] = []
    for same in by_finding.values():
        facts += _agreed(same) if len(same) > 1 else same
    if Finding.NO_FINDING in by_finding and any(_is_disease(fact) for fact, _ in facts):
        facts = [mention for mention in facts if mention[0].finding is not Finding.NO_FINDING]
    facts.sort(key=_by_place)
    return [fact.at(span) for fact, span in facts]


def _is_disease(fact: Fact) -> bool:
    return fact.presence is not Presence.ABSENT and fact.finding not in _HARMLESS


def _agreed(mentions: list[_Placed]) -> list[_Placed]:
    """The mentions of one finding, joined."""
    spans: dict[Fact, tuple[int, int] | None] = {}
    for fact, span in mentions:
        spans[fact] = _earlier(spans.get(fact), span)
    kept: list[_Placed] = []
    for fact in sorted(spans, key=_most_said) if len(spans) > 1 else spans:
        agreeing = [index for index, (other, _) in enumerate(kept) if _agree(fact, other)]
        for index in agreeing:
            other, span = kept[index]
            joined = _join(other, fact, with_details=len(agreeing) == 1)
            kept[index] = joined, _earlier(span, spans[fact])
        if not agreeing:
            kept.append((fact, spans[fact]))
    if len(kept) == 1:
        return kept
    return _without_contradiction(sorted(kept, key=lambda mention: _most_said(mention[0])))


def _earlier(one: tuple[int, int] | None, two: tuple[int, int] | None) -> tuple[int, int] | None:
    return min(one, two) if one and two else one or two


_said: Callable[[Fact], tuple[Any, ...]] = attrgetter(*FACT_DETAILS)


def _unsaid(detail: object) -> bool:
    return detail is None or detail == ()


@_remember
def _most_said(fact: Fact) -> tuple[int, bool, str]:
    """Mentions with more details first, then certain ones; equal keys are equal facts."""
    details = _said(fact)
    return sum(map(_unsaid, details)), fact.presence is Presence.UNCERTAIN, repr((fact.presence, details))


def _by_place(mention: _Placed) -> tuple[tuple[int, int], int]:
    fact, span = mention
    return span or (0, 0), _ORDER[fact.finding]


@_remember
def _agree(one: Fact, two: Fact) -> bool:
    if (one.presence is Presence.ABSENT) != (two.presence is Presence.ABSENT):
        return False
    pairs = zip(_said(one), _said(two), strict=True)
    return all(mine == theirs or _unsaid(mine) or _unsaid(theirs) for mine, theirs in pairs)


@_remember
def _join(one: Fact, two: Fact, *, with_details: bool) -> Fact:
    presence = one.presence if one.presence is not Presence.UNCERTAIN else two.presence
    missing = {key: getattr(two, key) for key in FACT_DETAILS if with_details and _unsaid(getattr(one, key))}
    return replace(one, presence=presence, **missing)


def _without_contradiction(same: list[_Placed]) -> list[_Placed]:
    if not any(fact.presence is not Presence.ABSENT for fact, _ in same):
        return same
    return [
        (fact, span)
        for fact, span in same
        if fact.presence is not Presence.ABSENT or fact.side is not None or fact.change is Change.RESOLVED
    ]
