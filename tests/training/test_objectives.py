"""The next-token loss against `transformers`' own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from hilum.model import Model, Reads, Vocabulary, Writes, encode
from hilum.model.network import pixel_values, read
from hilum.study import ImageIn, ImageOut, Message, Text
from hilum.training.examples import IGNORE, TextBatch, collate
from hilum.training.objectives import NextToken, answer_lengths
from model.helpers import TEXTS, image_tokenizer, picture, tiny
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


def uneven_batches(model, talks=((0,), (1,), (2, 0), (1, 1))) -> list[TextBatch]:
    """Batches of unlike numbers of targets, some without an image."""
    encoded = [encode(talk, model.vocabulary, model.config, codes_of=CODES.__getitem__) for talk in TALKS]
    rows = [(np.array(e.ids), np.array(e.targets)) for e in encoded]
    seen = model.features(torch.from_numpy(np.stack([picture(seed) for seed in range(3)]))).clone()
    shown = [[0], [], [1, 2]]
    batches = []
    for some in talks:
        images = [image for talk in some for image in shown[talk]]
        features = seen[images] if images else None
        batches.append(collate([rows[talk] for talk in some], features, model.vocabulary.id("<|pad|>")))
    return batches


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


def test_accumulated_tokens_are_one_larger_batch(tmp_path) -> None:
    """Batches of unlike numbers of targets: every token weighs the same wherever it was put."""
    made = tiny(Reads.FEATURES, Writes.CODES)
    parts = uneven_batches(made)
    targets = [int((part.labels_BT != IGNORE).sum()) for part in parts]
    assert len(set(targets)) > 2

    def make() -> NextToken:
        return NextToken(tiny(Reads.FEATURES, Writes.CODES), code_weight=0.5, length_exponent=0.5)

    [whole] = uneven_batches(made, ((0, 1, 2, 0, 1, 1),))
    assert_accumulation_is_one_batch(make, parts, whole, tmp_path)


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
