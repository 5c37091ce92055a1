"""A key-value cache whose rows come, grow and leave: no step copies what the steps before have stored.

cache = RowCache()
cache.join(prefilled, [0, 0, 1])     # rows that begin as rows 0, 0 and 1 of a prefilled `DynamicCache`
network(..., past_key_values=cache)  # one token more of every row
cache.keep([2, 1])                   # row 0 has left
cache.trim(3)                        # nobody's first three columns

Rows of unlike lengths lie flush right: a shorter row is padded on its left, newcomers are written so that
their last token meets everyone's, and columns that are padding in every row are trimmed. Columns then lie
as far apart as the tokens in them, so one attention mask by columns is right for every row, also with a
sliding window. `transformers`' own `DynamicCache` joins every new token to a fresh copy of all keys and
values; here a step, a newcomer and a row that leaves touch only what changes.

Shape suffixes: R rows, H heads, T columns, D head width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

ROOM = 64
"""Least columns of spare room when a buffer is made."""


class RowLayer(DynamicLayer):  # type: ignore[misc, no-untyped-call]  # transformers is untyped
    """One layer's keys and values (R, H, T, D) as views of larger buffers."""

    keys: Any
    values: Any

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._buffers: tuple[Tensor, Tensor] | None = None
        self._start = 0
        self._room = ROOM

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **options: Any
    ) -> tuple[Tensor, Tensor]:
        """Store the newest tokens' keys and values (R, H, new, D); returns all of them."""
        rows, new, held = len(key_states), key_states.shape[2], self.get_seq_length()
        buffers = self._with_room(key_states, value_states, rows, before=0, after=new)
        stop = self._start + held
        for buffer, states in zip(buffers, (key_states, value_states), strict=True):
            buffer[:rows, :, stop : stop + new] = states
        self._show(rows, held + new)
        return self.keys, self.values

    def join(self, keys: Tensor, values: Tensor, source_R: Tensor, room: int) -> None:
        """Add rows that begin as the rows `source_R` of `keys` and `values` (B, H, length, D)."""
        held, length = self.get_seq_length(), keys.shape[2]
        self._room = max(ROOM, room)
        rows = len(self.keys) if held else 0
        total, more = rows + len(source_R), max(0, length - held)
        buffers = self._with_room(keys, values, total, before=more, after=0)
        first, stop = self._start - more, self._start + held
        for buffer, states in zip(buffers, (keys, values), strict=True):
            # Padding is masked, but a NaN in it would still spread: 0 × NaN is NaN.
            buffer[:rows, :, first : self._start] = 0
            buffer[rows:total, :, first : stop - length] = 0
            buffer[rows:total, :, stop - length : stop] = states[source_R]
        self._start = first
        self._show(total, held + more)

    def move(self, to: Tensor, source: Tensor, rows: int) -> None:
        """Write the rows `source` over the rows `to`, then keep the first `rows`."""
        assert self._buffers is not None
        width = self.get_seq_length()
        columns = slice(self._start, self._start + width)
        for buffer in self._buffers:
            buffer[to, :, columns] = buffer[source, :, columns]
        self._show(rows, width)

    def trim(self, columns: int) -> None:
        """Forget the first columns."""
        rows, width = len(self.keys), self.get_seq_length()
        self._start += columns
        self._show(rows, width - columns)

    def _show(self, rows: int, width: int) -> None:
        assert self._buffers is not None
        columns = slice(self._start, self._start + width)
        self.keys, self.values = (buffer[:rows, :, columns] for buffer in self._buffers)

    def _with_room(
        self, keys: Tensor, values: Tensor, rows: int, *, before: int, after: int
    ) -> tuple[Tensor, Tensor]:
        """Buffers for so many rows, with free columns before and after those held."""
        if not self.is_initialized:
            self.lazy_initialization(keys, values)
        held = self.get_seq_length()
        capacity = 0
        if self._buffers is not None:
            capacity, _, length, _ = self._buffers[0].shape
            if rows <= capacity and before <= self._start and self._start + held + after <= length:
                return self._buffers
        # Rows that come one by one would each copy all others, were there no room for some more.
        space = rows if rows <= capacity else max(rows, capacity * 3 // 2)
        shape = (space, keys.shape[1], before + held + after + self._room)
        made = keys.new_empty(*shape, keys.shape[3]), values.new_empty(*shape, values.shape[3])
        if held:
            for buffer, states in zip(made, (self.keys, self.values), strict=True):
                buffer[: len(states), :, before : before + held] = states
        self._buffers, self._start = made, before
        return made


class RowCache(Cache):  # type: ignore[misc]  # transformers is untyped
    """The layers of a decoder whose every layer attends to all tokens or to a window of them."""

    layers: Any

    def __init__(self) -> None:
        super().__init__(layer_class_to_replicate=RowLayer)

    @property
    def width(self) -> int:
        """Columns held: the length of the longest row."""
        return int(self.get_seq_length())

    def join(self, prefilled: Any, source: Sequence[int], room: int = 0) -> None:
        """Add rows that begin as these rows of a prefilled `DynamicCache`, itself padded on the left.

        Args:
            room: for how many tokens more of them there should be room when a buffer is made.
        """
        while len(self.layers) < len(prefilled.layers):
            self.layers.append(RowLayer())
        for mine, theirs in zip(self.layers, prefilled.layers, strict=True):
            mine.join(theirs.keys, theirs.values, torch.tensor(source, device=theirs.keys.device), room)

    def keep(self, rows: Sequence[int]) -> None:
        """Keep these rows, in this order; a row that keeps its place is not copied."""
        moved = [place for place, row in enumerate(rows) if place != row]
        for layer in self.layers:
            device = layer.keys.device
            source = torch.tensor([rows[place] for place in moved], dtype=torch.long, device=device)
            layer.move(torch.tensor(moved, dtype=torch.long, device=device), source, len(rows))

    def trim(self, columns: int) -> None:
        """Forget the first columns, which must be padding in every row."""
        for layer in self.layers:
            layer.trim(columns)
