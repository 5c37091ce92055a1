import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.files import Problems
from hilum.sources.padchest_labels import FINDINGS, OF_THE_REPORT, OTHERS, Coded, coded
from hilum.study import Fact, Finding, Presence, Side, Site
from sources.helpers import said

ALL = (*(label for labels in FINDINGS.values() for label in labels), *OTHERS, *OF_THE_REPORT)


def read(labels, sentences="", problems=None):
    return coded(str(labels), str(sentences), "x.csv, line 2", Problems() if problems is None else problems)


def present(result: Coded) -> set[Finding]:
    return {finding for finding, there in result.labels.items() if there is Presence.PRESENT}


def test_every_published_label_is_known_once():
    assert len(set(OTHERS)) == len(OTHERS)
    assert not set(OTHERS) & {label for labels in FINDINGS.values() for label in labels}
    problems = Problems()
    for label in ALL:
        read([label], problems=problems)
    assert not len(problems), said(problems)


def test_a_kind_of_a_finding_is_a_label_and_a_term_and_its_own_name_a_label_alone():
    result = read(["atelectasis", " laminar  atelectasis", "", "COPD signs", "kyphosis"])
    assert present(result) == {Finding.ATELECTASIS, Finding.EMPHYSEMA}
    assert set(result.terms) == {"laminar atelectasis", "COPD signs", "kyphosis"}
    assert present(read(["hydropneumothorax"])) == {Finding.PNEUMOTHORAX, Finding.PLEURAL_EFFUSION}


def test_normal_alone_denies_every_finding_that_labels_can_name():
    result = read(["normal", "unchanged", "suboptimal study"])
    assert present(result) == {Finding.NO_FINDING}
    assert {f for f, there in result.labels.items() if there is Presence.ABSENT} == set(FINDINGS)
    assert result.terms == {}


def test_normal_beside_a_finding_and_devices_alone_say_nothing_of_no_finding():
    assert Finding.NO_FINDING not in read(["normal", "scoliosis"]).labels
    assert Finding.NO_FINDING not in read(["pacemaker"]).labels
    assert read(["pacemaker", "nodule"]).labels[Finding.NO_FINDING] is Presence.ABSENT


@pytest.mark.parametrize("cell", ["", "nan", "[]", "['exclude', 'nodule']", "['unchanged']"])
def test_what_is_not_labelled_says_nothing(cell):
    problems = Problems()
    assert read(cell, problems=problems) == Coded()
    assert not len(problems)


def test_covid_may_be_uncertain():
    assert read(["COVID 19"]).terms == {"COVID 19": Presence.PRESENT}
    assert read(["COVID 19 uncertain"]).terms == {"COVID 19": Presence.UNCERTAIN}


def test_places_belong_to_the_label_before_them_in_their_sentence():
    labels = ["pleural effusion", "atelectasis", "nodule", "rib fracture", "cardiomegaly"]
    sentences = [
        ["pleural effusion", "loc bilateral", "atelectasis", "loc  basal, loc  left"],
        ["nodule", "loc right upper lobe", "normal", "loc left"],
        ["rib fracture", "loc left", "loc right", "loc posterior rib"],
        ["cardiomegaly", "loc left"],
        ["granuloma", "loc left"],
        "nodule",
    ]
    assert read(labels, sentences).facts == (
        Fact(Finding.PLEURAL_EFFUSION, side=Side.BILATERAL),
        Fact(Finding.ATELECTASIS, side=Side.LEFT, site=Site.BASAL),
        Fact(Finding.NODULE, side=Side.RIGHT, site=Site.UPPER_LOBE),
        Fact(Finding.FRACTURE, side=Side.BILATERAL, site=Site.RIB),
        Fact(Finding.CARDIOMEGALY),
    )


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_cell_stops_a_build(labels, sentences):
    problems = Problems()
    result = read(labels, sentences, problems)
    assert set(present(result)) <= {*FINDINGS, Finding.NO_FINDING}


@pytest.mark.parametrize("cell", ["['a'", "{'a'}", "a", "[" * 5000, "'" * 200_000, "['a' 'b'] + 1"])
def test_what_is_no_list_is_counted_and_nothing_is_run(cell):
    problems = Problems()
    assert read(cell, problems=problems) == Coded()
    assert said(problems) == ["x.csv, line 2, Labels: is no list of labels; it is left unknown"]


@given(st.lists(st.sampled_from(ALL)))
def test_labels_arrive_whatever_their_order(labels):
    assert read(labels).labels == read(list(reversed(labels))).labels
