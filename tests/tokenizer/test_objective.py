"""What the tokenizer is trained for."""

from __future__ import annotations

import pytest
import torch

from hilum.tokenizer import TokenizerObjective, Training
from hilum.tokenizer.adversary import adaptive_weight
from hilum.tokenizer.losses import FeatureError, Term, edge_error, pixel_error
from tokenizer.small import blobs, new


def pixels() -> torch.Tensor:
    return torch.from_numpy(blobs(4)).float() / 255


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
    parts = {name: metric.sum / 4 for name, metric in loss.metrics.items() if name != "samples"}
    fooled = training.adversary.fooled(training.tokenizer(pixels())[0])
    others = TokenizerObjective(training, start=100).loss(pixels()).mean()
    weight = 0.5 * adaptive_weight(others, fooled, training.tokenizer.last_layer)
    wanted = parts["pixel"] + parts["edge"] + weight * parts["fooled"] + parts["hinge"]
    torch.testing.assert_close(loss.mean().detach(), wanted)
    assert all(loss.metrics[name].weight == 4 for name in parts)
    loss.mean().backward()
    assert all(p.grad is not None for p in training.parameters())


def test_how_many_batches_have_begun_is_kept_with_the_weights() -> None:
    training = Training(new(), adversary=8)
    assert [training.count() for _ in range(3)] == [1, 2, 3]
    again = Training(new(), adversary=8)
    again.load_state_dict(training.state_dict())
    assert again.count() == 4
    assert int(again.step) == 4


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
