"""Groups are compared where there are patients enough, and a reason stands where there are not."""

from __future__ import annotations

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, equalized_odds_difference

from hilum.bench.audit.compare import Table, corrected
from hilum.bench.audit.groups import Grouping
from hilum.bench.audit.measures import Kind, Measure
from hilum.bench.audit.run import TaskAnswers
from hilum.bench.audit.yes_no import calibration, equalized_odds
from hilum.bench.probability import YesProbabilities
from hilum.errors import UsageError
from hilum.study import Finding, Task


def score(values, kind: Kind = Kind.SCORE, **fields) -> Measure:
    over = np.asarray(values, dtype=float)
    return Measure(
        "view", kind, Task.VIEW, "accuracy", np.arange(len(over)), over, np.ones(len(over)), **fields
    )


def table(min_n: int = 20, **axes) -> Table:
    count = len(next(iter(axes.values())))
    labels = Grouping.from_labels(axes).labels
    return Table([str(i) for i in range(count)], labels, min_n, draws=600, resamples=200)


def planted(patients: int, low: float, high: float, seed: int = 0):
    rng = np.random.default_rng(seed)
    sex = np.repeat(["F", "M"], patients)
    return sex, rng.random(2 * patients) < np.where(sex == "F", low, high)


def test_the_worse_of_two_groups_is_set_against_the_other():
    sex, right = planted(200, 0.5, 0.9)
    result, [found] = table(sex=sex).axis(score(right), "sex")
    assert [group.group for group in result.groups] == ["F", "M"], "the worst first"
    assert (found.group, found.patients) == ("F", 200)
    rates = [right[sex == s].mean() for s in "FM"]
    assert found.gap.value == pytest.approx(rates[0] - rates[1])
    assert found.ratio.value == pytest.approx(rates[0] / rates[1])
    assert result.ratio == pytest.approx(rates[0] / rates[1])
    assert found.gap.low < rates[0] - rates[1] < found.gap.high < 0
    assert result.spread.value == pytest.approx(-found.gap.value)
    assert found.worse_by == pytest.approx(-found.gap.value)
    assert found.p < 0.01


def test_of_a_false_positive_rate_the_higher_is_the_worse():
    sex, wrong = planted(200, 0.5, 0.2)
    result, [found] = table(sex=sex).axis(score(wrong, Kind.FPR), "sex")
    assert found.group == "F"
    assert found.worse_by == pytest.approx(found.gap.value)
    assert result.groups[0].group == "F"


def test_a_group_of_three_patients_has_no_number():
    age = ["18–40"] * 40 + ["40–60"] * 40 + ["80 and over"] * 3
    rng = np.random.default_rng(0)
    result, found = table(age=age).axis(score(rng.random(83) < 0.7), "age")
    small = result.groups[-1]
    assert (small.group, small.patients, small.rate) == ("80 and over", 3, None)
    assert small.to_json()["too_small"]
    assert {comparison.group for comparison in found} == {"18–40", "40–60"}


def test_many_items_of_few_patients_are_few_patients():
    sex = ["F"] * 200 + ["M"] * 200
    whose = [f"F{i % 5}" for i in range(200)] + [f"M{i}" for i in range(200)]
    few = Table(whose, Grouping.from_labels({"sex": sex}).labels, 20, draws=100, resamples=50)
    result, found = few.axis(score(np.arange(400) % 3 > 0), "sex")
    assert found == ()
    assert result.reason == "one group alone has 20 patients, and the rest together fewer"


@pytest.mark.parametrize("value", [0, 1])
def test_scores_that_are_all_equal_are_not_compared(value):
    result, found = table(sex=["F", "M"] * 50).axis(score([value] * 100), "sex")
    assert (result.reason, found) == ("all items score the same", ())
    assert result.spread is None


def test_a_table_without_large_groups_says_so():
    result, found = table(race=["a", "b", "c"] * 5).axis(score([1, 0, 1] * 5), "race")
    assert (result.reason, found) == ("no group has 20 patients", ())
    assert all(group.rate is None for group in result.groups)


def test_a_single_finding_is_not_compared_on_pairs_of_axes():
    some = table(sex=["F", "M"] * 50, age=["18–40", "40–60"] * 50)
    assert some.axes(score([1.0] * 100)) == ["sex", "age", "sex × age"]
    assert some.axes(score([1.0] * 100, finding=Finding.EDEMA)) == ["sex", "age"]


def test_those_found_come_first_and_of_them_the_worst():
    sex, right = planted(200, 0.5, 0.9)
    noise = np.random.default_rng(1).choice(["A", "B", "C"], 400)
    some = table(sex=sex, group=noise)
    found = corrected([c for axis in some.labels for c in some.axis(score(right), axis)[1]])
    flags = [comparison.found for comparison in found]
    assert flags == sorted(flags, reverse=True)
    assert found[0].found
    assert "F" in found[0].group
    worst = [c.worse_by for c in found if c.found]
    assert worst == sorted(worst, reverse=True)
    for comparison in found:
        assert comparison.p <= comparison.bh <= comparison.holm + 1e-12


def test_equalised_odds_are_fairlearn_s():
    rng = np.random.default_rng(0)
    sex = rng.choice(["F", "M"], 400)
    truth = rng.random(400) < 0.5
    said = rng.random(400) < np.where(truth, 0.8, 0.2 + 0.2 * (sex == "F"))
    rows = [np.flatnonzero(truth), np.flatnonzero(~truth)]
    tpr, fpr = (
        Measure("binary_disease", kind, Task.BINARY, "", some, said[some].astype(float), np.ones(len(some)))
        for kind, some in zip((Kind.TPR, Kind.FPR), rows, strict=True)
    )
    some = table(sex=sex)
    found = equalized_odds(tpr, fpr, "sex", some)
    assert found.difference == pytest.approx(equalized_odds_difference(truth, said, sensitive_features=sex))
    assert found.difference == max(found.tpr_gap, found.fpr_gap)
    rates = {g.group: g.rate.value for g in some.axis(fpr, "sex")[0].groups}
    frame = MetricFrame(
        metrics=lambda y, p: p.mean(),
        y_true=truth[~truth],
        y_pred=said[~truth],
        sensitive_features=sex[~truth],
    )
    assert rates == pytest.approx(frame.by_group.to_dict())


def test_equalised_odds_of_too_few_are_not_defined():
    sex = np.array(["F"] * 50 + ["M"] * 50)
    tpr = score(np.arange(100) % 2, Kind.TPR)
    only_men = Measure("view", Kind.FPR, Task.VIEW, "", np.arange(50, 100), np.ones(50), np.ones(50))
    found = equalized_odds(tpr, only_men, "sex", table(sex=sex))
    assert (found.difference, found.groups) == (None, ("M",))
    assert "fewer than two groups have 20 patients" in found.reason


def test_calibration_of_honest_and_of_overconfident_probabilities():
    rng = np.random.default_rng(0)
    sex = np.repeat(["F", "M"], 1000)
    yes = rng.random(2000)
    truth = (rng.random(2000) < np.where(sex == "F", 0.5, yes)).astype(float)
    found = calibration(YesProbabilities(Task.BINARY, np.arange(2000), yes, truth), "sex", table(sex=sex))
    assert [row.group for row in found] == ["F", "M"], "the worst first"
    assert found[0].error.value == pytest.approx(0.25, abs=0.05)
    assert found[1].error.value < 0.08
    assert len(found[0].bins) == 10
    assert sum(part.observed.n for part in found[0].bins) == 1000


def test_calibration_without_both_classes_or_patients_has_no_number():
    sex = np.array(["F"] * 50 + ["M"] * 50 + ["O"] * 3)
    truth = np.r_[np.ones(50), np.arange(50) % 2, np.zeros(3)]
    found = calibration(
        YesProbabilities(Task.BINARY, np.arange(103), np.full(103, 0.6), truth), "sex", table(sex=sex)
    )
    reasons = {row.group: row.reason for row in found}
    assert reasons == {
        "M": "",
        "F": "one class only: every right answer is yes",
        "O": "fewer than 20 patients",
    }
    assert [row.error is None for row in found] == [False, True, True]


def test_a_group_of_one_patient_has_no_number():
    with pytest.raises(UsageError, match="min_n: is 1"):
        table(1, sex=["F", "M", "M"])
    result, comparisons = table(2, sex=["F", "M", "M"]).axis(score([1, 0, 1]), "sex")
    assert [group.group for group in result.groups if group.rate is None] == ["F"]
    assert not comparisons


def test_what_cannot_be_scored_counts_for_nothing():
    sex, right = planted(40, 0.5, 0.9)
    nothing, _ = table(sex=sex).axis(score(np.full(80, np.nan)), "sex")
    assert nothing.reason == "no answer could be scored"
    some = np.where(np.arange(80) % 4 == 0, np.nan, right)
    result, [found] = table(sex=sex).axis(score(some), "sex")
    assert found.rate.value == pytest.approx(np.nanmean(some[:40]))
    assert {group.patients for group in result.groups} == {30}


def test_labels_are_told_of_each_answer():
    with pytest.raises(UsageError, match="labels of sex: are 2 for the patients of 3"):
        Table(["a", "b", "c"], Grouping.from_labels({"sex": ["F", "M"]}).labels)
    with pytest.raises(UsageError, match="labels of race: are 3, those of sex 2"):
        Grouping.from_labels({"sex": ["F", "M"], "race": ["a", "b", "a"]})
    labels = Grouping.from_labels({"sex": ["F", "M"]})
    with pytest.raises(UsageError, match="labels of sex"):
        TaskAnswers(["a", "b", "c"], labels, [score([1, 0, 1])])
    with pytest.raises(UsageError, match="view: is about item 2"):
        TaskAnswers(["a", "b"], labels, [score([1, 0, 1])])
    with pytest.raises(UsageError, match="view: has 2 scores"):
        Measure("view", Kind.SCORE, Task.VIEW, "accuracy", np.arange(3), np.ones(2), np.ones(2))
