"""Reports written from facts, in words that `extract_facts` reads back as the same facts.

    import numpy as np
    from hilum.reports import write_report
    from hilum.study import Fact, Finding, Severity, Side
    effusion = Fact(Finding.PLEURAL_EFFUSION, side=Side.LEFT, severity=Severity.MILD)
    print(write_report([effusion], rng=np.random.default_rng(0)).findings)

Sentences are short, one fact each, attributes beside the finding. A report keeps one of three styles:
prose, brief (noun phrases) or labelled (by organ). Key findings come first, then a few pertinent normals. The
wordings stand in `statements.toml` beside this file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np

from hilum.reports.lexicon import table
from hilum.reports.phrases import Phrase, capital, pick, put
from hilum.study import DEVICES, Change, Fact, Finding, Position, Presence, Report, Side

_TABLE: Final[dict[str, Any]] = table("statements.toml")
_SECTIONS: Final[dict[str, list[str]]] = _TABLE["sections"]
_ORGAN: Final[dict[str, list[str]]] = _TABLE["organ"]
_NORMALS: Final = [
    (frozenset(map(Finding, row["denies"])), row["system"], row["words"]) for row in _TABLE["normal"]
]

STYLES: Final = ("prose", "prose", "brief", "labelled")
"""Overall styles, prose twice as likely."""

_ORDER: Final = (
    Finding.PNEUMOTHORAX,
    Finding.PLEURAL_EFFUSION,
    Finding.CONSOLIDATION,
    Finding.PNEUMONIA,
    Finding.LUNG_OPACITY,
    Finding.ATELECTASIS,
    Finding.EDEMA,
    Finding.CARDIOMEGALY,
    Finding.ENLARGED_CARDIOMEDIASTINUM,
    Finding.MASS,
    Finding.NODULE,
    Finding.FRACTURE,
    Finding.PLEURAL_OTHER,
    Finding.EMPHYSEMA,
    Finding.FIBROSIS,
    Finding.HIATAL_HERNIA,
)
"""Most pressing first; other findings follow, devices come last."""

_SYSTEMS: Final = {
    "Heart": {
        Finding.CARDIOMEGALY,
        Finding.ENLARGED_CARDIOMEDIASTINUM,
        Finding.HIATAL_HERNIA,
        Finding.TORTUOUS_AORTA,
        Finding.AORTIC_ATHEROSCLEROSIS,
    },
    "Pleura": {Finding.PNEUMOTHORAX, Finding.PLEURAL_EFFUSION, Finding.PLEURAL_OTHER},
    "Bones": {Finding.FRACTURE, Finding.SCOLIOSIS, Finding.DEGENERATIVE_CHANGE, Finding.OSTEOPENIA},
    "Abdomen": {Finding.ELEVATED_DIAPHRAGM, Finding.PNEUMOPERITONEUM},
    "Soft tissues": {Finding.SUBCUTANEOUS_EMPHYSEMA, Finding.SURGICAL_CHANGE},
    "Devices": {*DEVICES, Finding.SUPPORT_DEVICES},
}
"""Headings of the labelled style; what is not listed belongs to the lungs."""

_LONGEST_IMPRESSION = 25
_MOST_NORMALS = 3


def write_report(
    facts: Sequence[Fact],
    *,
    rng: np.random.Generator,
    position: Position = Position.PA,
    indication: str | None = None,
    prior: bool = False,
    complete: bool = True,
    style: str | None = None,
) -> Report:
    """Write the facts as a report of four sections.

    Args:
        facts: at most one per finding; an absent one is denied, an absent one that resolved is said to have.
        rng: chooses the wordings.
        position: an AP view is taken at the bedside, which shows in the indication.
        indication: used as it stands; without it one is made up that tells nothing of the findings.
        prior: whether there is an earlier study to compare with.
        complete: whether what `facts` leaves out is known to be absent; only then are normals mentioned.
        style: "prose", "brief" or "labelled"; without it one is drawn.

    Returns:
        The report. Findings alone state every fact in full; the impression repeats the pressing ones in at
        most 25 words. Both are empty when there are no facts and `complete` is False.
    """
    chosen = style or STYLES[int(rng.integers(len(STYLES)))]
    ordered = sorted(facts, key=_rank)
    return Report(
        indication=_indication(indication, position, rng),
        comparison=pick(_SECTIONS["prior" if prior else "no_prior"], rng),
        findings=_findings(ordered, chosen, rng, complete=complete),
        impression=_impression(ordered, chosen, rng, complete=complete),
    )


def _indication(given: str | None, position: Position, rng: np.random.Generator) -> str:
    portable = position is Position.AP
    made_up = pick(_SECTIONS["portable_indications" if portable else "indications"], rng)
    return made_up if given is None else given


def _rank(fact: Fact) -> tuple[bool, bool, int, str]:
    place = _ORDER.index(fact.finding) if fact.finding in _ORDER else len(_ORDER)
    return (
        fact.presence is Presence.ABSENT,
        fact.finding in _SYSTEMS["Devices"],
        place,
        fact.finding.value,
    )


def _findings(facts: Sequence[Fact], style: str, rng: np.random.Generator, *, complete: bool) -> str:
    said = [(_system(fact.finding), _statement(fact, style, rng)) for fact in facts]
    said += _normals(facts, rng) if complete else []
    if style != "labelled":
        return " ".join(sentence for _, sentence in said)
    systems = dict.fromkeys(system for system, _ in said)
    grouped = {name: [sentence for system, sentence in said if system == name] for name in systems}
    return " ".join(f"{name}: {' '.join(sentences)}" for name, sentences in grouped.items())


def _system(finding: Finding) -> str:
    return next((name for name, members in _SYSTEMS.items() if finding in members), "Lungs")


def _kind(fact: Fact) -> str:
    device = fact.finding in _SYSTEMS["Devices"]
    if fact.change is Change.RESOLVED:
        return "removed" if device else "resolved"
    if fact.presence is not Presence.PRESENT:
        return fact.presence.value
    if fact.change is not None:
        return fact.change.value
    if device:
        return "placed" if fact.tip and fact.side is not Side.BILATERAL else "device"
    return "present"


def _statement(fact: Fact, style: str, rng: np.random.Generator) -> str:
    kind = _kind(fact)
    if kind == "present" and fact.severity and style == "prose" and rng.random() < 0.3:
        organ = _ORGAN.get(fact.finding.value)
        if organ:
            return put(pick(organ, rng), Phrase.of(fact, rng))
    wordings = _TABLE[kind]["prose" if style == "prose" else "brief"]
    return put(pick(wordings, rng), Phrase.of(fact, rng))


def _normals(facts: Sequence[Fact], rng: np.random.Generator) -> list[tuple[str, str]]:
    """One to three normals that nothing in `facts` speaks against; three when there are no facts."""
    mentioned = {fact.finding for fact in facts}
    most = _MOST_NORMALS if not facts else max(1, _MOST_NORMALS - len(facts) // 2)
    said: list[tuple[str, str]] = []
    denied: set[Finding] = set()
    for denies, system, words in _NORMALS:
        if len(said) < most and not denies & mentioned and not denies & denied:
            said.append((system, pick(words, rng)))
            denied |= denies
    return said


def _impression(facts: Sequence[Fact], style: str, rng: np.random.Generator, *, complete: bool) -> str:
    if not facts:
        return pick(_SECTIONS["normal_impression"], rng) if complete else ""
    said: list[str] = []
    for fact in facts:
        sentence = _statement(fact, "brief", rng)
        if _words([*said, sentence]) <= _LONGEST_IMPRESSION:
            said.append(sentence)
    if complete and _nothing_acute(facts):
        closing = pick(_SECTIONS["no_acute"], rng)
        if _words([*said, closing]) <= _LONGEST_IMPRESSION:
            said.append(closing)
    if style == "labelled" and len(said) > 1:
        said = [f"{number}. {sentence}" for number, sentence in enumerate(said, start=1)]
    return " ".join(map(capital, said))


def _words(said: Iterable[str]) -> int:
    return sum(len(sentence.split()) for sentence in said)


def _nothing_acute(facts: Sequence[Fact]) -> bool:
    """Whether only devices are there, besides what is absent."""
    devices = _SYSTEMS["Devices"]
    return all(fact.presence is Presence.ABSENT or fact.finding in devices for fact in facts)
