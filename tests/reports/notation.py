"""The short notation for facts that the tables of sentences use: "+Pleural Effusion left mild"."""

from __future__ import annotations

from hilum.study import Change, Fact, Finding, Presence, Severity, Side, Site

_SIGNS = {"+": Presence.PRESENT, "-": Presence.ABSENT, "?": Presence.UNCERTAIN}
_KINDS = {"side": Side, "site": Site, "severity": Severity, "change": Change}


def fact(line: str) -> Fact:
    """The fact of one line."""
    words = line[1:]
    finding = max((f for f in Finding if words.startswith(f.value)), key=lambda f: len(f.value))
    rest = words.removeprefix(finding.value)
    given = {}
    for slot, kind in _KINDS.items():
        for value in kind:
            if f" {value.value}" in rest:
                rest = rest.replace(f" {value.value}", "", 1)
                given[slot] = value
    assert not rest.strip(), f"{line!r} says {rest!r}, which is no attribute"
    return Fact(finding, _SIGNS[line[0]], **given)


def line(fact: Fact) -> str:
    """The inverse of `fact`."""
    sign = next(sign for sign, presence in _SIGNS.items() if presence is fact.presence)
    attributes = (getattr(fact, slot) for slot in _KINDS)
    return " ".join([sign + fact.finding.value, *(a.value for a in attributes if a)])
