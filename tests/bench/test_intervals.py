"""Intervals cover what they promise and draw whole patients."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr, stdtrit
from scipy.stats import binomtest
from scipy.stats import bootstrap as scipy_bootstrap

from hilum.bench.intervals import RESAMPLES, Bootstrap, Estimate, decimals, mean, ratio, wilson
from hilum.errors import UsageError


def people(n: int) -> list[str]:
    return [f"p{i}" for i in range(n)]


def test_about_95_of_100_intervals_hold_the_true_mean():
    rng = np.random.default_rng(0)
    held = 0
    for trial in range(200):
        found = Bootstrap(people(60), seed=trial, resamples=400).mean(rng.normal(0.3, 1, 60))
        held += found.low <= 0.3 <= found.high
    assert 0.90 <= held / 200 <= 0.99


def test_the_interval_is_scipy_s_bca_with_the_tails_of_student_s_t():
    values = np.random.default_rng(4).gamma(0.5, size=25)
    tail = math.sqrt(25 / 24) * float(stdtrit(24, 0.975))
    theirs = scipy_bootstrap(
        (values,),
        np.mean,
        method="BCa",
        n_resamples=RESAMPLES,
        confidence_level=1 - 2 * float(ndtr(-tail)),
        rng=np.random.default_rng((7, 0)),
    ).confidence_interval
    ours = Bootstrap([f"{i:02}" for i in range(25)], seed=7).mean(values)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_a_skewed_figure_of_few_patients_is_held_more_often_than_by_percentiles():
    held = np.zeros(2)
    for trial in range(300):
        values = np.random.default_rng(trial).gamma(0.3, size=20)
        boot = Bootstrap(people(20), seed=trial)
        found = boot.mean(values)
        plain = np.percentile(np.concatenate([mean(w, values) for w in boot.weights()]), (2.5, 97.5))
        held += found.low <= 0.3 <= found.high, plain[0] <= 0.3 <= plain[1]
    assert held[0] > held[1]
    assert held[0] / 300 > 0.92


def test_many_patients_are_left_out_in_groups(monkeypatch):
    values = np.random.default_rng(1).gamma(0.5, size=600)
    whole = Bootstrap(people(600)).mean(values)
    monkeypatch.setattr("hilum.bench.intervals.GROUPS", 60)
    grouped = Bootstrap(people(600)).mean(values)
    assert (grouped.low, grouped.high) == pytest.approx((whole.low, whole.high), abs=0.01)


def test_items_of_one_patient_are_drawn_together():
    for weights in Bootstrap(["a", "b", "a", "c", "b"], resamples=50).weights():
        assert (weights[:, 0] == weights[:, 2]).all()
        assert (weights[:, 1] == weights[:, 4]).all()
        assert np.unique(weights[:, [0, 1, 3]].sum(1)).tolist() == [3]


def test_repeating_every_patients_items_does_not_narrow_the_interval():
    values = np.random.default_rng(1).random(40)
    once = Bootstrap(people(40), seed=2).mean(values)
    five_times = Bootstrap(people(40) * 5, seed=2).mean(np.tile(values, 5))
    assert five_times.n == 200
    assert five_times.high - five_times.low == pytest.approx(once.high - once.low, rel=1e-9)


def test_a_paired_difference_is_sharper_than_two_separate_intervals():
    rng = np.random.default_rng(3)
    hard = rng.random(100)
    before, after = hard, hard + 0.05 + rng.normal(0, 0.02, 100)
    boot = Bootstrap(people(100))
    gap = boot.difference(after, before)
    assert gap.above_zero
    assert boot.mean(before).high > boot.mean(after).low
    assert gap.value == pytest.approx(after.mean() - before.mean())


def test_the_seed_decides_the_interval():
    values = np.random.default_rng(4).random(30)
    first, again, other = (Bootstrap(people(30), seed=s).mean(values) for s in (5, 5, 6))
    assert first == again
    assert first != other


@pytest.mark.parametrize(("hits", "low", "high"), [(1.0, 0.9637833, 1.0), (0.0, 0.0, 0.0362167)])
def test_a_perfect_or_empty_score_has_the_exact_bound_of_clopper_and_pearson(hits, low, high):
    found = Bootstrap(people(100)).mean([hits] * 100)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)


def test_missing_values_count_for_nothing():
    found = Bootstrap(people(4)).mean([1.0, np.nan, 0.0, np.nan])
    assert (found.value, found.n) == (0.5, 2)


def test_patients_without_a_value_make_nothing_surer():
    values = np.random.default_rng(3).random(12)
    among = np.concatenate([values, np.full(500, np.nan)])
    few, many = Bootstrap(people(12)).mean(values), Bootstrap(people(512)).mean(among)
    assert many.n == 12
    assert many.high - many.low > 0.9 * (few.high - few.low)
    assert Bootstrap(people(3)).mean([0.5, np.nan, np.nan]) == Estimate(0.5, None, None, 1)


def test_what_cannot_be_estimated_is_none_and_never_nan():
    assert Bootstrap([]).mean([]) == Estimate(None, None, None, 0)
    assert Bootstrap(["a", "a"]).mean([0.25, 0.75]) == Estimate(0.5, None, None, 2)
    assert Bootstrap(people(2)).mean([np.nan, np.nan]).value is None
    rare = Bootstrap(people(50)).estimate(lambda w: np.where(w[:, 0] == 1, 1.0, np.nan))
    assert (rare.value, rare.low, rare.high) == (1.0, None, None)


def test_no_resamples_is_refused():
    with pytest.raises(UsageError, match="resamples"):
        Bootstrap(["a"], resamples=0)


def test_many_items_are_resampled_in_pieces(monkeypatch):
    monkeypatch.setattr("hilum.bench.intervals._CELLS", 100)
    boot = Bootstrap(people(30), resamples=10)
    sizes = [len(weights) for weights in boot.weights()]
    assert sizes == [3, 3, 3, 1]
    assert boot.mean(np.arange(30)).value == pytest.approx(14.5)


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=30).filter(lambda values: len(set(values)) > 1))
def test_the_interval_lies_within_the_data(values):
    found = Bootstrap(people(len(values)), resamples=50).mean(values)
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9


def test_ratio_and_mean_agree_with_plain_sums():
    weights = np.array([[1.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
    over, under = np.array([2.0, 3.0, 9.0]), np.array([4.0, 1.0, 7.0])
    assert ratio(weights, over, under)[0] == pytest.approx(8 / 6)
    assert np.isnan(ratio(weights, over, under)[1])
    assert mean(weights, over)[0] == pytest.approx(8 / 3)


def test_an_estimate_reads_as_people_write_it():
    assert str(Estimate(0.5, 0.4, 0.6, 10)) == "0.500 [0.400, 0.600]"
    assert str(Estimate(0.5, None, None, 1)) == "0.500"
    assert str(Estimate(None, None, None, 0)) == "–"
    assert Estimate(0.5, 0.4, 0.6, 10).to_json() == {"value": 0.5, "low": 0.4, "high": 0.6, "n": 10}


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10), (81, 263)])
def test_wilson_of_independent_trials_is_scipy_s(hits, n):
    found = wilson([True] * hits + [False] * (n - hits), people(n))
    expected = binomtest(hits, n).proportion_ci(method="wilson")
    assert (found.value, found.n) == (hits / n, n)
    # With one trial of each patient the design effect is estimated, and is n / (n - 1).
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.02)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_wilson_counts_patients_and_not_their_trials():
    once = wilson([True, False] * 20, people(40))
    five_times = wilson([True, False] * 20 * 5, people(40) * 5)
    assert five_times.n == 200
    assert five_times.high - five_times.low == pytest.approx(once.high - once.low, rel=1e-9)
    perfect = wilson([True] * 100, people(10) * 10)
    assert perfect.low == pytest.approx(wilson([True] * 10, people(10)).low)
    alternating = wilson([True, False] * 20, [f"p{i // 2}" for i in range(40)])
    assert alternating.low == pytest.approx(binomtest(20, 40).proportion_ci(method="wilson").low)


def test_about_95_of_100_wilson_intervals_hold_the_true_share_of_few_patients():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        chance = rng.beta(4, 1, 25)
        found = wilson(list(rng.random(75) < chance.repeat(3)), [f"p{i // 3}" for i in range(75)])
        held += found.low <= 0.8 <= found.high
    assert 0.91 <= held / 400 <= 0.99


def test_wilson_without_trials_or_with_one_patient_has_no_interval():
    assert wilson([], []) == Estimate(None, None, None, 0)
    assert wilson([True, False], ["a", "a"]) == Estimate(0.5, None, None, 2)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.996, "0.996"),
        (0.9996, "0.9996"),
        (0.99996, "0.99996"),
        (1.0, "1.000"),
        (1 - 1e-12, "1.000"),
        (0.0, "0.000"),
        (0.0002, "0.0002"),
        (-0.0002, "-0.0002"),
        (-0.9999, "-0.9999"),
        (31.9999, "32.000"),
    ],
)
def test_no_number_reads_as_one_or_nought_that_is_neither(value, text):
    assert decimals(value) == text


def test_fewer_places_are_still_true():
    assert (decimals(0.996, 2), decimals(0.994, 2), decimals(1.0, 2)) == ("0.996", "0.99", "1.00")
    assert str(Estimate(0.9998, 0.99, 1.0, 9)) == "0.9998 [0.990, 1.000]"


@given(st.integers(2, 40), st.sampled_from([0.0, 1.0]))
def test_a_share_without_spread_has_its_exact_end_and_a_gain_without_spread_no_interval(
    patients: int, value: float
) -> None:
    boot = Bootstrap([str(i) for i in range(patients)])
    of_all = boot.estimate(lambda w: np.full(len(w), value), share=True)
    exact = binomtest(round(value * patients), patients).proportion_ci()
    assert (of_all.low, of_all.high) == pytest.approx((exact.low, exact.high))
    gain = boot.estimate(lambda w: np.full(len(w), value))
    assert (gain.value, gain.low, gain.high) == (value, None, None)
    assert not gain.above_zero


def test_scores_that_are_equal_but_for_rounding_show_no_spread():
    assert Bootstrap(people(30), seed=0).mean([0.7] * 30) == Estimate(pytest.approx(0.7), None, None, 30)
