"""What the tokenizer is trained for, and that a short training gets there."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from hilum.errors import UsageError
from hilum.tokenizer import ImageTokenizer, TokenizerConfig, TokenizerObjective, Training, VqganSizes
from hilum.tokenizer.losses import FeatureError, Term, edge_error, pixel_error
from hilum.training import FitConfig, LossWeights, TokenizerStage, train_decoder, train_tokenizer
from hilum.training.log import read_history

SMALL = TokenizerConfig(image_size=32, grid=4, levels=(8, 5, 5), width=8, blocks=1, fold=4)


def blobs(count: int = 24) -> np.ndarray:
    smooth = gaussian_filter(np.random.default_rng(0).random((count, 32, 32)), (0, 3, 3))
    return np.uint8(255 * (smooth - smooth.min()) / np.ptp(smooth))


def pixels() -> torch.Tensor:
    return torch.from_numpy(blobs(4)).float() / 255


def new(**changes) -> ImageTokenizer:
    torch.manual_seed(0)
    return ImageTokenizer(TokenizerConfig(**{**vars(SMALL), **changes}))


def means(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return x.mean((1, 2))[:, None], x.mean(2)


def test_the_loss_adds_up_and_reports_its_parts() -> None:
    terms = {
        "pixel": Term(pixel_error),
        "edge": Term(edge_error, 0.5),
        "clinical": Term(FeatureError(means, 2), 3.0),
    }
    loss = TokenizerObjective(Training(new()), terms).loss(pixels())
    parts = {name: float(loss.metrics[name].sum) for name in terms}
    assert float(loss.sum.detach()) == pytest.approx(sum(terms[n].weight * parts[n] for n in terms))
    assert loss.weight == loss.metrics["pixel"].weight == loss.metrics["samples"] == 4
    assert "quantizer" not in loss.metrics
    loss.mean().backward()


@pytest.mark.parametrize("quantizer", ["vq", "ibq", "lfq"])
def test_a_quantizer_s_own_loss_is_added(quantizer) -> None:
    loss = TokenizerObjective(Training(new(quantizer=quantizer, n_codes=16, code_width=4))).loss(pixels())
    parts = [float(loss.metrics[name].sum) for name in ("pixel", "edge", "quantizer")]
    assert float(loss.sum.detach()) == pytest.approx(sum(parts), rel=1e-5)


def test_the_adversary_begins_late_and_both_sides_learn_of_it() -> None:
    training = Training(new(), adversary=8)
    objective = TokenizerObjective(training, adversarial_weight=0.5, start=1)
    assert "hinge" not in objective.loss(pixels()).metrics
    loss = objective.loss(pixels())
    assert {"hinge", "fooled"} <= set(loss.metrics)
    loss.mean().backward()
    assert all(p.grad is not None for p in training.parameters())


def test_frozen_codes_move_the_decoder_alone() -> None:
    training = Training(new(quantizer="vq", n_codes=16, code_width=4)).train()
    before = {name: buffer.clone() for name, buffer in training.tokenizer.quantizer.named_buffers()}
    TokenizerObjective(training, frozen=True).loss(pixels()).mean().backward()
    assert all(p.grad is None for p in training.tokenizer.encoder.parameters())
    assert training.tokenizer.last_layer.grad is not None
    assert all(torch.equal(b, before[n]) for n, b in training.tokenizer.quantizer.named_buffers())


def test_the_average_is_that_of_the_weights_seen() -> None:
    training = Training(new(), decay=0.5)
    weight = training.tokenizer.last_layer
    wanted = weight.detach().clone()
    for _ in range(30):
        with torch.no_grad():
            weight += 1
        training.count()
        share = max(0.5, 10 / (10 + float(training.step)))
        wanted = wanted + share * (weight.detach() - wanted)
    averaged = training.averaged()
    torch.testing.assert_close(averaged.last_layer.detach(), wanted, rtol=1e-5, atol=1e-5)
    assert not averaged.training
    assert torch.equal(averaged.encode(pixels()), training.tokenizer.encode(pixels()))


def test_a_short_training_lowers_the_loss_and_is_repeatable(tmp_path) -> None:
    config = FitConfig(steps=30, lr=4e-3, warmup=5, log_every=5, weight_decay=0.0)
    stage = TokenizerStage(config, LossWeights(adversarial=0.1, start=20, width=8, average=0.9), batch=8)
    first = train_tokenizer(blobs(), SMALL, stage, tmp_path / "first")
    rows = read_history(tmp_path / "first" / "history.jsonl")
    assert rows[-1]["pixel"] < 0.75 * rows[0]["pixel"]
    assert not first.training
    second = train_tokenizer(blobs(), SMALL, stage, tmp_path / "second")
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    third = train_tokenizer(blobs(), SMALL, stage, tmp_path / "first")  # done: read from its checkpoint
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), third.parameters(), strict=True))


def test_a_decoder_that_learns_on_paints_better_from_the_same_codes(tmp_path) -> None:
    config = FitConfig(steps=20, lr=4e-3, weight_decay=0.0)
    first = train_tokenizer(blobs(), SMALL, TokenizerStage(config, batch=8), tmp_path / "codes")
    sharp = TokenizerStage(FitConfig(steps=30, lr=2e-3, weight_decay=0.0), LossWeights(squared=1.0), batch=8)
    second = train_decoder(blobs(), first, sharp, tmp_path / "decoder")
    images = torch.from_numpy(blobs()).float() / 255
    codes = first.encode(images)
    assert torch.equal(second.encode(images), codes)
    errors = [float((tokenizer.decode(codes) - images).square().mean()) for tokenizer in (first, second)]
    assert errors[1] < 0.9 * errors[0]


def test_vqgan_s_network_learns_by_the_same_loop(tmp_path) -> None:
    sizes = VqganSizes(colours=1, base=32, multipliers=(1, 1, 1, 1), blocks=1, attention=(3,), latent=16)
    config = TokenizerConfig(image_size=32, grid=4, quantizer="vq", n_codes=32, code_width=8, vqgan=sizes)
    weights = LossWeights(adversarial=0.1, start=15, width=8, average=0.9)
    fit = FitConfig(steps=25, lr=2e-3, warmup=5, log_every=5, weight_decay=0.0)
    tokenizer = train_tokenizer(blobs(), config, TokenizerStage(fit, weights, batch=8), tmp_path)
    rows = read_history(tmp_path / "history.jsonl")
    assert rows[-1]["pixel"] < 0.75 * rows[0]["pixel"]
    assert "hinge" in rows[-1]
    assert tokenizer.last_layer is tokenizer.decoder.body.conv_out.weight


def test_training_leaves_the_caller_s_randomness_alone(tmp_path) -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    train_tokenizer(blobs(8), SMALL, TokenizerStage(FitConfig(steps=1, lr=1e-3), batch=4), tmp_path)
    assert torch.equal(torch.rand(3), wanted)


def test_weights_that_make_no_sense_are_refused() -> None:
    with pytest.raises(UsageError, match="pixel"):
        LossWeights(pixel=-1.0)
    with pytest.raises(UsageError, match="below 1"):
        LossWeights(average=1.0)
    with pytest.raises(UsageError, match="no network"):
        LossWeights(clinical=1.0).terms()
    with pytest.raises(UsageError, match="weigh nothing"):
        LossWeights(pixel=0.0, edge=0.0).terms()
