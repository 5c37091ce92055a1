"""A stage's settings: what binds a resumed run, and the bounds of each."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from hilum.errors import UsageError
from hilum.training import FitConfig, Objective
from hilum.training.config import _LEAST
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
