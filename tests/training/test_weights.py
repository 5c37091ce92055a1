"""Weights held in bfloat16 learn as those in float32 do, since float32 copies of them are moved."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hilum.model import Reads, Writes
from hilum.training import FitConfig, fit
from hilum.training.log import read_history
from hilum.training.objectives import NextToken
from hilum.training.weights import trained_weights
from model.helpers import tiny
from training.helpers import Squares, equal, points, weights
from training.test_objectives import batch_of

SETTINGS = {"steps": 40, "lr": 1e-2, "log_every": 1}


def last_loss(folder) -> float:
    return read_history(folder / "history.jsonl")[-1]["error"]


class Told(Squares):
    """Remembers in what the network held its weights at each step."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[dict[str, torch.dtype]] = []

    def loss(self, batch):
        self.held.append({name: p.dtype for name, p in self.module.named_parameters()})
        return super().loss(batch)


def test_matrices_are_held_in_bfloat16_and_end_in_float32(tmp_path) -> None:
    exact, small = Squares(), Told()
    fit(exact, points, FitConfig(**SETTINGS), tmp_path / "exact", progress=False)
    config = FitConfig(**SETTINGS, precision="bfloat16-weights")
    fit(small, points, config, tmp_path / "small", progress=False)
    kinds = {"weight": torch.bfloat16, "bias": torch.float32}
    assert small.held == [{f"{n}.{k}": kinds[k] for n in ("first", "last") for k in kinds}] * 40
    ended = weights(small.module)
    assert {w.dtype for w in ended.values()} == {torch.float32}
    assert any(not torch.equal(w, w.bfloat16().float()) for w in ended.values()), "what was moved is kept"
    assert last_loss(tmp_path / "small") == pytest.approx(last_loss(tmp_path / "exact"), rel=0.1)


def test_steps_too_small_for_bfloat16_add_up() -> None:
    module = nn.Linear(3, 2, bias=False)
    before = weights(module)["weight"]
    with trained_weights(module, ["weight"], in_bfloat16=True) as held:
        for _ in range(50):
            held.moved["weight"].add_(1e-5)
            held.give_back()
        assert module.weight.dtype is torch.bfloat16
    assert torch.allclose(module.weight, before + 50e-5, atol=1e-7)


def test_what_is_frozen_comes_back_bit_for_bit() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    before = weights(module)
    held = trained_weights(module, ["1.weight"], in_bfloat16=True)
    with pytest.raises(KeyboardInterrupt), held:
        assert module[0].weight.dtype is torch.bfloat16
        raise KeyboardInterrupt
    assert equal(weights(module), before)


def test_gradients_of_several_batches_add_up_in_float32() -> None:
    """In bfloat16 256 and 1 make 256."""
    module = nn.Linear(1, 1, bias=False)
    with trained_weights(module, ["weight"], in_bfloat16=True) as held:
        for value in (256.0, *[1.0] * 8):
            module(torch.tensor([[value]], dtype=torch.bfloat16)).sum().backward()
        assert module.weight.grad is None
        assert held.moved["weight"].grad == 264


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_broken_off_run_ends_in_the_same_weights(tmp_path, accumulate) -> None:
    settings = SETTINGS | {"accumulate": accumulate, "checkpoint_every": 5, "precision": "bfloat16-weights"}
    whole = Squares()
    fit(whole, points, FitConfig(**settings), tmp_path / "whole", progress=False)

    def breaking(step: int):
        if step == 23 * accumulate:
            raise RuntimeError("broken off")
        return points(step)

    with pytest.raises(RuntimeError, match="broken off"):
        fit(Squares(), breaking, FitConfig(**settings), tmp_path / "parts", progress=False)
    again = Squares()
    fit(again, points, FitConfig(**settings), tmp_path / "parts", progress=False)
    assert again.calls == 20 * accumulate
    assert equal(weights(again.module), weights(whole.module))


@pytest.mark.parametrize("checkpoint_activations", [False, True])
def test_a_language_model_that_reads_and_draws_learns_in_it(tmp_path, checkpoint_activations) -> None:
    ends = {}
    for precision in ("float32", "bfloat16-weights"):
        model = tiny(Reads.FEATURES, Writes.CODES)
        batch, _ = batch_of(model)
        config = FitConfig(
            steps=12,
            lr=3e-3,
            precision=precision,
            log_every=1,
            muon=(r".*mlp.*",),
            checkpoint_activations=checkpoint_activations,
        )
        fit(NextToken(model), lambda step, batch=batch: batch, config, tmp_path / precision, progress=False)
        losses = [row["loss"] for row in read_history(tmp_path / precision / "history.jsonl")]
        assert losses[-1] < 0.9 * losses[0]
        ends[precision] = losses[-1]
    assert ends["bfloat16-weights"] == pytest.approx(ends["float32"], rel=0.05)
