"""Tokens are drawn as often as they are likely, each row by its own settings alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.model import sampling
from hilum.model.sampling import LIKELIEST, choose, uniforms


@settings(max_examples=60)
@given(
    size=st.sampled_from([1, 2, 7, LIKELIEST, 700]),
    seed=st.integers(0, 2**31),
    spread=st.sampled_from([0.01, 1.0, 5.0]),
    top_p=st.one_of(st.just(1.0), st.floats(0.01, 0.999)),
    temperature=st.floats(0.1, 5),
)
def test_a_token_is_drawn_as_often_as_it_is_likely(size, seed, spread, top_p, temperature) -> None:
    """With evenly spaced chances each token's share is its probability in the nucleus, to one row."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, spread, size).astype(np.float32)
    logits[rng.random(size) < 0.2] = -np.inf
    logits[0] = 0.0
    rows = 2000
    chance = ((np.arange(rows) + 0.5) / rows).tolist()
    chosen = choose(torch.from_numpy(logits).expand(rows, -1), [temperature] * rows, [top_p] * rows, chance)
    share = np.bincount(chosen.numpy(), minlength=size) / rows
    weights = np.exp((logits.astype(float) - logits[np.isfinite(logits)].max()) / temperature)
    wanted = weights / weights.sum()
    order = np.argsort(-wanted, kind="stable")
    before = wanted[order].cumsum() - wanted[order]
    # Where a mass lies within rounding of top_p either set is right.
    if top_p < 1 and np.abs(before - top_p).min() < 1e-4:
        return
    wanted[order[before >= top_p]] = 0.0
    assert np.abs(share - wanted / wanted.sum()).max() <= 1 / rows + 1e-5
    assert not share[wanted == 0].any()


def test_the_extreme_chances_fall_on_possible_tokens() -> None:
    logits = torch.tensor([[-torch.inf, 1.0, -torch.inf, 1.0, -torch.inf]]).expand(2, -1)
    for top_p in (1.0, 0.99):
        chosen = choose(logits, [1.0, 1.0], [top_p, top_p], [0.0, 1 - 2**-53])
        assert sorted(chosen.tolist()) == [1, 3]


@settings(max_examples=60)
@given(st.integers(0, 2**31), st.sampled_from([0.0, 1.0, 6.0]), st.floats(0.02, 0.999))
def test_a_large_vocabulary_is_drawn_from_like_a_small_one(seed, spread, top_p) -> None:
    """Some rows' nuclei reach beyond the likeliest tokens, and rounded logits make many equally likely."""
    generator = torch.Generator().manual_seed(seed)
    logits = (spread * torch.randn(16, 3 * LIKELIEST, generator=generator)).round(decimals=1)
    arguments = [1.0] * 16, [top_p] * 16, torch.rand(16, generator=generator).tolist()
    small = choose(logits, *arguments)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "LARGE", 0)
        assert torch.equal(choose(logits, *arguments), small)


ways = st.tuples(st.sampled_from([0.0, 0.4, 1.5]), st.sampled_from([0.3, 0.95, 1.0]), st.floats(0, 0.999))


@settings(max_examples=60)
@given(st.lists(ways, min_size=1, max_size=8), st.integers(0, 2**31), st.sampled_from([0.0, 5.0]))
def test_a_row_is_drawn_as_if_it_were_alone(rows, seed, spread) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = spread * torch.randn(len(rows), 2 * LIKELIEST, generator=generator)
    temperature, top_p, uniform = zip(*rows, strict=True)
    together = choose(logits, temperature, top_p, uniform)
    alone = [choose(logits[i : i + 1], [t], [p], [u]).item() for i, (t, p, u) in enumerate(rows)]
    assert together.tolist() == alone


def test_the_numbers_of_an_answer_are_its_own_and_the_first_of_more() -> None:
    assert uniforms(1, 2, 3, 5) == uniforms(1, 2, 3, 9)[:5]
    assert len({uniforms(s, p, a, 1)[0] for s in range(3) for p in range(3) for a in range(3)}) == 27
