"""Checkpoints in taming-transformers' layout, without a file of weights: every value follows from its name.

`taming.json` holds, for each of two small `VQModel`s, its sizes (`ddconfig`, `n_embed`, `embed_dim`), names
and shapes of its weights, and what the reference implementation made of `drawn("picture", …)` with the
weights `checkpoint(…)`: codes and reconstruction, rounded to seven decimals. It was made once by
CompVis/taming-transformers at commit 3ba01b2 on torch 2.13 (CPU), from its `Encoder`, `Decoder` and
`VectorQuantizer2`, joined by two 1 × 1 convolutions as `VQModel.encode` and `VQModel.decode` join them.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

SIDE = 32
"""Pixels of a side of both pictures."""
GOLDEN: dict[str, Any] = json.loads(Path(__file__).with_name("taming.json").read_text())


def drawn(name: str, shape: Sequence[int]) -> Tensor:
    """Values in [-1, 1), the same for the same name."""
    values = np.random.default_rng(zlib.crc32(name.encode())).random(shape, dtype=np.float32)
    return torch.from_numpy(2 * values - 1)


def weight(name: str, shape: Sequence[int]) -> Tensor:
    """A weight by its name, of a size that keeps the activations near one."""
    values = drawn(name, shape)
    if name == "quantize.embedding.weight":
        return 1.5 * values
    if len(shape) == 1:
        return 0.2 * values + (1 if "norm" in name and name.endswith("weight") else 0)
    return values * (3 / np.prod(shape[1:])) ** 0.5


def checkpoint(shapes: dict[str, Sequence[int]]) -> dict[str, Tensor]:
    """A state_dict of these weights."""
    return {name: weight(name, shape) for name, shape in shapes.items()}
