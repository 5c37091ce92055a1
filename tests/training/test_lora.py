"""An adapter learns, nothing else of the language model does, and merging it changes no answer."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from torch import Tensor

from hilum.errors import UsageError
from hilum.model import Model, Reads, Writes, encode
from hilum.model.intact import Fingerprint
from hilum.model.network import Network, logits, read
from hilum.study import ImageIn, Message, Text
from hilum.training import FitConfig, Lora, fit_lora
from hilum.training.examples import TextBatch, collate
from hilum.training.lora import OTHERS, count_parameters
from hilum.training.objectives import NextToken
from model import stock
from model.helpers import image_tokenizer, picture
from training.helpers import equal, weights

LORA = Lora(rank=2, alpha=8, dropout=0.1)
BRIDGE = r".*multi_modal_projector.*"
CONFIG = FitConfig(steps=6, lr=2e-2, checkpoint_every=3, trainable=(BRIDGE,), seed=5)


def sighted(text: str = "llama") -> Model:
    tokenizer = stock.tokenizer()
    options = {"writes": Writes.NOTHING, "layout": stock.LAYOUTS[text]}
    return Model.of_parts(stock.language(text), tokenizer, encoder=stock.encoder("siglip"), **options)


def of_codes() -> Model:
    """Its embeddings are its head too."""
    options = {"reads": Reads.CODES, "writes": Writes.NOTHING, "layout": "llama3"}
    return Model.of_parts(
        stock.language("llama"), stock.tokenizer(), image_tokenizer=image_tokenizer(), **options
    )


def batch_of(model: Model) -> TextBatch:
    pixels = torch.stack([model.prepare(picture(0))])
    asked = Message("user", (ImageIn("0"), Text("Is there a nodule?")))
    told = Message("assistant", (Text("Small left pleural effusion."),))
    codes = None if model.image_tokenizer is None else model.image_tokenizer.encode(pixels)[0].tolist()
    row = encode((asked, told), model.vocabulary, model.config, codes_of=lambda _: codes)
    features = model.features(pixels).clone() if model.config.sees_features else None
    return collate([(np.array(row.ids), np.array(row.targets))], features, model.vocabulary.id("<|pad|>"))


@torch.no_grad()
def logits_of(network: Network, batch: TextBatch) -> Tensor:
    return logits(network, read(network, batch.ids_BT, batch.features_NPD).last_hidden_state)


def train(
    model: Model, run_dir: Path, config: FitConfig = CONFIG, lora: Lora = LORA, *, stop: int | None = None
) -> Model:
    batch = batch_of(model)

    def batches(step: int) -> TextBatch:
        if step == stop:
            raise RuntimeError("killed")
        return batch

    fit_lora(NextToken(model), batches, config, run_dir, lora, progress=False)
    return model


def adapted(network: Network, adapter: Path) -> PeftModel:
    """The network before the stage with what the stage has saved, by `peft` alone."""
    if (adapter / OTHERS).exists():
        found = network.load_state_dict(load_file(adapter / OTHERS), strict=False)
        assert not found.unexpected_keys
    return PeftModel.from_pretrained(network, adapter)


@pytest.mark.parametrize(
    ("make", "trainable"), [(sighted, (BRIDGE,)), (of_codes, (r".*embed_tokens.*",)), (of_codes, ())]
)
def test_only_what_is_named_moves_and_the_adapter_alone_gives_the_same_logits(
    make: Callable[[], Model], trainable: tuple[str, ...], tmp_path: Path
) -> None:
    model = make()
    batch, base = batch_of(model), deepcopy(model.network)
    began = weights(base)
    asked = {name: p.requires_grad for name, p in model.network.named_parameters()}
    train(model, tmp_path, replace(CONFIG, trainable=trainable))

    ended = weights(model.network)
    assert ended.keys() == began.keys()
    assert {name: p.requires_grad for name, p in model.network.named_parameters()} == asked
    assert not hasattr(model.network, "peft_config")
    moved = {name for name in began if not torch.equal(began[name], ended[name])}
    adapter = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    others = tmp_path / "adapter" / OTHERS
    named = set(load_file(others)) if others.exists() else set()
    assert bool(named) == bool(trainable)
    layers = {name for name in began if "_proj." in name and "vision" not in name}
    assert len(layers) == 2 * 7
    assert moved == named | layers
    assert len(adapter) == 2 * len(layers)
    assert all("lora_A" in name or "lora_B" in name for name in adapter)
    unmerged = logits_of(adapted(base, tmp_path / "adapter").eval().base_model.model, batch)
    merged = logits_of(model.network, batch)
    torch.testing.assert_close(unmerged, merged, rtol=0, atol=1e-5)
    assert (merged - logits_of(make().network, batch)).abs().max() > 1e-2


def test_a_merged_network_is_a_plain_checkpoint(tmp_path: Path) -> None:
    model = train(sighted("phi"), tmp_path / "fit")
    batch = batch_of(model)
    again = Model.load(model.save(tmp_path / "saved"))
    assert torch.equal(logits_of(again.network, batch), logits_of(model.network, batch))


@pytest.mark.parametrize("trainable", [(BRIDGE,), ()])
def test_a_merged_network_goes_by_a_new_name(trainable: tuple[str, ...], tmp_path: Path) -> None:
    """Its hash is kept until a weight is written to."""
    model = sighted()
    before = model.weights_hash()
    train(model, tmp_path, replace(CONFIG, trainable=trainable))
    assert model.weights_hash() == Fingerprint.of(model.network).digits != before


def test_resume_is_bit_identical(tmp_path: Path) -> None:
    whole = train(sighted(), tmp_path / "whole")
    killed = sighted()
    began = set(killed.network.state_dict())
    with pytest.raises(RuntimeError, match="killed"):
        train(killed, tmp_path / "pieces", stop=4)
    assert set(killed.network.state_dict()) == began
    pieces = train(sighted(), tmp_path / "pieces")
    again = train(sighted(), tmp_path / "pieces")  # as a run killed after the stage does
    assert equal(weights(pieces.network), weights(whole.network))
    assert equal(weights(again.network), weights(whole.network))
    name = "adapter/adapter_model.safetensors"
    assert (tmp_path / "pieces" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    with pytest.raises(UsageError, match=r"was trained with objective=.next_token by Lora.*alpha=8"):
        train(sighted(), tmp_path / "pieces", lora=replace(LORA, alpha=4.0))


def test_targets_choose_layers_by_their_names_in_the_language_model(tmp_path: Path) -> None:
    lora = replace(LORA, targets=r"layers\.1\..*\.(q|v)_proj")
    model = sighted()
    assert count_parameters(model.network, lora) == 2 * (32 + 32) + 2 * (32 + 16)
    train(model, tmp_path, lora=lora)
    found = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert sum(p.numel() for p in found.values()) == count_parameters(model.network, lora)
    settings = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert (settings["peft_type"], settings["r"], settings["lora_alpha"]) == ("LORA", 2, 8)


def test_what_cannot_be_adapted_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = sighted()
    with pytest.raises(UsageError, match=r"matches none of 14 linear layers.*'layers\.0\.self_attn\.q_proj'"):
        train(model, tmp_path, lora=replace(LORA, targets="q_proj"))
    for wrong, said in [
        ({"rank": 0}, "rank: is 0; give at least 1"),
        ({"alpha": 0.0}, "above 0"),
        ({"dropout": 1.0}, "below 1"),
        ({"targets": "("}, "not a regular expression"),
    ]:
        with pytest.raises(UsageError, match=said):
            Lora(**wrong)
    assert Lora(rank=1).rank == 1
    find = importlib.util.find_spec
    monkeypatch.setattr("hilum.training.lora.find_spec", lambda name: None if name == "peft" else find(name))
    with pytest.raises(UsageError, match=r"pip install 'hilum\[pretrained\]'"):
        train(model, tmp_path)
