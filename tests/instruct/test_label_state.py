"""What is asked of a study is known of it; what nobody knows is not asked."""

from __future__ import annotations

import random

import numpy as np
import pytest

from hilum.instruct.label_state import Balance, LabelState
from hilum.study import Fact, Finding, Presence, Report
from instruct.helpers import EFFUSION, balance_of, record

PRESENT, ABSENT = Presence.PRESENT, Presence.ABSENT

DENIED = Report(findings="No pneumothorax. Possible pneumonia.")


def test_complete_facts_make_everything_else_absent():
    state = LabelState(record("s", EFFUSION))
    assert state.there(Finding.PLEURAL_EFFUSION) is True
    assert state.there(Finding.PNEUMOTHORAX) is False
    assert state.there(Finding.NO_FINDING) is False


def test_labels_speak_for_themselves_and_for_nothing_else():
    state = LabelState(
        record(
            "s",
            complete=False,
            labels={Finding.MASS: PRESENT, Finding.EDEMA: ABSENT},
            report=None,
        )
    )
    assert state.there(Finding.MASS) is True
    assert state.there(Finding.EDEMA) is False
    assert state.there(Finding.FRACTURE) is None


def test_a_report_is_believed_in_what_it_says_and_denies_but_not_in_what_it_hedges():
    state = LabelState(record("s", complete=False, report=DENIED))
    assert state.there(Finding.PNEUMOTHORAX) is False
    assert state.there(Finding.PNEUMONIA) is None
    assert state.there(Finding.FRACTURE) is None


def test_a_label_beside_complete_facts_is_hidden_and_not_asked():
    hidden = record("s", labels={Finding.NODULE: PRESENT})
    assert LabelState(hidden).there(Finding.NODULE) is None
    assert not LabelState(hidden).certain


def test_what_could_be_called_by_another_name_is_not_denied():
    state = LabelState(record("s", Fact(Finding.CONSOLIDATION)))
    assert state.there(Finding.LUNG_OPACITY) is None


def test_a_kind_makes_its_class_present():
    state = LabelState(record("s", Fact(Finding.CHEST_TUBE)))
    assert state.there(Finding.SUPPORT_DEVICES) is True
    assert state.there(Finding.NO_FINDING) is True  # devices are no disease


def test_an_uncertain_fact_is_neither_there_nor_absent():
    state = LabelState(record("s", Fact(Finding.MASS, Presence.UNCERTAIN)))
    assert state.there(Finding.MASS) is None
    assert state.there(Finding.NO_FINDING) is None
    assert not state.certain


def test_two_facts_of_a_finding_leave_open_which_is_meant():
    state = LabelState(record("s", Fact(Finding.FRACTURE), Fact(Finding.FRACTURE)))
    assert state.single(Finding.FRACTURE) is None


@pytest.mark.parametrize(("there", "absent"), [(30, 300), (300, 30), (50, 50)])
def test_yes_and_no_are_asked_equally_often(there, absent):
    balance = Balance({(Finding.MASS, "there"): there, (Finding.MASS, "absent"): absent})
    rng = random.Random(0)
    yes = np.mean([balance.keep(Finding.MASS, True, rng) for _ in range(4000)]) * there
    no = np.mean([balance.keep(Finding.MASS, False, rng) for _ in range(4000)]) * absent
    assert yes == pytest.approx(no, rel=0.15)


def test_findings_that_no_study_has_are_not_asked_about():
    balance = balance_of(record("a", EFFUSION), record("b"))
    assert balance.findings == (Finding.PLEURAL_EFFUSION,)
    assert balance.count(Finding.PLEURAL_EFFUSION, "boxed") == 1
