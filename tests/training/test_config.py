"""A stage's settings: what binds a resumed run, and the bounds of each."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace

import pytest

from hilum.errors import UsageError
from hilum.training import FitConfig, Objective
from hilum.training.config import _LEAST, in_encoder
from training.helpers import Squares

CONFIG = FitConfig(steps=10, lr=1e-3)
FREE = {
    "checkpoint_every": 7,
    "keep": 5,
    "log_every": 3,
    "checkpoint_activations": True,
    "device": "cpu",
    "description": "other",
}
BINDING = {
    "steps": 11,
    "lr": 2e-3,
    "warmup": 1,
    "final_lr": 0.2,
    "weight_decay": 0.1,
    "betas": (0.9, 0.99),
    "clip": 2.0,
    "trainable": ("a",),
    "muon": ("a",),
    "seed": 1,
    "precision": "bfloat16",
    "accumulate": 2,
}


def test_every_setting_either_binds_or_is_free() -> None:
    assert {field.name for field in fields(FitConfig)} == FREE.keys() | BINDING.keys()
    for name, value in FREE.items():
        assert replace(CONFIG, **{name: value}).binding() == CONFIG.binding()
    for name, value in BINDING.items():
        assert replace(CONFIG, **{name: value}).binding() != CONFIG.binding()


def test_what_binds_survives_json() -> None:
    assert json.loads(json.dumps(CONFIG.binding())) == CONFIG.binding()


@pytest.mark.parametrize("name", list(_LEAST))
def test_the_least_value_is_allowed_and_less_is_not(name) -> None:
    assert getattr(replace(CONFIG, **{name: _LEAST[name]}), name) == _LEAST[name]
    for value in (_LEAST[name] - 1, float("nan"), float("inf")):
        with pytest.raises(UsageError, match=f"{name}: is {value}"):
            replace(CONFIG, **{name: value})


def test_an_objective_is_recognised() -> None:
    assert isinstance(Squares(), Objective)
    assert not isinstance(object(), Objective)


def test_a_stage_that_says_no_more_has_the_documented_settings() -> None:
    assert asdict(CONFIG) == {
        "steps": 10,
        "lr": 1e-3,
        "warmup": 0,
        "final_lr": 0.1,
        "weight_decay": 0.05,
        "betas": (0.9, 0.95),
        "clip": 1.0,
        "trainable": (".*",),
        "muon": (),
        "checkpoint_every": 500,
        "keep": 2,
        "log_every": 20,
        "seed": 0,
        "precision": "float32",
        "accumulate": 1,
        "checkpoint_activations": False,
        "device": "auto",
        "description": "training",
    }


def test_each_setting_s_least_value_is_the_documented_one() -> None:
    ones = dict.fromkeys(("steps", "keep", "log_every", "accumulate"), 1)
    zeros = ("lr", "warmup", "final_lr", "weight_decay", "clip", "checkpoint_every", "seed")
    assert ones | dict.fromkeys(zeros, 0) == _LEAST
    assert replace(CONFIG, final_lr=1.0).final_lr == 1
    with pytest.raises(UsageError, match=r"final_lr: is 1\.001; give a fraction of lr, at most 1"):
        replace(CONFIG, final_lr=1.001)


@pytest.mark.parametrize("name", ["trainable", "muon"])
def test_a_pattern_that_is_no_expression_is_named_with_its_setting(name) -> None:
    with pytest.raises(UsageError, match=rf"{name}: '\(' is not a regular expression"):
        replace(CONFIG, **{name: ("a", "(")})


def test_rates_of_a_short_stage() -> None:
    config = FitConfig(steps=8, lr=2.0, warmup=3)
    # Rising by thirds; then a cosine of five steps, of which the last and what would come after are a tenth.
    third, cosine = [2 / 3, 4 / 3, 2.0], [2.0, 1.736396, 1.1, 0.463604, 0.2]
    rates = [config.lr_at(step) for step in range(11)]
    assert rates == pytest.approx([*third, *cosine, 0.2, 0.2, 0.2], abs=1e-6)
    assert FitConfig(steps=4, lr=2.0, warmup=4).lr_at(3) == 2.0
    assert FitConfig(steps=1, lr=2.0).lr_at(0) == 2.0


def test_the_vision_encoder_is_known_by_either_of_its_names() -> None:
    inside = ("model.vision_tower.encoder.weight", "vision_model.embeddings.bias")
    outside = ("model.language_model.embed.weight", "qformer.layer.0.weight", "multi_modal_projector.bias")
    assert [in_encoder(name) for name in (*inside, *outside)] == [True, True, False, False, False]
