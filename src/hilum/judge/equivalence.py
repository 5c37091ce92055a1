"""Which findings may stand for each other, and which sites are one place in other words.

    from hilum.judge.equivalence import are_equivalent
    are_equivalent(Finding.PNEUMONIA, Finding.CONSOLIDATION)      # True: one shadow, two names

What a radiograph shows often has a general and a particular name. A report that uses the other one has seen
the same thing; one that says "mass" for "nodule" has not (Fleischner: 3 cm lie between them).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hilum.reports import RIGHT_TIPS, WRONG_TIPS
from hilum.study import DEVICES, Fact, Finding, Site, Tip

_AIRSPACE: Final = (Finding.LUNG_OPACITY, Finding.CONSOLIDATION, Finding.PNEUMONIA, Finding.INFILTRATION)


def _pairs() -> Iterable[tuple[Finding, Finding]]:
    yield from ((one, two) for one in _AIRSPACE for two in _AIRSPACE)
    yield Finding.LUNG_OPACITY, Finding.ATELECTASIS
    yield from ((Finding.LUNG_LESION, kind) for kind in (Finding.NODULE, Finding.MASS, Finding.GRANULOMA))
    yield Finding.ENLARGED_CARDIOMEDIASTINUM, Finding.CARDIOMEGALY
    yield Finding.EDEMA, Finding.VASCULAR_CONGESTION
    yield from ((Finding.SUPPORT_DEVICES, device) for device in DEVICES)


_EQUIVALENT: Final = frozenset(pair for one, two in _pairs() for pair in ((one, two), (two, one)))

_APART: Final = frozenset({Finding.ENLARGED_CARDIOMEDIASTINUM, Finding.VASCULAR_CONGESTION})
"""Findings that stand beside their equivalents rather than for them."""

_PLACES: Final = (
    frozenset({Site.UPPER_LOBE, Site.UPPER_ZONE, Site.APICAL}),
    frozenset({Site.MIDDLE_LOBE, Site.LINGULA, Site.MID_ZONE}),
    frozenset({Site.MID_ZONE, Site.PERIHILAR}),
    frozenset({Site.LOWER_LOBE, Site.LOWER_ZONE, Site.BASAL, Site.RETROCARDIAC}),
    frozenset({Site.BASAL, Site.COSTOPHRENIC_ANGLE}),
)
"""Sites that a frontal view cannot tell apart."""

_TIPS: Final = frozenset({Tip.SUPERIOR_VENA_CAVA, Tip.CAVOATRIAL_JUNCTION})
"""Ends that are one place: the junction cannot be seen, and the lower vena cava is named as often."""


def are_equivalent(one: Finding, two: Finding) -> bool:
    """Whether the two findings may name one thing: equal, or a general name and a particular one."""
    return one is two or (one, two) in _EQUIVALENT


def may_rename(one: Finding, two: Finding) -> bool:
    """Whether a report that states both may mean one thing: among shadows, lesions and devices."""
    return (one, two) in _EQUIVALENT and not {one, two} & _APART


def are_one_place(one: Site, two: Site) -> bool:
    """Whether the two sites may name one place."""
    return one is two or any(one in place and two in place for place in _PLACES)


def are_one_tip(one: Tip, two: Tip) -> bool:
    """Whether the two ends may name one place."""
    return one is two or {one, two} <= _TIPS


def is_right_place(fact: Fact) -> bool | None:
    """Whether a device lies well, as it is called or by where it ends; None where that is left open."""
    if fact.malposition is not None:
        return not fact.malposition
    if fact.tip in RIGHT_TIPS.get(fact.finding, ()):
        return True
    return False if fact.tip in WRONG_TIPS.get(fact.finding, ()) else None
