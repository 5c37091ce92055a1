"""Finite scalar quantisation: a code is a point of a small fixed grid, so no codebook can collapse.

quantizer = FSQ((8, 5, 5, 5))          # 1,000 codes
vectors, codes = quantizer(z)           # z: (..., 4)

Mentzer et al., "Finite Scalar Quantization: VQ-VAE Made Simple", ICLR 2024.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hilum.errors import UsageError


class FSQ(nn.Module):
    """Rounds each of D channels to one of `levels[d]` values in [-1, 1]; gradients pass straight through."""

    levels: Tensor
    basis: Tensor

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        if not levels or min(levels) < 2:
            raise UsageError(
                "levels", f"{tuple(levels)} holds a level below 2", "give two or more per channel"
            )
        self.register_buffer("levels", torch.tensor(levels, dtype=torch.float32), persistent=False)
        radix = [math.prod(levels[:d]) for d in range(len(levels))]
        self.register_buffer("basis", torch.tensor(radix), persistent=False)

    @property
    def n_codes(self) -> int:
        """How many codes there are."""
        return int(self.levels.prod().item())

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Quantise (..., D): the vectors in [-1, 1] and the codes (...) in [0, n_codes)."""
        bounded = self._bound(z)
        rounded = bounded + (bounded.round() - bounded).detach()
        half = torch.div(self.levels, 2, rounding_mode="floor")
        digits = (bounded.detach().round() + half).long()
        return rounded / half, (digits * self.basis).sum(-1)

    def _bound(self, z: Tensor) -> Tensor:
        """Squash to the width of the grid; an even number of levels is shifted by half a step."""
        width = (self.levels - 1) * (1 + 1e-3) / 2
        offset = torch.where(self.levels % 2 == 0, 0.5, 0.0)
        shift = torch.atanh(offset / width)
        return torch.tanh(z + shift) * width - offset

    def vectors(self, codes: Tensor) -> Tensor:
        """The vectors (..., D) of codes (...); the exact inverse of `forward`'s codes."""
        half = torch.div(self.levels, 2, rounding_mode="floor")
        digits = torch.div(codes[..., None], self.basis, rounding_mode="floor") % self.levels.long()
        return (digits - half) / half
