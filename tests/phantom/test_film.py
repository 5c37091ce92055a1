"""From attenuation to a picture, and the compiled loops against brute force."""

from dataclasses import replace

import numpy as np
import pytest

from hilum.phantom import kernels, truth
from hilum.phantom.film import Exposure, develop, scattered
from hilum.study import Finding, Position
from phantom.helpers import picture, visit_with

GRID = np.array([-40.0, -40.0, 2.0])
SIZE = 40


def exposure_of(visit, position, **changes):
    camera = truth.shadow(visit, position, 96).camera
    return replace(Exposure.of(visit, camera, noise=0.0), marker=(), crop=(0.0, 0.0, 0.0, 0.0), **changes)


@pytest.mark.parametrize("position", [Position.PA, Position.LATERAL])
def test_dense_parts_are_white_and_air_is_black(position):
    visit = visit_with(None)
    total = truth.shadow(visit, position, 96).total
    shown = develop(total, exposure_of(visit, position))
    assert shown[total > np.percentile(total, 95)].mean() > 0.8
    assert shown[total < 0.05].mean() < 0.1


def test_bone_is_whiter_than_lung():
    visit = visit_with(None)
    shown = picture(visit, Position.PA)
    # The spine stands in the middle, each lung a quarter of the width beside it.
    assert shown[45:60, 44:52].mean() > shown[35:55, 20:28].mean() + 0.3


def test_noise_grows_with_its_setting_and_none_is_none():
    visit = visit_with(None)
    clean = picture(visit, Position.PA)
    some = np.abs(picture(visit, Position.PA, noise=1.0) - clean).mean()
    more = np.abs(picture(visit, Position.PA, noise=3.0) - clean).mean()
    assert 0.0 < some < more
    assert np.array_equal(picture(visit, Position.PA), clean)


def test_scatter_is_there_and_broad():
    visit = visit_with(None)
    total = truth.shadow(visit, Position.PA, 96).total
    haze = scattered(total, exposure_of(visit, Position.PA, scatter=0.4))
    assert haze[48, 48] > 0.001
    assert np.abs(np.diff(haze, axis=1)).max() < 0.2 * np.ptp(np.exp(-total))


@pytest.mark.parametrize("size", [64, 65, 100, 128])
def test_any_size_from_64_renders_with_its_marker(size):
    visit = visit_with(Finding.EDEMA, portable=True)
    shown = picture(visit, Position.AP, size=size)
    assert shown.shape == (size, size)
    assert (shown > 0.97).any()


def centres():
    return GRID[0] + (np.arange(SIZE) + 0.5) * GRID[2]


def test_the_chord_of_an_ellipsoid_is_its_closed_form():
    solid = np.array([[3.0, -4.0, 0.0, 20.0, 15.0, 25.0, 10.0, 2.0, 2.0, 2.0, 0.0, 0.0, 1.1]])
    out = np.zeros((SIZE, SIZE), np.float32)
    kernels.add_chords(out, solid, np.array([0.5]), GRID)
    u, y = centres()[None, :] / 1.1 - 3.0, centres()[:, None] / 1.1 + 4.0
    rest = 1 - (u / 20.0) ** 2 - (y / np.where(y < 0, 15.0, 25.0)) ** 2
    assert np.allclose(out, 0.5 * 2 * 10.0 * np.sqrt(np.maximum(rest, 0)), atol=1e-4)


def inside(s, u, y, w):
    dy = y - s[1]
    rise = (np.abs(dy) / np.where(dy < 0, s[4], s[5])) ** s[8]
    across = (np.abs(u - s[0] - s[10] * dy) / s[3]) ** s[7]
    return rise + across + (np.abs(w - s[2] - s[11] * dy) / s[6]) ** s[9] < 1.0


def test_lung_paths_agree_with_counting_along_each_ray():
    cavity = np.array([0.0, 0.0, 0.0, 34.0, 34.0, 30.0, 30.0, 2.5, 2.5, 2.0, 0.1, 0.1, 1.0])
    displacers = np.array(
        [
            [8.0, 10.0, 6.0, 14.0, 14.0, 14.0, 12.0, 2.0, 2.0, 2.0, 0.3, 0.0, 1.0],
            [-5.0, 20.0, 0.0, 25.0, 12.0, 30.0, 22.0, 2.0, 2.0, 2.0, 0.0, 0.0, 1.0],
        ]
    )
    shapes = np.array([[-6.0, -8.0, -4.0, 18.0, 16.0, 16.0, 15.0, 2.0, 2.0, 2.0, 0.0, 0.0, 1.0]] * 3)
    fissure = np.array([0.0, -3.0, 0.6])
    rules = np.array([[0.0, 0.0, -1e9, 1e9], [1.0, 1.0, -1e9, 4.0], [2.0, -1.0, -12.0, 1e9]])
    air, parts = np.zeros((SIZE, SIZE), np.float32), np.zeros((3, SIZE, SIZE), np.float32)
    kernels.lung_paths(air, parts, cavity, displacers, shapes, rules, fissure, False, GRID)

    step = 0.05
    w = np.arange(-45, 45, step) + step / 2
    y, u, w = np.meshgrid(centres(), centres(), w, indexing="ij")
    free = inside(cavity, u, y, w) & ~inside(displacers[0], u, y, w) & ~inside(displacers[1], u, y, w)
    shape, plane = inside(shapes[0], u, y, w), fissure[1] + fissure[2] * y
    r2 = ((u + 6) / 18) ** 2 + ((y + 8) / 16) ** 2 + ((w + 4) / 15) ** 2
    expected = [
        free & ~shape,
        free & shape & (w > plane) & (y <= 4.0),
        np.where(free & shape & (w < plane) & (y >= -12.0), 1 - r2, 0.0),
    ]
    assert np.allclose(air, free.sum(2) * step, atol=0.4)
    for part, counted in zip(parts, expected, strict=True):
        assert np.allclose(part, counted.sum(2) * step, atol=0.4)
        assert part.max() > 5.0


def test_a_tube_is_as_thick_as_round_and_keeps_its_mass_when_thin():
    points = np.array([[-30.0, 0.3, 6.0, 1.0], [30.0, 0.3, 6.0, 1.0]])
    out, scratch = np.zeros((SIZE, SIZE), np.float32), np.zeros((SIZE, SIZE), np.float32)
    kernels.add_tubes(out, scratch, points, np.array([0, 2]), np.array([[1.0, 0.0]]), GRID)
    expected = 2 * np.sqrt(np.maximum(36.0 - (centres() - 0.3) ** 2, 0.0))
    assert np.allclose(out[:, SIZE // 2], expected, atol=1e-3)
    assert not scratch.any()
    assert out[:, SIZE // 2].sum() * GRID[2] == pytest.approx(np.pi * 36.0, rel=0.05)
