"""Settings of an alignment that make no sense are refused by name."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from hilum.align import Algorithm, AlignConfig, Pairing
from hilum.errors import UsageError
from hilum.training import Lora

LEAST = {
    "n": 2,
    "max_new_tokens": 1,
    "rounds": 1,
    "prompts_per_round": 0,
    "batch_size": 1,
    "threshold": 0,
    "beta": 0,
    "epochs": 0,
}


@pytest.mark.parametrize(("name", "least"), LEAST.items())
def test_the_lowest_value_of_a_field_is_taken_and_none_below(name, least) -> None:
    assert getattr(AlignConfig(**{name: least}), name) == least
    for below in (least - 1, float("nan")):
        with pytest.raises(UsageError, match=rf"{name}.*give at least {least}"):
            AlignConfig(**{name: below})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_length_ratio": 0.99}, "max_length_ratio.*give at least 1"),
        ({"label_smoothing": 0.5}, "label_smoothing.*below 0.5"),
        ({"label_smoothing": -0.01}, "label_smoothing"),
        ({"temperature": 0.0}, "temperature.*same answer"),
        ({"temperature": -0.5}, "temperature"),
        ({"alpha": 0.1}, "alpha.*does nothing in dpo"),
        ({"lora": Lora(dropout=0.1)}, "lora.dropout.*is 0.1.*give 0"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, message) -> None:
    with pytest.raises(UsageError, match=message):
        AlignConfig(**settings)


def test_what_lies_at_the_edge_is_taken() -> None:
    assert AlignConfig(max_length_ratio=1.0).max_length_ratio == 1
    assert AlignConfig(max_length_ratio=None).max_length_ratio is None
    assert AlignConfig(label_smoothing=0.0).label_smoothing == 0
    assert AlignConfig(algorithm=Algorithm.RDPO, alpha=0.1).alpha == 0.1
    assert AlignConfig(temperature=0.01).temperature == 0.01


def test_an_alignment_that_says_no_more_has_the_documented_settings() -> None:
    found = asdict(AlignConfig())
    fit = found.pop("fit")
    assert found == {
        "algorithm": "dpo",
        "n": 6,
        "temperature": 1.0,
        "top_p": 0.95,
        "max_new_tokens": 160,
        "pairing": "best_worst",
        "threshold": 0.05,
        "max_length_ratio": 1.5,
        "beta": 0.1,
        "alpha": 0.0,
        "label_smoothing": 0.0,
        "sft_weight": 0.0,
        "rounds": 1,
        "prompts_per_round": 0,
        "batch_size": 16,
        "seed": 0,
        "lora": None,
        "epochs": 0.0,
    }
    named = ("steps", "lr", "warmup", "weight_decay", "trainable", "description")
    assert [fit[name] for name in named] == [
        100,
        1e-4,
        10,
        0.0,
        ("(?!.*(vision_tower|vision_model)).*",),
        "aligning",
    ]
    assert list(Algorithm) == ["dpo", "ipo", "kto", "orpo", "rdpo", "grpo"]
    assert list(Pairing) == ["best_worst", "all"]
    assert AlignConfig().settings("beta", "pairing") == {"beta": 0.1, "pairing": "best_worst"}
