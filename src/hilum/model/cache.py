"""A key-value cache that is written in place: no step copies what the steps before have stored.

cache = Cache(layer_class_to_replicate=RoomyLayer)

`transformers`' own `DynamicCache` joins every new token to a fresh copy of all keys and values, and a row
that leaves the batch costs another. Here both touch only what changes. Shapes: (R, heads, T, head width).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicLayer

ROOM = 64
"""Tokens of spare room when a buffer is made."""


class RoomyLayer(DynamicLayer):  # type: ignore[misc, no-untyped-call]  # transformers is untyped
    """One layer's keys and values as views of larger buffers."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._buffers: tuple[Tensor, Tensor] | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **options: Any
    ) -> tuple[Tensor, Tensor]:
        """Store the newest tokens' keys and values; returns all of them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start = self.get_seq_length()
        stop = start + key_states.shape[-2]
        if self._buffers is None or self._buffers[0].shape[-2] < stop:
            self._buffers = (
                _roomy(self.keys, key_states, start, stop + ROOM),
                _roomy(self.values, value_states, start, stop + ROOM),
            )
        rows = len(key_states)
        for buffer, new in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[:rows, :, start:stop] = new
        self.keys, self.values = (buffer[:rows, :, :stop] for buffer in self._buffers)
        return self.keys, self.values

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Repeat every row; the copies get room of their own at the next token."""
        if repeats > 1:
            super().batch_repeat_interleave(repeats)
            self._buffers = None

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep these rows, in this order; a row that keeps its place is not copied."""
        if self._buffers is None:
            super().batch_select_indices(indices)
            return
        place = torch.arange(len(indices), device=indices.device)
        moved = indices != place
        length = self.get_seq_length()
        for buffer in self._buffers:
            buffer[place[moved], :, :length] = buffer[indices[moved], :, :length]
        self.keys, self.values = (buffer[: len(indices), :, :length] for buffer in self._buffers)


def _roomy(held: Any, new: Tensor, start: int, length: int) -> Tensor:
    """A buffer of `length` tokens shaped like `new`, its first `start` tokens those held so far."""
    buffer = new.new_empty(*new.shape[:2], length, new.shape[-1])
    if start:
        buffer[:, :, :start] = held
    return buffer
