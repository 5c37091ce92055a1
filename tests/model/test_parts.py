"""What parts must be given, and what a model made of them says of itself."""

from __future__ import annotations

from dataclasses import asdict

import pytest
import torch
from transformers import GPTNeoXConfig, PhiForCausalLM

from hilum.errors import UsageError
from hilum.model import Bridge, Reads, Writes
from hilum.model.parts import Assembled, assemble
from hilum.model.vocabulary import END, IMAGE, PAD
from model import stock
from model.helpers import image_tokenizer


def made(reads: Reads, writes: Writes, name: str = "llama", **parts) -> Assembled:
    language = stock.language(name)
    layout = stock.LAYOUTS[name]
    return assemble(language, stock.tokenizer(), reads=reads, writes=writes, layout=layout, **parts)


@pytest.mark.parametrize(
    ("reads", "writes", "given", "said"),
    [
        (Reads.FEATURES, Writes.NOTHING, "codes", "vision: is missing"),
        (Reads.BOTH, Writes.CODES, "codes", "vision: is missing"),
        (Reads.FEATURES, Writes.CODES, "vision", "image_tokenizer: is missing"),
        (Reads.CODES, Writes.NOTHING, "vision", "image_tokenizer: is missing"),
        (Reads.BOTH, Writes.NOTHING, "vision", "image_tokenizer: is missing"),
    ],
)
def test_a_part_that_is_missing_is_named(reads, writes, given, said) -> None:
    parts = {"codes": {"image_tokenizer": image_tokenizer()}, "vision": {"encoder": stock.encoder("siglip")}}
    with pytest.raises(UsageError, match=said):
        made(reads, writes, **parts[given])


TEXT = {
    "patch": 16,
    "width": 32,
    "depth": 2,
    "vision_depth": 1,
    "head": 32,
    "views": 3,
    "image_size": 32,
}
HALF = (0.5, 0.5, 0.5)


def test_a_model_of_parts_is_described_by_them() -> None:
    clip = made(
        Reads.FEATURES, Writes.NOTHING, encoder=stock.encoder("clip"), image_tokenizer=image_tokenizer()
    )
    assert asdict(clip.config) == {
        **TEXT,
        "reads": "features",
        "writes": "nothing",
        "context": 320,
        "vocabulary_size": len(clip.vocabulary),
        "vision_width": 32,
        "image_tokens": 16,
        "image_features": 16,
        "pixel_mean": (0.48, 0.46, 0.41),
        "pixel_std": (0.27, 0.26, 0.28),
    }
    assert (clip.vocabulary.n_codes, clip.vocabulary.rows) == (0, 0)
    codes = made(Reads.CODES, Writes.NOTHING, image_tokenizer=image_tokenizer(), context=100)
    assert asdict(codes.config) == {
        **TEXT,
        "reads": "codes",
        "writes": "nothing",
        "context": 100,
        "vocabulary_size": len(codes.vocabulary),
        "vision_width": 128,
        "image_tokens": 4,
        "image_features": 0,
        "pixel_mean": HALF,
        "pixel_std": HALF,
    }
    assert (codes.vocabulary.n_codes, codes.vocabulary.rows) == (16, 2)
    assert type(codes.network) is type(stock.language("llama"))
    spare = made(
        Reads.CODES, Writes.NOTHING, encoder=stock.encoder("clip"), image_tokenizer=image_tokenizer()
    )
    assert type(spare.network) is type(codes.network), "what reads codes alone has no use for an encoder"


@pytest.mark.parametrize(("asked", "given"), [(None, 320), (319, 319), (320, 320), (321, 320)])
def test_no_context_is_longer_than_the_language_model_s(asked, given) -> None:
    found = made(Reads.CODES, Writes.CODES, image_tokenizer=image_tokenizer(), context=asked)
    assert found.config.context == given


@pytest.mark.parametrize(
    ("sight", "features", "width"),
    [("siglip", 16, 32), ("clip", 16, 32), ("resnet", 16, 16), ("blip2", 17, 32)],
)
def test_an_image_takes_as_many_positions_as_the_bridge_gives(sight, features, width) -> None:
    options = {"bridge": Bridge.QFORMER, **stock.QFORMER} if sight == "blip2" else {}
    found = made(Reads.FEATURES, Writes.NOTHING, encoder=stock.encoder(sight), **options)
    assert found.config.feature_shape == (features, width)
    assert found.config.features_per_image == (4 if sight == "blip2" else features)
    assert found.network.config.image_seq_length == found.config.features_per_image
    assert found.network.config.image_token_index == found.vocabulary.id(IMAGE)
    assert found.network.config.pad_token_id == found.vocabulary.id(PAD)
    assert not found.network.training


def test_the_seed_decides_the_bridge() -> None:
    def bridge(seed: int) -> dict[str, torch.Tensor]:
        found = made(Reads.FEATURES, Writes.NOTHING, encoder=stock.encoder("siglip"), seed=seed)
        return {n: p for n, p in found.network.named_parameters() if "projector" in n}

    first, again, other = bridge(0), bridge(0), bridge(1)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first if first[name].ndim > 1)


def test_clip_is_read_before_its_last_layer_and_others_at_it() -> None:
    layers = {}
    for sight in ("siglip", "clip", "dinov2"):
        config = made(Reads.FEATURES, Writes.NOTHING, encoder=stock.encoder(sight)).network.config
        layers[sight] = config.vision_feature_layer, config.vision_feature_select_strategy
    assert layers == {"siglip": (-1, "full"), "clip": (-2, "default"), "dinov2": (-1, "default")}


@pytest.mark.parametrize(("name", "tied"), [("llama", True), ("gpt_neox", False)])
def test_a_head_is_the_embeddings_where_the_language_model_s_is(name, tied) -> None:
    network = made(Reads.FEATURES, Writes.NOTHING, name, encoder=stock.encoder("siglip")).network
    assert network.config.tie_word_embeddings is tied
    assert (network.get_output_embeddings().weight is network.get_input_embeddings().weight) is tied


def test_a_head_with_a_bias_goes_with_a_q_former_alone() -> None:
    language = stock.language("phi")
    assert isinstance(language, PhiForCausalLM)
    with torch.no_grad():
        language.lm_head.bias[7] = 0.5
    parts = {"reads": Reads.FEATURES, "writes": Writes.NOTHING, "layout": "phi"}
    with pytest.raises(UsageError, match="text: has a bias in its head, which LLaVA cannot hold"):
        assemble(language, stock.tokenizer(), encoder=stock.encoder("siglip"), **parts)
    joined = assemble(
        language,
        stock.tokenizer(),
        encoder=stock.encoder("blip2"),
        bridge=Bridge.QFORMER,
        **stock.QFORMER,
        **parts,
    )
    assert float(joined.network.language_model.lm_head.bias[7]) == 0.5


def test_a_q_former_reads_its_own_encoder_alone() -> None:
    with pytest.raises(
        UsageError, match="vision: is siglip_vision_model; a Q-Former reads BLIP-2's own encoder"
    ):
        made(Reads.FEATURES, Writes.NOTHING, encoder=stock.encoder("siglip"), bridge=Bridge.QFORMER)


def test_a_new_row_is_the_mean_and_an_image_code_s_lies_beside_it() -> None:
    language = stock.language("gpt_neox")
    assert isinstance(language.config, GPTNeoXConfig)
    known = len(stock.tokenizer())
    old = language.get_input_embeddings().weight[:known].detach().clone()
    head = language.get_output_embeddings().weight[:known].detach().clone()
    found = assemble(
        language, stock.tokenizer(), image_tokenizer=image_tokenizer(), reads=Reads.CODES, layout="dolly"
    )
    table = found.network.get_input_embeddings().weight.detach()
    codes = slice(found.vocabulary.first_code, found.vocabulary.first_code + 16)
    others = [i for i in range(known, len(table)) if not codes.start <= i < codes.stop]
    torch.testing.assert_close(table[:known], old)
    torch.testing.assert_close(table[others], old.mean(0).expand(len(others), -1))
    beside = table[codes] - old.mean(0)
    assert 0.5 < float(beside.std() / old.std()) < 1.5
    assert len(torch.unique(beside, dim=0)) == 16
    rows = found.network.get_output_embeddings().weight.detach()[known:]
    torch.testing.assert_close(rows, head.mean(0).expand(len(rows), -1))
    ends = found.vocabulary.id(END), found.vocabulary.id(PAD)
    assert (found.network.config.eos_token_id, found.network.config.pad_token_id) == ends


def test_blip_2_s_encoder_goes_with_a_q_former_alone() -> None:
    with pytest.raises(UsageError, match=r"BLIP-2's, which LLaVA cannot hold; use a Q-Former"):
        made(Reads.FEATURES, Writes.NOTHING, encoder=stock.encoder("blip2"))


@pytest.mark.parametrize("name", ["resnet", "convnext"])
def test_a_convolutional_encoder_s_configuration_stays_as_it_is(name) -> None:
    """FastVLM looks for a width that it has under another name."""
    encoder = stock.encoder(name)
    assert (
        made(Reads.FEATURES, Writes.NOTHING, encoder=encoder).network.config.vision_config.hidden_size == 16
    )
    assert not hasattr(encoder.tower.config, "hidden_size")
