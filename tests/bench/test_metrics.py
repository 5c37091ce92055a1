"""Counts agree with scikit-learn, overlaps with geometry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, roc_auc_score

from hilum.bench.intervals import Bootstrap
from hilum.bench.metrics import (
    FINDINGS,
    Counts,
    auroc,
    fact_counts,
    finding_counts,
    iou,
    macro_auroc,
    matched_iou,
    psnr,
    scorable,
    ssim,
    stated,
)
from hilum.study import Fact, Finding, Presence, Severity, Side, Site

ONE = np.ones((1, 1))
EFFUSION = Fact(Finding.PLEURAL_EFFUSION, side=Side.LEFT, severity=Severity.MILD)

unit = st.floats(0, 1)
boxes = st.builds(lambda x, y, w, h: (x, y, x + w, y + h), unit, unit, st.floats(0.01, 1), st.floats(0.01, 1))


def sums(triple):
    return triple.sum(1).tolist()


def test_a_finding_counts_once_whatever_its_side():
    right = Fact(Finding.PLEURAL_EFFUSION, side=Side.RIGHT)
    assert sums(finding_counts([EFFUSION], [right, EFFUSION])) == [1, 0, 0]
    assert sums(fact_counts([EFFUSION], [right, EFFUSION])) == [1, 1, 0]


@pytest.mark.parametrize(
    "said",
    [
        Fact(Finding.PLEURAL_EFFUSION, side=Side.RIGHT, severity=Severity.MILD),
        Fact(Finding.PLEURAL_EFFUSION, side=Side.LEFT, severity=Severity.SEVERE),
        Fact(Finding.PLEURAL_EFFUSION, side=Side.LEFT, severity=Severity.MILD, site=Site.BASAL),
        Fact(Finding.PLEURAL_EFFUSION),
    ],
)
def test_a_fact_with_one_thing_wrong_is_wrong_and_missed(said):
    assert sums(fact_counts([EFFUSION], [said])) == [0, 1, 1]
    assert sums(finding_counts([EFFUSION], [said])) == [1, 0, 0]


def test_absence_and_no_finding_state_nothing_but_a_hedge_does():
    absent = Fact(Finding.EDEMA, Presence.ABSENT)
    hedged = Fact(Finding.EDEMA, Presence.UNCERTAIN)
    assert stated([absent, Fact(Finding.NO_FINDING), hedged]) == [hedged]
    assert sums(finding_counts([], [absent])) == [0, 0, 0]
    assert sums(finding_counts([absent], [hedged])) == [0, 1, 0]


@given(st.lists(st.tuples(st.sets(st.sampled_from(FINDINGS[:6])), st.sets(st.sampled_from(FINDINGS[:6])))))
def test_f1_is_scikit_learns(pairs):
    triples = [finding_counts([Fact(f) for f in t], [Fact(f) for f in g]) for t, g in pairs]
    counts = Counts.of(triples) if triples else None
    truth = np.array([[f in t for f in FINDINGS] for t, _ in pairs])
    given_ = np.array([[f in g for f in FINDINGS] for _, g in pairs])
    if counts is None or not (truth | given_).any():
        return
    whole = np.ones((1, len(pairs)))
    assert counts.micro_f1(whole)[0] == pytest.approx(f1_score(truth, given_, average="micro"))
    each = f1_score(truth, given_, average=None, zero_division=np.nan)
    np.testing.assert_allclose(counts.f1_each(whole)[0], each)


def test_f1_of_a_resample_is_f1_of_the_repeated_items():
    rng = np.random.default_rng(0)
    triples = rng.integers(0, 3, (5, 3, 4))
    weights = np.array([2, 0, 1, 3, 1])
    repeated = Counts.of(np.repeat(triples, weights, axis=0))
    once, often = np.ones((1, len(repeated))), weights[None].astype(float)
    assert Counts.of(triples).micro_f1(often) == pytest.approx(repeated.micro_f1(once))
    assert Counts.of(triples).macro_f1(often) == pytest.approx(repeated.macro_f1(once))


def test_f1_of_labels_is_scikit_learn_s():
    rng = np.random.default_rng(1)
    truth, said = (rng.random((50, 4)) < 0.4 for _ in range(2))
    counts, once = Counts.of_labels(truth, said), np.ones((1, 50))
    for mean, value in (("micro", counts.micro_f1(once)), ("macro", counts.macro_f1(once))):
        assert value[0] == pytest.approx(f1_score(truth, said, average=mean))


def test_f1_without_any_finding_is_undefined():
    empty = Counts.of([finding_counts([], [])])
    assert np.isnan(empty.micro_f1(ONE)[0])
    assert Bootstrap(["a"]).estimate(empty.micro_f1).value is None


@given(boxes, boxes)
def test_overlap_is_symmetric_bounded_and_one_only_for_the_same_box(a, b):
    assert iou(a, b) == pytest.approx(iou(b, a))
    assert 0 <= iou(a, b) <= 1 + 1e-9
    assert iou(a, a) == pytest.approx(1)


@given(boxes, st.floats(-3, 3), st.floats(0.1, 4))
def test_overlap_does_not_depend_on_place_or_scale(box, shift, scale):
    other = (box[0] + 0.1, box[1], box[2] + 0.1, box[3])
    moved = [tuple(scale * v + shift for v in b) for b in (box, other)]
    assert iou(*moved) == pytest.approx(iou(box, other), abs=1e-6)


def test_overlap_of_known_boxes():
    assert iou((0, 0, 0.5, 1), (0.25, 0, 0.75, 1)) == pytest.approx(1 / 3)
    assert iou((0, 0, 0.2, 0.2), (0.2, 0.2, 0.4, 0.4)) == 0


def test_boxes_too_many_or_too_few_cost():
    left, right = (0.0, 0.0, 0.3, 0.3), (0.6, 0.6, 0.9, 0.9)
    assert matched_iou([left, right], [right, left]) == pytest.approx(1)
    assert matched_iou([left, right], [left]) == pytest.approx(0.5)
    assert matched_iou([left], [right, left]) == pytest.approx(0.5)
    assert matched_iou([left], []) == 0
    assert matched_iou([], [left]) == 0


@given(
    st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 3)), min_size=2, max_size=30),
)
def test_auroc_is_scikit_learns_with_the_counts_as_weights(rows):
    scores, labels, weights = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    ours = auroc(weights[None], scores, labels)[0]
    drawn = weights > 0
    if len(set(labels[drawn])) < 2:
        assert np.isnan(ours)
    else:
        assert ours == pytest.approx(
            roc_auc_score(labels[drawn], scores[drawn], sample_weight=weights[drawn])
        )


def test_unknown_labels_are_left_out_of_auroc():
    scores, labels = np.array([0.9, 0.1, 0.5]), np.array([1, 0, np.nan])
    assert auroc(np.ones((1, 3)), scores, labels)[0] == 1
    assert np.isnan(auroc(np.ones((1, 3)), scores, np.full(3, np.nan))[0])


def test_macro_auroc_takes_columns_with_both_classes():
    labels = np.array([[1, 0, np.nan]] * 5 + [[0, 0, 1]] * 5)
    scores = np.linspace(1, 0, 10)[:, None].repeat(3, axis=1)
    assert scorable(labels).tolist() == [0]
    assert macro_auroc(np.ones((1, 10)), scores, labels, [0])[0] == 1
    assert np.isnan(macro_auroc(np.ones((1, 10)), scores, labels, [])[0])


def test_likeness_is_greatest_for_the_same_picture():
    rng = np.random.default_rng(0)
    picture = rng.random((32, 32), dtype=np.float32)
    noisy = np.clip(picture + rng.normal(0, 0.1, picture.shape), 0, 1).astype(np.float32)
    assert psnr(picture, picture) == 100
    assert psnr(picture, noisy) == pytest.approx(-10 * np.log10(((picture - noisy) ** 2).mean()), abs=1e-3)
    assert ssim(picture, picture) == pytest.approx(1)
    assert ssim(picture, noisy) < 1
