"""Small real training runs that tests start, kill and resume."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from hilum.loss import Loss, Mean
from hilum.tokenizer import ImageTokenizer, TokenizerConfig, TokenizerObjective, Training
from hilum.training import FitConfig, Objective, fit
from hilum.training.log import read_history
from hilum.training.tokenizer import PixelBatches

TESTS = Path(__file__).resolve().parents[1]


def torchrun(*arguments: str, where: Path) -> subprocess.CompletedProcess[str]:
    """Two processes on this machine, that speak over its loopback."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    paths = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    return subprocess.run(
        [*command, *arguments], cwd=where, env=environment, capture_output=True, text=True, timeout=300
    )


class Line(nn.Module):
    """y = wx + b with dropout, the least thing that has a seed, a matrix and a vector."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.first = nn.Linear(4, 8)
            self.last = nn.Linear(8, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.dropout(torch.tanh(self.first(x)))).squeeze(-1)


class Squares:
    """Squared error, counted by points; counts its calls."""

    name = "squares"

    def __init__(self, dropout: float = 0.0) -> None:
        self.module: nn.Module = Line(dropout)
        self.calls = 0

    def loss(self, batch: tuple[Tensor, Tensor]) -> Loss:
        self.calls += 1
        x, y = batch
        loss = F.mse_loss(self.module(x), y, reduction="sum")
        return Loss(loss, torch.tensor(len(x)), {"samples": len(x), "error": Mean(loss.detach(), len(x))})


def points(step: int) -> tuple[Tensor, Tensor]:
    """Batch `step` of a noisy plane."""
    rng = np.random.default_rng(step)
    x = rng.normal(size=(16, 4)).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy(x @ np.array([1, -2, 0.5, 0], np.float32) + 0.3)


def weights(module: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach().contiguous().clone() for name, p in module.named_parameters()}


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


class Noisy(TokenizerObjective):
    """The tokenizer's objective on pixels with noise drawn inside the step, as dropout would be."""

    def loss(self, batch: Tensor) -> Loss:
        return super().loss((batch + 0.05 * torch.randn_like(batch)).clamp(0, 1))


def train_tokenizer(run_dir: Path, out: Path, tell: Connection, steps: int = 60) -> None:
    """A real run: the image tokenizer with its adversary and averages, batches read ahead in a thread, noise,
    a checkpoint every 4 steps.

    A buffer of 6 MB makes a checkpoint take long enough to be hit while it is written.
    """
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (24, 32, 32), dtype=np.uint8)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tokenizer = ImageTokenizer(TokenizerConfig(image_size=32, grid=2, width=16, blocks=1))
        training = Training(tokenizer, adversary=8, decay=0.9)
    training.register_buffer("ballast", torch.arange(1_500_000, dtype=torch.float32))
    batches = PixelBatches(images, 8, seed=3)

    def told(step: int) -> Tensor:
        tell.send(step)
        return batches(step)

    config = FitConfig(steps=steps, lr=2e-3, warmup=5, checkpoint_every=4, log_every=1, seed=7)
    fit(Noisy(training, adversarial_weight=0.2, start=steps // 3), told, config, run_dir, progress=False)
    save_file(weights(training), out)


def assert_accumulation_is_one_batch(
    make: Callable[[], Objective], parts: Sequence[Any], whole: Any, run_dir: Path
) -> None:
    """Four steps over the parts, accumulated, end in the weights of four steps over the whole, to 1e-6."""
    config = FitConfig(steps=4, lr=1e-4, warmup=1, log_every=1)
    split, single = make(), make()
    before = weights(split.module)
    several = replace(config, accumulate=len(parts))
    fits = [
        fit(split, lambda step: parts[step % len(parts)], several, run_dir / "parts", progress=False),
        fit(single, lambda step: whole, config, run_dir / "whole", progress=False),
    ]
    assert not equal(weights(split.module), before)
    for name, weight in weights(split.module).items():
        torch.testing.assert_close(weight, weights(single.module)[name], rtol=0, atol=1e-6, msg=name)
    logged = [[without_times(row) for row in read_history(result.history)] for result in fits]
    for one, other in zip(*logged, strict=True):
        assert one == pytest.approx(other, rel=1e-4, abs=1e-5)


def without_times(row: dict[str, float]) -> dict[str, float]:
    """A line of the history without what the clock decides."""
    return {name: value for name, value in row.items() if name != "time" and not name.endswith("/s")}
