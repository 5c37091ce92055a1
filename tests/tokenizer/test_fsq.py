"""Finite scalar quantisation: codes and grid points are one, and gradients pass through."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.errors import UsageError
from hilum.tokenizer import FSQ

grids = st.lists(st.integers(2, 8), min_size=1, max_size=4).map(tuple)


@settings(max_examples=30)
@given(grids)
def test_codes_and_grid_points_are_one_to_one(levels) -> None:
    quantizer = FSQ(levels)
    count = math.prod(levels)
    assert quantizer.n_codes == count
    codes = torch.arange(min(count, 1000))
    vectors = quantizer.vectors(codes)
    assert len(vectors.unique(dim=0)) == len(codes)
    assert vectors.min() >= -1
    assert vectors.max() <= 1
    for channel, level in enumerate(levels):
        assert len(quantizer.vectors(torch.arange(count))[:, channel].unique()) == level


@settings(max_examples=30)
@given(grids, st.integers(0, 10_000))
def test_what_is_quantised_is_the_vector_of_its_code(levels, seed) -> None:
    quantizer = FSQ(levels)
    z = 3 * torch.randn(7, 3, len(levels), generator=torch.Generator().manual_seed(seed))
    vectors, codes = quantizer(z)
    assert codes.shape == (7, 3)
    assert codes.min() >= 0
    assert codes.max() < quantizer.n_codes
    torch.testing.assert_close(vectors, quantizer.vectors(codes), rtol=0, atol=1e-6)


@settings(max_examples=30)
@given(grids)
def test_every_code_can_be_reached(levels) -> None:
    """Inverting the squashing of a grid point and quantising it again gives its code back."""
    quantizer = FSQ(levels)
    codes = torch.arange(min(quantizer.n_codes, 2000))
    sizes = torch.tensor(levels, dtype=torch.float64)
    width = (sizes - 1) * (1 + 1e-3) / 2
    offset = torch.where(sizes % 2 == 0, 0.5, 0.0)
    digits = quantizer.vectors(codes).double() * torch.div(sizes, 2, rounding_mode="floor")
    z = torch.atanh((digits + offset) / width) - torch.atanh(offset / width)
    assert torch.equal(quantizer(z.float())[1], codes)


def test_extreme_inputs_stay_on_the_grid() -> None:
    quantizer = FSQ((8, 5, 5, 5))
    _, codes = quantizer(torch.tensor([[1e30] * 4, [-1e30] * 4, [0.0] * 4]))
    assert codes.tolist() == [999, 0, 4 + 8 * 2 + 40 * 2 + 200 * 2]


@settings(max_examples=30)
@given(grids)
def test_the_gradient_is_that_of_the_squashing_alone(levels) -> None:
    """Straight through: rounding counts as the identity, so the slope is d tanh, nowhere zero."""
    quantizer = FSQ(levels)
    z = torch.randn(11, len(levels), generator=torch.Generator().manual_seed(1)).requires_grad_()
    quantizer(z)[0].sum().backward()
    sizes = torch.tensor(levels, dtype=torch.float32)
    width = (sizes - 1) * (1 + 1e-3) / 2
    shift = torch.atanh(torch.where(sizes % 2 == 0, 0.5, 0.0) / width)
    slope = (1 - torch.tanh(z + shift) ** 2) * width / torch.div(sizes, 2, rounding_mode="floor")
    torch.testing.assert_close(z.grad, slope.detach(), rtol=1e-4, atol=1e-6)
    assert (z.grad > 0).all()


def test_nothing_of_it_is_trained_or_saved() -> None:
    quantizer = FSQ((8, 5))
    assert not list(quantizer.parameters())
    assert not quantizer.state_dict()


@pytest.mark.parametrize("levels", [(), (8, 1), (0,)])
def test_a_channel_needs_two_levels(levels) -> None:
    with pytest.raises(UsageError, match="levels"):
        FSQ(levels)
