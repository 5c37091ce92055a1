"""The cache that is written in place holds each row's own keys and values, whoever came and went."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.cache_utils import DynamicCache

from hilum.model.cache import ROOM, RowCache

LAYERS, HEADS, WIDTH = 2, 2, 3

events = st.one_of(
    st.tuples(st.just("tokens"), st.integers(1, ROOM + 20)),
    st.tuples(st.just("join"), st.lists(st.integers(1, 90), min_size=1, max_size=3), st.integers(0, 99)),
    st.tuples(st.just("keep"), st.integers(0, 2**31)),
)


def prefilled(rows: list[torch.Tensor]) -> DynamicCache:
    """Rows (layers, 2, heads, length, width) as a left-padded cache; padding is whatever it is."""
    longest = max(row.shape[3] for row in rows)
    cache = DynamicCache()
    for layer in range(LAYERS):
        padded = torch.full((2, len(rows), HEADS, longest, WIDTH), -7.0)
        for i, row in enumerate(rows):
            padded[:, i, :, longest - row.shape[3] :] = row[layer]
        cache.update(*padded, layer)
    return cache


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**31), st.lists(events, min_size=1, max_size=12))
def test_every_row_holds_what_it_was_given(seed, happenings) -> None:
    generator = torch.Generator().manual_seed(seed)

    def made(length: int) -> torch.Tensor:
        return torch.randn(LAYERS, 2, HEADS, length, WIDTH, generator=generator)

    cache, rows = RowCache(), []
    for happening in [("join", [4, 7], 1), *happenings]:
        match happening:
            case ("tokens", count):
                new = [made(count) for _ in rows]
                for layer in range(LAYERS):
                    cache.update(*torch.stack([n[layer] for n in new], 1), layer)
                rows = [torch.cat([row, n], 3) for row, n in zip(rows, new, strict=True)]
            case ("join", lengths, repeat):
                arrived = [made(length) for length in lengths]
                source = [i for i in range(len(arrived)) for _ in range(1 + repeat % 3)]
                cache.join(prefilled(arrived), source)
                rows += [arrived[i] for i in source]
            case ("keep", draw):
                order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(draw)).tolist()
                order = order[: 1 + draw % len(rows)]
                cache.keep(order)
                rows = [rows[i] for i in order]
                cache.trim(cache.width - max(row.shape[3] for row in rows))
        assert cache.width == cache.get_seq_length() == max(row.shape[3] for row in rows)
        for number, layer in enumerate(cache.layers):
            assert len(layer.keys) == len(layer.values) == len(rows)
            for i, row in enumerate(rows):
                assert torch.equal(layer.keys[i, :, -row.shape[3] :], row[number, 0])
                assert torch.equal(layer.values[i, :, -row.shape[3] :], row[number, 1])


def test_a_token_and_a_row_that_leaves_copy_nothing_that_was_held() -> None:
    cache = RowCache()
    cache.join(prefilled([torch.zeros(LAYERS, 2, HEADS, 10, WIDTH)]), [0, 0])
    [layer, _] = cache.layers
    where = layer.keys.data_ptr()
    for _ in range(ROOM):
        for number in range(LAYERS):
            cache.update(*torch.ones(2, 2, HEADS, 1, WIDTH), number)
        assert layer.keys.data_ptr() == where
    cache.keep([1])
    assert layer.keys.data_ptr() == where
    assert layer.keys.shape == (1, HEADS, 10 + ROOM, WIDTH)
    cache.trim(4)
    assert layer.keys.data_ptr() == where + 4 * WIDTH * layer.keys.element_size()


def test_a_newcomer_that_finds_a_place_copies_nothing_that_was_held() -> None:
    cache = RowCache()
    cache.join(prefilled([torch.zeros(LAYERS, 2, HEADS, 10, WIDTH)]), [0, 0])
    cache.keep([0])
    where = cache.layers[0].keys.data_ptr()
    cache.join(prefilled([torch.ones(LAYERS, 2, HEADS, 6, WIDTH)]), [0])
    assert cache.layers[0].keys.data_ptr() == where


def test_rows_that_come_one_by_one_get_room_for_half_as_many_more() -> None:
    cache = RowCache()
    row = torch.zeros(LAYERS, 2, HEADS, 10, WIDTH)
    cache.join(prefilled([row] * 8), [0] * 8)
    cache.join(prefilled([row]), [0])
    [layer, _] = cache.layers
    assert len(layer.keys) == 9
    assert layer.keys.untyped_storage().nbytes() <= 12 * (10 + ROOM) * layer.keys[0, :, 0].nbytes


def test_room_asked_for_is_made_once_and_what_no_row_filled_is_not_shown(monkeypatch) -> None:
    """Fresh memory is filled with NaN here; a masked NaN would still spread."""
    monkeypatch.setattr(torch.Tensor, "new_empty", lambda like, *shape: like.new_full(shape, torch.nan))
    cache = RowCache()
    cache.join(prefilled([torch.zeros(LAYERS, 2, HEADS, 10, WIDTH)]), [0, 0], room=3 * ROOM)
    [layer, _] = cache.layers
    where = layer.keys.data_ptr()
    for _ in range(3 * ROOM):
        for number in range(LAYERS):
            cache.update(*torch.ones(2, 2, HEADS, 1, WIDTH), number)
    assert layer.keys.data_ptr() == where
    for length in (4, 400):
        cache.join(prefilled([torch.zeros(LAYERS, 2, HEADS, length, WIDTH)]), [0])
        assert not layer.keys.isnan().any()
        assert not layer.values.isnan().any()


def test_a_nan_that_a_row_left_behind_does_not_reach_the_next() -> None:
    cache = RowCache()
    spoilt = torch.full((LAYERS, 2, HEADS, 10, WIDTH), torch.nan)
    cache.join(prefilled([torch.zeros_like(spoilt), spoilt]), [0, 1])
    cache.keep([0])
    cache.join(prefilled([torch.ones(LAYERS, 2, HEADS, 4, WIDTH)]), [0])
    assert not cache.layers[0].values.isnan().any()
