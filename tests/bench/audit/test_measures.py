"""What is compared adds up to the benchmark's own figures, and answers that say nothing are not compared."""

from __future__ import annotations

import numpy as np
import pytest

from bench.helpers import EFFUSION, item
from hilum.bench.audit.measures import Kind, excess, of_answers
from hilum.bench.findings import by_finding
from hilum.bench.intervals import Bootstrap
from hilum.bench.probability import YesProbabilities
from hilum.bench.tasks import TASKS
from hilum.model.answer import Answer
from hilum.study import Task

QUESTIONS = [
    item(Task.BINARY, reference, name=f"s{i}/binary/{finding}", patient=str(i))
    for i, (finding, reference) in enumerate(
        [("edema", "Yes"), ("edema", "No"), ("mass", "Yes"), ("mass", "No"), ("mass", "No.")]
    )
]
ANSWERS = [Answer(text) for text in ("yes", "no", "no", "yes", "perhaps")]


def test_yes_and_no_give_accuracy_and_error_rates():
    measures, skipped = of_answers(Task.BINARY, QUESTIONS, ANSWERS)
    rates = {(m.name, m.kind): m.over.sum() / m.under.sum() for m in measures}
    assert skipped == []
    assert rates == {
        ("binary_disease", Kind.SCORE): 2 / 5,
        ("binary_disease", Kind.TPR): 1 / 2,
        ("binary_disease", Kind.FPR): pytest.approx(2 / 3),
        ("binary_disease, Edema", Kind.TPR): 1,
        ("binary_disease, Mass", Kind.TPR): 0,
        ("binary_disease, Edema", Kind.FPR): 0,
        ("binary_disease, Mass", Kind.FPR): 1,
    }
    for row in by_finding(Task.BINARY, QUESTIONS, ANSWERS):
        assert rates[f"binary_disease, {row.finding.value}", Kind.TPR] == row.sensitivity.value
        assert rates[f"binary_disease, {row.finding.value}", Kind.FPR] == pytest.approx(
            1 - row.specificity.value
        )


def test_every_figure_is_the_benchmark_s_own():
    text = "Small left pleural effusion. No pneumothorax."
    items = [item(Task.FINDINGS, text, patient=str(i), truth=(EFFUSION,)) for i in range(3)]
    answers = [Answer(text), Answer("The lungs are clear."), Answer("Right pleural effusion. Cardiomegaly.")]
    measures, _ = of_answers(Task.FINDINGS, items, answers)
    found = {m.name: m.over.sum() / m.under.sum() for m in measures if m.kind is Kind.SCORE}
    own = {entry.name: entry for entry in TASKS if entry.tasks == (Task.FINDINGS,)}
    assert set(found) == set(own) - {"length"}
    for name, value in found.items():
        boot = Bootstrap(["0", "1", "2"], resamples=10)
        assert value == pytest.approx(own[name].score(items, answers).estimate(boot).value), name


def test_a_model_that_says_the_same_to_all_is_not_called_fair():
    measures, skipped = of_answers(Task.BINARY, QUESTIONS, [Answer("Yes."), *[Answer("yes")] * 4])
    assert measures == []
    assert [row.name for row in skipped] == ["binary_disease"]
    assert "answered every question alike" in skipped[0].reason


def test_questions_of_one_class_give_one_rate_and_say_so():
    positive = [QUESTIONS[0], QUESTIONS[2]]
    measures, skipped = of_answers(Task.BINARY, positive, [Answer("yes"), Answer("no")])
    assert {m.kind for m in measures} == {Kind.SCORE, Kind.TPR}
    [missing] = skipped
    assert missing.reason == "one class only: no finding asked about is not there"


def test_the_excess_is_the_probability_less_the_truth():
    found = YesProbabilities(Task.BINARY, np.array([0, 2]), np.array([0.75, 0.5]), np.array([1.0, 0.0]))
    assert excess(found).over == pytest.approx([-0.25, 0.5])
