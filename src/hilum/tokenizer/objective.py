"""What the image tokenizer is trained for: pixels, edges, and, switched on, what a classifier sees.

fit(TokenizerObjective(tokenizer), batches, FitConfig(steps=700, lr=1.5e-3), run_dir)
fit(TokenizerObjective(tokenizer, clinical=features, clinical_weight=1.0), …)

The clinical loss is LLM-CXR's idea (arXiv 2305.11490): the reconstruction must give a frozen chest
X-ray network the same features as the original, here at several of its stages. It trades pixel fidelity
for clinical content, so it is a switch and both directions are measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hilum.loss import Loss, Mean
from hilum.tokenizer.network import ImageTokenizer


class Features(Protocol):
    """A frozen network: pixels (B, H, W) in [0, 1] to features of one stage or several."""

    def __call__(self, pixels_BHW: Tensor) -> Sequence[Tensor]:
        """Features that keep what matters clinically, one tensor for each stage that is compared."""
        ...


@dataclass
class TokenizerObjective:
    """Mean absolute error of pixels and, at two scales, of their gradients, plus the clinical term of every
    other image.

    All terms are counted by images: each is a mean over the batch that stands for all of its images.
    """

    module: ImageTokenizer | nn.Module
    clinical: Features | None = None
    clinical_weight: float = 0.0
    edge_weight: float = 1.0
    name: str = "tokenizer"

    def loss(self, batch: Tensor) -> Loss:
        """Sum over the images of a batch (B, H, W) in [0, 1]."""
        pixels = batch.to(next(self.module.parameters()).device)
        restored, _ = self.module(pixels)
        pixel = (restored - pixels).abs().mean()
        edge = edge_error(restored, pixels)
        loss = pixel + self.edge_weight * edge
        terms = {"pixel": pixel, "edge": edge}
        if self.clinical is not None and self.clinical_weight:
            # Seeing costs more than painting: every other image is enough to learn from.
            with torch.no_grad():
                wanted = self.clinical(pixels[::2])
            seen = self.clinical(restored[::2].clamp(0, 1))
            clinical = torch.stack([F.mse_loss(a, b) for a, b in zip(seen, wanted, strict=True)]).mean()
            loss = loss + self.clinical_weight * clinical
            terms["clinical"] = clinical
        images = len(pixels)
        means = {name: Mean(images * term.detach(), images) for name, term in terms.items()}
        return Loss(images * loss, loss.new_tensor(images), {"samples": images, **means})


def edge_error(a_BHW: Tensor, b_BHW: Tensor) -> Tensor:
    """Mean absolute difference of horizontal and vertical gradients, at full and at half resolution.

    Thin lines (a catheter, a pleural edge) are few pixels and weigh little in a plain pixel loss.
    """
    total = torch.zeros((), device=a_BHW.device)
    difference = a_BHW - b_BHW
    for _ in range(2):
        total = total + difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()
        difference = F.avg_pool2d(difference[:, None], 2)[:, 0]
    return total
