"""Answers that share a prompt have the log-probabilities, and the gradients, of separate sequences."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.integrations import flex_attention

from align.helpers import packed
from hilum.align import answers as module
from hilum.align.answers import AnswerBatch, answer_log_probabilities, pack
from hilum.errors import UsageError
from hilum.model import Bridge, Model, Reads, Vocabulary, Writes
from hilum.model.network import logits, read
from hilum.training.optimizer import checkpointed_activations, only_training
from model import stock
from model.helpers import TEXTS, image_tokenizer, tiny

LLAVA, BLIP = ("siglip", "llama"), ("blip2", "phi")
KINDS = ["llama", "gpt_neox", "phi", "qwen3", LLAVA, BLIP, "fast_vlm"]


@cache
def model_of(kind: str | tuple[str, str]) -> Model:
    """A tiny model in double precision: what differs then is wrong, not rounded."""
    if kind == "fast_vlm":
        made = tiny()
    elif isinstance(kind, tuple):
        encoder, language = kind
        options = stock.QFORMER if encoder == "blip2" else {}
        parts = (stock.language(language), stock.tokenizer())
        made = Model.of_parts(
            *parts,
            encoder=stock.encoder(encoder),
            writes=Writes.NOTHING,
            layout=stock.LAYOUTS[language],
            bridge=Bridge.QFORMER if encoder == "blip2" else Bridge.MLP,
            **options,
        )
    else:
        made = Model.of_parts(
            stock.language(kind),
            stock.tokenizer(),
            image_tokenizer=image_tokenizer(),
            reads=Reads.CODES,
            layout=stock.LAYOUTS[kind],
        )
    made.network.double()
    return made


def alone(model: Model, batch: AnswerBatch, row: int, part: int) -> torch.Tensor:
    """One answer in a sequence of its own."""
    parts = batch.part_BT[row]
    prompt, answer = batch.ids_BT[row][parts == 0], batch.ids_BT[row][parts == part]
    features = None if batch.features_NPD is None else batch.features_NPD[row : row + 1]
    ids = torch.cat([prompt, answer])[None]
    out = logits(model.network, read(model.network, ids, features, use_cache=False).last_hidden_state)
    found = out[0, len(prompt) - 1 : -1].log_softmax(-1).gather(1, answer[:, None])
    return found.sum()


LENGTHS = [(5, [3, 7, 1]), (1, [4, 4, 9]), (11, [0, 2, 5])]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_shared_prompt_changes_no_log_probability(kind) -> None:
    model = model_of(kind)
    batch = packed(model, LENGTHS)
    with torch.no_grad():
        found, length = answer_log_probabilities(model, batch)
        for row, (_, answers) in enumerate(LENGTHS):
            for k, count in enumerate(answers):
                wanted = alone(model, batch, row, k + 1) if count else torch.tensor(0.0).double()
                torch.testing.assert_close(found[row, k].double(), wanted, rtol=1e-5, atol=1e-5)
    assert length.tolist() == [answers for _, answers in LENGTHS]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_nor_any_gradient(kind) -> None:
    model = model_of(kind)
    batch = packed(model, LENGTHS, seed=1)
    weight = torch.randn(3, 3, generator=torch.Generator().manual_seed(2))
    parts = [p for n, p in model.network.named_parameters() if "vision" not in n]
    ours = torch.autograd.grad(
        (answer_log_probabilities(model, batch)[0] * weight).sum(), parts, allow_unused=True
    )
    terms = [
        weight[row, k] * alone(model, batch, row, k + 1)
        for row, (_, answers) in enumerate(LENGTHS)
        for k, count in enumerate(answers)
        if count
    ]
    theirs = torch.autograd.grad(torch.stack(terms).sum(), parts, allow_unused=True)
    assert sum(a is not None for a in ours) > 5
    for a, b in zip(ours, theirs, strict=True):
        if a is not None:
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5 * max(1, float(b.abs().max())))


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 3).flatmap(
        lambda k: st.lists(
            st.tuples(st.integers(0, 9), st.lists(st.integers(0, 6), min_size=k, max_size=k)),
            min_size=1,
            max_size=3,
        )
    )
)
def test_whatever_the_lengths(lengths) -> None:
    model = model_of("llama")
    batch = packed(model, lengths)
    with torch.no_grad():
        found, length = answer_log_probabilities(model, batch)
        assert length.tolist() == [answers for _, answers in lengths]
        for row, (_, answers) in enumerate(lengths):
            for k, count in enumerate(answers):
                wanted = alone(model, batch, row, k + 1) if count else torch.tensor(0.0).double()
                torch.testing.assert_close(found[row, k].double(), wanted, rtol=1e-5, atol=1e-5)


def test_image_codes_are_counted_and_the_tokens_that_open_their_rows_are_not() -> None:
    rowed = Vocabulary.learn(TEXTS, n_codes=16, rows=2, size=350)
    model = Model.new(tiny().config, rowed, image_tokenizer())
    drawn = rowed.in_rows([rowed.first_code + c for c in (3, 1, 4, 1)])
    batch = pack([rowed.encode("Draw.")], [[drawn, drawn[1:3]]], pad=0)
    with torch.no_grad():
        found, length = answer_log_probabilities(model, batch)
        assert length.tolist() == [[4, 2]]
        out = read(
            model.network, batch.ids_BT[:, : -len(drawn[1:3])], None, use_cache=False
        ).last_hidden_state
        prompt = len(rowed.encode("Draw."))
        scores = logits(model.network, out)[0, prompt - 1 : -1].log_softmax(-1)
        counted = [scores[place, i] for place, i in enumerate(drawn) if i not in rowed.row_ids]
    torch.testing.assert_close(found[0, 0], torch.stack(counted).sum(), rtol=1e-5, atol=1e-4)


def test_generation_is_the_same_after_the_attention_was_exchanged() -> None:
    made = stock.language("llama")
    model = Model.of_parts(
        made, stock.tokenizer(), image_tokenizer=image_tokenizer(), reads=Reads.CODES, layout="llama3"
    )
    ids = torch.tensor([[5, 9, 2], [7, 7, 1]])
    mask = torch.tensor([[0, 1, 1], [1, 1, 1]])
    before = model.network(ids, attention_mask=mask).logits
    answer_log_probabilities(model, packed(model, LENGTHS))
    torch.testing.assert_close(model.network(ids, attention_mask=mask).logits, before, rtol=0, atol=0)


def test_recomputed_activations_give_the_same_gradient() -> None:
    model = model_of("llama")
    batch = packed(model, LENGTHS)
    parts = list(model.network.parameters())
    plain = torch.autograd.grad(answer_log_probabilities(model, batch)[0].sum(), parts)
    names = [name for name, _ in model.network.named_parameters()]
    with only_training(model.network, names), checkpointed_activations(model.network, on=True):
        again = torch.autograd.grad(answer_log_probabilities(model, batch)[0].sum(), parts)
    for a, b in zip(plain, again, strict=True):
        torch.testing.assert_close(a, b)


@torch.no_grad()
def test_flex_attention_by_blocks_is_attention_by_the_mask(monkeypatch) -> None:
    """What a GPU does, here without a compiler."""
    monkeypatch.setattr(flex_attention, "compile_friendly_flex_attention", plain_flex_attention)
    model = model_of("llama")
    batch = packed(model, LENGTHS)
    wanted, _ = answer_log_probabilities(model, batch)
    monkeypatch.setattr(module, "_mask", lambda part_BT, _device: module._blocks(part_BT))
    found, _ = answer_log_probabilities(model, batch)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def plain_flex_attention(*states: torch.Tensor, training: bool = False, **options: object) -> object:
    return torch.nn.attention.flex_attention.flex_attention(*states, **options)


@pytest.mark.parametrize("kind", ["mistral", "gemma3"])
def test_a_window_shorter_than_an_answer_is_refused(kind) -> None:
    model = model_of(kind)
    short = packed(model, [(5, [3, 7])])
    with torch.no_grad():
        found, _ = answer_log_probabilities(model, short)
        torch.testing.assert_close(found[0, 1].double(), alone(model, short, 0, 2), rtol=1e-5, atol=1e-5)
    with pytest.raises(UsageError, match=rf"model: \({kind}.*\) attends to less than 91 tokens"):
        answer_log_probabilities(model, packed(model, [(60, [30, 7])]))


def test_a_model_without_positions_is_refused() -> None:
    from transformers import BloomConfig, BloomForCausalLM

    model = model_of("llama")
    bloom = BloomForCausalLM(BloomConfig(vocab_size=64, hidden_size=16, n_layer=1, n_head=2))
    with pytest.raises(UsageError, match=r"model: \(bloom\) takes no positions"):
        answer_log_probabilities(replace(model, network=bloom), packed(model, LENGTHS))


def test_what_cannot_be_packed_is_an_error() -> None:
    with pytest.raises(UsageError, match="differ in number"):
        pack([[1], [2]], [[[3]], [[4], [5]]], pad=0)
    with pytest.raises(UsageError, match="without tokens"):
        pack([[]], [[[3]]], pad=0)
