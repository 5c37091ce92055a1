"""A network that tells pictures from their reconstructions, patch by patch, and how a decoder learns from it.

adversary = PatchGAN(width=32)
adversary(pixels_BHW)                                # (B, h, w), high where it takes a patch for a film

Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017 (the patches);
Esser et al., "Taming Transformers for High-Resolution Image Synthesis", CVPR 2021 (hinge loss and adaptive
weight).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

MOST = 1e4
"""Largest adaptive weight."""


class PatchGAN(nn.Module):
    """Three halvings and a verdict on each patch of 70 pixels a side or fewer.

    Group norms stand for the original's batch norms: a patch is judged by its own picture alone.

    Args:
        width: channels after the first halving; a multiple of 8.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(1, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for channels in (width, 2 * width):
            layers += [
                nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1),
                nn.GroupNorm(8, 2 * channels),
                nn.LeakyReLU(0.2),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(4 * width, 1, 3, padding=1))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, pixels_BHW: Tensor) -> Tensor:
        """Scores (B, H / 8, W / 8) of pixels in [0, 1]."""
        scores: Tensor = self.layers(pixels_BHW[:, None] * 2 - 1)
        return scores[:, 0]

    def fooled(self, restored_BHW: Tensor) -> Tensor:
        """What the decoder lowers: minus the mean score; this network's own weights get no gradient of it."""
        fixed: Mapping[str, Tensor] = {name: p.detach() for name, p in self.named_parameters()}
        scores: Tensor = functional_call(self, dict(fixed), (restored_BHW,))
        return -scores.mean()

    def hinge(self, restored_BHW: Tensor, pixels_BHW: Tensor) -> Tensor:
        """What this network lowers: films above 1, reconstructions below -1; the decoder gets no gradient."""
        real, drawn = self(pixels_BHW), self(restored_BHW.detach())
        return (F.relu(1 - real).mean() + F.relu(1 + drawn).mean()) / 2


def adaptive_weight(wanted: Tensor, adversarial: Tensor, last_layer: nn.Parameter) -> Tensor:
    """How much heavier the other terms pull on the last layer than the adversary does, a scalar."""
    pulls = [torch.autograd.grad(loss, last_layer, retain_graph=True)[0] for loss in (wanted, adversarial)]
    ratio: Tensor = pulls[0].norm() / (pulls[1].norm() + 1e-4)
    return ratio.clamp(0, MOST).detach()
