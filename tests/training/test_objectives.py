"""Losses against `transformers`' own and against the papers' formulas, worked out in separate passes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from hilum.align.tune import AlignItem, PairBatches
from hilum.model import Model, Reads, Vocabulary, Writes, encode
from hilum.model.network import pixel_values, read
from hilum.model.vocabulary import END
from hilum.study import ImageIn, ImageOut, Message, Preference, Text
from hilum.training.examples import IGNORE, TextBatch, collate
from hilum.training.objectives import Direct, NextToken, answer_lengths, pair_log_probabilities
from model.helpers import TEXTS, image_tokenizer, picture, prompt, tiny
from training.helpers import assert_accumulation_is_one_batch

CODES = {"d": (3, 0, 15, 7)}
TALKS = [
    (
        Message("user", (ImageIn("0"), Text("Is there a pneumothorax?"))),
        Message("assistant", (Text("No. No pleural effusion or pneumothorax."),)),
    ),
    (Message("user", (Text("Draw."),)), Message("assistant", (ImageOut("d"),))),
    (
        Message("user", (ImageIn("1"), Text("Nodule?"), ImageIn("2"))),
        Message("assistant", (Text("Yes."),)),
        Message("user", (Text("Where?"),)),
        Message("assistant", (Text("Right upper lobe."),)),
    ),
]


def batch_of(model) -> tuple[TextBatch, torch.Tensor]:
    """Three conversations of unlike lengths, and the pixels of the images they show."""
    encoded = [encode(talk, model.vocabulary, model.config, codes_of=CODES.__getitem__) for talk in TALKS]
    rows = [(np.array(e.ids), np.array(e.targets)) for e in encoded]
    pixels = torch.from_numpy(np.stack([picture(seed) for seed in range(3)]))
    features = model.features(pixels).clone()
    return collate(rows, features, model.vocabulary.id("<|pad|>")), pixels


def test_the_next_token_loss_is_transformers_own() -> None:
    """Ours skips the encoder, the cache and every logit that is no target; theirs does none of that."""
    model = tiny(Reads.FEATURES, Writes.CODES)
    batch, pixels = batch_of(model)
    loss = NextToken(model).loss(batch)
    labels = torch.full_like(batch.ids_BT, IGNORE)
    labels[:, 1:] = batch.labels_BT[:, :-1]  # `transformers` shifts them itself
    mask = (batch.ids_BT != model.vocabulary.id("<|pad|>")).long()
    whole = model.network(
        input_ids=batch.ids_BT, pixel_values=pixel_values(pixels), labels=labels, attention_mask=mask
    )
    torch.testing.assert_close(loss.mean(), whole.loss, rtol=1e-5, atol=1e-6)
    assert loss.metrics["samples"] == 3
    assert loss.metrics["tokens"] == batch.ids_BT.numel()


def test_its_gradient_is_transformers_own() -> None:
    model = tiny(Reads.FEATURES, Writes.CODES)
    batch, pixels = batch_of(model)
    model.network.requires_grad_(False)
    parts = [p for n, p in model.network.named_parameters() if "vision" not in n]
    for p in parts:
        p.requires_grad_(True)
    ours = torch.autograd.grad(NextToken(model).loss(batch).mean(), parts)
    labels = torch.full_like(batch.ids_BT, IGNORE)
    labels[:, 1:] = batch.labels_BT[:, :-1]
    mask = (batch.ids_BT != model.vocabulary.id("<|pad|>")).long()
    whole = model.network(
        input_ids=batch.ids_BT, pixel_values=pixel_values(pixels), labels=labels, attention_mask=mask
    ).loss
    for a, b in zip(ours, torch.autograd.grad(whole, parts), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5 * (1 + float(b.abs().max())))


@torch.no_grad()
def test_image_codes_weigh_what_they_are_given() -> None:
    model = tiny(Reads.FEATURES, Writes.CODES)
    batch, _ = batch_of(model)
    full = NextToken(model).loss(batch)
    labels = batch.labels_BT[batch.labels_BT != IGNORE]
    codes = int((labels >= model.vocabulary.first_code).sum())
    words = len(labels) - codes
    assert codes == 4
    assert (full.metrics["words"].weight, full.metrics["codes"].weight) == (words, codes)
    word, code = (float(full.metrics[kind].sum) / n for kind, n in (("words", words), ("codes", codes)))
    assert float(full.mean()) == pytest.approx((words * word + codes * code) / (words + codes), rel=1e-5)
    for weight in (0.0, 0.25, 3.0):
        loss = NextToken(model, code_weight=weight).loss(batch).mean()
        wanted = (words * word + weight * codes * code) / (words + weight * codes)
        assert float(loss) == pytest.approx(wanted, rel=1e-5)


@torch.no_grad()
def test_nobody_learns_to_number_the_rows() -> None:
    """A picture's loss is that of its codes; the tokens that open its rows are the grammar's to write."""
    rowed = Vocabulary.learn(TEXTS, n_codes=16, rows=2, size=350)
    model = Model.new(tiny().config, rowed, image_tokenizer())
    asked = (Message("user", (Text("No."),)), Message("assistant", (ImageOut("a"),)))
    encoded = encode(asked, rowed, model.config, codes_of=lambda _: [3, 1, 4, 1])
    batch = collate([(np.array(encoded.ids), np.array(encoded.targets))], None, rowed.id("<|pad|>"))
    labels = batch.labels_BT[batch.labels_BT != IGNORE]
    assert sum(int(i) in rowed.row_ids for i in labels) == 2
    hidden = read(model.network, batch.ids_BT, None, use_cache=False).last_hidden_state
    losses = F.cross_entropy(
        model.network.lm_head(hidden)[batch.labels_BT != IGNORE], labels, reduction="none"
    )
    loss = NextToken(model).loss(batch)
    kept = torch.tensor([int(i) not in rowed.row_ids for i in labels])
    assert float(loss.mean()) == pytest.approx(float(losses[kept].mean()), rel=1e-5)
    codes = losses[labels >= rowed.first_code]
    assert float(loss.metrics["codes"].sum) == pytest.approx(float(codes.sum()), rel=1e-5)
    assert loss.metrics["codes"].weight == len(codes)


def pairs_of(model) -> PairBatches:
    prompts = [
        prompt("Describe.", 1),
        prompt("Small left pleural effusion. And now, what do you see?", 2, 3),
        prompt("No."),
    ]
    items = [AlignItem(str(i), p, "") for i, p in enumerate(prompts)]
    answers = [
        ("No pleural effusion.", "Mild cardiomegaly, unchanged from 2019. Small left pleural effusion."),
        ("Right upper lobe nodule, 12 mm.", "Yes."),
        ("No.", "No. Yes."),  # one answer begins with the other
    ]
    preferences = [Preference(str(i), a, b, 1.0, 0.0) for i, (a, b) in enumerate(answers)]
    return PairBatches(model, items, preferences, 3, seed=0)


def alone(model, asked, answer: str) -> torch.Tensor:
    """Log-probability of one answer in a sequence of its own: no sharing, no mask, no padding."""
    shown = iter(
        [image_tokenizer().encode(torch.from_numpy(image)[None])[0].tolist() for image in asked.images]
    )
    ids = list(
        encode(
            asked.messages, model.vocabulary, model.config, codes_of=lambda _: next(shown), answer=True
        ).ids
    )
    said = [*model.vocabulary.encode(answer), model.vocabulary.id(END)]
    images = [torch.from_numpy(image) for image in asked.images]
    features = model.features(torch.stack(images)) if images else None
    features = None if features is None else features.clone()
    row = torch.tensor([ids + said])
    logits = model.network.lm_head(read(model.network, row, features, use_cache=False).last_hidden_state)
    logp = logits[0, len(ids) - 1 : -1].log_softmax(-1)
    return logp[range(len(said)), said].sum()


@pytest.mark.parametrize("reads", list(Reads))
def test_sharing_the_prompt_changes_no_log_probability(reads) -> None:
    model = tiny(reads, Writes.CODES)
    pairs = pairs_of(model)
    with torch.no_grad():
        shared = pair_log_probabilities(model, pairs.batch([0, 1, 2]))
        for i, preference in enumerate(pairs.preferences):
            for column, text in enumerate((preference.chosen, preference.rejected)):
                wanted = alone(model, pairs.prompts[i], text)
                torch.testing.assert_close(shared[i, column], wanted, rtol=1e-5, atol=1e-4)
    assert shared.unique().numel() == 6


@pytest.mark.parametrize(("beta", "alpha", "anchor"), [(0.1, 0, 0), (0.5, 0.02, 0), (0.1, 0, 0.3)])
def test_the_preference_loss_is_the_papers(beta, alpha, anchor) -> None:
    """DPO (Rafailov et al., 2023) as TRL's `sigmoid` loss; R-DPO's length term; RPO's anchor (mean NLL)."""
    model, reference = tiny(), tiny(seed=1)
    pairs = pairs_of(model)
    batch = pairs.batch([0, 1, 2])
    with torch.no_grad():
        cached = pair_log_probabilities(reference, pairs_of(reference).batch([0, 1, 2]))
        loss = Direct(model, beta, alpha, anchor).loss(replace(batch, reference_B2=cached))
        losses, margins = [], []
        for asked, p in zip(pairs.prompts, pairs.preferences, strict=True):
            numbers = [float(alone(m, asked, t)) for m in (model, reference) for t in (p.chosen, p.rejected)]
            policy_w, policy_l, reference_w, reference_l = numbers
            margin = beta * ((policy_w - policy_l) - (reference_w - reference_l))
            long_w, long_l = (len(model.vocabulary.encode(t)) + 1 for t in (p.chosen, p.rejected))
            z = margin + alpha * (long_w - long_l)
            losses.append(math.log1p(math.exp(-z)) if z > -30 else -z)
            losses[-1] -= anchor * policy_w / long_w
            margins.append(margin)
    assert float(loss.mean()) == pytest.approx(float(np.mean(losses)), rel=1e-4, abs=1e-4)
    assert float(loss.metrics["margin"].sum) == pytest.approx(float(np.sum(margins)), rel=1e-4, abs=1e-3)
    assert float(loss.metrics["accuracy"].sum) == np.sum(np.array(margins) > 0)
    assert loss.weight == loss.metrics["margin"].weight == 3


@torch.no_grad()
def test_a_model_beside_itself_starts_at_log_two() -> None:
    model = tiny()
    pairs = pairs_of(model)
    pairs.cache_reference()
    loss = Direct(model).loss(pairs.batch([0, 1, 2]))
    assert float(loss.mean()) == pytest.approx(math.log(2), abs=1e-5)
    assert float(loss.metrics["margin"].sum) == pytest.approx(0, abs=1e-4)


def test_its_gradient_is_that_of_separate_passes() -> None:
    model = tiny()
    pairs = pairs_of(model)
    pairs.cache_reference()
    parts = [p for n, p in model.network.named_parameters() if "language_model" in n]
    loss = Direct(model, beta=0.2).loss(pairs.batch([0, 1, 2])).mean()
    ours = torch.autograd.grad(loss, parts)
    terms = []
    for i, p in enumerate(pairs.preferences):
        policy = [alone(model, pairs.prompts[i], text) for text in (p.chosen, p.rejected)]
        terms.append(policy[0] - policy[1] - (pairs.reference[i, 0] - pairs.reference[i, 1]))
    theirs = torch.autograd.grad(-F.logsigmoid(0.2 * torch.stack(terms)).mean(), parts)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5 * (1 + float(b.abs().max())))


def test_accumulated_tokens_are_one_larger_batch(tmp_path) -> None:
    """Batches of unlike numbers of targets: every token weighs the same wherever it was put."""
    made = tiny(Reads.FEATURES, Writes.CODES)
    encoded = [encode(talk, made.vocabulary, made.config, codes_of=CODES.__getitem__) for talk in TALKS]
    rows = [(np.array(e.ids), np.array(e.targets)) for e in encoded]
    seen = made.features(torch.from_numpy(np.stack([picture(seed) for seed in range(3)]))).clone()
    pad = made.vocabulary.id("<|pad|>")
    shown = [[0], [], [1, 2]]

    def batch(*talks: int) -> TextBatch:
        images = [image for talk in talks for image in shown[talk]]
        return collate([rows[talk] for talk in talks], seen[images] if images else None, pad)

    parts = [batch(0), batch(1), batch(2, 0), batch(1, 1)]
    targets = [int((part.labels_BT != IGNORE).sum()) for part in parts]
    assert len(set(targets)) > 2

    def make() -> NextToken:
        return NextToken(tiny(Reads.FEATURES, Writes.CODES), code_weight=0.5, length_exponent=0.5)

    assert_accumulation_is_one_batch(make, parts, batch(0, 1, 2, 0, 1, 1), tmp_path)


def test_accumulated_pairs_are_one_larger_batch(tmp_path) -> None:
    pairs = pairs_of(tiny())
    pairs.cache_reference()
    order = ([0], [1, 2, 0], [2], [0, 1])
    parts = [pairs.batch(rows) for rows in order]
    whole = pairs.batch([row for rows in order for row in rows])
    assert_accumulation_is_one_batch(lambda: Direct(tiny(), 0.1, 0.02, anchor=0.3), parts, whole, tmp_path)


def test_nothing_to_learn_from_is_a_loss_of_zero() -> None:
    model = tiny(Reads.FEATURES, Writes.CODES)
    batch, _ = batch_of(model)
    loss = NextToken(model).loss(replace(batch, labels_BT=torch.full_like(batch.labels_BT, IGNORE))).mean()
    loss.backward()
    assert float(loss.detach()) == 0
    assert not any(p.grad.any() for p in model.network.parameters() if p.grad is not None)


def test_evenness_lets_every_answer_weigh_alike() -> None:
    wanted = torch.tensor([[0, 1, 1, 1, 0, 1], [1, 1, 0, 0, 0, 0]], dtype=torch.bool)
    lengths = answer_lengths(wanted)
    assert lengths.tolist() == [3, 3, 3, 1, 2, 2]
    weight = lengths**-1.0
    assert [float(weight[lengths == n].sum()) for n in (1, 2, 3)] == pytest.approx([1, 1, 1])
