"""From vectors to codes and back: four quantisers behind one interface.

quantizer = FSQ((8, 5, 5, 5))                       # 1,000 codes of 4 channels, nothing to learn
quantizer = VQ(1024, 256)                           # a codebook that follows its vectors
vectors, codes, loss = quantizer(z)                 # z: (..., width)
quantizer.vectors(codes)                            # what the decoder paints from

Each passes the decoder's gradient straight through to the encoder, and names in `loss` what it adds to the
training loss. Shape suffixes: N vectors, D channels, K codes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hilum.errors import UsageError

COMMITMENT = 0.25
"""How much the encoder is drawn to the codebook, of van den Oord et al. 2017."""
DECAY = 0.97
"""Of the moving averages that an EMA codebook is made of."""
RARE = 0.1
"""A code is dead, and takes the place of some vector, when it is chosen less often than this share of what
even use would give it.
"""
ENTROPY = 0.1
"""Weight of the entropy penalty of IBQ and LFQ."""
SHARP, SOFT = 0.01, 1.0
"""Temperatures of choosing a code: within the entropies, and of IBQ's softmax."""


class Quantized(NamedTuple):
    """Vectors (..., D) on the codebook, their codes (...) and the quantiser's own loss, a scalar."""

    vectors: Tensor
    codes: Tensor
    loss: Tensor


class Quantizer(Protocol):
    """What an image tokenizer asks of its quantiser."""

    @property
    def n_codes(self) -> int:
        """How many codes there are."""
        ...

    @property
    def width(self) -> int:
        """Channels of a vector."""
        ...

    def __call__(self, z: Tensor) -> Quantized:
        """Quantise (..., D)."""
        ...

    def vectors(self, codes: Tensor) -> Tensor:
        """The vectors (..., D) of codes (...)."""
        ...


class FSQ(nn.Module):
    """Rounds each of D channels to one of `levels[d]` values in [-1, 1]: a fixed grid, which cannot collapse.

    Mentzer et al., "Finite Scalar Quantization: VQ-VAE Made Simple", ICLR 2024.

    Raises:
        UsageError: there are no levels, or one is below 2.
    """

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

    @property
    def width(self) -> int:
        """Channels of a vector."""
        return len(self.levels)

    def forward(self, z: Tensor) -> Quantized:
        """Quantise (..., D): the vectors in [-1, 1] and the codes (...) in [0, n_codes)."""
        bounded = self._bound(z)
        rounded = bounded + (bounded.round() - bounded).detach()
        half = torch.div(self.levels, 2, rounding_mode="floor")
        digits = (bounded.detach().round() + half).long()
        return Quantized(rounded / half, (digits * self.basis).sum(-1), z.new_zeros(()))

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


class VQ(nn.Module):
    """The nearest vector of a codebook, which follows what is assigned to it by moving averages.

    Codes that nothing chooses are moved to vectors of the batch; at the start that is all of them. In
    evaluation, or without gradients, the codebook stays.

    van den Oord et al., "Neural Discrete Representation Learning", NeurIPS 2017, appendix A.1; the revival of
    dead codes as in Dhariwal et al., "Jukebox", 2020.

    Args:
        n_codes, width: of the codebook.
    """

    codebook: Tensor
    counts: Tensor
    sums: Tensor

    def __init__(self, n_codes: int, width: int) -> None:
        super().__init__()
        self.n_codes, self.width = n_codes, width
        self.register_buffer("codebook", torch.randn(n_codes, width) / math.sqrt(width))
        self.register_buffer("counts", torch.zeros(n_codes))
        self.register_buffer("sums", torch.zeros(n_codes, width))

    def forward(self, z: Tensor) -> Quantized:
        """Quantise (..., D)."""
        flat_ND = z.detach().flatten(0, -2)
        learning = self.training and torch.is_grad_enabled()
        if learning and not self.counts.any():
            self._revive(flat_ND, torch.ones_like(self.counts, dtype=torch.bool))
        codes_N = nearest(flat_ND, self.codebook)
        if learning:
            self._follow(flat_ND, codes_N)
        codes = codes_N.reshape(z.shape[:-1])
        found = self.vectors(codes)
        return Quantized(z + (found - z).detach(), codes, COMMITMENT * F.mse_loss(z, found))

    @torch.no_grad()
    def _follow(self, flat_ND: Tensor, codes_N: Tensor) -> None:
        chosen_NK = F.one_hot(codes_N, self.n_codes).to(flat_ND)
        self.counts.lerp_(chosen_NK.sum(0), 1 - DECAY)
        self.sums.lerp_(chosen_NK.T @ flat_ND, 1 - DECAY)
        dead_K = self.counts < RARE * len(flat_ND) / self.n_codes
        self.codebook.copy_(torch.where(dead_K[:, None], self.codebook, self.sums / self.counts[:, None]))
        self._revive(flat_ND, dead_K)

    @torch.no_grad()
    def _revive(self, flat_ND: Tensor, dead_K: Tensor) -> None:
        """Move dead codes to vectors of the batch, as if each had been chosen as often as even use gives."""
        rows_K = torch.randint(len(flat_ND), (self.n_codes,), device=flat_ND.device)
        even = len(flat_ND) / self.n_codes
        self.codebook.copy_(torch.where(dead_K[:, None], flat_ND[rows_K], self.codebook))
        self.counts.copy_(torch.where(dead_K, even, self.counts))
        self.sums.copy_(torch.where(dead_K[:, None], even * self.codebook, self.sums))

    def vectors(self, codes: Tensor) -> Tensor:
        """The vectors (..., D) of codes (...)."""
        return F.embedding(codes, self.codebook)


class IBQ(nn.Module):
    """Index backpropagation: every code of a learned codebook is moved by each vector, as softly as it fits.

    The code is the largest inner product; the gradient goes through the softmax over all codes. Shi et al.,
    "Scalable Image Tokenization with Index Backpropagation Quantization", 2024.

    Args:
        n_codes, width: of the codebook.
    """

    def __init__(self, n_codes: int, width: int) -> None:
        super().__init__()
        self.n_codes, self.width = n_codes, width
        self.codebook = nn.Parameter(torch.randn(n_codes, width) / math.sqrt(width))

    def forward(self, z: Tensor) -> Quantized:
        """Quantise (..., D)."""
        scores = z @ self.codebook.T
        codes = scores.argmax(-1)
        soft = (scores / SOFT).softmax(-1)
        # One-hot forwards, softmax backwards: the whole codebook learns from every vector.
        choice = F.one_hot(codes, self.n_codes).to(soft) + soft - soft.detach()
        hard = F.embedding(codes, self.codebook)
        pull = F.mse_loss(hard, z.detach()) + COMMITMENT * F.mse_loss(z, hard.detach())
        return Quantized(choice @ self.codebook, codes, pull + ENTROPY * entropy_penalty(scores / SHARP))

    def vectors(self, codes: Tensor) -> Tensor:
        """The vectors (..., D) of codes (...)."""
        return F.embedding(codes, self.codebook)


class LFQ(nn.Module):
    """The signs of D channels: 2^D codes without a codebook.

    Yu et al., "Language Model Beats Diffusion: Tokenizer is Key to Visual Generation", ICLR 2024.

    Args:
        n_codes: a power of two.

    Raises:
        UsageError: it is none.
    """

    corners: Tensor

    def __init__(self, n_codes: int) -> None:
        super().__init__()
        self.n_codes, self.width = n_codes, n_codes.bit_length() - 1
        if n_codes < 2 or n_codes != 1 << self.width:
            raise UsageError("n_codes", f"is {n_codes}", "LFQ takes a power of two")
        bits = torch.arange(n_codes)[:, None] >> torch.arange(self.width) & 1
        self.register_buffer("corners", bits.float() * 2 - 1, persistent=False)

    def forward(self, z: Tensor) -> Quantized:
        """Quantise (..., D): the vectors are -1 or 1."""
        signs = torch.where(z > 0, 1.0, -1.0)
        codes = ((signs > 0).long() << torch.arange(self.width, device=z.device)).sum(-1)
        penalty = entropy_penalty(2 * z @ self.corners.T / SHARP / self.width)
        loss = COMMITMENT * F.mse_loss(z, signs) + ENTROPY * penalty
        return Quantized(z + (signs - z).detach(), codes, loss)

    def vectors(self, codes: Tensor) -> Tensor:
        """The vectors (..., D) of codes (...)."""
        return F.embedding(codes, self.corners)


def nearest(z_ND: Tensor, codebook_KD: Tensor) -> Tensor:
    """Index of the nearest of K vectors to each of N, by Euclidean distance, (N,)."""
    distances_NK = codebook_KD.square().sum(1) - 2 * z_ND @ codebook_KD.T
    return distances_NK.argmin(1)


def entropy_penalty(logits: Tensor) -> Tensor:
    """Mean entropy of the choice less the entropy of the mean choice, in nats, of logits (..., K).

    Low where each vector is sure of its code and all codes are used alike; from -log K to 0 when choices
    are sure.
    """
    flat_NK = logits.flatten(0, -2)
    log_NK = flat_NK.log_softmax(-1)
    each = -(log_NK.exp() * log_NK).sum(-1).mean()
    mean_K = log_NK.exp().mean(0)
    return each + (mean_K * mean_K.clamp(min=1e-9).log()).sum()
