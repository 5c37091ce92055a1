"""The short notation for facts that the tables of sentences use: "+Pleural Effusion left mild".

After the finding, in any order: side, site, severity, change; a size "12mm"; ribs and vertebrae "5,6", "T8";
"acute" or "healed"; the place of a tip; "placed well" or "misplaced".
"""

from __future__ import annotations

import re

from hilum.study import Acuity, Change, Fact, Finding, Presence, Severity, Side, Site, Tip

_SIGNS = {"+": Presence.PRESENT, "-": Presence.ABSENT, "?": Presence.UNCERTAIN}
_KINDS = {
    "tip": Tip,
    "side": Side,
    "site": Site,
    "severity": Severity,
    "change": Change,
    "acuity": Acuity,
}
_PLACED = {False: "placed well", True: "misplaced"}


def fact(line: str) -> Fact:
    """The fact of one line."""
    words = line[1:]
    finding = max((f for f in Finding if words.startswith(f.value)), key=lambda f: len(f.value))
    rest = words.removeprefix(finding.value)
    given = {}
    for malposition, name in _PLACED.items():
        if f" {name}" in rest:
            rest = rest.replace(f" {name}", "", 1)
            given["malposition"] = malposition
    for slot, kind in _KINDS.items():
        for value in sorted(kind, key=lambda value: -len(value.value)):
            if slot not in given and f" {value.value}" in rest:
                rest = rest.replace(f" {value.value}", "", 1)
                given[slot] = value
    for word in rest.split():
        if re.fullmatch(r"[\d.]+mm", word):
            given["size_mm"] = float(word.removesuffix("mm"))
        else:
            assert re.fullmatch(r"(\d+|[CTL]\d+)(,(\d+|[CTL]\d+))*", word), f"{line!r} says {word!r}"
            given["levels"] = tuple(word.split(","))
    return Fact(finding, _SIGNS[line[0]], **given)


def line(fact: Fact) -> str:
    """The inverse of `fact`."""
    sign = next(sign for sign, presence in _SIGNS.items() if presence is fact.presence)
    words = [value.value for slot in _KINDS if (value := getattr(fact, slot))]
    if fact.size_mm is not None:
        words.append(f"{fact.size_mm:g}mm")
    if fact.levels:
        words.append(",".join(fact.levels))
    if fact.malposition is not None:
        words.append(_PLACED[fact.malposition])
    return " ".join([sign + fact.finding.value, *words])
