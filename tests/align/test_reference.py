"""The reference and the policy are computed alike: before the first step they agree to the bit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForCausalLM, FalconConfig, GPT2Config, GPTNeoXConfig, OPTConfig

from align.test_run import CONFIG, aligned, tiny_model
from hilum.align import run as run_module
from hilum.align.reference import precision_of, without_dropout
from hilum.training import FitConfig
from hilum.training.log import read_history
from hilum.training.loop import multiplies_bfloat16

SMALL = {"vocab_size": 11, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
DROPPING = {
    "modules": GPT2Config(vocab_size=11, n_embd=16, n_layer=1, n_head=2),
    "numbers": OPTConfig(**SMALL, word_embed_proj_dim=16, ffn_dim=16, layerdrop=0.5, attention_dropout=0.5),
    "configuration": FalconConfig(**SMALL, hidden_dropout=0.5, attention_dropout=0.5),
    "both": GPTNeoXConfig(**SMALL, intermediate_size=16, hidden_dropout=0.5, attention_dropout=0.5),
}
"""Architectures by where they keep their rates."""


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "bfloat16-weights"])
def test_the_first_step_finds_the_reference_in_the_policy(tmp_path, precision) -> None:
    model = tiny_model()
    layers = [m for m in model.network.modules() if hasattr(m, "attention_dropout")]
    for layer in layers:
        layer.attention_dropout = 0.5
    fit = replace(CONFIG.fit, steps=1, precision=precision)
    _, result = aligned(tmp_path, replace(CONFIG, batch_size=16, fit=fit), model=model)
    [row] = read_history(result.rounds[0].fit.history)
    assert [row[name] for name in ("margin", "reward_chosen", "reward_rejected")] == [0, 0, 0]
    assert {layer.attention_dropout for layer in layers} == {0.5}


def test_another_precision_has_a_reference_of_its_own(tmp_path) -> None:
    for precision in ("float32", "bfloat16", "bfloat16"):
        config = replace(CONFIG, fit=replace(CONFIG.fit, steps=1, precision=precision))
        aligned(tmp_path, config)
    assert len(list(tmp_path.glob("reference-*"))) == 2
    assert len(list(tmp_path.glob("examples-*"))) == 1


def test_the_precision_is_what_the_device_makes_of_it() -> None:
    fit = FitConfig(steps=1, lr=1.0, device="cpu")
    auto = "bfloat16" if multiplies_bfloat16(torch.device("cpu")) else "float32"
    found = [precision_of(replace(fit, precision=p)) for p in ("float32", "bfloat16-weights", "auto")]
    assert found == ["float32", "bfloat16-weights", auto]


@pytest.mark.parametrize("kept_in", DROPPING)
def test_nothing_is_dropped_in_training_mode_till_the_end_of_the_block(kept_in) -> None:
    network = AutoModelForCausalLM.from_config(DROPPING[kept_in]).train()
    ids = torch.arange(10)[None]

    def differs() -> bool:
        outputs = [network(ids).logits for _ in range(4)]
        return not all(torch.equal(outputs[0], other) for other in outputs)

    assert differs()
    with pytest.raises(RuntimeError, match="the plug"), without_dropout(network):
        assert not differs()
        assert network.training
        raise RuntimeError("the plug")
    assert differs()


def test_a_later_round_s_reference_has_no_dropout_either(tmp_path, monkeypatch) -> None:
    model, seen = tiny_model(), set()
    model.network.config.text_config.attention_dropout = 0.5
    for layer in model.network.modules():
        if hasattr(layer, "attention_dropout"):
            layer.attention_dropout = 0.5
    whole = run_module.log_probabilities

    def watched(some, *rest):
        seen.update(m.attention_dropout for m in some.network.modules() if hasattr(m, "attention_dropout"))
        return whole(some, *rest)

    monkeypatch.setattr(run_module, "log_probabilities", watched)
    aligned(tmp_path, replace(CONFIG, rounds=2, fit=replace(CONFIG.fit, steps=1)), model=model)
    assert seen == {0.0}
