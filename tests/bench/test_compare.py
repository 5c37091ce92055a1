"""A model does not differ from itself, a better one is found, and chance is called chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hilum.bench.compare import compare, pair
from hilum.bench.items import ItemScore
from hilum.bench.saved import SavedResult, gathered
from hilum.errors import DataError


def saved(name, values, *, figure="view", version=1, per_patient=1, ids=None) -> SavedResult:
    """A result of one figure; a value is a number, counts, or None."""
    items = []
    for number, value in enumerate(values):
        number = number if ids is None else ids[number]
        score = {"counts": value} if isinstance(value, tuple) else {"value": value}
        patient = f"p{number // per_patient}"
        items.append(ItemScore(figure, version, f"q{number}", patient, "phantom", **score))
    return gathered(name, {"model": name, "weights": "w"}, items)


def draws(share, count, seed, *, per_patient=1, spread=0.0):
    """Right and wrong answers of clustered patients."""
    rng = np.random.default_rng(seed)
    of_patient = np.clip(share + rng.normal(0, spread, count // per_patient), 0, 1)
    return (rng.random(count) < np.repeat(of_patient, per_patient)).astype(float).tolist()


@given(st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=2, max_size=30))
@settings(max_examples=15, deadline=None)
def test_a_model_does_not_differ_from_itself(values):
    [figure] = compare(saved("a", values), saved("b", values)).figures
    assert (figure.difference.value, figure.p, figure.p_holm, figure.detectable) == (0, 1, 1, None)
    assert not figure.significant
    assert figure.a == figure.b


counts = st.tuples(*[st.integers(0, 3).map(float)] * 3)


@given(st.lists(st.tuples(counts, counts), min_size=3, max_size=20))
@settings(max_examples=15, deadline=None)
def test_exchanging_a_and_b_turns_the_sign_alone(both):
    a, b = saved("a", [x for x, _ in both]), saved("b", [y for _, y in both])
    [there], [back] = compare(a, b).figures, compare(b, a).figures
    assert there.p == back.p
    assert there.a == back.b
    if there.difference.value is not None:
        assert there.difference.value == pytest.approx(-back.difference.value)
    if there.difference.low is not None:
        assert there.difference.low == pytest.approx(-back.difference.high, abs=1e-9)
    assert there.detectable == (None if back.detectable is None else pytest.approx(back.detectable))


def test_the_order_of_the_files_moves_nothing():
    values = draws(0.5, 40, 0), draws(0.7, 40, 1)
    a, b = (saved("m", side) for side in values)
    order = np.random.default_rng(0).permutation(40).tolist()
    other = saved("m", [values[1][i] for i in order], ids=order)
    assert compare(a, b).figures == compare(a, other).figures


def test_a_better_model_is_found_and_told_by_how_much():
    a, b = saved("a", draws(0.5, 400, 0)), saved("b", draws(0.8, 400, 1))
    [figure] = compare(a, b).figures
    assert figure.significant
    assert figure.difference.above_zero
    assert figure.verdict.startswith("B is higher by 0.")
    assert compare(b, a).figures[0].verdict.startswith("B is lower by 0.")


def test_a_better_f1_is_found():
    rng = np.random.default_rng(0)
    weak = [(float(x), 1.0, float(2 - x)) for x in rng.integers(0, 3, 150)]
    strong = [(float(max(1, x)), 0.0, float(2 - max(1, x))) for x in rng.integers(0, 3, 150)]
    [figure] = compare(saved("a", weak), saved("b", strong)).figures
    right, wrong, missed = np.array(weak).sum(0)
    assert figure.a.value == pytest.approx(2 * right / (2 * right + wrong + missed))
    assert figure.significant


@pytest.mark.parametrize("per_patient", [1, 4])
def test_p_values_of_equal_models_are_uniform(per_patient):
    """Also where several questions share a patient, whose answers hang together."""
    ps = []
    for trial in range(120):
        options = {"per_patient": per_patient, "spread": 0.3 if per_patient > 1 else 0.0}
        sides = [
            saved(name, draws(0.6, 160, (trial, number), **options), per_patient=per_patient)
            for number, name in enumerate("ab")
        ]
        ps.append(pair(*sides, "view").p_value(seed=trial, swaps=400))
    # A p value of counts takes few values, and ties make it larger: uniform from above.
    assert stats.kstest(ps, "uniform", alternative="greater").pvalue > 0.01
    assert np.mean(np.array(ps) <= 0.05) <= 0.1
    assert 0.4 < np.mean(ps) < 0.65


def test_the_smallest_difference_that_can_be_seen_is_seen_in_four_of_five():
    rng, found, trials = np.random.default_rng(0), 0, 120
    noise = rng.normal(0.5, 0.05, (trials, 2, 80))
    shift = pair(saved("a", noise[0, 0].tolist()), saved("b", noise[0, 1].tolist()), "view")
    expected = 0.05 * np.sqrt(2 / 80) * (stats.norm.ppf(0.975) + stats.norm.ppf(0.8))
    assert shift.detectable(0.05) == pytest.approx(expected, rel=0.25)
    for a, b in noise:
        both = pair(saved("a", a.tolist()), saved("b", (b + expected).tolist()), "view")
        found += both.p_value(swaps=400) <= 0.05
    assert 0.7 <= found / trials <= 0.9


def test_several_questions_of_one_patient_are_worth_fewer():
    values = draws(0.5, 60, 0), draws(0.7, 60, 1)
    alone = pair(saved("a", values[0]), saved("b", values[1]), "view")
    copies = [
        saved(name, np.repeat(side, 4).tolist(), per_patient=4)
        for name, side in zip("ab", values, strict=True)
    ]
    together = pair(*copies, "view")
    assert together.standard_error() == pytest.approx(alone.standard_error())
    assert together.p_value() == alone.p_value()


def test_what_one_alone_answered_is_counted_and_left_out():
    a = saved("a", [1.0, 0.0, 1.0, None, 0.0], ids=[0, 1, 2, 3, 4])
    b = saved("b", [1.0, 1.0, 0.0, 1.0], ids=[1, 2, 3, 9])
    [figure] = compare(a, b).figures
    assert (figure.n, figure.only_a, figure.only_b, figure.unscored) == (2, 2, 1, 1)
    assert figure.difference.value == 0.5


def test_two_versions_of_a_figure_are_not_compared():
    a = gathered("a", {}, _items(view=1, vqa=1))
    b = gathered("b", {}, _items(view=1, vqa=2, length=1))
    found = compare(a, b)
    assert [figure.name for figure in found.figures] == ["view"]
    assert found.refused == {"vqa": "version 1 of it in a, 2 in b", "length": "measured in b alone"}
    with pytest.raises(DataError, match=r"nothing in common .*version 1 of it in a, 2 in b"):
        compare(gathered("a", {}, _items(vqa=1)), gathered("b", {}, _items(vqa=2)))


def test_nothing_in_common_is_an_error():
    a, b = saved("a", [1.0, 0.0], ids=[0, 1]), saved("b", [1.0, 0.0], ids=[5, 6])
    with pytest.raises(DataError, match="no question was answered in both"):
        compare(a, b)
    with pytest.raises(DataError, match="both are empty"):
        compare(gathered("a", {}, []), gathered("b", {}, []))
    with pytest.raises(DataError, match="another patient"):
        compare(saved("a", [1.0, 0.0]), saved("b", [1.0, 0.0], per_patient=2))
    with pytest.raises(DataError, match="in another way"):
        compare(saved("a", [1.0]), saved("b", [(1.0, 0.0, 0.0)]))


def test_one_patient_tells_nothing():
    [figure] = compare(saved("a", [0.0, 0.0], per_patient=2), saved("b", [1.0, 1.0], per_patient=2)).figures
    assert (figure.p, figure.p_holm, figure.detectable, figure.difference.low) == (None,) * 4
    assert figure.verdict == "cannot be told: it rests on 1 patient"


def test_few_patients_never_look_certain():
    [figure] = compare(saved("a", [0.0] * 4), saved("b", [1.0] * 4)).figures
    assert figure.p == pytest.approx(2 / 16, abs=0.02)
    assert not figure.significant


def _items(**versions):
    return [
        ItemScore(figure, version, f"q{i}", f"p{i}", value=float(i % 2))
        for figure, version in versions.items()
        for i in range(4)
    ]


def test_items_of_one_patient_are_one_from_whatever_source():
    """CheXbench takes items of one film from several sources."""
    rows = {
        name: [ItemScore("view", 1, f"q{i}", f"p{i // 2}", f"s{i % 2}", value=v(i)) for i in range(20)]
        for name, v in (("a", lambda i: 0.0), ("b", lambda i: float(i % 3 > 0)))
    }
    [figure] = compare(*(gathered(name, {}, items) for name, items in rows.items())).figures
    assert (figure.n, figure.patients) == (20, 10)
