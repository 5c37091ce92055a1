"""Finding the words of the tables in a text: one pass over its words, one look in a tree of phrases each.

    from hilum.reports.words import marks
    [mark.word.findings for mark in marks("Small effusion.")]

A phrase is matched word by word, whatever blanks, hyphens or slashes stand between ("air-space" is "air
space"), the longest phrase first, and never across punctuation. A word that no phrase has is looked up by its
other spellings (`spelling`). The cost is linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from hilum.reports.lexicon import (
    CHANGE_WORDS,
    LEVEL_WORDS,
    LEXICON,
    PART_WORDS,
    SEVERITY_WORDS,
    SIDE_WORDS,
    SIDED_SITES,
    SITE_WORDS,
    expand,
    table,
)
from hilum.reports.spelling import plain, respelled
from hilum.study import Change, Finding, Severity, Side, Site

ORGANS: Final = table("organs.toml")
"""Organs, qualities and what they make together."""

CUES: Final[Mapping[str, list[str]]] = table("cues.toml")
"""Words that say how a statement is meant."""


@dataclass(frozen=True, slots=True)
class Word:
    """What a phrase can mean; one phrase can mean several things ("decreased": improved, or low)."""

    findings: tuple[Finding, ...] = ()
    organ: str | None = None
    quality: str | None = None
    side: Side | None = None
    site: Site | None = None
    site_side: Side | None = None
    level: str | None = None
    severity: Severity | None = None
    change: Change | None = None
    cues: frozenset[str] = frozenset()


class Mark(NamedTuple):
    """A phrase found: its meaning, where it is (characters) and the number of its first and last word."""

    word: Word
    start: int
    end: int
    first: int
    last: int


@dataclass(slots=True)
class _Node:
    """A node of the tree of phrases, a word deep."""

    after: dict[str, _Node] = field(default_factory=dict)
    word: Word | None = None


_TOKEN = re.compile(
    r"xxxx-a-(?:xxxx|cath)\b|[^\W_]+(?:['’][a-z]+)?|\([-–+]\)|[,;:()?><&↑↓]|#(?!\s*\d+\b)|(?<=\s)(?:\+|[-–—]+)(?=\s)",
    re.IGNORECASE,
)
_PUNCTUATION = {
    **dict.fromkeys(");", Word(cues=frozenset({"cut", "contrast"}))),
    "(": Word(cues=frozenset({"cut", "contrast", "bracket"})),
    **dict.fromkeys(("-", "–", "—", "--"), Word(cues=frozenset({"cut", "dash"}))),
    **dict.fromkeys(("(-)", "(–)"), Word(cues=frozenset({"negation_after"}))),
    ",": Word(cues=frozenset({"comma"})),
    ":": Word(cues=frozenset({"colon"})),
    "?": Word(cues=frozenset({"hedge_either"})),
    **dict.fromkeys("&+", Word(cues=frozenset({"and"}))),
}
_SLASH: Final = Word(cues=frozenset({"and", "slash"}))
_JOINTS: Final = frozenset({"comma", "and", "with"})
_SUBJECT: Final = (("cues", frozenset({"subject"})),)
_NEW_NOUN: Final = re.compile(
    r"\s*(?:\d[\d.,x×by\s-]{0,20}(?:mm|cm|millimet|centimet)|(?:old|healed|healing|remote)\b)", re.IGNORECASE
)
"""A size or an age; a size is short, so that a long list of numbers is not read through at each comma."""


def tokens(text: str) -> list[str]:
    """The words of a phrase as the tree holds them: lower case, hyphens and slashes as blanks."""
    return [word for token in _TOKEN.finditer(text) for word in plain(token[0].lower()).split()]


def _meanings() -> Iterator[tuple[str, dict[str, Any]]]:
    for finding, entry in LEXICON.items():
        if finding is not Finding.NO_FINDING:  # put together from "no", "acute" and "abnormality"
            yield from ((form, {"findings": (finding,), **_within(form)}) for form in entry.forms)
        gone = {"findings": (finding,), "change": Change.RESOLVED}
        yield from ((form, gone) for form in _forms(entry.removed))
    for slot, words in (
        ("side", SIDE_WORDS),
        ("site_side", PART_WORDS),
        ("level", LEVEL_WORDS),
        ("severity", SEVERITY_WORDS),
        ("change", CHANGE_WORDS),
    ):
        yield from ((form, {slot: value}) for form, value in words.items())
    for form, site in SITE_WORDS.items():
        yield form, {"site": site, "site_side": SIDED_SITES.get(form)}
    for slot in ("organ", "quality"):
        for name, terms in ORGANS[slot].items():
            yield from ((form, {slot: name}) for form in _forms(terms))
    for form in _forms((*ORGANS["organ"]["spine"], *ORGANS["organ"]["heights"])):
        yield form, {"site": Site.SPINE}
    for cue, terms in CUES.items():
        yield from ((form, {"cues": frozenset({cue})}) for form in _forms(terms))


_CHAMBERS = frozenset({"atrial", "ventricular"})


def _within(form: str) -> dict[str, Any]:
    """Side and site that a finding's term says itself: "biapical pleural thickening", "rib fracture"."""
    words = tokens(form)
    # "Left ventricular failure" is on no side.
    words = [word for word, after in zip(words, [*words[1:], ""], strict=True) if after not in _CHAMBERS]
    runs = [" ".join(words[i:j]) for i in range(len(words)) for j in range(len(words), i, -1)]
    sides = [SIDE_WORDS[run] for run in runs if run in SIDE_WORDS]
    site = next((run for run in runs if run in SITE_WORDS), None)
    said: dict[str, Any] = {"side": sides[0]} if sides else {}
    return said if site is None else {**said, "site": SITE_WORDS[site], "site_side": SIDED_SITES.get(site)}


def _forms(terms: Iterable[str]) -> list[str]:
    return [form for term in terms for form in expand(term)]


def _grow() -> _Node:
    root = _Node()
    for mark, word in _PUNCTUATION.items():
        root.after[mark] = _Node(word=word)
    for form, meaning in _meanings():
        node = root
        for token in tokens(form):
            if token not in node.after:
                node.after[token] = _Node()
            node = node.after[token]
        node.word = _joined(node.word or Word(), tuple(meaning.items()))
    return _shared(root, {})


def _shared(node: _Node, known: dict[tuple[Word | None, frozenset[tuple[str, int]]], _Node]) -> _Node:
    """The tree with each of its equal branches held once: a small one stays in the processor's cache."""
    node.after = {token: _shared(after, known) for token, after in node.after.items()}
    branches = frozenset((token, id(after)) for token, after in node.after.items())
    return known.setdefault((node.word, branches), node)


@cache
def _joined(word: Word, meaning: tuple[tuple[str, Any], ...]) -> Word:
    """What a phrase means that means this as well; few meanings differ, so that phrases share them."""
    more = dict(meaning)
    if "cues" in more:
        more["cues"] = word.cues | more["cues"]
    if "findings" in more:
        more["findings"] = tuple(dict.fromkeys((*word.findings, *more["findings"])))
    return replace(word, **more)


def _vocabulary(node: _Node) -> Iterator[str]:
    for word, after in node.after.items():
        yield word
        yield from _vocabulary(after)


_ROOT: Final = _grow()
_FIRST: Final = _ROOT.after
_VOCABULARY: Final = frozenset(_vocabulary(_ROOT))


@lru_cache(maxsize=1 << 16)
def _spelled(word: str) -> str:
    """What an unknown word stands for, in words of the tables."""
    said = plain(word)
    return said if said in _VOCABULARY or " " in said else respelled(said, _VOCABULARY)


def _read(text: str) -> tuple[list[str], list[re.Match[str]]]:
    """The words of a text in the tables' spelling, and the token of the text that each stands for."""
    found = list(_TOKEN.finditer(text))
    words = [token[0].lower() for token in found]
    parted = False
    for at, word in enumerate(words):
        if word not in _VOCABULARY:
            words[at] = _spelled(word)
            parted = parted or " " in words[at]
    if parted:  # "isn't", or a blank that was lost
        parts = [word.split() for word in words]
        found = [token for token, part in zip(found, parts, strict=True) for _ in part]
        words = [word for part in parts for word in part]
    return words, found


def marks(text: str) -> list[Mark]:
    """The phrases of the tables in a text, from left to right, none overlapping another."""
    found: list[Mark] = []
    words, places = _read(text)
    slashed = "/" in text
    at, count = 0, len(words)
    while at < count:
        node = _FIRST.get(words[at])
        if node is None:
            at += 1
            continue
        best, last, ahead = node.word, at, at + 1
        while ahead < count and (node := node.after.get(words[ahead])) is not None:
            if node.word is not None:
                best, last = node.word, ahead
            ahead += 1
        if best is not None:
            stop = places[last].end()
            if not best.cues.isdisjoint(_JOINTS) and _NEW_NOUN.match(text, stop):
                best = _joined(best, _SUBJECT)  # ", 5 mm nodule" is as much as "and a nodule"
            found.append(Mark(best, places[at].start(), stop, at, last))
            if slashed and text.startswith("/", stop):  # "collapse/consolidation"
                found.append(Mark(_SLASH, stop, stop + 1, last, last))
        at = last + 1
    return found
