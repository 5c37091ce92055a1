"""A small image tokenizer and smooth pictures, for the tests of its objective and of its training."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from hilum.tokenizer import ImageTokenizer, TokenizerConfig

SMALL = TokenizerConfig(image_size=32, grid=4, levels=(8, 5, 5), width=8, blocks=1, fold=4)


def blobs(count: int = 24) -> np.ndarray:
    smooth = gaussian_filter(np.random.default_rng(0).random((count, 32, 32)), (0, 3, 3))
    return np.uint8(255 * (smooth - smooth.min()) / np.ptp(smooth))


def new(**changes) -> ImageTokenizer:
    torch.manual_seed(0)
    return ImageTokenizer(TokenizerConfig(**{**vars(SMALL), **changes}))
