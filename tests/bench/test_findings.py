"""Counts of each finding add up, and nothing unclear is counted as right."""

from __future__ import annotations

from bench.helpers import EFFUSION, item
from hilum.bench.findings import FINDING_COLUMNS, by_finding
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
    assert len(edema.row()) == len(FINDING_COLUMNS)
    assert edema.to_json()["sensitivity"]["n"] == 2


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
