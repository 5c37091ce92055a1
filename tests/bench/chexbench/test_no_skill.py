"""Nobody who sees no film is above the usual answer, and the usual answer sees none."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from bench.chexbench.helpers import Rule, document, write_bench
from hilum.bench.adapters import Reply
from hilum.bench.chexbench import TASKS, read, run
from hilum.bench.chexbench.no_skill import chance, usual, usual_texts

BOXES = "Phrase Grounding"
FINDINGS, SUMMARY = "Findings Generation", "Findings Summarization"


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return read(*write_bench(tmp_path_factory.mktemp("chexbench"), document()))


def with_phrase(item, phrase, box):
    question = replace(item.question, prompt=f"Please locate the following phrase: {phrase}")
    return replace(item, question=question, boxes=(box,))


def test_a_phrase_that_is_often_asked_for_has_a_usual_box_of_its_own(bench):
    left, right, apex = (0.0, 0.5, 0.4, 0.9), (0.6, 0.5, 1.0, 0.9), (0.4, 0.0, 0.6, 0.2)
    some = bench.of(BOXES)
    items = [with_phrase(some[i], "left effusion", left) for i in range(12)]
    items += [with_phrase(some[i], "right effusion", right) for i in range(12, 22)]
    items += [with_phrase(some[22], "nodule", apex)]
    values = usual(TASKS[BOXES], items)["majority"]["first_iou"].values
    assert values.tolist() == [1.0] * 22 + [0.0], "a phrase that is asked for once has none of its own"


@pytest.mark.parametrize("task", [FINDINGS, SUMMARY])
def test_no_one_text_for_all_is_above_the_usual_one(bench, task):
    items = bench.of(task)
    only = replace(bench, items=tuple(items))
    for text in usual_texts([item.reference for item in items]):
        [result] = run(Rule(lambda _, text=text: text), only, controlled=0, progress=False).tasks
        gains = {
            figure.name.rpartition("/")[2]: figure.baselines["majority"].gain for figure in result.figures
        }
        assert {"judge"} < gains.keys()
        for name in {"judge", "rouge_l"} & gains.keys():
            assert gains[name].value <= 1e-12, (text, name)
    assert result.figures[0].baselines["majority"].estimate.n == len(items)


def test_the_usual_option_is_that_which_is_most_often_right_where_it_is_offered(bench):
    items = bench.of("Single Disease Identification")
    right = Counter(item.reference for item in items)
    best = max(right, key=lambda word: right[word])
    values = usual(TASKS["Single Disease Identification"], items)["majority"]["accuracy"].values
    assert values.tolist() == [float(item.reference == best) for item in items]


@pytest.mark.parametrize("task", TASKS)
def test_an_answer_drawn_by_lot_scores_what_chance_says(bench, task):
    items = bench.of(task)
    only = replace(bench, items=tuple(items))
    expected = chance(TASKS[task], items)
    rng = np.random.default_rng(0)
    found = []
    for _ in range(8):
        drawn = dict(zip((item.question.id for item in items), rng.permutation(len(items)), strict=True))

        def answer(question, drawn=drawn):
            other = items[drawn[question.id]]
            if question.options:
                return question.options[drawn[question.id] % len(question.options)]
            return Reply(other.reference, other.boxes)

        [result] = run(Rule(answer), only, protocol="generation", controlled=0, progress=False).tasks
        found.append({figure.name.rpartition("/")[2]: figure.estimate.value for figure in result.figures})
    for name, value in expected.items():
        assert np.mean([one[name] for one in found]) == pytest.approx(value, abs=0.06), name
