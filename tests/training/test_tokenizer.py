"""A short training of an image tokenizer gets somewhere, and its decoder can learn on alone."""

from __future__ import annotations

from dataclasses import asdict

import pytest
import torch

from hilum.errors import UsageError
from hilum.tokenizer import TokenizerConfig, VqganSizes
from hilum.tokenizer.losses import squared_error
from hilum.training import FitConfig, LossWeights, TokenizerStage, train_decoder, train_tokenizer
from hilum.training.log import read_history
from tokenizer.small import SMALL, blobs


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


def test_it_learns_with_weights_held_in_bfloat16_too(tmp_path) -> None:
    fit = FitConfig(steps=30, lr=4e-3, warmup=5, log_every=5, precision="bfloat16-weights")
    weights = LossWeights(adversarial=0.1, start=20, width=8, average=0.9)
    tokenizer = train_tokenizer(blobs(), SMALL, TokenizerStage(fit, weights, batch=8), tmp_path)
    rows = read_history(tmp_path / "history.jsonl")
    assert rows[-1]["pixel"] < 0.75 * rows[0]["pixel"]
    assert {p.dtype for p in tokenizer.parameters()} == {torch.float32}


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


def test_a_term_is_named_as_its_weight_is() -> None:
    weights = LossWeights(pixel=1.0, squared=2.0, edge=3.0, clinical=4.0, perceptual=5.0)
    terms = weights.terms(clinical=lambda x: (x,), perceptual=squared_error)
    assert {name: term.weight for name, term in terms.items()} == {
        "pixel": 1.0,
        "squared": 2.0,
        "edge": 3.0,
        "clinical": 4.0,
        "perceptual": 5.0,
    }
    assert list(LossWeights(pixel=1.0, edge=0.0).terms()) == ["pixel"]


def test_weights_that_make_no_sense_are_refused() -> None:
    with pytest.raises(UsageError, match="pixel"):
        LossWeights(pixel=-1.0)
    with pytest.raises(UsageError, match="below 1"):
        LossWeights(average=1.0)
    with pytest.raises(UsageError, match="no network"):
        LossWeights(clinical=1.0).terms()
    with pytest.raises(UsageError, match="weigh nothing"):
        LossWeights(pixel=0.0, edge=0.0).terms()
    for name in asdict(LossWeights()):
        for value in (-0.1, float("nan"), float("inf")):
            with pytest.raises(UsageError, match=f"{name}: is {value}; give a weight, at least 0"):
                LossWeights(**{name: value})
    with pytest.raises(UsageError, match=r"perceptual: weighs 2\.0, and no network is given"):
        LossWeights(perceptual=2.0).terms(clinical=lambda x: (x,))
    # A network that weighs nothing is not looked through.
    assert list(LossWeights().terms(lambda x: (x,), squared_error)) == ["pixel", "edge"]


def test_a_loss_that_says_no_more_is_of_pixels_and_edges() -> None:
    assert asdict(LossWeights()) == {
        "pixel": 1.0,
        "squared": 0.0,
        "edge": 1.0,
        "clinical": 0.0,
        "perceptual": 0.0,
        "adversarial": 0.0,
        "start": 0,
        "width": 32,
        "average": 0.0,
    }
    assert TokenizerStage(FitConfig(steps=1, lr=1.0)).batch == 16
    looked = []
    error = LossWeights(clinical=1.0).terms(lambda x: looked.append(len(x)) or (x,))["clinical"].error
    error(torch.rand(5, 8, 8), torch.rand(5, 8, 8))
    assert looked == [3, 3], "every other image"
