"""Copies of a film are found, other films are not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hilum.images import fit
from hilum.images.duplicates import CELLS, Signature, copies, signature
from hilum.phantom import PhantomConfig, cohort
from hilum.study import Pixels


@pytest.fixture(scope="module")
def films() -> list[Pixels]:
    """Frontal films of as many patients."""
    config = PhantomConfig(size=192, followup=0.0)
    return [study.views[0].load() for study in cohort(40, seed=5, config=config)]


def compressed(pixels: Pixels) -> Pixels:
    file = io.BytesIO()
    Image.fromarray((pixels * 255).astype(np.uint8)).save(file, "JPEG", quality=40)
    return np.asarray(Image.open(file), np.float32) / 255


def windowed(pixels: Pixels) -> Pixels:
    low, high = np.quantile(pixels, [0.02, 0.97])
    return np.clip((pixels - low) / (high - low), 0, 1).astype(np.float32) ** 1.4


@pytest.mark.parametrize("change", [lambda p: fit(p, 96), compressed, windowed])
def test_a_copy_is_found_and_nothing_else(films: list[Pixels], change) -> None:
    originals = np.stack([signature(film) for film in films])
    changed = np.stack([signature(change(film)) for film in films])
    assert {(i, j) for i, j, _ in copies(originals, changed)} == {(i, i) for i in range(len(films))}


def test_pairs_within_one_set_come_once_whatever_the_block(films: list[Pixels], monkeypatch) -> None:
    signatures = np.stack([signature(film) for film in [*films, *films[:3]]])
    expected = {(i, len(films) + i) for i in range(3)}
    for block in (1, 7, 1024):
        monkeypatch.setattr("hilum.images.duplicates.BLOCK", block)
        found = list(copies(signatures))
        assert {(i, j) for i, j, _ in found} == expected
        assert len(found) == 3


@given(
    st.integers(0, 2**32),
    st.integers(1, 60),
    st.integers(1, 40),
    st.floats(0.0, 1.0),
    st.floats(0.3, 0.99),
    st.booleans(),
)
def test_the_bound_misses_no_pair(
    seed: int, films: int, structures: int, noise: float, threshold: float, among: bool
) -> None:
    """Films made of a few structures and noise are like one another in every degree."""
    rng = np.random.default_rng(seed)
    shapes = rng.standard_normal((structures, CELLS**2))

    def made() -> Signature:
        rows = rng.standard_normal((films, structures)) @ shapes
        rows += noise * np.abs(rows).max() * rng.standard_normal(rows.shape)
        rows[rng.random(films) < 0.1] = 0
        return np.round(rows * (127 / np.maximum(np.abs(rows).max(1, keepdims=True), 1e-9))).astype(np.int8)

    one, other = made(), made()
    other = one if among else other
    whole = [rows.astype(np.int64) for rows in (one, other)]
    lengths = np.outer(*(np.maximum((rows**2).sum(1), 1) for rows in whole))
    found = whole[0] @ whole[1].T / np.sqrt(lengths)
    if among:
        found[np.tril_indices(films)] = -1
    expected = {(int(i), int(j)): found[i, j] for i, j in np.argwhere(found >= threshold)}
    assert {(i, j): how for i, j, how in copies(one, None if among else other, threshold)} == expected


@given(st.floats(0.2, 5.0))
def test_a_monotone_change_of_grey_moves_nothing(gamma: float) -> None:
    cells = np.random.default_rng(0).random((CELLS, CELLS), dtype=np.float32)
    assert np.array_equal(signature(cells), signature(cells**gamma))


def test_a_signature_fills_its_bytes_and_lies_about_zero() -> None:
    cells = np.random.default_rng(0).random((CELLS, CELLS), dtype=np.float32)
    found = signature(cells)
    assert (found.shape, found.dtype) == ((CELLS**2,), np.int8)
    assert np.abs(found.astype(int)).max() == 127
    assert abs(found.mean()) < 5
    assert found.reshape(CELLS, CELLS).T.ravel().tolist() == signature(cells.T.copy()).tolist()


def test_a_slope_over_the_film_is_no_mark_of_it() -> None:
    rng = np.random.default_rng(0)
    marks = rng.standard_normal((CELLS, CELLS)) * 0.05
    slopes = np.mgrid[:CELLS, :CELLS] / CELLS
    one, other = (signature((0.4 + marks + 0.3 * slope).astype(np.float32)) for slope in slopes)
    [(_, _, alike)] = copies(one[None], other[None], threshold=-1.0)
    assert alike > 0.8


def test_from_which_correlation_on_two_films_are_one() -> None:
    one = np.zeros((1, CELLS**2), np.int8)
    one[0, :100] = 10
    for kept, alike in ((93, True), (92, False)):  # of a hundred marks so many shared: .93 and .92
        other = np.zeros_like(one)
        other[0, :kept] = 10
        other[0, 100 : 200 - kept] = 10
        assert [pair[:2] for pair in copies(one, other)] == ([(0, 0)] if alike else [])


def test_a_picture_of_one_grey_is_like_no_other() -> None:
    grey = signature(np.full((50, 40), 0.5, np.float32))
    assert not grey.any()
    assert list(copies(np.stack([grey, grey]))) == []
