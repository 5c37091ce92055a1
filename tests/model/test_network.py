"""The network is stock `transformers`: what we run in parts equals what it runs whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoTokenizer

from hilum.model import Model, ModelConfig, Reads, Writes, encode
from hilum.model.build import build_network, start_codes
from hilum.model.network import logits as logits_of
from hilum.model.network import pixel_values, read, see
from hilum.study import ImageIn, Message, Text
from hilum.tokenizer import FSQ
from model.helpers import image_tokenizer, picture, tiny, vocabulary


def two_rows(model) -> tuple[torch.Tensor, torch.Tensor]:
    """Two prompts of equal length that show three images between them: ids (2, T), pixels (3, H, W)."""
    rows = [
        encode((Message("user", parts),), model.vocabulary, model.config, answer=True).ids
        for parts in (
            (ImageIn("0"), Text(" before"), ImageIn("1"), Text(" after")),
            (Text("No pleural effusion"), ImageIn("2")),
        )
    ]
    width = max(map(len, rows))
    filled = [row + tuple(model.vocabulary.encode("No." * width))[: width - len(row)] for row in rows]
    pixels = np.stack([picture(seed) for seed in range(3)])
    return torch.tensor(filled), torch.from_numpy(pixels)


def in_parts(model, ids: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        features = see(model.network, pixel_values(pixels))
        return logits_of(model.network, read(model.network, ids, features, use_cache=False).last_hidden_state)


def test_features_laid_over_equal_the_stock_forward_pass() -> None:
    model = tiny(Reads.FEATURES)
    ids, pixels = two_rows(model)
    with torch.inference_mode():
        whole = model.network(input_ids=ids, pixel_values=pixel_values(pixels)).logits
    parts = in_parts(model, ids, pixels)
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-5)
    # Blind, the numbers are others: the test would notice features that are not used, or swapped.
    for changed in (torch.zeros_like(pixels), pixels[[1, 0, 2]], pixels[[2, 1, 0]]):
        assert (in_parts(model, ids, changed) - whole).abs().max() > 1e-2


class Other(torch.nn.Linear):
    """A head that is no plain matrix, as LoRA's is."""


@pytest.mark.parametrize("ids", [slice(7), slice(40, 56), torch.tensor([3, 90, 4])], ids=str)
@pytest.mark.parametrize("kind", [torch.nn.Linear, Other])
def test_logits_of_some_tokens_are_those_of_all(ids, kind) -> None:
    model = tiny()
    model.network.lm_head.__class__ = kind
    hidden = torch.randn(2, 3, model.config.width)
    whole = logits_of(model.network, hidden)
    some = logits_of(model.network, hidden, ids)
    torch.testing.assert_close(some, whole[..., ids], rtol=1e-5, atol=1e-5)


def test_plain_transformers_reads_the_folder(tmp_path) -> None:
    model = tiny(Reads.FEATURES, Writes.CODES)
    folder = model.save(tmp_path / "run")
    alone = AutoModelForImageTextToText.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    chat = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Any nodule?"}]}]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    widened = text.replace("<|image|>", "<|image|>" * alone.config.image_seq_length)
    ids = torch.tensor([tokenizer.encode(widened, add_special_tokens=False)])
    messages = (Message("user", (ImageIn("0"), Text("Any nodule?"))),)
    assert ids[0].tolist() == list(encode(messages, model.vocabulary, model.config, answer=True).ids)
    pixels = torch.from_numpy(picture(0))[None]
    with torch.inference_mode():
        logits = alone(input_ids=ids, pixel_values=pixel_values(pixels)).logits
    torch.testing.assert_close(in_parts(model, ids, pixels), logits, rtol=1e-5, atol=1e-5)


def test_plain_transformers_reads_a_folder_without_an_encoder(tmp_path) -> None:
    model = tiny(Reads.CODES)
    folder = model.save(tmp_path / "run")
    alone = AutoModelForCausalLM.from_pretrained(folder).eval()
    ids = torch.tensor([model.vocabulary.encode("No pleural effusion.")])
    with torch.inference_mode():
        ours = model.network.lm_head(read(model.network, ids, None, use_cache=False).last_hidden_state)
        torch.testing.assert_close(alone(input_ids=ids).logits, ours, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("reads", list(Reads))
def test_weights_depend_on_the_seed_alone(reads) -> None:
    config = tiny(reads).config
    torch.manual_seed(11)
    before = torch.random.get_rng_state()
    one = build_network(config, vocabulary(), seed=3).state_dict()
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(5)
    two = build_network(config, vocabulary(), seed=3).state_dict()
    other = build_network(config, vocabulary(), seed=4).state_dict()
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_pixels_reach_the_encoder_from_minus_one_to_one() -> None:
    values = pixel_values(torch.tensor([[[0.0, 0.5], [1.0, 0.25]]]))
    assert values.shape == (1, 3, 2, 2)
    assert values[0, 2].tolist() == [[-1.0, 0.0], [1.0, -0.5]]


def test_like_codes_start_alike() -> None:
    """Embeddings of neighbours on the code lattice point the same way; those of distant codes do not."""
    vocab, seed = vocabulary(512), 3
    network = build_network(ModelConfig(Reads.FEATURES, width=128, head=32), vocab, seed)
    before = network.get_input_embeddings().weight.detach().clone()
    quantizer = FSQ((8, 8, 8))
    vectors = quantizer.vectors(torch.arange(512))
    start_codes(network, vocab.first_code, vectors, seed)
    after = network.get_input_embeddings().weight.detach()
    first = vocab.first_code
    assert torch.equal(before[:first], after[:first])
    assert float(after[first:].std()) == pytest.approx(float(before[first:].std()), rel=0.15)
    alike = torch.nn.functional.cosine_similarity(after[first:, None], after[None, first:], dim=-1)
    distance = torch.cdist(vectors, vectors)
    off = ~torch.eye(512, dtype=torch.bool)
    assert float(alike[off & (distance <= distance[off].min() * 1.01)].mean()) > 0.6
    assert abs(float(alike[distance > 2].mean())) < 0.4


def test_a_new_model_starts_its_codes_from_the_tokenizer() -> None:
    config = ModelConfig(Reads.FEATURES, Writes.CODES, image_size=32, patch=16, width=32, head=16)
    model = Model.new(config, vocabulary(), image_tokenizer(), seed=1)
    plain = build_network(config, vocabulary(), 1)
    vectors = image_tokenizer().quantizer.vectors(torch.arange(16))
    start_codes(plain, vocabulary().first_code, vectors, 1)
    assert torch.equal(plain.get_input_embeddings().weight, model.network.get_input_embeddings().weight)
