"""Random facts, such as a report can state and a phantom can make."""

from __future__ import annotations

from hypothesis import strategies as st

from hilum.reports.lexicon import LEXICON
from hilum.study import Change, Fact, Finding, Presence, Severity, Side, Site

FINDINGS = tuple(finding for finding in LEXICON if finding is not Finding.NO_FINDING)
ONE_SIDED = {Site.LINGULA: Side.LEFT, Site.MIDDLE_LOBE: Side.RIGHT}
"""Lobes that only one lung has."""

STATES = (
    *((Presence.PRESENT, change) for change in (None, *Change) if change is not Change.RESOLVED),
    (Presence.UNCERTAIN, None),
    (Presence.ABSENT, None),
    (Presence.ABSENT, Change.RESOLVED),
)
"""What can be said of a finding's presence and change."""


@st.composite
def facts(draw: st.DrawFn, finding: Finding | None = None) -> Fact:
    """One fact with the attributes that its finding takes."""
    finding = finding or draw(st.sampled_from(FINDINGS))
    entry = LEXICON[finding]
    presence, change = draw(st.sampled_from(STATES))
    there = presence is not Presence.ABSENT
    sites = [None, *sorted(entry.sites)] if there else [None]
    site = draw(st.sampled_from([s for s in sites if s not in ONE_SIDED or entry.sided]))
    sides = [None, Side.LEFT, Side.RIGHT, Side.BILATERAL] if entry.sided else [None]
    return Fact(
        finding,
        presence,
        ONE_SIDED[site] if site in ONE_SIDED else draw(st.sampled_from(sides)),
        site,
        draw(st.sampled_from([None, *Severity])) if there and entry.graded else None,
        change,
    )


def fact_lists(most: int = 6) -> st.SearchStrategy[list[Fact]]:
    """Facts of different findings."""
    chosen = st.lists(st.sampled_from(FINDINGS), max_size=most, unique=True)
    return chosen.flatmap(lambda findings: st.tuples(*map(facts, findings)).map(list))
