"""Which findings, sites and tips may stand for each other: all pairs, as a radiologist would group them."""

from __future__ import annotations

from itertools import combinations, product

import pytest

from hilum.judge.equivalence import are_equivalent, are_one_place, are_one_tip, is_right_place, may_rename
from hilum.study import DEVICES, Fact, Finding, Site, Tip

GROUPS = [
    {Finding.LUNG_OPACITY, Finding.CONSOLIDATION, Finding.PNEUMONIA, Finding.INFILTRATION},
    {Finding.LUNG_OPACITY, Finding.ATELECTASIS},
    *({Finding.LUNG_LESION, kind} for kind in (Finding.NODULE, Finding.MASS, Finding.GRANULOMA)),
    *({Finding.SUPPORT_DEVICES, device} for device in DEVICES),
]
"""Findings of which one may rename the other."""
BESIDE = [
    {Finding.ENLARGED_CARDIOMEDIASTINUM, Finding.CARDIOMEGALY},
    {Finding.EDEMA, Finding.VASCULAR_CONGESTION},
]
"""Findings that may stand for one another, but beside one another are two."""
PLACES = [
    {Site.UPPER_LOBE, Site.UPPER_ZONE, Site.APICAL},
    {Site.MIDDLE_LOBE, Site.LINGULA, Site.MID_ZONE},
    {Site.MID_ZONE, Site.PERIHILAR},
    {Site.LOWER_LOBE, Site.LOWER_ZONE, Site.BASAL, Site.RETROCARDIAC},
    {Site.BASAL, Site.COSTOPHRENIC_ANGLE},
]


def pairs(groups) -> set[tuple]:
    return {pair for group in groups for pair in product(group, group)}


def test_findings_that_may_be_one() -> None:
    same = {(finding, finding) for finding in Finding}
    assert {p for p in product(Finding, Finding) if are_equivalent(*p)} == pairs([*GROUPS, *BESIDE]) | same


def test_findings_that_may_be_a_second_name() -> None:
    renamed = {p for p in product(Finding, Finding) if may_rename(*p) and p[0] is not p[1]}
    assert renamed == {p for p in pairs(GROUPS) if p[0] is not p[1]}


def test_sites_and_tips_that_are_one() -> None:
    assert {p for p in product(Site, Site) if are_one_place(*p)} == pairs(PLACES) | {(s, s) for s in Site}
    assert {frozenset(p) for p in combinations(Tip, 2) if are_one_tip(*p)} == {
        frozenset({Tip.SUPERIOR_VENA_CAVA, Tip.CAVOATRIAL_JUNCTION})
    }
    assert all(are_one_tip(tip, tip) for tip in Tip)


@pytest.mark.parametrize(
    ("tip", "called", "right"),
    [
        (Tip.TRACHEA, None, True),
        (Tip.RIGHT_MAINSTEM_BRONCHUS, None, False),
        (Tip.STOMACH, None, False),
        (Tip.CARINA, None, None),
        (None, None, None),
        (Tip.TRACHEA, True, False),
        (Tip.RIGHT_MAINSTEM_BRONCHUS, False, True),
        (None, True, False),
        (None, False, True),
    ],
)
def test_a_tube_lies_as_it_is_called_or_by_where_it_ends(tip, called, right) -> None:
    assert is_right_place(Fact(Finding.ENDOTRACHEAL_TUBE, tip=tip, malposition=called)) is right
