"""A vocabulary and models small enough to run in every test."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hilum.model import Model, ModelConfig, Prompt, Reads, Vocabulary, Writes
from hilum.study import ImageIn, Message, Pixels, Text
from hilum.tokenizer import ImageTokenizer, TokenizerConfig

TEXTS = (
    "No pleural effusion or pneumothorax. The heart is normal in size.",
    "Small left pleural effusion. Mild cardiomegaly, unchanged from 2019.",
    "There is a 12 mm nodule in the right upper lobe at (34,50).",
    "Is there a pneumothorax? Yes. No. PA AP LATERAL",
)


@cache
def vocabulary(n_codes: int = 16, rows: int = 0) -> Vocabulary:
    return Vocabulary.learn(TEXTS * 8, n_codes=n_codes, rows=rows, size=400)


@cache
def image_tokenizer() -> ImageTokenizer:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = TokenizerConfig(image_size=32, grid=2, levels=(4, 4), width=16, blocks=1, fold=8)
        return ImageTokenizer(config).eval()


def tiny(
    reads: Reads = Reads.FEATURES, writes: Writes = Writes.CODES, seed: int = 0, rows: int = 0, **sizes
) -> Model:
    """A model whose answers vary: its random weights are scaled up so that no token always wins."""
    config = ModelConfig(
        reads,
        writes,
        **{
            "image_size": 32,
            "patch": 16,
            "width": 32,
            "depth": 2,
            "vision_width": 32,
            "vision_depth": 1,
            "head": 16,
            "context": 256,
            **sizes,
        },
    )
    model = Model.new(
        config, vocabulary(rows=rows), image_tokenizer() if config.needs_codes else None, seed=seed
    )
    with torch.no_grad():
        for p in model.network.parameters():
            if p.ndim > 1:
                p.mul_(6)
    return model


def seeing(*kinds, seed: int = 0, **sizes) -> Model:
    """A tiny model whose answers vary and whose encoder sees in numbers that half precision holds."""
    made = tiny(*kinds, seed=seed, **sizes)
    with torch.no_grad():
        for name, p in made.network.named_parameters():
            if "vision" in name and p.ndim > 1:
                p.div_(6)
    return made


def picture(seed: int, size: int = 32) -> Pixels:
    return np.random.default_rng(seed).random((size, size)).astype(np.float32)


def prompt(words: str, *pictures: int, **kind: Any) -> Prompt:
    """A user turn that shows some pictures."""
    parts = (*(ImageIn(str(seed)) for seed in pictures), Text(words))
    return Prompt((Message("user", parts),), tuple(picture(seed) for seed in pictures), **kind)


def logits(size: int, seed: int, scale: float = 5.0) -> Tensor:
    return scale * torch.randn(size, generator=torch.Generator().manual_seed(seed))
