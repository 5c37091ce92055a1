r"""What a training stage is: how long, how fast, which weights move, how often it is saved.

from hilum.training import FitConfig
FitConfig(steps=2000, lr=1e-3, warmup=100, trainable=(r"projector\..*",))
"""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol, get_args, runtime_checkable

from torch import nn

from hilum.errors import UsageError
from hilum.loss import Loss

Precision = Literal["float32", "bfloat16", "bfloat16-weights", "auto"]

ENCODER_LEFT_OUT = r"(?!.*(vision_tower|vision_model)).*"
"""Pattern of `FitConfig.trainable` for all but the vision encoder, whose features are computed once."""

_FREE_FIELDS = frozenset(
    {"checkpoint_every", "keep", "log_every", "checkpoint_activations", "device", "description"}
)
"""What may change between two sittings of one run because it does not change the weights."""


def in_encoder(name: str) -> bool:
    """Whether a weight of that name is the vision encoder's."""
    return re.fullmatch(ENCODER_LEFT_OUT, name) is None


@runtime_checkable
class Objective(Protocol):
    """What is minimised, and the module whose weights move; its training mode is set by the loop."""

    @property
    def name(self) -> str:
        """Written into checkpoints, so that a run cannot be resumed with another objective."""
        ...

    @property
    def module(self) -> nn.Module:
        """The module whose parameters are trained."""
        ...

    def loss(self, batch: Any) -> Loss:
        """Sums and weights of one batch, and what to log; the loop divides once a step."""
        ...


class Batches(Protocol):
    """The batches of a run: a pure function of the number of the batch, so a step number resumes it.

    They may be made in another thread (`hilum.training.batches.Prefetch`), and so draw from generators of
    their own and never from torch's global one. An attribute `fingerprint: str`, when there, is kept in the
    checkpoints and guards against resuming on other data.
    """

    def __call__(self, step: int, /) -> Any:
        """Batch number `step`, counted from 0; with accumulation, `accumulate` of them make a step."""
        ...


@dataclass(frozen=True)
class FitConfig:
    """One stage of training.

    Args:
        steps: optimiser steps.
        lr: peak learning rate, reached after the warm-up.
        warmup: steps of linear warm-up.
        final_lr: what is left of `lr` at the last step, as a fraction; the way down is a cosine.
        weight_decay: decoupled (AdamW); biases, norms and other one-dimensional weights have none.
        betas: Adam's decay rates.
        clip: largest norm of the whole gradient; 0 leaves it as it is.
        trainable: regular expressions; a weight moves when one matches its whole name.
        muon: regular expressions; matrices whose whole name matches one are moved by Muon instead of AdamW.
        checkpoint_every: steps between checkpoints; 0 saves only at the end.
        keep: how many of the newest checkpoints stay.
        log_every: steps between lines of the history; each line is the mean since the line before.
        seed: of everything random inside a step, dropout for instance.
        precision: "bfloat16" runs the forward pass under autocast; the weights stay float32. "auto" does so
            where the device multiplies it faster (benchmarks/precision.py): it suits convolutions, while the
            attention of a small language model gains nothing on a CPU. "bfloat16-weights" also holds the
            network's matrices in it, frozen ones too, with float32 copies of those that learn: half the
            memory of what is frozen, for large models on a GPU. See `hilum.training.weights`.
        accumulate: batches per step; the same step as one batch of all their examples, but that batch norm
            measures each batch by itself.
        checkpoint_activations: run each decoder layer again on the way back instead of keeping what it
            computed: less memory, a third more time, the same weights. For `transformers` models.
        device: "auto" takes a GPU when there is one.
        description: what the progress bar says.
    """

    steps: int
    lr: float
    warmup: int = 0
    final_lr: float = 0.1
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.95)
    clip: float = 1.0
    trainable: tuple[str, ...] = (".*",)
    muon: tuple[str, ...] = ()
    checkpoint_every: int = 500
    keep: int = 2
    log_every: int = 20
    seed: int = 0
    precision: Precision = "float32"
    accumulate: int = 1
    checkpoint_activations: bool = False
    device: str = "auto"
    description: str = "training"

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= least):
                raise UsageError(name, f"is {value}", f"give at least {least}")
        if self.final_lr > 1:
            raise UsageError("final_lr", f"is {self.final_lr}", "give a fraction of lr, at most 1")
        if self.precision not in get_args(Precision):
            raise UsageError(
                "precision", f"is {self.precision!r}", f"choose {', '.join(get_args(Precision))}"
            )
        for name, pattern in [("trainable", p) for p in self.trainable] + [("muon", p) for p in self.muon]:
            try:
                re.compile(pattern)
            except re.error as error:
                raise UsageError(name, f"{pattern!r} is not a regular expression ({error})") from None

    def lr_at(self, step: int) -> float:
        """Learning rate of step `step`, counted from 0: linear warm-up, then a cosine to the end.

        The rate of the last step is `lr * final_lr` (Loshchilov & Hutter, ICLR 2017, without restarts).
        """
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - 1 - self.warmup)
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
        return self.lr * (self.final_lr + (1 - self.final_lr) * cosine)

    def binding(self) -> dict[str, Any]:
        """The fields that decide the weights, as JSON has them: a resumed run must agree on these."""
        fields = {name: value for name, value in asdict(self).items() if name not in _FREE_FIELDS}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in fields.items()}


_LEAST: dict[str, float] = {
    "steps": 1,
    "lr": 0,
    "warmup": 0,
    "final_lr": 0,
    "weight_decay": 0,
    "clip": 0,
    "checkpoint_every": 0,
    "keep": 1,
    "log_every": 1,
    "seed": 0,
    "accumulate": 1,
}
