"""Batches of random answers to random prompts."""

from __future__ import annotations

from dataclasses import replace

import torch

from hilum.align import AnswerBatch, pack
from hilum.model import Model
from hilum.model.vocabulary import IMAGE


def packed(model: Model, lengths: list[tuple[int, list[int]]], seed: int = 0) -> AnswerBatch:
    """Random words; a model with an encoder is shown one image in each prompt."""
    draw = torch.Generator().manual_seed(seed)
    words = torch.tensor(model.vocabulary.text_ids)

    def ids(count: int) -> list[int]:
        return words[torch.randint(len(words), (count,), generator=draw)].tolist()

    shown = [model.vocabulary.id(IMAGE)] * (
        model.config.features_per_image if model.config.sees_features else 0
    )
    prompts = [[*ids(1), *shown, *ids(prompt)] for prompt, _ in lengths]
    batch = pack(prompts, [[ids(n) for n in row] for _, row in lengths], pad=0)
    if not shown:
        return batch
    shape = (len(lengths), *model.config.feature_shape)
    return replace(batch, features_NPD=torch.randn(shape, generator=draw, dtype=model.network.dtype))
