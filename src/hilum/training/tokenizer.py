"""Training the image tokenizer through the one loop.

tokenizer = train_tokenizer(images, TokenizerConfig(), FitConfig(steps=700, lr=1.5e-3), run_dir)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hilum.tokenizer import ImageTokenizer, TokenizerConfig, TokenizerObjective
from hilum.tokenizer.codes import as_pixels
from hilum.tokenizer.objective import Features
from hilum.training.config import FitConfig
from hilum.training.loop import fit
from hilum.training.order import shuffled_rows


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
    fit_config: FitConfig,
    run_dir: Path,
    *,
    batch_size: int = 32,
    clinical: Features | None = None,
    clinical_weight: float = 0.0,
) -> ImageTokenizer:
    """Train on images (N, H, W), uint8 (an array or a memory map); resumes in `run_dir`."""
    with torch.random.fork_rng():
        torch.manual_seed(fit_config.seed)
        tokenizer = ImageTokenizer(config)
    objective = TokenizerObjective(tokenizer, clinical, clinical_weight)
    fit(objective, PixelBatches(images, batch_size, fit_config.seed), fit_config, run_dir)
    return tokenizer.eval()
