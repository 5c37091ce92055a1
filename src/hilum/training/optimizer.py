r"""Which weights move, and the AdamW that moves them.

names = select(module, (r"projector\..*",))
optimizer = adamw(module, names, config)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from hilum.errors import UsageError
from hilum.training.config import FitConfig


def select(module: nn.Module, patterns: Sequence[str]) -> list[str]:
    """Names of the parameters to train: those a pattern matches in full and nobody froze before.

    Raises:
        UsageError: a pattern matches nothing, so that a part meant to learn would silently not.
    """
    names = [name for name, p in module.named_parameters() if p.requires_grad]
    chosen: set[str] = set()
    for pattern in patterns:
        matched = {name for name in names if re.fullmatch(pattern, name)}
        if not matched:
            raise UsageError(
                "trainable",
                f"{pattern!r} matches none of {len(names)} parameters",
                f"names look like {names[0]!r}" if names else "the module has no parameters to train",
            )
        chosen |= matched
    if not chosen:
        raise UsageError("trainable", "is empty", "give at least one pattern")
    return [name for name in names if name in chosen]


@contextmanager
def only_training(module: nn.Module, names: Iterable[str]) -> Iterator[None]:
    """Inside the block only `names` ask for gradients and the module is in training mode."""
    chosen = set(names)
    before = {name: p.requires_grad for name, p in module.named_parameters()}
    was_training = module.training
    for name, p in module.named_parameters():
        p.requires_grad_(name in chosen)
    module.train()
    try:
        yield
    finally:
        for name, p in module.named_parameters():
            p.requires_grad_(before[name])
            p.grad = None
        module.train(was_training)


def adamw(module: nn.Module, names: Sequence[str], config: FitConfig) -> torch.optim.AdamW:
    """Decoupled weight decay (Loshchilov & Hutter, ICLR 2019), none on one-dimensional weights."""
    parameters = dict(module.named_parameters())
    chosen: list[Tensor] = [parameters[name] for name in names]
    groups = [
        {"params": [p for p in chosen if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in chosen if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=config.lr,
        betas=config.betas,
        fused=all(p.device.type in ("cpu", "cuda") for p in chosen),
    )
