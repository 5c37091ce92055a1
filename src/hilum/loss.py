"""What an objective returns: sums and what to divide them by, so that batches add up to one larger batch.

loss = Loss(losses_N.sum(), Tensor.new_tensor(len(losses_N)), {"samples": 16})
loss.mean().backward()

A mean over a batch is not that of two halves with unlike numbers of targets. Sums and weights add up exactly,
over the batches of a step and over processes; the training loop divides once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Mean(NamedTuple):
    """A weighted mean that is still to be taken: a weighted sum and the sum of its weights, both scalars."""

    sum: Tensor
    weight: Tensor | float


Metrics = Mapping[str, "Mean | int"]


@dataclass(frozen=True)
class Loss:
    """The loss of one batch: Σ coefficient · sum / weight over its terms.

    Args:
        sum: weighted sum of losses, a scalar; or (K,), one sum for each of K terms that are counted by
            different things (labels, images, cells).
        weight: what each sum is divided by, of the same shape and on the same device; a term of weight 0
            is 0.
        metrics: what to log. `samples` and `tokens` are counts and become the throughput; the rest are means.
        coefficient: of each term, the same for every batch.
    """

    sum: Tensor
    weight: Tensor
    metrics: Metrics = field(default_factory=dict)
    coefficient: Tensor | float = 1.0

    def mean(self) -> Tensor:
        """The scalar to minimise, were this batch the whole step."""
        return (self.sum / nonzero(self.weight) * self.coefficient).sum()


def nonzero(weights: Tensor) -> Tensor:
    """The weights, with 1 for 0: nothing to learn from is a loss of 0, not of 0/0."""
    return torch.where(weights > 0, weights, 1.0)


def known_bce(logits: Tensor, targets: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Binary cross-entropy summed where the target is not NaN, and at how many places that is.

    Args:
        weight: how much heavier what is there weighs than what is not.
    """
    known = ~targets.isnan()
    losses = F.binary_cross_entropy_with_logits(
        logits, targets.nan_to_num(), pos_weight=weight, reduction="none"
    )
    return (losses * known).sum(), known.sum()
