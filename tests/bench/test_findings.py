"""Counts of each finding add up, and nothing unclear is counted as right."""

from __future__ import annotations

import pytest

from bench.helpers import EFFUSION, item
from hilum.bench.findings import FINDING_COLUMNS, by_finding, by_trial
from hilum.model.answer import Answer
from hilum.study import Fact, Finding, Presence, Task


def asked(finding: str, reference: str, patient: str = "p", task: Task = Task.BINARY):
    return item(task, reference, name=f"folder/x/s/{task.value}/{finding}", patient=patient)


def test_a_question_about_a_finding_is_counted_under_it():
    items = [
        asked("edema", "Yes", "a"),
        asked("edema", "Yes", "b"),
        asked("edema", "No", "c"),
        asked("mass", "No"),
    ]
    [edema, mass] = by_finding(Task.BINARY, items, [Answer(t) for t in ("Yes.", "No", "No", "Yes")])
    assert edema.finding is Finding.EDEMA
    counts = (edema.true_positive, edema.false_negative, edema.false_positive, edema.true_negative)
    assert counts == (1, 1, 0, 1)
    assert (edema.sensitivity.value, edema.specificity.value) == (0.5, 1.0)
    assert (edema.ppv.value, edema.ppv.n, edema.npv.value, edema.npv.n) == (1.0, 1, 0.5, 2)
    assert (mass.present, mass.absent) == (0, 1)
    assert (mass.sensitivity.value, mass.specificity.value, mass.specificity.low) == (None, 0.0, None)
    interval = str(edema.sensitivity)
    assert interval.startswith("0.500 [")
    assert dict(zip(FINDING_COLUMNS, edema.row(), strict=True)) == {
        "finding": "Edema",
        "task": "binary_disease",
        "present": "2",
        "absent": "1",
        "sensitivity": interval,
        "specificity": "1.000",
        "PPV": "1.000",
        "NPV": str(edema.npv),
    }
    assert edema.to_json() == {
        "finding": "Edema",
        "task": "binary_disease",
        "true_positive": 1,
        "false_negative": 1,
        "false_positive": 0,
        "true_negative": 1,
        "sensitivity": edema.sensitivity.to_json(),
        "specificity": edema.specificity.to_json(),
        "ppv": edema.ppv.to_json(),
        "npv": edema.npv.to_json(),
    }


def test_a_finding_is_told_of_that_is_there_or_was_said_to_be_or_was_not_denied():
    items = [asked(name, "No") for name in ("edema", "mass", "nodule")] + [asked("fracture", "Yes")]
    answers = [Answer(text) for text in ("No", "perhaps", "Yes", "Yes")]
    assert {row.finding for row in by_finding(Task.BINARY, items, answers)} == {
        Finding.MASS,
        Finding.NODULE,
        Finding.FRACTURE,
    }


def test_trials_are_numbered_by_their_question_and_say_what_was_there_and_said():
    items = [asked("edema", "Yes"), asked("normal", "Yes"), asked("mass", "No"), asked("nodule", "No")]
    answers = [Answer(text) for text in ("No", "Yes", "Yes", "perhaps")]
    assert list(by_trial(Task.BINARY, items, answers)) == [
        (0, Finding.EDEMA, True, False),
        (2, Finding.MASS, False, True),
        (3, Finding.NODULE, False, None),
    ]
    assert list(by_trial(Task.VIEW, items, answers)) == []
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        list(by_trial(Task.BINARY, items, answers[:3]))


def test_several_answers_about_one_patient_count_as_fewer():
    items = [asked("edema", "Yes", f"p{i // 4}") for i in range(40)]
    answers = [Answer("Yes" if i // 4 % 2 else "No") for i in range(40)]
    [edema] = by_finding(Task.BINARY, items, answers)
    [apart] = by_finding(Task.BINARY, [asked("edema", "Yes", f"p{i}") for i in range(40)], answers)
    for whole, few in ((apart.sensitivity, edema.sensitivity),):
        assert (few.value, few.n) == (whole.value, whole.n) == (0.5, 40)
        assert few.high - few.low > 1.5 * (whole.high - whole.low)
    said = [asked("edema", "Yes" if i // 4 % 2 else "No", f"p{i // 4}") for i in range(40)]
    [edema] = by_finding(Task.BINARY, said, [Answer("Yes")] * 40)
    assert edema.ppv.high - edema.ppv.low > 1.5 * (apart.sensitivity.high - apart.sensitivity.low)


def test_an_answer_that_says_neither_is_wrong_both_ways():
    items = [asked("edema", "Yes", "a"), asked("edema", "No", "b")]
    [edema] = by_finding(Task.BINARY, items, [Answer("perhaps"), Answer("")])
    assert (edema.false_negative, edema.false_positive) == (1, 1)
    assert edema.ppv.n == edema.npv.n == 0, "it affirms and denies nothing"
    assert edema.ppv.value is None


def test_questions_about_other_things_tell_of_no_finding():
    items = [
        asked(name, "Yes", task=Task.VQA_CLOSED) for name in ("own-0", "normal", "side_is-edema", "count")
    ]
    assert by_finding(Task.VQA_CLOSED, items, [Answer("No")] * 4) == ()
    assert by_finding(Task.VQA_CLOSED, [asked("edema", "left", task=Task.VQA_CLOSED)], [Answer("No")]) == ()
    assert by_finding(Task.VIEW, items, [Answer("No")] * 4) == ()


def test_a_report_denies_what_it_does_not_state():
    absent = Fact(Finding.EDEMA, Presence.ABSENT)
    items = [
        item(Task.FINDINGS, truth=(EFFUSION, absent), patient="a"),
        item(Task.FINDINGS, truth=(), patient="b"),
    ]
    texts = ["Large right pleural effusion.", "There is a pneumothorax. No edema."]
    found = {row.finding: row for row in by_finding(Task.FINDINGS, items, [Answer(text) for text in texts])}
    assert set(found) == {Finding.PLEURAL_EFFUSION, Finding.PNEUMOTHORAX}
    effusion, pneumothorax = found[Finding.PLEURAL_EFFUSION], found[Finding.PNEUMOTHORAX]
    assert (effusion.true_positive, effusion.true_negative) == (1, 1)
    assert (pneumothorax.false_positive, pneumothorax.true_negative) == (1, 1)
    assert effusion.sensitivity.n == effusion.specificity.n == 1
