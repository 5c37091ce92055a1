"""What a reconstruction is judged by: terms that are added up, each with its weight.

terms = {"pixel": Term(pixel_error), "edge": Term(edge_error), "clinical": Term(FeatureError(seen), 1.5)}

Every term takes the reconstruction and the original, (B, H, W) with the original in [0, 1], and gives a
scalar, a mean over the batch. `FeatureError` is the perceptual loss when its network knows pictures in
general (LPIPS's VGG, say), and LLM-CXR's clinical loss (arXiv 2305.11490) when it knows findings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

Error = Callable[[Tensor, Tensor], Tensor]
"""Reconstruction and original, (B, H, W), to a scalar."""


class Features(Protocol):
    """A frozen network: pixels (B, H, W) in [0, 1] to features of one stage or several."""

    def __call__(self, pixels_BHW: Tensor) -> Sequence[Tensor]:
        """Features that keep what matters, one tensor for each stage that is compared."""
        ...


@dataclass(frozen=True)
class Term:
    """An error and its weight in the loss."""

    error: Error
    weight: float = 1.0


def pixel_error(restored_BHW: Tensor, pixels_BHW: Tensor) -> Tensor:
    """Mean absolute error (L1): sharper than squares, which average what is uncertain."""
    return F.l1_loss(restored_BHW, pixels_BHW)


def squared_error(restored_BHW: Tensor, pixels_BHW: Tensor) -> Tensor:
    """Mean squared error (L2), which PSNR is made of."""
    return F.mse_loss(restored_BHW, pixels_BHW)


def edge_error(restored_BHW: Tensor, pixels_BHW: Tensor) -> Tensor:
    """Mean absolute difference of horizontal and vertical gradients, at full and at half resolution.

    Thin lines (a catheter, a pleural edge) are few pixels and weigh little in a plain pixel loss.
    """
    total = torch.zeros((), device=restored_BHW.device)
    difference = restored_BHW - pixels_BHW
    for _ in range(2):
        total = total + difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()
        difference = F.avg_pool2d(difference[:, None], 2)[:, 0]
    return total


@dataclass(frozen=True)
class FeatureError:
    """Mean squared difference of what a frozen network sees in both pictures, averaged over its stages.

    Args:
        every: of how many images one is looked at: seeing may cost more than painting.
    """

    features: Features
    every: int = 1

    def __call__(self, restored_BHW: Tensor, pixels_BHW: Tensor) -> Tensor:
        """A scalar."""
        with torch.no_grad():
            wanted = self.features(pixels_BHW[:: self.every])
        seen = self.features(restored_BHW[:: self.every].clamp(0, 1))
        return torch.stack([F.mse_loss(a, b) for a, b in zip(seen, wanted, strict=True)]).mean()
