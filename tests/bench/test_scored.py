"""A figure is the same whole, taken apart into sums, and of the answers it is told of."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.bench.intervals import Bootstrap
from hilum.bench.metrics import Counts
from hilum.bench.scored import Scored

rng = np.random.default_rng(0)
VALUES = Scored(np.where(np.arange(20) % 5, rng.random(20), np.nan))
COUNTS = Scored(counts=Counts.of(rng.integers(0, 3, (20, 3, 4))))
MACRO = Scored(counts=COUNTS.counts, macro=True, known=np.arange(20) > 2)
PATIENTS = [str(i // 2) for i in range(20)]


@pytest.mark.parametrize("scored", [VALUES, COUNTS])
def test_the_figure_is_the_ratio_of_its_parts(scored):
    over, under = scored.parts()
    known = np.isfinite(over)
    figure = scored.estimate(Bootstrap(PATIENTS, resamples=20)).value
    assert figure == pytest.approx(over[known].sum() / under[known].sum())


@pytest.mark.parametrize("scored", [VALUES, COUNTS, MACRO])
def test_some_answers_score_as_if_nobody_else_had_been_asked(scored):
    places = [1, 4, 4, 11]
    weights = np.bincount(places, minlength=20)[None].astype(float)
    assert scored.of(places).statistic(np.ones((1, 4))) == pytest.approx(scored.statistic(weights))
    assert [len(scored.of(places).each()), len(scored.each())] == [4, 20]


def test_an_answer_without_a_score_has_none_and_counts_for_nothing():
    assert VALUES.each()[0] == (None, None)
    boot = Bootstrap(PATIENTS, resamples=20)
    assert (VALUES.estimate(boot).n, COUNTS.estimate(boot).n, MACRO.estimate(boot).n) == (16, 20, 17)


def test_a_gain_is_the_difference_of_two_figures():
    boot = Bootstrap(PATIENTS, resamples=50)
    other = VALUES.of(range(19, -1, -1))
    assert VALUES.gain(other, boot).value == pytest.approx(0)
    better = Scored(VALUES.values + 0.25)
    assert better.gain(VALUES, boot).value == pytest.approx(0.25)
    assert better.gain(VALUES, boot).low is None, "the same everywhere, which shows no spread"


def test_what_is_all_right_gains_and_is_still_not_certain():
    boot = Bootstrap([f"p{i}" for i in range(40)])
    better, worse = Scored(values=np.ones(40)), Scored(values=np.arange(40) % 2 * 1.0)
    gain = better.gain(worse, boot)
    assert gain.value == pytest.approx(0.5)
    assert gain.above_zero
    assert better.estimate(boot).low < 1


def test_answers_without_a_fact_make_an_f1_no_surer():
    said = Counts.of([[[1], [0], [0]]] * 3 + [[[0], [0], [0]]] * 97)
    alone = Scored(counts=said.of_items(np.arange(3))).estimate(Bootstrap(["a", "b", "c"]))
    among = Scored(counts=said).estimate(Bootstrap([f"p{i}" for i in range(100)]))
    assert (among.value, among.low, among.n) == (1, alone.low, 100)
    one = Scored(counts=said.of_items(np.arange(2, 100))).estimate(Bootstrap([f"p{i}" for i in range(98)]))
    assert (one.value, one.low) == (1, None), "one patient shows no spread"


def test_a_gain_is_of_the_answers_that_both_have_and_says_how_many():
    boot = Bootstrap([str(i) for i in range(4)])
    mine, other = (Scored(np.array(v)) for v in ([1, 1, 0, np.nan], [0, np.nan, 1, 1]))
    gain = mine.gain(other, boot)
    assert (gain.value, gain.n) == (0, 2)
    assert (MACRO.gain(MACRO, Bootstrap(PATIENTS)).value, MACRO.gain(MACRO, Bootstrap(PATIENTS)).n) == (0, 17)
