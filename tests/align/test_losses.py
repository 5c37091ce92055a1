"""Each loss and its gradient are TRL's, on the same tiny model and tokens; R-DPO is its formula."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers import AutoProcessor, PreTrainedModel

from align import trl_peers
from align.helpers import packed
from hilum.align import Algorithm, AnswerBatch, PreferenceObjective, losses
from hilum.align.answers import answer_log_probabilities
from hilum.model import Model, Reads, Writes
from hilum.model.network import pixel_values, see
from model import stock
from model.helpers import image_tokenizer

LENGTHS = [(5, [6, 2]), (1, [4, 9]), (8, [3, 3])]


def language(name: str, seed: int) -> PreTrainedModel:
    """From weights as small as they begin every token is as likely, and no loss tells anything."""
    made = stock.language(name, seed)
    with torch.no_grad():
        for p in made.parameters():
            if p.ndim > 1:
                p.mul_(6)
    return made


def text_model(seed: int = 0, name: str = "llama") -> Model:
    parts = language(name, seed), stock.tokenizer()
    coded = {"image_tokenizer": image_tokenizer(), "reads": Reads.CODES}
    return Model.of_parts(*parts, layout=stock.LAYOUTS[name], **coded)


def llava(seed: int = 0) -> Model:
    parts = language("llama", seed), stock.tokenizer()
    seeing = {"encoder": stock.encoder("siglip"), "writes": Writes.NOTHING}
    return Model.of_parts(*parts, layout="llama3", seed=seed, **seeing)


def with_reference(model: Model, reference: Model, batch: AnswerBatch) -> AnswerBatch:
    with torch.no_grad():
        return replace(batch, reference_BK=answer_log_probabilities(reference, batch)[0])


def same(model: Model, ours: Tensor, theirs: Tensor, tolerance: float = 1e-5) -> None:
    """One loss, one gradient."""
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)
    parts = [p for n, p in model.network.named_parameters() if p.requires_grad and "vision" not in n]
    found, wanted = (torch.autograd.grad(loss, parts, allow_unused=True) for loss in (ours, theirs))
    largest = max(float(b.abs().max()) for b in wanted if b is not None)
    assert largest > 1e-4, "the loss teaches nothing"
    for a, b in zip(found, wanted, strict=True):
        if a is not None or b is not None:
            torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance * largest)


@pytest.mark.parametrize("name", ["llama", "gpt_neox", "phi"])
@pytest.mark.parametrize("algorithm", [Algorithm.DPO, Algorithm.IPO])
def test_dpo_and_ipo_are_trl_s(algorithm, name, tmp_path) -> None:
    model, reference = text_model(name=name), text_model(1, name)
    batch = with_reference(model, reference, packed(model, LENGTHS))
    kind = {Algorithm.DPO: "sigmoid", Algorithm.IPO: "ipo"}[algorithm]
    tokenizer = model.vocabulary.tokenizer
    theirs = trl_peers.dpo(
        model.network, reference.network, tokenizer, batch, tmp_path, beta=0.3, loss_type=[kind]
    )
    same(model, PreferenceObjective(model, algorithm, beta=0.3).loss(batch).mean(), theirs)


@pytest.mark.parametrize("algorithm", [Algorithm.DPO, Algorithm.IPO])
def test_and_of_a_llava_with_its_encoder(algorithm, tmp_path) -> None:
    """TRL's trainer runs the whole LLaVA on pixels; ours begins at the encoder's features."""
    model, reference = llava(), llava(1)
    batch = packed(model, LENGTHS)
    values = pixel_values(torch.rand(3, stock.SIZE, stock.SIZE))
    with torch.no_grad():
        batch = replace(batch, features_NPD=see(model.network, values))
    for p in model.network.model.vision_tower.parameters():
        p.requires_grad_(False)
    reference.network.model.vision_tower.load_state_dict(model.network.model.vision_tower.state_dict())
    batch = with_reference(model, reference, batch)
    kind = {Algorithm.DPO: "sigmoid", Algorithm.IPO: "ipo"}[algorithm]
    model.save(tmp_path / "llava")
    processor = AutoProcessor.from_pretrained(tmp_path / "llava")
    theirs = trl_peers.dpo(
        model.network, reference.network, processor, batch, tmp_path, values, beta=0.3, loss_type=[kind]
    )
    same(model, PreferenceObjective(model, algorithm, beta=0.3).loss(batch).mean(), theirs)


@pytest.mark.parametrize("weights", [(1.0, 1.0), (0.5, 2.0)])
@pytest.mark.parametrize("seed", [0, 5])  # a KL estimate of 0, and one above
def test_kto_is_trl_s(weights, seed, tmp_path) -> None:
    model, reference = text_model(), text_model(1)
    batch = replace(packed(model, LENGTHS, seed), desirable_B=torch.tensor([True, False, True]))
    batch = with_reference(model, reference, batch)
    given = dict(zip(("desirable_weight", "undesirable_weight"), weights, strict=True))
    tokenizer = model.vocabulary.tokenizer
    theirs = trl_peers.kto(model.network, reference.network, tokenizer, batch, tmp_path, beta=0.05, **given)
    same(model, PreferenceObjective(model, Algorithm.KTO, beta=0.05, **given).loss(batch).mean(), theirs)


def test_orpo_is_trl_s(tmp_path) -> None:
    """TRL's first term runs over prompts too, and over the batch's tokens: prompts of one, equal lengths."""
    model = text_model()
    batch = packed(model, [(0, [6, 2]), (0, [6, 9]), (0, [6, 3])])
    theirs = trl_peers.orpo(model.network, model.vocabulary.tokenizer, batch, tmp_path, beta=0.4)
    same(model, PreferenceObjective(model, Algorithm.ORPO, beta=0.4).loss(batch).mean(), theirs)


def test_grpo_s_surrogate_is_trl_s(tmp_path) -> None:
    """Answers of an older policy: some ratios are clipped, some are not."""
    model, older = text_model(), text_model(1)
    batch = packed(model, [(5, [6, 2, 4]), (1, [4, 9, 1])])
    batch = with_reference(model, older, batch)
    # Between the two, so that ratios lie about 1; TRL wants it by tokens, of which only the sum matters.
    with torch.no_grad():
        policy, length = answer_log_probabilities(model, batch)
    noise = torch.linspace(-0.4, 0.5, 6).view(2, 3)
    old = policy + noise * length
    advantage = torch.tensor([[1.0, -0.5, 2.0], [-1.0, 0.7, -2.0]])
    batch = replace(batch, old_BK=old, advantage_BK=advantage)
    by_token = torch.zeros(6, int(length.max()))
    by_token[:, 0] = old.flatten()
    tokenizer = model.vocabulary.tokenizer
    theirs = trl_peers.grpo(model.network, tokenizer, batch, by_token, advantage.flatten(), tmp_path)
    loss = PreferenceObjective(model, Algorithm.GRPO, beta=0.0).loss(batch)
    assert 0 < float(loss.metrics["clipped"].sum) < 6
    same(model, loss.mean(), theirs)


@given(st.floats(-40, 0), st.floats(-40, 0), st.integers(1, 60), st.floats(0.01, 2))
def test_grpo_s_pull_is_the_estimate_of_the_kl_divergence(policy, reference, length, beta) -> None:
    one = torch.ones(1, 1, dtype=torch.double)
    there, back = policy * one, reference * one
    given = (there, there, length * one, 0 * one, back)
    behind = (reference - policy) / length
    assert losses.grpo(*given, beta).item() == pytest.approx(beta * (math.exp(behind) - behind - 1), abs=1e-9)
    assert losses.grpo(*given, 0.0).item() == 0


pairs = st.lists(st.tuples(*[st.floats(-40, 0)] * 4, *[st.integers(1, 60)] * 2), min_size=1, max_size=5)


@given(pairs, st.floats(0.01, 2), st.floats(-0.2, 0.2), st.floats(0, 0.4))
def test_rdpo_is_the_formula(rows, beta, alpha, smoothing) -> None:
    numbers = torch.tensor(rows, dtype=torch.double)
    found = losses.rdpo(numbers[:, :2], numbers[:, 2:4], numbers[:, 4:], beta, alpha, smoothing)
    for value, (w, x, ref_w, ref_x, long_w, long_x) in zip(found.tolist(), rows, strict=True):
        h, offset = beta * ((w - ref_w) - (x - ref_x)), alpha * (long_w - long_x)
        right, wrong = (math.log1p(math.exp(-abs(z))) + max(-z, 0) for z in (h + offset, -h + offset))
        assert value == pytest.approx((1 - smoothing) * right + smoothing * wrong, rel=1e-9, abs=1e-9)
    dpo = losses.dpo(numbers[:, :2], numbers[:, 2:4], beta, smoothing)
    torch.testing.assert_close(losses.rdpo(*numbers.split(2, 1), beta, 0.0, smoothing), dpo)


@pytest.mark.parametrize("sure", [0.0, -1e-9, -1e-3, -80.0])
def test_orpo_of_a_certain_answer_is_finite(sure) -> None:
    policy = torch.tensor([[sure, -3.0]], requires_grad=True)
    loss = losses.orpo(policy, torch.tensor([[1, 3]]), beta=0.1)
    assert torch.isfinite(loss).all()
    assert torch.isfinite(torch.autograd.grad(loss.sum(), policy)[0]).all()


def test_advantages_are_trl_s_and_leave_out_what_no_judge_scored() -> None:
    reward = torch.tensor([[0.1, 0.5, 0.9, math.nan], [0.3, 0.3, math.nan, 0.3]])
    found = losses.advantages(reward)
    known = reward[0, :3]
    torch.testing.assert_close(found[0, :3], (known - known.mean()) / (known.std() + 1e-4))
    assert found[0, 3] == 0
    assert not found[1].any()


def test_the_kl_estimate_is_never_negative_and_has_no_gradient() -> None:
    policy = torch.tensor([-3.0, -1.0], requires_grad=True)
    assert losses.kl_estimate(policy, torch.tensor([-1.0, -1.0])) == 0
    found = losses.kl_estimate(policy, torch.tensor([-4.0, -4.0]))
    assert found == 2
    assert not found.requires_grad
    assert losses.kl_estimate(policy[:0], policy[:0].detach()) == 0
