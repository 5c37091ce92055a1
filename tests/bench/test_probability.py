"""Probabilities are those of the likelihoods; curves and bins agree with what they are made of."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import auc, brier_score_loss, roc_auc_score

from bench.helpers import item, pixels_of
from hilum.bench.intervals import Bootstrap, Estimate
from hilum.bench.probability import ask_yes, bins_of, evaluate, probability
from hilum.model.likelihood import LogLikelihood
from hilum.study import Task
from model.helpers import tiny

scores = st.floats(-800, 0)


@given(scores, scores)
def test_yes_and_no_add_up_to_one(yes, no):
    assert probability(yes, no) + probability(no, yes) == pytest.approx(1)
    if abs(yes - no) > 1e-9:
        assert (probability(yes, no) > 0.5) == (yes > no)


rng = np.random.default_rng(0)
STATED = rng.random(200)
TRUTH = rng.random(200) < STATED
PATIENTS = [f"p{i // 2}" for i in range(200)]


def test_figures_are_those_of_scikit_learn():
    found = evaluate(STATED, TRUTH.tolist(), PATIENTS)
    assert found.auroc.value == pytest.approx(roc_auc_score(TRUTH, STATED))
    assert found.brier.value == pytest.approx(brier_score_loss(TRUTH, STATED))
    assert found.excess.value == pytest.approx(STATED.mean() - TRUTH.mean())
    assert auc(*zip(*found.roc, strict=True)) == pytest.approx(found.auroc.value)
    assert found.yes == TRUTH.mean()


def test_a_calibrated_model_lies_on_the_diagonal_and_a_sure_one_does_not():
    found = evaluate(STATED, TRUTH.tolist(), PATIENTS)
    assert sum(part.observed.n for part in found.bins) == 200
    inside = [part.observed.low <= part.stated <= part.observed.high for part in found.bins]
    assert np.mean(inside) >= 0.8
    assert found.excess.low < 0 < found.excess.high
    sure = evaluate(np.ones(200), TRUTH.tolist(), PATIENTS)
    assert sure.excess.low > 0.3
    [last] = sure.bins
    assert (last.low, last.high, last.stated) == (0.9, 1.0, 1.0)


def test_the_document_is_that_of_a_hand_worked_example():
    stated = np.array([0.1, 0.125, 0.5, 1.0])
    found = evaluate(stated, [False, True, True, True], list("abcd"), seed=3)
    boot = Bootstrap(list("abcd"), seed=3)
    gaps = stated - [0, 1, 1, 1]
    assert found.to_json() == {
        "auroc": found.auroc.to_json(),
        "brier": boot.mean(gaps**2).to_json(),
        "excess": boot.difference(stated, [0, 1, 1, 1]).to_json(),
        "yes": 0.75,
        "roc": [[0.0, 0.0], [0.0, 1 / 3], [0.0, 1.0], [1.0, 1.0]],
        "bins": [
            {"low": 0.1, "high": 0.2, "stated": 0.1125, "observed": found.bins[0].observed.to_json()},
            {"low": 0.5, "high": 0.6, "stated": 0.5, "observed": Estimate(1.0, None, None, 1).to_json()},
            {"low": 0.9, "high": 1.0, "stated": 1.0, "observed": Estimate(1.0, None, None, 1).to_json()},
        ],
    }
    assert (found.auroc.value, found.auroc.n) == (1, 4)
    share = found.bins[0].observed
    assert (share.value, share.n) == (0.5, 2)
    assert 0 < share.low < 0.5 < share.high < 1


def test_a_bin_begins_at_its_lower_bound_and_the_last_one_holds_certainty():
    assert bins_of(np.array([0.0, 0.0999, 0.1, 0.55, 0.9, 1.0])).tolist() == [0, 0, 1, 5, 9, 9]


@pytest.mark.parametrize(("yes", "brier"), [(True, (0.64 + 0.09) / 2), (False, (0.04 + 0.49) / 2)])
def test_one_class_alone_has_no_curve_and_no_area(yes, brier):
    found = evaluate(np.array([0.2, 0.7]), [yes, yes], ["a", "b"])
    assert (found.auroc.value, found.roc) == (None, ())
    assert found.brier.value == pytest.approx(brier)


@pytest.mark.parametrize("truth", [[True, False, False], [False, True, True]])
def test_one_question_of_either_answer_is_enough_for_a_curve(truth):
    found = evaluate(np.array([0.9, 0.2, 0.1]), truth, list("abc"))
    assert found.roc[0] == (0, 0)
    assert found.roc[-1] == (1, 1)
    assert found.auroc.value == float(truth[0])


class Told:
    """Gives likelihoods that follow from the question."""

    def loglikelihood(self, prompt, options, *, closed=False):
        assert (options, closed) == (("Yes", "No"), True)
        yes = float(prompt.messages[-1].parts[-1].text)
        return [LogLikelihood(math.log(yes), 2), LogLikelihood(math.log(1 - yes), 2)]


def test_questions_without_yes_or_no_are_left_out():
    items = [
        item(Task.BINARY, reference, patient=patient, question=question)
        for reference, patient, question in (("Yes", "a", "0.9"), ("No", "b", "0.2"), ("left", "c", "0.5"))
    ]
    ticks: list[int] = []
    found = ask_yes(Told(), Task.BINARY, items, pixels_of, tick=ticks.append)
    assert found is not None
    assert found.items.tolist() == [0, 1]
    assert found.yes == pytest.approx([0.9, 0.2])
    assert found.truth.tolist() == [1, 0]
    assert sum(ticks) == 3
    assert ask_yes(Told(), Task.BINARY, items[2:], pixels_of) is None


def test_a_real_model_gives_probabilities():
    model = tiny(context=512)
    items = [item(Task.BINARY, "Yes"), item(Task.BINARY, "No", patient="q")]
    found = ask_yes(model, Task.BINARY, items, pixels_of)
    assert found is not None
    assert evaluate(found.yes, found.truth, ["p", "q"]).auroc.value == 0.5, "the same question twice"
