"""One error put into a report's facts, by kind: what a judge must notice.

    from hilum.judge.perturb import PERTURBATIONS
    worse = PERTURBATIONS["side flip"](facts, rng)      # None where the report offers no place for it

Written out again, such facts make a candidate that is wrong in one known way (`benchmarks/judge.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

import numpy as np

from hilum.judge.equivalence import are_equivalent, is_right_place
from hilum.study import DEVICES, Change, Fact, Finding, Presence, Severity, Side, Site, Tip

Facts = Sequence[Fact]
Perturb = Callable[[Facts, np.random.Generator], list[Fact] | None]
_T = TypeVar("_T")

_MIRRORED: Final = {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT}
_MIRRORED_SITES: Final = {Site.LINGULA: Site.MIDDLE_LOBE, Site.MIDDLE_LOBE: Site.LINGULA}
_ASTRAY: Final = {
    Finding.ENDOTRACHEAL_TUBE: Tip.RIGHT_MAINSTEM_BRONCHUS,
    Finding.CENTRAL_LINE: Tip.SUBCLAVIAN_VEIN,
    Finding.NASOGASTRIC_TUBE: Tip.ESOPHAGUS,
}
_RIGHT: Final = {
    Finding.ENDOTRACHEAL_TUBE: Tip.TRACHEA,
    Finding.CENTRAL_LINE: Tip.SUPERIOR_VENA_CAVA,
    Finding.NASOGASTRIC_TUBE: Tip.STOMACH,
}
_CHANGES: Final = (Change.NEW, Change.WORSENED, Change.STABLE, Change.IMPROVED)


def flip_negation(facts: Facts, rng: np.random.Generator) -> list[Fact] | None:
    """A stated finding is denied, or a denied one stated."""
    chosen = _drawn([f for f in _alone(facts) if f.change is None], rng)
    if chosen is None:
        return None
    there = chosen.presence is not Presence.ABSENT
    return _swapped(facts, chosen, Fact(chosen.finding, Presence.ABSENT if there else Presence.PRESENT))


def flip_side(facts: Facts, rng: np.random.Generator) -> list[Fact] | None:
    """A finding of one side is said to be on the other."""
    chosen = _drawn([f for f in _stated(facts) if f.side in _MIRRORED], rng)
    if chosen is None or chosen.side is None:
        return None
    site = _MIRRORED_SITES.get(chosen.site, chosen.site) if chosen.site else None
    return _swapped(facts, chosen, replace(chosen, side=_MIRRORED[chosen.side], site=site))


def change_severity(facts: Facts, rng: np.random.Generator) -> list[Fact] | None:
    """A finding gets another grade."""
    chosen = _drawn([f for f in _stated(facts) if f.severity], rng)
    if chosen is None:
        return None
    grade = _drawn([grade for grade in Severity if grade is not chosen.severity], rng)
    return _swapped(facts, chosen, replace(chosen, severity=grade))


def add_finding(facts: Facts, rng: np.random.Generator) -> list[Fact] | None:
    """A finding is stated that the report does not know."""
    known = [fact.finding for fact in facts]
    free = [f for f in _ADDED if not any(are_equivalent(f, other) for other in known)]
    added = _drawn(free, rng)
    return None if added is None else [*facts, Fact(added)]


def remove_finding(facts: Facts, rng: np.random.Generator) -> list[Fact] | None:
    """A stated finding is left out."""
    chosen = _drawn([f for f in _alone(facts) if f.presence is not Presence.ABSENT], rng)
    return None if chosen is None else [fact for fact in facts if fact != chosen]


def make_up_comparison(facts: Facts, rng: np.random.Generator) -> list[Fact] | None:
    """A finding that is compared with nothing is said to have changed, or not to have."""
    chosen = _drawn([f for f in _stated(facts) if f.presence is Presence.PRESENT and f.change is None], rng)
    return None if chosen is None else _swapped(facts, chosen, replace(chosen, change=_drawn(_CHANGES, rng)))


def misplace_device(facts: Facts, rng: np.random.Generator) -> list[Fact] | None:
    """A tube or line that ends where it should ends elsewhere, or the other way round."""
    chosen = _drawn([f for f in _stated(facts) if f.tip and f.finding in _ASTRAY], rng)
    if chosen is None:
        return None
    astray = is_right_place(chosen) is False or chosen.tip is _ASTRAY[chosen.finding]
    tip = (_RIGHT if astray else _ASTRAY)[chosen.finding]
    return _swapped(facts, chosen, replace(chosen, tip=tip, malposition=None if astray else True))


PERTURBATIONS: Final[Mapping[str, Perturb]] = {
    "negation flip": flip_negation,
    "side flip": flip_side,
    "severity change": change_severity,
    "finding added": add_finding,
    "finding removed": remove_finding,
    "comparison made up": make_up_comparison,
    "device misplaced": misplace_device,
}
"""Every kind by name."""

_ADDED: Final = (
    Finding.PNEUMOTHORAX,
    Finding.PLEURAL_EFFUSION,
    Finding.PNEUMONIA,
    Finding.ATELECTASIS,
    Finding.EDEMA,
    Finding.CARDIOMEGALY,
    Finding.NODULE,
    Finding.FRACTURE,
    Finding.EMPHYSEMA,
    Finding.FIBROSIS,
    Finding.HIATAL_HERNIA,
    *DEVICES,
)


def _stated(facts: Facts) -> list[Fact]:
    return [f for f in facts if f.presence is not Presence.ABSENT and f.finding is not Finding.NO_FINDING]


def _alone(facts: Facts) -> list[Fact]:
    """Facts for which no other one of the report could stand."""
    return [
        fact
        for fact in facts
        if fact.finding is not Finding.NO_FINDING
        and not any(other != fact and are_equivalent(fact.finding, other.finding) for other in facts)
    ]


def _drawn(options: Sequence[_T], rng: np.random.Generator) -> _T | None:
    return options[int(rng.integers(len(options)))] if options else None


def _swapped(facts: Facts, old: Fact, new: Fact) -> list[Fact]:
    return [new if fact == old else fact for fact in facts]
