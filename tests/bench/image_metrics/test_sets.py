"""Copies are called copies, new pictures are not, and a picture that fits its request is told from others."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.bench.image_metrics import Pictures, alignment, compare_sets, copies_of
from hilum.errors import UsageError
from hilum.images.duplicates import signature


def pictures(seed: int, count: int = 80, shift: float = 0.0) -> Pictures:
    features = np.random.default_rng(seed).normal(shift, 1, (count, 6))
    return Pictures(features, [f"p{i // 2}" for i in range(count)])


def test_new_pictures_of_the_same_kind_are_near_and_not_memorised():
    training = pictures(0, 400).features
    found = compare_sets(pictures(1), pictures(2), encoder="x", training=training)
    assert (found.real, found.drawn, found.training, found.encoder) == (80, 80, 400, "x")
    assert found.nearer.low < 0.5 < found.nearer.high
    assert found.nearest_ratio == pytest.approx(1, abs=0.2)
    assert found.precision.value > 0.8
    assert found.recall.value > 0.8
    far = compare_sets(pictures(1), pictures(2, shift=3.0))
    assert far.fd > 10 * found.fd
    assert far.kd > found.kd
    assert far.precision.value < 0.2
    assert far.coverage.value < 0.2
    assert (far.nearer, far.nearest_ratio, far.training) == (None, None, 0)


def test_pictures_learned_by_heart_are_found():
    training = pictures(0, 400).features
    drawn = Pictures(training[:80] + 0.01, [f"p{i}" for i in range(80)])
    found = compare_sets(pictures(1), drawn, training=training, copied=[True] * 20 + [False] * 60)
    assert found.nearer.value > 0.99
    assert found.nearest_ratio < 0.1
    assert found.copied.value == 0.25
    document = found.to_json()
    assert document["copied"]["n"] == 80
    assert document["fd"] == found.fd


def test_all_drawn_alike_is_precise_without_recall():
    real = pictures(1)
    drawn = Pictures(np.random.default_rng(0).normal(0, 0.01, (80, 6)), real.patients)
    found = compare_sets(real, drawn)
    assert found.precision.value == 1
    assert found.recall.value < 0.1


def test_a_brightened_and_compressed_film_is_a_copy():
    rng = np.random.default_rng(0)
    films = [rng.random((64, 64)).astype(np.float32) for _ in range(6)]
    drawn = [np.round(films[2] ** 1.3 * 63) / 63, rng.random((64, 64)).astype(np.float32)]
    sides = (np.stack([signature(one.astype(np.float32)) for one in side]) for side in (drawn, films))
    assert copies_of(*sides) == [True, False]


def test_a_picture_that_shows_what_was_asked_wins_against_other_requests():
    rng = np.random.default_rng(0)
    asked = rng.integers(0, 2, (40, 5)).astype(float)
    shown = np.where(asked == 1, 0.8, 0.1)
    assert (alignment(shown, asked) == 1).all()
    assert (alignment(1 - shown, asked) == 0).all()
    blind = alignment(rng.random((400, 5)), rng.integers(0, 2, (400, 5)).astype(float))
    assert blind.mean() == pytest.approx(0.5, abs=0.05)
    assert (alignment(np.full((40, 5), 0.3), asked) == 0.5).all(), "one view of all decides nothing"


def test_alignment_asks_only_what_is_known_of_both():
    asked = np.array([[1, np.nan], [0, np.nan], [np.nan, 1]])
    found = alignment(np.array([[0.9, 0.1], [0.2, 0.9], [0.5, 0.5]]), asked)
    np.testing.assert_array_equal(found, [1, 1, np.nan])


def test_each_picture_has_a_patient():
    with pytest.raises(UsageError, match="are 1 for 3 pictures"):
        Pictures(np.zeros((3, 2)), ["a"])
