"""Distances of sets are those of their definitions, worked out another way on the same features."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prdc import compute_prdc
from scipy.linalg import sqrtm

from hilum.bench.image_metrics import (
    Moments,
    Neighbourhoods,
    distances,
    frechet_distance,
    frechet_infinity,
    kernel_distance,
    nearest,
)
from hilum.errors import UsageError


def sets(real: int = 120, drawn: int = 90, width: int = 12, shift: float = 0.5, seed: int = 0):
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(width, width))
    return rng.normal(size=(real, width)) @ mixing, rng.normal(shift, 1.2, (drawn, width)) @ mixing


def by_definition(real, drawn) -> float:
    one, other = (np.cov(side, rowvar=False) for side in (real, drawn))
    gap = real.mean(0) - drawn.mean(0)
    return float(gap @ gap + np.trace(one + other - 2 * np.real(sqrtm(one @ other))))


@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_frechet_distance_is_that_of_the_matrix_square_root(offset):
    real, drawn = (side + offset for side in sets())
    found = frechet_distance(Moments.of(real), Moments.of(drawn))
    assert found == pytest.approx(by_definition(*sets()), rel=1e-4)


def test_frechet_distance_of_one_dimension_is_the_closed_form():
    real, drawn = sets(width=1)
    means, spreads = ([f(side) for side in (real, drawn)] for f in (np.mean, lambda s: np.std(s, ddof=1)))
    expected = (means[0] - means[1]) ** 2 + (spreads[0] - spreads[1]) ** 2
    assert frechet_distance(Moments.of(real), Moments.of(drawn)) == pytest.approx(expected)


def test_fewer_pictures_than_features_are_compared_too():
    real, drawn = sets(real=8, drawn=6)
    found = frechet_distance(Moments.of(real), Moments.of(drawn))
    assert found == pytest.approx(by_definition(real, drawn), rel=1e-4)
    assert frechet_distance(Moments.of(real), Moments.of(real)) == pytest.approx(0, abs=1e-5)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=5))
def test_batches_give_the_moments_of_the_whole(cuts):
    real, _ = sets(real=40)
    moments = Moments(real.shape[1])
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), 40], strict=True):
        moments.add(real[start:end])
    assert moments.count == 40
    np.testing.assert_allclose(moments.mean_D, real.mean(0))
    np.testing.assert_allclose(moments.covariance(), np.cov(real, rowvar=False))


def test_the_extrapolated_distance_of_one_distribution_is_nearer_to_0():
    real, drawn = (np.random.default_rng(seed).normal(size=(400, 20)) for seed in (1, 2))
    finite = frechet_distance(Moments.of(real), Moments.of(drawn))
    assert abs(frechet_infinity(real, drawn)) < finite / 5
    assert frechet_infinity(real, drawn, seed=1) == frechet_infinity(real, drawn, seed=1)


def test_kernel_distance_is_that_of_loops():
    real, drawn = sets(14, 11)

    def kernel(a, b) -> float:
        return (sum(x * y for x, y in zip(a, b, strict=True)) / len(a) + 1) ** 3

    def within(side) -> float:
        pairs = [kernel(a, b) for i, a in enumerate(side) for j, b in enumerate(side) if i != j]
        return sum(pairs) / len(pairs)

    across = [kernel(a, b) for a in real for b in drawn]
    expected = within(real) + within(drawn) - 2 * sum(across) / len(across)
    assert kernel_distance(real, drawn)[0] == pytest.approx(expected, rel=1e-9)


def test_kernel_distance_of_subsets_is_seeded_and_near_that_of_the_whole():
    real, drawn = sets(300, 260)
    whole, none = kernel_distance(real, drawn)
    mean, deviation = kernel_distance(real, drawn, size=100, seed=3)
    assert none == 0 < deviation
    assert (mean, deviation) == kernel_distance(real, drawn, size=100, seed=3)
    assert mean == pytest.approx(whole, abs=deviation)


@pytest.mark.parametrize("block", [7, 1024])
@pytest.mark.parametrize("k", [1, 5])
def test_precision_recall_density_and_coverage_are_those_of_prdc(monkeypatch, block, k):
    monkeypatch.setattr(distances, "BLOCK", block)
    real, drawn = sets(shift=0.2)
    found = Neighbourhoods.of(real, drawn, k)
    theirs = compute_prdc(real, drawn, k)
    assert found.precision_M.mean() == pytest.approx(theirs["precision"], abs=1e-9)
    assert found.recall_N.mean() == pytest.approx(theirs["recall"], abs=1e-9)
    assert found.density_M.mean() == pytest.approx(theirs["density"], abs=1e-9)
    assert found.coverage_N.mean() == pytest.approx(theirs["coverage"], abs=1e-9)


def test_the_nearest_is_that_of_a_search():
    real, drawn = sets(30, 20)
    expected = [min(np.linalg.norm(a - b) for b in drawn) for a in real]
    np.testing.assert_allclose(nearest(real, drawn), expected)


def test_sets_that_are_too_small_are_refused():
    real, drawn = sets(5, 1)
    with pytest.raises(UsageError, match="has 1 pictures"):
        frechet_distance(Moments.of(real), Moments.of(drawn))
    with pytest.raises(UsageError, match="are 1"):
        kernel_distance(real, drawn)
    with pytest.raises(UsageError, match="k: is 5 for 5 pictures"):
        Neighbourhoods.of(real, real)
    with pytest.raises(UsageError, match="different widths"):
        frechet_distance(Moments.of(real), Moments.of(real[:, :3]))
