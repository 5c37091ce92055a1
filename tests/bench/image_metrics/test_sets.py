"""Copies are called copies, new pictures are not, and a picture that fits its request is told from others."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.bench.image_metrics import Encoder, Pictures, alignment, compare_sets, pictures_of
from hilum.errors import UsageError


def pictures(seed: int, count: int = 80, shift: float = 0.0) -> Pictures:
    features = np.random.default_rng(seed).normal(shift, 1, (count, 6))
    return Pictures(features, [f"p{i // 2}" for i in range(count)])


def test_new_pictures_of_the_same_kind_are_near_and_not_memorised():
    found = compare_sets(pictures(1), pictures(2), encoder="x", training=pictures(0, 400))
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
    assert (found.copied, found.copied_real) == (None, None), "without signatures"


def test_pictures_learned_by_heart_are_found():
    training = pictures(0, 400)
    drawn = Pictures(training.features[:80] + 0.01, [f"p{i}" for i in range(80)])
    found = compare_sets(pictures(1), drawn, training=training)
    assert found.nearer.value > 0.99
    assert found.nearest_ratio < 0.1
    document = found.to_json()
    assert (document["nearer"]["n"], document["fd"]) == (160, found.fd)


def test_all_drawn_alike_is_precise_without_recall():
    real = pictures(1)
    drawn = Pictures(np.random.default_rng(0).normal(0, 0.01, (80, 6)), real.patients)
    found = compare_sets(real, drawn)
    assert found.precision.value == 1
    assert found.recall.value < 0.1


def test_a_brightened_and_compressed_film_is_a_copy():
    """Of drawings and of films alike, each read once."""
    rng = np.random.default_rng(0)
    films, drawn, real = (list(rng.random((8, 64, 64)).astype(np.float32)) for _ in range(3))
    drawn[0] = np.round(films[2] ** 1.3 * 63).astype(np.float32) / 63
    drawn[1], real[5] = films[3], films[4]
    encoder = Encoder("means", lambda pictures: np.array([[one.mean(), one.std()] for one in pictures]))
    patients = [str(i) for i in range(8)]
    sets = [pictures_of(iter(side), patients, encoder) for side in (real, drawn, films)]
    found = compare_sets(*sets[:2], training=sets[2])
    assert (found.copied.value, found.copied_real.value) == (2 / 8, 1 / 8)
    assert (found.copied.n, found.training) == (8, 8)


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
