"""The cache that is written in place holds what `transformers`' own holds, whatever happens to it."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.cache_utils import Cache, DynamicLayer

from hilum.model.cache import ROOM, RoomyLayer

events = st.one_of(
    st.integers(1, ROOM + 20),  # that many tokens
    st.tuples(st.just("repeat"), st.integers(1, 3)),
    st.tuples(st.just("select"), st.integers(0, 2**31)),
)


@settings(max_examples=60)
@given(st.integers(1, 4), st.integers(0, 2**31), st.lists(events, min_size=1, max_size=12))
def test_it_equals_the_copying_cache(rows, seed, happenings) -> None:
    generator = torch.Generator().manual_seed(seed)
    ours, theirs = (Cache(layer_class_to_replicate=kind) for kind in (RoomyLayer, DynamicLayer))
    held = [torch.randn(rows, 2, 5, 3, generator=generator) for _ in range(2)]
    for cache in (ours, theirs):
        cache.update(*held, 0)
    for happening in happenings:
        match happening:
            case ("repeat", times):
                rows *= times if rows * times <= 16 else 1
                for cache in (ours, theirs):
                    cache.batch_repeat_interleave(times if rows == len(cache.layers[0].keys) * times else 1)
            case ("select", draw):
                order = torch.randperm(rows, generator=torch.Generator().manual_seed(draw))
                rows = 1 + draw % rows
                for cache in (ours, theirs):
                    cache.batch_select_indices(order[:rows])
            case tokens:
                new = [torch.randn(rows, 2, tokens, 3, generator=generator) for _ in range(2)]
                for a, b in zip(ours.update(*new, 0), theirs.update(*new, 0), strict=True):
                    assert torch.equal(a, b)
        assert ours.get_seq_length() == theirs.get_seq_length()
        assert torch.equal(ours.layers[0].keys, theirs.layers[0].keys)
        assert torch.equal(ours.layers[0].values, theirs.layers[0].values)


def test_a_token_copies_nothing_that_was_held() -> None:
    layer = RoomyLayer()
    layer.update(torch.zeros(2, 1, 10, 4), torch.zeros(2, 1, 10, 4))
    where = layer.keys.data_ptr()
    for _ in range(ROOM):
        layer.update(torch.ones(2, 1, 1, 4), torch.ones(2, 1, 1, 4))
        assert layer.keys.data_ptr() == where
    layer.batch_select_indices(torch.tensor([1]))
    assert layer.keys.data_ptr() == where
    assert layer.keys.shape == (1, 1, 10 + ROOM, 4)
