"""What is asked of a study is known of it; what nobody knows is not asked."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.instruct.known import Balance, Known
from hilum.study import Fact, Finding, Presence, Report
from instruct.helpers import EFFUSION, balance_of, record

DENIED = Report(findings="No pneumothorax. Possible pneumonia.")


def test_complete_facts_make_everything_else_absent():
    known = Known(record("s", EFFUSION))
    assert known.there(Finding.PLEURAL_EFFUSION) is True
    assert known.there(Finding.PNEUMOTHORAX) is False
    assert known.there(Finding.NO_FINDING) is False


def test_labels_speak_for_themselves_and_for_nothing_else():
    known = Known(record("s", complete=False, labels={Finding.MASS: True, Finding.EDEMA: False}, report=None))
    assert known.there(Finding.MASS) is True
    assert known.there(Finding.EDEMA) is False
    assert known.there(Finding.FRACTURE) is None


def test_a_report_is_believed_in_what_it_says_and_denies_but_not_in_what_it_hedges():
    known = Known(record("s", complete=False, report=DENIED))
    assert known.there(Finding.PNEUMOTHORAX) is False
    assert known.there(Finding.PNEUMONIA) is None
    assert known.there(Finding.FRACTURE) is None


def test_a_label_beside_complete_facts_is_hidden_and_not_asked():
    hidden = record("s", labels={Finding.NODULE: True})
    assert Known(hidden).there(Finding.NODULE) is None
    assert not Known(hidden).certain


def test_what_could_be_called_by_another_name_is_not_denied():
    known = Known(record("s", Fact(Finding.CONSOLIDATION)))
    assert known.there(Finding.LUNG_OPACITY) is None


def test_a_kind_makes_its_class_present():
    known = Known(record("s", Fact(Finding.CHEST_TUBE)))
    assert known.there(Finding.SUPPORT_DEVICES) is True
    assert known.there(Finding.NO_FINDING) is True  # devices are no disease


def test_an_uncertain_fact_is_neither_there_nor_absent():
    known = Known(record("s", Fact(Finding.MASS, Presence.UNCERTAIN)))
    assert known.there(Finding.MASS) is None
    assert known.there(Finding.NO_FINDING) is None
    assert not known.certain


def test_two_facts_of_a_finding_leave_open_which_is_meant():
    known = Known(record("s", Fact(Finding.FRACTURE), Fact(Finding.FRACTURE)))
    assert known.single(Finding.FRACTURE) is None


@pytest.mark.parametrize(("there", "absent"), [(30, 300), (300, 30), (50, 50)])
def test_yes_and_no_are_asked_equally_often(there, absent):
    balance = Balance({(Finding.MASS, "there"): there, (Finding.MASS, "absent"): absent})
    rng = np.random.default_rng(0)
    yes = np.mean([balance.keep(Finding.MASS, True, rng) for _ in range(4000)]) * there
    no = np.mean([balance.keep(Finding.MASS, False, rng) for _ in range(4000)]) * absent
    assert yes == pytest.approx(no, rel=0.15)


def test_findings_that_no_study_has_are_not_asked_about():
    balance = balance_of(record("a", EFFUSION), record("b"))
    assert balance.findings() == [Finding.PLEURAL_EFFUSION]
    assert balance.count(Finding.PLEURAL_EFFUSION, "boxed") == 1
