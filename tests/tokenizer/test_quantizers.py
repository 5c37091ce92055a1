"""Codes and vectors are one, gradients pass through, and learned codebooks are used whole."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.errors import UsageError
from hilum.tokenizer import FSQ, IBQ, LFQ, VQ
from hilum.tokenizer.quantizers import entropy_penalty

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
    vectors, codes, _ = quantizer(z)
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
    _, codes, _ = quantizer(torch.tensor([[1e30] * 4, [-1e30] * 4, [0.0] * 4]))
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


def learned(kind, n_codes=16, width=4):
    torch.manual_seed(0)
    return {"vq": VQ, "ibq": IBQ}[kind](n_codes, width) if kind != "lfq" else LFQ(n_codes)


def points(count: int, width: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 3, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", ["vq", "ibq", "lfq"])
def test_a_vector_becomes_that_of_its_code(kind) -> None:
    quantizer = learned(kind).eval()
    vectors, codes, loss = quantizer(points(7))
    assert codes.shape == (7, 3)
    assert 0 <= codes.min() <= codes.max() < quantizer.n_codes == 16
    torch.testing.assert_close(vectors, quantizer.vectors(codes), rtol=0, atol=1e-5)
    assert loss.shape == ()


@pytest.mark.parametrize("kind", ["vq", "lfq"])
def test_no_other_code_is_nearer(kind) -> None:
    quantizer = learned(kind).eval()
    z = points(50)
    every = quantizer.vectors(torch.arange(16))
    distances = (z[..., None, :] - every).square().sum(-1)
    assert torch.equal(quantizer(z).codes, distances.argmin(-1))


def test_ibq_takes_the_largest_inner_product_and_moves_every_code() -> None:
    quantizer = learned("ibq")
    z = points(50).requires_grad_()
    vectors, codes, _ = quantizer(z)
    assert torch.equal(codes, (z @ quantizer.codebook.T).argmax(-1))
    vectors.square().sum().backward()
    assert (quantizer.codebook.grad.abs().sum(1) > 0).all()
    assert z.grad.abs().sum() > 0


@pytest.mark.parametrize("kind", ["vq", "lfq"])
def test_the_gradient_passes_straight_through(kind) -> None:
    z, pull = points(5).requires_grad_(), points(5, seed=1)
    (learned(kind).eval()(z).vectors * pull).sum().backward()
    torch.testing.assert_close(z.grad, pull)


def test_a_codebook_follows_its_vectors_and_no_code_stays_dead() -> None:
    quantizer = learned("vq").train()
    rng = torch.Generator().manual_seed(0)

    def far(count: int) -> torch.Tensor:
        """Where the random codebook of the start has a few codes at most: two distant clouds."""
        side = torch.randint(2, (count, 1), generator=rng) * 20 + 10
        return side + torch.randn(count, 4, generator=rng)

    for _ in range(200):
        quantizer(far(256))
    z = far(2000)
    vectors, codes, _ = quantizer.eval()(z)
    assert len(codes.unique()) == 16
    assert (vectors - z).square().mean() < 0.6  # of a variance of 1 within a cloud


def test_a_codebook_stays_in_evaluation_and_without_gradients() -> None:
    quantizer = learned("vq")
    before = quantizer.codebook.clone()
    quantizer.eval()(points(50))
    with torch.no_grad():
        quantizer.train()(points(50))
    assert torch.equal(quantizer.codebook, before)
    quantizer(points(50))
    assert not torch.equal(quantizer.codebook, before)


def test_the_entropy_penalty_is_lowest_for_sure_and_even_choices() -> None:
    sure = 100 * torch.eye(8)
    assert float(entropy_penalty(sure)) == pytest.approx(-math.log(8), abs=1e-4)
    assert float(entropy_penalty(torch.zeros(8, 8))) == pytest.approx(0, abs=1e-5)
    assert float(entropy_penalty(sure[:1].expand(8, 8))) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("count", [0, 1, 12])
def test_lfq_takes_a_power_of_two(count) -> None:
    with pytest.raises(UsageError, match="power of two"):
        LFQ(count)


def test_the_choice_of_lfq_is_by_the_distance_to_the_codes() -> None:
    """Its entropies are those of a softmax of squared distances, the mean over channels, at 1 / 100."""
    quantizer = LFQ(16)
    z = 0.1 * points(20)
    every = quantizer.vectors(torch.arange(16))
    penalty = entropy_penalty(-(z[..., None, :] - every).square().mean(-1) / 0.01)
    vectors, _, loss = quantizer(z)
    torch.testing.assert_close(loss, 0.25 * (z - vectors).square().mean() + 0.1 * penalty)
