"""The test of two groups: exact where it can be checked by hand, at its level where it cannot."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.bench.audit.significance import draws_for, p_value


def statistic(values, inside) -> float:
    rest = values - values.mean()
    gap = values[inside].mean() - values[~inside].mean()
    sides = (inside, ~inside)
    return abs(gap) / np.sqrt(sum((rest[s] ** 2).sum() / s.sum() ** 2 for s in sides))


def exact(values, inside) -> float:
    """All ways to choose the group."""
    every = []
    for chosen in combinations(range(len(values)), int(inside.sum())):
        flags = np.isin(np.arange(len(values)), chosen)
        every.append(statistic(values, flags))
    return float(np.mean(np.array(every) >= statistic(values, inside) - 1e-9))


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_share_of_all_permutations(seed):
    rng = np.random.default_rng(seed)
    values = rng.random(10)
    inside = np.arange(10) < 4
    values[inside] += 0.3
    p = p_value(values, np.ones(10), np.arange(10), inside, seed=seed, draws=4000)
    assert p == pytest.approx(exact(values, inside), abs=0.04)


@pytest.mark.parametrize("yes_no", [True, False])
def test_patients_that_are_alike_are_drawn_by_their_number(yes_no):
    """Few kinds of patients take another way through the code than many, to the same distribution."""
    rng = np.random.default_rng(3)
    values = (rng.random(60) < 0.6).astype(float)
    inside = np.arange(60) < 20
    jitter = np.zeros(60) if yes_no else rng.normal(0, 1e-5, 60)
    p = p_value(values + jitter, np.ones(60), np.arange(60), inside, draws=3000)
    rows = np.stack([np.random.default_rng(i).permutation(inside) for i in range(3000)])
    drawn = np.array([statistic(values, row) for row in rows])
    assert p == pytest.approx((drawn >= statistic(values, inside) - 1e-9).mean(), abs=0.1)


@pytest.mark.parametrize("both_sides", [False, True])
def test_it_keeps_its_level_with_unequal_groups_and_clustered_patients(both_sides):
    """Women have three studies each and are few, men one: the rates are the same, their spread is not."""
    low, trials = 0, 300
    for trial in range(trials):
        rng = np.random.default_rng(trial)
        size = np.repeat([3, 1], [40, 160])
        patient = np.repeat(np.arange(200), size)
        right = (rng.random(len(patient)) < rng.beta(1.5, 0.5, 200)[patient]).astype(float)
        inside = patient < 40
        if both_sides:
            inside = rng.random(len(patient)) < np.where(inside, 0.5, 0.2)
        p = p_value(right, np.ones(len(patient)), patient, inside, seed=trial, draws=400)
        low += p <= 0.05
    # Three standard errors of a share of 300.
    assert low / trials <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / trials)


def test_a_clear_gap_within_patients_is_found():
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(80), 4)
    inside = np.tile([True, True, False, False], 80)
    right = (rng.random(320) < np.where(inside, 0.5, 0.8)).astype(float)
    assert p_value(right, np.ones(320), patient, inside, draws=2000) < 0.002


@given(st.integers(0, 10_000))
def test_a_p_value_is_one_and_does_not_depend_on_the_order_of_items(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 40))
    patient = rng.integers(0, max(2, n // 2), n)
    over, under = rng.integers(0, 3, n).astype(float), np.full(n, 2.0)
    inside = rng.random(n) < 0.5
    p = p_value(over, under, patient, inside, draws=200)
    if p is None:
        assert inside.all() or not inside.any() or len(set(over)) == 1
        return
    assert 0 < p <= 1


def test_what_cannot_be_compared_has_no_p_value():
    one, who = np.ones(6), np.arange(6)
    assert p_value(one, one, who, who < 3) is None, "all right"
    assert p_value(0 * one, one, who, who < 3) is None, "all wrong"
    assert p_value(1.0 * (who < 2), one, who, who < 9) is None, "nobody outside"
    assert p_value(3 * one * 0.7, 3 * one, who, who < 3) is None, "rounding is no difference"


def test_a_few_patients_who_are_all_right_prove_nothing():
    values = np.r_[np.ones(10), (np.arange(200) % 5 > 0) * 1.0]
    p = p_value(values, np.ones(210), np.arange(210), np.arange(210) < 10, draws=4000)
    assert p > 0.08, "the chance of it is 0.8 ** 10 = 0.11"


def test_there_are_permutations_enough_for_holm_s_first_step():
    for comparisons in (1, 100, 5000):
        assert comparisons / (draws_for(comparisons) + 1) <= 0.05 / 3
