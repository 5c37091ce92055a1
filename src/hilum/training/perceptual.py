"""Perceptual losses of the image tokenizer: what networks trained on other pictures see in a reconstruction.

error = perceptual_error("microsoft/rad-dino")   # any vision encoder of transformers, by folder or hub name
error = perceptual_error("lpips")                # VGG's features weighed as people judge: pip install lpips
error = perceptual_error("torchxrayvision")      # a DenseNet trained on chest radiographs
error(restored_BHW, pixels_BHW)

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018, compare
features whose channels are scaled to length 1 at every place; so do the first and the last of these.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch.nn.functional as F
from torch import Tensor

from hilum.extras import extra, weights_of
from hilum.model import VisionEncoder
from hilum.model.network import pixel_values
from hilum.model.pretrained import load_encoder
from hilum.tokenizer.losses import Error, FeatureError

STAGES = 4
"""Layers that are compared, evenly spaced, the last among them."""
DENSENET = "densenet121-res224-all"


def perceptual_error(name: str) -> Error:
    """The error by name: `lpips`, `torchxrayvision`, else a vision encoder of `transformers`.

    Raises:
        UsageError: the package it needs is not installed.
        DataError: its weights cannot be loaded.
    """
    if name == "lpips":
        library = extra(name, "pip install lpips")
        network: Any = weights_of(name, lambda: library.LPIPS(net="vgg", verbose=False).eval())
        return LPIPSError(network.requires_grad_(False))
    if name == "torchxrayvision":
        library = extra(name, "pip install 'hilum[metrics]'")
        dense: Any = weights_of(name, lambda: library.models.DenseNet(weights=DENSENET).eval())
        return FeatureError(DenseFeatures(dense.requires_grad_(False)))
    return FeatureError(EncoderFeatures(load_encoder(name)))


class EncoderFeatures:
    """Layers of a frozen vision encoder, convolutional or of patches, their channels scaled to length 1.

    Args:
        encoder: with the size and the normalisation that it wants.
        stages: how many of its layers, evenly spaced.
    """

    def __init__(self, encoder: VisionEncoder, stages: int = STAGES) -> None:
        self._encoder, self._stages = encoder, stages
        self._tower = cast(Any, encoder.tower)  # its annotations are partial
        self._tower.eval().requires_grad_(False)

    def __call__(self, pixels_BHW: Tensor) -> Sequence[Tensor]:
        """Features (B, …) of each stage; gradients reach the pixels alone."""
        tower = self._tower.to(pixels_BHW.device)
        fitted = _resized(pixels_BHW, self._encoder.image_size)
        values = pixel_values(fitted, self._encoder.mean, self._encoder.std)
        layers = tower(values, output_hidden_states=True).hidden_states
        last = len(layers) - 1
        chosen = sorted({round(last * (i + 1) / self._stages) for i in range(self._stages)})
        # Patches carry their channels last, convolutions first.
        return [_unit(layers[i], -1 if layers[i].dim() == 3 else 1) for i in chosen]


@dataclass(frozen=True)
class DenseFeatures:
    """The last layer of a DenseNet of torchxrayvision, before it is averaged over places."""

    network: Any

    def __call__(self, pixels_BHW: Tensor) -> Sequence[Tensor]:
        """Features (B, 1024, 7, 7)."""
        network = self.network.to(pixels_BHW.device)
        # Its networks read values from -1024 to 1024.
        return [_unit(network.features((_resized(pixels_BHW, 224)[:, None] * 2 - 1) * 1024), 1)]


@dataclass(frozen=True)
class LPIPSError:
    """LPIPS of two batches of pictures, which it reads as grey RGB in [-1, 1]."""

    network: Any

    def __call__(self, restored_BHW: Tensor, pixels_BHW: Tensor) -> Tensor:
        """A scalar."""
        network = self.network.to(pixels_BHW.device)
        sides = [(side[:, None].expand(-1, 3, -1, -1) * 2 - 1) for side in (restored_BHW, pixels_BHW)]
        distance: Tensor = network(*sides).mean()
        return distance


def _resized(pixels_BHW: Tensor, side: int) -> Tensor:
    if pixels_BHW.shape[-2:] == (side, side):
        return pixels_BHW
    size = (side, side)
    grey: Tensor = F.interpolate(pixels_BHW[:, None], size, mode="bilinear", antialias=True)
    return grey[:, 0]


def _unit(features: Tensor, dim: int) -> Tensor:
    """Scaled to length 1 at every place, times the root of the channels: an error of 2 is that of chance."""
    return F.normalize(features, dim=dim) * math.sqrt(features.shape[dim])
