from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.sources.mesh import HEADINGS, MAPPED, QUALIFIED, as_coded, facts_of
from hilum.study import DEVICES, Fact, Finding, Presence, Severity, Side, Site
from sources.helpers import read

QUALIFIERS = [
    "left",
    "right",
    "bilateral",
    "mild",
    "large",
    "base",
    "lung",
    "upper lobe",
    "enlarged",
    "chronic",
]
TERMS = st.builds(
    lambda heading, rest: "/".join([heading, *rest]),
    st.sampled_from([*HEADINGS, *QUALIFIED, "normal", "Kyphosis"]),
    st.lists(st.sampled_from(QUALIFIERS), max_size=4),
)


@pytest.mark.parametrize(
    ("term", "facts"),
    [
        ("Cardiomegaly/mild", [Fact(Finding.CARDIOMEGALY, severity=Severity.MILD)]),
        ("Opacity/lung/base/left", [Fact(Finding.LUNG_OPACITY, side=Side.LEFT, site=Site.BASAL)]),
        (
            "Pleural Effusion/bilateral/small",
            [Fact(Finding.PLEURAL_EFFUSION, side=Side.BILATERAL, severity=Severity.MILD)],
        ),
        (
            "Hydropneumothorax/right",
            [Fact(f, side=Side.RIGHT) for f in (Finding.PLEURAL_EFFUSION, Finding.PNEUMOTHORAX)],
        ),
        ("Diaphragm/right/elevated", [Fact(Finding.ELEVATED_DIAPHRAGM, side=Side.RIGHT)]),
        ("Diaphragm/right", []),
        ("Lung/hypoinflation", [Fact(Finding.LOW_LUNG_VOLUMES)]),
        ("Cicatrix/lung/apex/left", [Fact(Finding.FIBROSIS, side=Side.LEFT, site=Site.APICAL)]),
        ("normal", []),
        ("Foreign Bodies/abdomen", []),
        ("", []),
    ],
)
def test_a_term_says_what_its_heading_and_qualifiers_say(term, facts):
    assert list(facts_of([term])) == facts


@given(st.lists(TERMS, max_size=5))
def test_all_findings_of_the_facts_can_be_named(terms):
    facts = facts_of(terms)
    assert {fact.finding for fact in facts} <= set(MAPPED)
    assert len(set(facts)) == len(facts)
    assert all(fact.presence is Presence.PRESENT for fact in facts)


@given(st.lists(TERMS, max_size=5), st.randoms())
def test_blanks_case_and_the_order_of_terms_do_not_matter(terms, random):
    spaced = [term.replace("/", " / ").upper() + " " for term in terms]
    random.shuffle(spaced)
    assert set(facts_of(spaced)) == set(facts_of(terms))


def test_devices_are_coded_as_one_and_wires_not_at_all():
    assert as_coded([Finding.PACEMAKER, Finding.CENTRAL_LINE]) == {Finding.SUPPORT_DEVICES}
    assert as_coded([Finding.STERNOTOMY_WIRES]) == frozenset()
    assert as_coded([*Finding]) == set(MAPPED)
    assert not set(DEVICES) & set(MAPPED)


@pytest.mark.data
def test_the_real_terms_name_what_a_search_for_their_words_finds(data_root):
    studies, _ = read("open-i", data_root / "open-i")
    count = Counter(
        finding for study in studies for finding, there in study.labels.items() if there is Presence.PRESENT
    )
    # Counted in the XML text by plain search, apart from this mapping.
    assert count[Finding.CARDIOMEGALY] == 294
    assert count[Finding.SCOLIOSIS] == 77
    assert count[Finding.PLEURAL_EFFUSION] == 129
    assert count[Finding.PNEUMOTHORAX] == 21
