"""The terms that a reconstruction is judged by."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hilum.tokenizer.losses import FeatureError, edge_error, pixel_error, squared_error


def test_the_edge_error_is_that_of_gradients_at_two_scales() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.random((2, 8, 8)), rng.random((2, 8, 8))
    difference = a - b
    halved = difference.reshape(2, 4, 2, 4, 2).mean((2, 4))
    wanted = sum(np.abs(np.diff(d, axis=axis)).mean() for d in (difference, halved) for axis in (1, 2))
    assert float(edge_error(torch.from_numpy(a), torch.from_numpy(b))) == pytest.approx(wanted)


def test_an_offset_has_no_edges_and_a_line_has() -> None:
    flat = torch.zeros(1, 16, 16)
    line = flat.clone()
    line[:, :, 7] = 0.5
    assert float(edge_error(flat + 0.2, flat)) == pytest.approx(0, abs=1e-7)
    assert float(edge_error(line, flat)) > 2 * float((line - flat).abs().mean())


@pytest.mark.parametrize(("error", "power"), [(pixel_error, 1), (squared_error, 2)])
def test_pixel_errors_are_means_of_powers(error, power) -> None:
    a, b = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert float(error(a, b)) == pytest.approx(float((a - b).abs().pow(power).mean()))


def means(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return x.mean((1, 2))[:, None], x.mean(2)


@pytest.mark.parametrize("every", [1, 2])
def test_features_are_compared_stage_by_stage(every) -> None:
    restored, pixels = torch.rand(2, 4, 8, 8, generator=torch.Generator().manual_seed(0)) * 1.2
    restored.requires_grad_()
    error = FeatureError(means, every)(restored, pixels)
    pairs = zip(means(restored.clamp(0, 1)), means(pixels), strict=True)
    wanted = torch.stack([(a - b)[::every].square().mean() for a, b in pairs]).mean()
    assert float(error) == pytest.approx(float(wanted))
    error.backward()
    moved = restored.grad.abs().sum((1, 2)) > 0
    assert moved.tolist() == [i % every == 0 for i in range(4)]
