"""What the tokenizer is trained for, and that a short training gets there."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from hilum.tokenizer import ImageTokenizer, TokenizerConfig, TokenizerObjective
from hilum.tokenizer.objective import edge_error
from hilum.training import FitConfig, train_tokenizer
from hilum.training.log import read_history

SMALL = TokenizerConfig(image_size=32, grid=4, levels=(8, 5, 5), width=8, blocks=1, fold=4)


def blobs(count: int = 24) -> np.ndarray:
    smooth = gaussian_filter(np.random.default_rng(0).random((count, 32, 32)), (0, 3, 3))
    return np.uint8(255 * (smooth - smooth.min()) / np.ptp(smooth))


def test_the_edge_error_is_that_of_gradients_at_two_scales() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.random((2, 8, 8)), rng.random((2, 8, 8))
    difference = a - b
    halved = difference.reshape(2, 4, 2, 4, 2).mean((2, 4))
    wanted = sum(np.abs(np.diff(d, axis=axis)).mean() for d in (difference, halved) for axis in (1, 2))
    assert float(edge_error(torch.from_numpy(a), torch.from_numpy(b))) == pytest.approx(wanted)


def test_an_offset_has_no_edges_and_a_line_has() -> None:
    flat = torch.zeros(1, 16, 16)
    line = flat.clone()
    line[:, :, 7] = 0.5
    assert float(edge_error(flat + 0.2, flat)) == pytest.approx(0, abs=1e-7)
    assert float(edge_error(line, flat)) > 2 * float((line - flat).abs().mean())


def test_the_loss_adds_up_and_reports_its_parts() -> None:
    torch.manual_seed(0)
    tokenizer = ImageTokenizer(SMALL)
    pixels = torch.from_numpy(blobs(4)).float() / 255
    loss = TokenizerObjective(tokenizer, edge_weight=0.5).loss(pixels)
    pixel, edge = (float(loss.metrics[name].sum) for name in ("pixel", "edge"))
    assert float(loss.sum.detach()) == pytest.approx(pixel + 0.5 * edge)
    assert loss.weight == loss.metrics["pixel"].weight == loss.metrics["samples"] == 4
    assert "clinical" not in loss.metrics


def test_the_clinical_switch_asks_for_a_network_s_features() -> None:
    torch.manual_seed(0)
    tokenizer = ImageTokenizer(SMALL)
    pixels = torch.from_numpy(blobs(4)).float() / 255

    def means(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return x.mean((1, 2))[:, None], x.mean(2)

    off = TokenizerObjective(tokenizer, means, 0.0).loss(pixels).mean()
    loss = TokenizerObjective(tokenizer, means, 3.0).loss(pixels)
    on = loss.mean()
    restored = tokenizer(pixels)[0].clamp(0, 1)
    pairs = zip(means(restored), means(pixels), strict=True)
    wanted = torch.stack([(a - b)[::2].square().mean() for a, b in pairs]).mean()
    assert float(loss.metrics["clinical"].sum) == pytest.approx(4 * wanted.item(), rel=1e-5)
    assert (on - off).item() == pytest.approx(3 * wanted.item(), rel=1e-3)
    on.backward()
    assert all(p.grad is not None for p in tokenizer.parameters())


def test_a_short_training_lowers_the_loss_and_is_repeatable(tmp_path) -> None:
    config = FitConfig(steps=30, lr=4e-3, warmup=5, log_every=5, weight_decay=0.0)
    first = train_tokenizer(blobs(), SMALL, config, tmp_path / "first", batch_size=8)
    rows = read_history(tmp_path / "first" / "history.jsonl")
    assert rows[-1]["loss"] < 0.6 * rows[0]["loss"]
    assert not first.training
    second = train_tokenizer(blobs(), SMALL, config, tmp_path / "second", batch_size=8)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_training_leaves_the_caller_s_randomness_alone(tmp_path) -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    train_tokenizer(blobs(8), SMALL, FitConfig(steps=1, lr=1e-3), tmp_path, batch_size=4)
    assert torch.equal(torch.rand(3), wanted)
