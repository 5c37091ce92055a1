"""A preferred place among the options is found, and a model that looks at words alone is not accused."""

from __future__ import annotations

import random

import pytest

from hilum.bench.adapters import Kind, Question
from hilum.bench.chexbench.ask import Asked, Task
from hilum.bench.chexbench.position import FEWEST, position_bias
from hilum.bench.chexbench.protocol import shift_of
from hilum.bench.chexbench.read import Item


def bias(seed, *, items=60, options=4, knows=0.0, leans=0.0, first=0.0, silent=0.0, per_cluster=2):
    """A model that knows an answer, prefers the first place, or picks any, with these chances.

    `first`: how often the file puts the right answer first.
    """
    rng = random.Random(seed)
    made, stored, moved, shifts = [], [], [], []
    for i in range(items):
        question = Question(f"{seed}-{i}", Kind.CHOICE, "?", (), tuple("wxyz"[:options]))
        answer = 0 if rng.random() < first else rng.randrange(options)
        made.append(Item(question, "task", cluster=str(i // per_cluster), answer=answer))
        shifts.append(shift_of(seed, question))
        for picks, by in ((stored, 0), (moved, shifts[-1])):
            luck = rng.random()
            place = (answer - by) % options if luck < knows else rng.randrange(options)
            place = 0 if knows <= luck < knows + leans else place
            picks.append(None if rng.random() < silent else place)
    asked = [Asked([], picks, {}, [False] * items) for picks in (stored, moved)]
    return position_bias(Task(made, asked[0], {}, (list(range(items)), asked[1]), shifts), seed)


@pytest.mark.parametrize("options", [2, 4])
@pytest.mark.parametrize("model", [{}, {"knows": 0.7, "first": 0.9}, {"knows": 0.5, "silent": 0.3}])
def test_a_model_without_a_preferred_place_is_rarely_accused(model, options):
    # Of 40 tests at 1 %, more than two are false alarms with a chance below 1 %.
    assert sum(bias(seed, options=options, **model).biased for seed in range(40)) <= 2


@pytest.mark.parametrize("options", [2, 3, 4])
def test_a_preferred_place_is_found(options):
    assert sum(bias(seed, options=options, knows=0.3, leans=0.5).biased for seed in range(10)) >= 9
    always = bias(0, options=options, leans=1.0)
    assert always.biased
    assert always.excess[0].value == pytest.approx(1 - 1 / options)
    assert always.picked[0].value == 1
    assert always.agreement.value == 0


def test_a_model_that_knows_all_has_no_excess_of_a_place_beyond_its_shifts():
    found = bias(0, options=2, knows=1.0, first=1.0)
    assert found.biased is False
    assert [estimate.value for estimate in found.excess] == [0, 0]
    assert found.agreement.value == 1
    assert [estimate.value for estimate in found.accuracy] == [1, 1]


def test_the_excess_of_all_places_adds_up_to_none():
    found = bias(3, knows=0.3, leans=0.3, silent=0.2)
    assert sum(estimate.value for estimate in found.excess) == pytest.approx(0)
    assert sum(estimate.value for estimate in found.picked) == pytest.approx(1)


def test_nothing_is_said_of_few_clusters_or_of_no_second_order():
    assert bias(0, items=2 * (FEWEST - 1), leans=1.0).biased is None
    assert bias(0, items=60, per_cluster=60, leans=1.0).biased is None
    assert position_bias(Task([], Asked([], [], {}, [])), 0) is None
