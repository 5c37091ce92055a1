"""Training the image tokenizer through the one loop: codes and decoder together, then the decoder alone.

tokenizer = train_tokenizer(images, TokenizerConfig(), TokenizerStage(FitConfig(steps=700, lr=2e-3)), run_dir)
tokenizer = train_decoder(images, tokenizer, TokenizerStage(fit, LossWeights(adversarial=0.5)), other_dir)
"""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hilum.errors import UsageError
from hilum.tokenizer import ImageTokenizer, TokenizerConfig, TokenizerObjective, Training
from hilum.tokenizer.codes import as_pixels
from hilum.tokenizer.losses import (
    Error,
    FeatureError,
    Features,
    Term,
    edge_error,
    pixel_error,
    squared_error,
)
from hilum.training.config import FitConfig
from hilum.training.loop import fit
from hilum.training.order import shuffled_rows


@dataclass(frozen=True)
class LossWeights:
    """What the terms of a tokenizer's loss weigh; 0 leaves one out. See `hilum.tokenizer.losses`.

    Args:
        pixel: of the mean absolute error of grey levels; `squared` of the mean squared one.
        edge: of the error of gradients.
        clinical: of what a network that knows findings sees in every other image.
        perceptual: of what another network sees in every image, see `hilum.training.perceptual`.
        adversarial: of the network that tells films from reconstructions, beside its adaptive weight.
        start: steps before that network begins; `width` its channels.
        average: decay of the moving average of the decoder's weights, by which pictures are painted.
    """

    pixel: float = 1.0
    squared: float = 0.0
    edge: float = 1.0
    clinical: float = 0.0
    perceptual: float = 0.0
    adversarial: float = 0.0
    start: int = 0
    width: int = 32
    average: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value >= 0):
                raise UsageError(field.name, f"is {value}", "give a weight, at least 0")
        if self.average >= 1:
            raise UsageError("average", f"is {self.average}", "give a decay below 1, such as 0.999")

    def terms(self, clinical: Features | None = None, perceptual: Error | None = None) -> dict[str, Term]:
        """The terms that weigh something.

        Raises:
            UsageError: a network's features weigh something, and there is no such network.
        """
        named = {"pixel": (self.pixel, pixel_error), "squared": (self.squared, squared_error)}
        named["edge"] = self.edge, edge_error
        terms = {name: Term(error, weight) for name, (weight, error) in named.items() if weight}
        seen = None if clinical is None else FeatureError(clinical, every=2)
        networks = {"clinical": (self.clinical, seen), "perceptual": (self.perceptual, perceptual)}
        for name, (weight, error) in networks.items():
            if weight and error is None:
                raise UsageError(name, f"weighs {weight}, and no network is given", "give one, or no weight")
            if weight and error is not None:
                terms[name] = Term(error, weight)
        if not terms:
            raise UsageError("pixel", "and all other terms weigh nothing", "give one of them a weight")
        return terms


@dataclass(frozen=True)
class TokenizerStage:
    """How the tokenizer, or its decoder alone, is trained.

    Args:
        batch: images per step.
    """

    fit: FitConfig
    loss: LossWeights = LossWeights()
    batch: int = 16


@dataclass(frozen=True)
class PixelBatches:
    """Shuffled images (B, H, W) in [0, 1], a pure function of the step."""

    images: npt.NDArray[np.uint8]
    batch_size: int
    seed: int

    def __call__(self, step: int) -> Tensor:
        """Batch `step`."""
        rows = shuffled_rows(len(self.images), step, self.batch_size, self.seed)
        return as_pixels(self.images[rows])


def train_tokenizer(
    images: npt.NDArray[np.uint8],
    config: TokenizerConfig,
    stage: TokenizerStage,
    run_dir: Path,
    *,
    clinical: Features | None = None,
    perceptual: Error | None = None,
) -> ImageTokenizer:
    """Train on images (N, H, W), uint8 (an array or a memory map); resumes in `run_dir`."""
    with torch.random.fork_rng():
        torch.manual_seed(stage.fit.seed)
        tokenizer = ImageTokenizer(config)
    return _train(images, tokenizer, stage, run_dir, clinical, perceptual, frozen=False)


def train_decoder(
    images: npt.NDArray[np.uint8],
    tokenizer: ImageTokenizer,
    stage: TokenizerStage,
    run_dir: Path,
    *,
    clinical: Features | None = None,
    perceptual: Error | None = None,
) -> ImageTokenizer:
    """Train a copy's decoder on, from the codes that images have by `tokenizer`; resumes in `run_dir`."""
    return _train(images, deepcopy(tokenizer), stage, run_dir, clinical, perceptual, frozen=True)


def _train(
    images: npt.NDArray[np.uint8],
    tokenizer: ImageTokenizer,
    stage: TokenizerStage,
    run_dir: Path,
    clinical: Features | None,
    perceptual: Error | None,
    *,
    frozen: bool,
) -> ImageTokenizer:
    loss, config = stage.loss, stage.fit
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        width = loss.width if loss.adversarial else 0
        training = Training(tokenizer, adversary=width, decay=loss.average)
    if frozen:
        adversary = (r"adversary\..*",) if loss.adversarial else ()
        config = replace(config, trainable=(r"tokenizer\.decoder\..*", *adversary))
    objective = TokenizerObjective(
        training,
        loss.terms(clinical, perceptual),
        adversarial_weight=loss.adversarial,
        start=loss.start,
        frozen=frozen,
        name="decoder" if frozen else "tokenizer",
    )
    fit(objective, PixelBatches(images, stage.batch, config.seed), config, run_dir)
    return training.averaged()
