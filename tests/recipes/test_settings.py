"""A field is set by name; one that does not exist is named, with the nearest one that does."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from hilum.errors import UsageError
from hilum.model import Writes
from hilum.recipes import chexagent, llm_cxr, nano, with_settings
from hilum.recipes.plan import plan
from hilum.training import Lora


def test_each_kind_of_field_can_be_set() -> None:
    settings = (
        "studies=500",
        "model.width=64",
        "model.writes=nothing",
        "encoder.lr=0.5",
        "codes.grid=4",
        "align.fit.steps=7",
        "align.beta=0.2",
        "text=none",
        "together.steps=9",
        "together.tokens_per_batch=400",
        "together.weights.findings_generation=2.5",
        "clinical.weights=none",
        "together.lora.rank=4",
        "together.lora.alpha=32",
        "clinical.lora.rank=4",
        "clinical.lora=none",
        'together.trainable=["a", "b"]',
    )
    recipe = with_settings(chexagent(), [s for s in settings if not s.startswith("align")])
    aligned = with_settings(nano(), ["align.fit.steps=7", "align.beta=0.2", "align.lr=0.25"])
    assert (recipe.studies, recipe.model.width, recipe.encoder_fit.lr) == (500, 64, 0.5)
    assert recipe.model.writes is Writes.NOTHING
    assert recipe.tokenizer.grid == 4
    assert aligned.align is not None
    assert (aligned.align.fit.steps, aligned.align.beta, aligned.align.fit.lr) == (7, 0.2, 0.25)
    stage = recipe.stages[-1]
    assert (stage.fit.steps, stage.tokens_per_batch) == (9, 400)
    assert stage.fit.trainable == ("a", "b")
    assert stage.weights["findings_generation"] == 2.5
    assert recipe.stages[0].weights == {}
    assert stage.lora == Lora(rank=4, alpha=32.0)
    assert [other.lora for other in recipe.stages[:-1]] == [None, None]
    assert stage.weights["vqa_open"] == chexagent().stages[-1].weights["vqa_open"]


@pytest.mark.parametrize(("tokens", "batches"), [(0, 1), (1600, 1), (1601, 2), (6400, 4)])
def test_a_step_adds_up_as_many_batches_as_its_tokens_take(tokens: int, batches: int) -> None:
    recipe = with_settings(chexagent(), [f"together.tokens_per_step={tokens}"])
    stage = recipe.stages[-1]
    assert stage.schedule == replace(stage.fit, accumulate=batches)
    assert plan(recipe).stages[-1].tokens == stage.fit.steps * batches * stage.tokens_per_batch


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["together.tokens_per_step=1599"], "less than the 1600 of one batch"),
        (["together.accumulate=2", "together.tokens_per_step=3200"], "are both set"),
    ],
)
def test_tokens_of_a_step_that_cannot_be_are_refused(settings: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        with_settings(chexagent(), settings)


def test_one_size_holds_for_all() -> None:
    recipe = with_settings(nano(), ["image_size=64"])
    assert (recipe.image_size, recipe.model.image_size, recipe.tokenizer.image_size) == (64, 64, 64)


@pytest.mark.parametrize("side", [224, 336, 384, 518])
def test_a_pretrained_encoder_has_a_size_of_its_own(side: int) -> None:
    """The recipe's own encoder and tokenizer, of which there are none then, stay as they are."""
    recipe = replace(chexagent(text="text"), vision="vision")
    sized = with_settings(recipe, [f"image_size={side}"])
    assert sized == replace(recipe, image_size=side)


def test_an_encoder_of_the_run_s_own_follows_though_another_reads() -> None:
    """The image tokenizer learns from it."""
    recipe = replace(nano(text="text"), vision="vision")
    assert recipe.trains_encoder
    sized = with_settings(recipe, ["image_size=256"])
    assert (sized.model.image_size, sized.tokenizer.image_size) == (256, 256)


@pytest.mark.parametrize(
    "settings",
    [
        ["image_size=224", "codes.grid=7"],
        ["image_size=336", "model.patch=16", "codes.grid=21", "codes.fold=4", "codes.paint=4"],
        ["model.writes=nothing", "model.reads=features", "image_size=224"],
        ["perceptual=lpips", "tokenizer.loss.perceptual=0.1"],
        ["instruct.tokens_per_batch=8000", "instruct.tokens_per_step=8000"],
        ["model.image_size=96", "image_size=64", "codes.grid=4"],
    ],
)
def test_settings_that_go_together_are_taken_in_any_order(settings: list[str]) -> None:
    first, *others = [with_settings(nano(), order) for order in permutations(settings)]
    assert all(other == first for other in others)


def test_of_several_settings_those_that_do_not_fit_are_named() -> None:
    with pytest.raises(UsageError, match=r"^codes\.grid=7: grid image_size 128 / grid 7"):
        with_settings(nano(), ["instruct.steps=3", "codes.grid=7", "model.width=64"])


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("together.step=3", "names no field: step; did you mean steps"),
        ("togehter.steps=3", "names no field: togehter; did you mean together"),
        ("model.widht=3", "did you mean width"),
        ("studies", r"write stage\.field=value"),
        ("studies=many", "no whole number"),
        ("encoder.lr=fast", "no number"),
        ("model.reads=all", "choose from codes, features, both"),
        ("model=3", "sets a whole group"),
        ("studies.x=3", "a single value"),
        ("together.trainable=abc", "write a JSON list"),
        ("encoder.steps=-1", "encoder.steps=-1: steps is -1; give at least 1"),
        ("image_size=33", "image_size=33: patch 32 does not divide image_size 33"),
        ("studies=0", "studies=0: studies is 0; give at least 1"),
        ("together.lora.rank=0", "lora.rank is 0; give at least 1"),
        ("together.lora.rnk=8", "did you mean rank"),
        ("together.lora=8", "sets a whole group"),
        ("together.text_only_part=1.5", "text_only_part is 1.5; give a part, from 0 to 1"),
        ("together.earliest_study=1", "neither true nor false"),
        (
            "together.weights.findings_generatoin=2",
            "unknown task: findings_generatoin; did you mean findings_g",
        ),
    ],
)
def test_what_cannot_be_set_is_said_with_the_remedy(setting, said) -> None:
    with pytest.raises(UsageError, match=said):
        with_settings(chexagent(), [setting])


def test_the_second_stage_of_llm_cxr_learns_from_first_frontal_films_unless_told_otherwise() -> None:
    first, second = llm_cxr().stages
    assert [first.earliest_study, first.frontal, first.impression] == [False] * 3
    assert [second.earliest_study, second.frontal, second.impression] == [True] * 3
    [_, other] = with_settings(llm_cxr(), ["impressions.earliest_study=false"]).stages
    assert other == replace(second, earliest_study=False)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"align_share": 1.0}, r"align_share: is 1\.0; give a part, from 0 to below 1"),
        ({"align_share": -0.1}, r"align_share: is -0\.1"),
        ({"studies": 0}, "studies: is 0; give at least 1"),
    ],
)
def test_numbers_that_no_run_can_have_are_refused(changes, said) -> None:
    with pytest.raises(UsageError, match=said):
        replace(nano(), **changes)


def test_the_least_that_a_run_can_have_is_taken() -> None:
    recipe = replace(nano(), align_share=0.0, studies=1)
    assert (recipe.align_share, recipe.studies) == (0.0, 1)


@pytest.mark.parametrize("stage", ["tokenizer", "decoder"])
def test_a_perceptual_loss_needs_the_name_of_its_network(stage: str) -> None:
    weighed = f"{stage}.loss.perceptual=0.1"
    with pytest.raises(UsageError, match="perceptual weighs something, and no network is named; set perc"):
        with_settings(nano(), [weighed])
    assert with_settings(nano(), ["perceptual=lpips", weighed]).perceptual == "lpips"


def test_a_file_of_instructions_that_no_stage_takes_is_refused() -> None:
    recipe = replace(nano(), text_only="general")
    with pytest.raises(UsageError, match=r"no stage has a share for it; --set STAGE\.weights"):
        with_settings(recipe, ["instruct.text_only_part=0"])
    with pytest.raises(UsageError, match="no stage has a share for it"):
        with_settings(recipe, ["instruct.weights.text_instruction=0"])
