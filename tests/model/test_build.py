"""A new network has the sizes it is described by, and its image codes begin alike as their vectors are."""

from __future__ import annotations

import pytest
import torch

from hilum.model import ModelConfig, Reads
from hilum.model.build import build_network, build_tower, start_codes
from hilum.model.vocabulary import END, IMAGE, PAD
from model.helpers import vocabulary

SIZES = {"image_size": 32, "patch": 8, "width": 96, "depth": 3, "vision_width": 16, "head": 16, "context": 99}
CONFIG = ModelConfig(vision_depth=2, **SIZES)


def test_a_network_has_the_sizes_it_is_described_by() -> None:
    config = build_network(CONFIG, vocabulary()).config
    text, vision = config.text_config, config.vision_config
    assert (text.vocab_size, text.hidden_size, text.intermediate_size) == (len(vocabulary()), 96, 256)
    assert (text.num_hidden_layers, text.num_attention_heads, text.num_key_value_heads) == (3, 6, 6)
    assert (text.max_position_embeddings, text.tie_word_embeddings, config.tie_word_embeddings) == (
        99,
        True,
        True,
    )
    assert (text.pad_token_id, text.eos_token_id, text.bos_token_id) == (
        vocabulary().id(PAD),
        vocabulary().id(END),
        None,
    )
    assert config.pad_token_id == vocabulary().id(PAD)
    assert (config.image_token_index, config.image_seq_length) == (vocabulary().id(IMAGE), 16)
    assert (vision.num_channels, vision.embedding_size, vision.layer_type) == (3, 8, "basic")
    assert (vision.hidden_sizes, vision.depths, vision.hidden_size) == ([8, 16], [2, 2], 16)


@pytest.mark.parametrize("reads", [Reads.FEATURES, Reads.CODES])
def test_the_seed_alone_decides_the_weights(reads) -> None:
    config = ModelConfig(reads, **SIZES)
    torch.manual_seed(1)
    first = build_network(config, vocabulary(), 3).state_dict()
    after = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), after), "the caller's randomness is left alone"
    again, other = (build_network(config, vocabulary(), seed).state_dict() for seed in (3, 4))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(*(w["lm_head.weight"] for w in (first, other)))


def test_a_tower_is_the_one_of_a_network_and_follows_its_seed() -> None:
    tower, again, other = (build_tower(CONFIG, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(tower[name], again[name]) for name in tower)
    assert not all(torch.equal(tower[name], other[name]) for name in tower)
    assert build_tower(CONFIG).config.hidden_sizes == [8, 16]
    whole = build_network(CONFIG, vocabulary()).model.vision_tower.state_dict()
    assert {name: w.shape for name, w in whole.items()} == {name: w.shape for name, w in tower.items()}


def test_codes_of_like_vectors_begin_alike_and_as_large_as_words() -> None:
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(16, 4, generator=generator) * torch.tensor([1.0, 9.0, 0.1, 3.0]) + 2
    vectors[1::2] = vectors[::2] + 1e-4
    network = build_network(ModelConfig(Reads.CODES, **SIZES), vocabulary())
    table = network.get_input_embeddings().weight
    before = table.detach().clone()
    first = vocabulary().first_code
    start_codes(network, first, vectors)
    codes = slice(first, first + 16)
    outside = [i for i in range(len(table)) if not codes.start <= i < codes.stop]
    assert torch.equal(table[outside], before[outside])
    rows = table[codes].detach()
    assert float(rows.std() / before[codes].std()) == pytest.approx(1, abs=0.15)
    # 0.95² of the variance follows from the vectors; two codes of one vector differ in the rest.
    shared = (rows[::2] * rows[1::2]).sum() / (rows.square().sum() / 2)
    assert float(shared) == pytest.approx(0.95**2, abs=0.02)
    # What the vectors are scaled by and counted from says nothing of how alike they are.
    moved = build_network(ModelConfig(Reads.CODES, **SIZES), vocabulary())
    start_codes(moved, first, vectors * torch.tensor([5.0, 0.1, 2.0, 1.0]) - 7)
    torch.testing.assert_close(moved.get_input_embeddings().weight, table, rtol=0, atol=1e-3)
