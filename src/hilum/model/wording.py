"""A report's sections checked against themselves and each other, by the facts they state.

findings = unrepeated("Small left effusion. No pneumothorax. Small left effusion.")
impression = consistent("Small left effusion. Large mass.", findings)        # "Small left effusion."

A model writes its sections one by one and may say in one what the other denies. What its findings do not
state, its impression does not say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from hilum.reports import extract_facts, in_brief
from hilum.reports.sections import sentences
from hilum.study import DEVICES, FACT_DETAILS, Change, Fact, Finding, Presence, Side

_HARMLESS = frozenset({*DEVICES, Finding.SUPPORT_DEVICES, Finding.NO_FINDING})
_NUMBER = re.compile(r"^\d{1,2}[.)]\s*")
_WORDS = re.compile(r"\w+")


def unrepeated(text: str) -> str:
    """The text without sentences that say again what was said: the same words, or no fact but known ones."""
    said: set[object] = set()
    kept = []
    for sentence in _sentences(text):
        words = tuple(_WORDS.findall(_NUMBER.sub("", sentence).lower()))
        facts = {replace(fact, span=None) for fact in extract_facts(sentence)}
        if words in said or (facts and facts <= said):
            continue
        said |= {words, *facts}
        kept.append(sentence)
    return _joined(kept)


def consistent(impression: str, findings: str) -> str:
    """The sentences of an impression its findings bear out; where none is left, the findings in brief."""
    stated = extract_facts(findings)
    kept = [s for s in _sentences(impression) if all(_borne_out(fact, stated) for fact in extract_facts(s))]
    return _joined(kept) or in_brief(findings)


def present(text: str) -> frozenset[Finding]:
    """The findings that a text states or suspects."""
    there = (fact.finding for fact in extract_facts(text) if fact.presence is not Presence.ABSENT)
    return frozenset(there) - {Finding.NO_FINDING}


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


def _joined(kept: Sequence[str]) -> str:
    """Sentences as one text; the items of a list are numbered anew, a single one not at all."""
    if not any(map(_NUMBER.match, kept)):
        return " ".join(kept)
    bare = [_NUMBER.sub("", sentence) for sentence in kept]
    return bare[0] if len(bare) == 1 else " ".join(f"{n}. {words}" for n, words in enumerate(bare, start=1))


def _borne_out(fact: Fact, stated: Iterable[Fact]) -> bool:
    """Whether findings that state these facts allow one more: a denial unless they state what it denies, a
    finding only if they state it too, in no less detail and with no less certainty.
    """
    if fact.finding is Finding.NO_FINDING:
        return not any(f.presence is not Presence.ABSENT and f.finding not in _HARMLESS for f in stated)
    same = [f for f in stated if f.finding is fact.finding]
    if fact.presence is Presence.ABSENT and fact.change is not Change.RESOLVED:
        return not any(f.presence is not Presence.ABSENT and _meet(f.side, fact.side) for f in same)
    return any(_says(f, fact) for f in same)


def _meet(one: Side | None, two: Side | None) -> bool:
    return one is two or None in (one, two) or Side.BILATERAL in (one, two)


def _says(known: Fact, fact: Fact) -> bool:
    """Whether a fact says all that another one does."""
    surer = known.presence is fact.presence or (known.presence, fact.presence) == (
        Presence.PRESENT,
        Presence.UNCERTAIN,
    )
    return surer and all(
        getattr(fact, key) in (None, ())
        or getattr(fact, key) == getattr(known, key)
        or (key == "side" and known.side is Side.BILATERAL)
        for key in FACT_DETAILS
    )
