"""Which side markers can still be read."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hilum.bench.markers import _template, _there, legible_markers
from hilum.phantom import PhantomConfig, cohort
from hilum.phantom.film import scale_of
from hilum.study import Position


@pytest.fixture(scope="module", params=[128, 256])
def films(request) -> np.ndarray:
    studies = cohort(12, seed=5, config=PhantomConfig(size=request.param))
    views = [view for study in studies for view in study.views if view.position is not Position.LATERAL]
    return np.stack([view.load() for view in views])


def test_a_film_s_own_marker_is_read(films) -> None:
    legible = legible_markers(films, films)
    assert np.isfinite(legible).mean() > 0.9
    assert (legible[np.isfinite(legible)] == 1).all()


def test_a_marker_that_is_blurred_away_or_of_the_other_side_is_not_read(films) -> None:
    blurred = np.stack([gaussian_filter(film, len(film) / 20) for film in films])
    assert np.nanmean(legible_markers(films, blurred)) < 0.1
    mirrored = films[:, :, ::-1]
    assert np.nanmean(legible_markers(films, mirrored)) < 0.1


def test_noise_does_not_hide_a_marker(films) -> None:
    noisy = np.clip(films + np.random.default_rng(0).normal(0, 0.05, films.shape), 0, 1)
    assert np.nanmean(legible_markers(films, noisy)) > 0.9


@pytest.mark.parametrize("moved", [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)])
def test_a_letter_is_found_as_well_where_it_has_moved_by_a_dot(moved) -> None:
    dot = scale_of("L", 256)
    template = _template("L", 256)
    down, right = (20 + dot * step for step in moved)
    picture = np.random.default_rng(0).normal(0.2, 0.02, (256, 256))
    picture[down : down + template.shape[0], right : right + template.shape[1]] = 0.2 + 0.6 * template
    assert _there(picture, "L", 20, 20) > 0.99


def test_a_film_without_a_marker_counts_for_nothing() -> None:
    plain = np.random.default_rng(0).random((2, 128, 128))
    assert np.isnan(legible_markers(plain, plain)).all()
