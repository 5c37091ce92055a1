"""A change of one stage gives new keys to it and to what follows, and to nothing before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hilum.recipes import chexagent, llm_cxr, nano, with_settings
from hilum.recipes.keys import Keys, key

NAMES = (
    "data",
    "pixels",
    "encoder",
    "tokenizer",
    "decoder",
    "untaught",
    "features",
    "tokens",
    "supervised",
    "align",
    "classifier",
)
LATER = {"supervised", "align"}
TEXT = {"untaught", "tokens", "stage instruct", *LATER}


def keys_of(recipe) -> dict[str, str]:
    keys = Keys(recipe, "shards")
    return {name: getattr(keys, name) for name in NAMES} | {f"stage {n}": k for n, k in keys.stages.items()}


@pytest.mark.parametrize(
    ("setting", "changed"),
    [
        ("align.beta=0.3", {"align"}),
        ("align_prompts=3", {"align"}),
        ("align.fit.steps=3", {"align"}),
        ("instruct.steps=3", {"stage instruct", *LATER}),
        ("instruct.length_exponent=0.1", {"stage instruct", *LATER}),
        ("tokenizer.steps=3", {"tokenizer", "decoder", *TEXT}),
        ("tokenizer.loss.clinical=0.1", {"tokenizer", "decoder", *TEXT}),
        ("decoder.steps=3", {"decoder", *LATER}),
        ("model.depth=2", TEXT),
        ("model.views=2", TEXT),
        ("classifier_steps=3", {"classifier"}),
        ("bench_limit=3", set()),
        ("instruct.log_every=3", set()),
        (
            "encoder.steps=3",
            {"encoder", "features", "tokenizer", "decoder", *TEXT},
        ),
        ("studies=3", set()),
    ],
)
def test_what_a_setting_changes(setting, changed) -> None:
    before, after = keys_of(nano()), keys_of(with_settings(nano(), [setting]))
    assert {name for name in before if before[name] != after[name]} == changed


def test_a_later_stage_leaves_the_earlier_ones() -> None:
    before, after = keys_of(chexagent()), keys_of(with_settings(chexagent(), ["bridge.steps=3"]))
    assert {name for name in before if before[name] != after[name]} == {
        "stage bridge",
        "stage together",
        *LATER,
    }


def test_another_text_model_keeps_the_encoder() -> None:
    before, after = keys_of(chexagent()), keys_of(replace(chexagent(), text="smollm2"))
    assert {name for name in before if before[name] == after[name]} >= {
        "data",
        "pixels",
        "encoder",
        "tokenizer",
        "features",
    }


def test_other_shards_change_all() -> None:
    one, other = (Keys(nano(), shards) for shards in ("one", "other"))
    assert [name for name in NAMES if getattr(one, name) == getattr(other, name)] == []


def test_a_key_does_not_depend_on_the_order_of_fields() -> None:
    assert key({"a": 1, "b": (2, 3)}) == key({"b": [2, 3], "a": 1})


def test_another_file_of_instructions_changes_the_text_stages_alone(tmp_path) -> None:
    rows = '{"instruction": "a", "response": "b"}\n'
    for name, text in (("one", rows), ("same", rows), ("other", rows * 2)):
        (tmp_path / name).write_text(text)
    without, one, same, other = (
        keys_of(replace(nano(), text_only=name and str(tmp_path / name)))
        for name in (None, "one", "same", "other")
    )
    assert one == same
    for keys in (without, other):
        changed = {name for name in one if one[name] != keys[name]}
        assert changed == {"tokens", "stage instruct", *LATER}


def test_a_condition_on_studies_changes_its_stage_and_what_follows() -> None:
    before = keys_of(llm_cxr())
    after = keys_of(with_settings(llm_cxr(), ["impressions.earliest_study=false"]))
    assert {name for name in before if before[name] != after[name]} == {"stage impressions", *LATER}
