"""Recipes that start from a language model of others: the whole way, and what is refused."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import SiglipVisionConfig, SiglipVisionModel

import hilum
from hilum.errors import DataError, UsageError
from hilum.files import is_marked
from hilum.images import write_png
from hilum.instruct import build
from hilum.model.layout import known_layouts
from hilum.model.pretrained import load_language
from hilum.recipes import RECIPES, bench_run, train, with_settings
from hilum.recipes import run as stages
from hilum.recipes.plan import plan
from hilum.sources import SourceSpec
from hilum.study import Split, Task
from hilum.tokenizer import TokenizerConfig
from model import stock
from training.helpers import torchrun


@pytest.fixture(scope="module")
def text(tmp_path_factory) -> str:
    """A language model of somebody else's, in a folder."""
    folder = tmp_path_factory.mktemp("text") / "llama"
    tokenizer = stock.tokenizer()
    layout = known_layouts()["chatml"]
    tokenizer.add_special_tokens({"additional_special_tokens": layout["tokens"]})
    tokenizer.chat_template = layout["template"]
    tokenizer.eos_token = layout["end"]
    language = stock.language("llama")
    language.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    language.config.max_position_embeddings = 768
    language.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("data") / "shards"
    build([SourceSpec("phantom")], out, size=64, limit=60, seed=1)
    return out


def short(name: str, text: str | None):
    recipe = RECIPES[name](1, text)
    recipe = replace(
        recipe,
        studies=60,
        image_size=64,
        tokenizer=TokenizerConfig(image_size=64, grid=4, levels=(4, 4), width=16, blocks=1),
        model=replace(recipe.model, image_size=64, width=64, depth=2, vision_width=32, vocabulary_size=400),
        encoder_batch=8,
        sample_images=32,
        stages=tuple(replace(s, fit=replace(s.fit, steps=3, warmup=1)) for s in recipe.stages),
    )
    quick = ["encoder.steps=4", "encoder.warmup=1", "tokenizer.steps=3", "tokenizer.warmup=1"]
    return with_settings(recipe, [*quick, "decoder.steps=3", "decoder.warmup=1"])


@pytest.mark.parametrize("name", ["llm_cxr", "chexagent"])
def test_the_whole_way_from_a_pretrained_language_model(name, text, shards, tmp_path) -> None:
    folder = train(replace(short(name, text), text_only="general"), tmp_path / "run", data=shards)
    model = hilum.load(tmp_path / "run")
    assert hilum.load(folder).config == model.config
    film = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    assert isinstance(model.report([film]).findings, str)
    if name == "llm_cxr":
        [drawn] = model.draw("Small left pleural effusion.", n=1, temperature=0.0)
        assert len(drawn.codes) == 16
    else:
        with pytest.raises(UsageError, match="does not write images"):
            model.draw("Small left pleural effusion.")
    assert len(model.locate(film, "left lung").boxes) == 1
    result = bench_run(tmp_path / "run", tasks=[Task.VIEW], limit=4)
    assert [figure.name for figure in result.figures] == ["view"]


def test_a_step_of_text_trains_on_as_many_batches_as_its_tokens_take(shards, tmp_path) -> None:
    recipe = with_settings(short("chexagent", None), ["together.tokens_per_step=3200"])
    train(recipe, tmp_path / "run", data=shards)
    states = [
        json.loads(p.read_text()) for p in (tmp_path / "run" / "work").rglob("checkpoints/*/state.json")
    ]
    added = {
        state["binding"]["accumulate"] for state in states if state["binding"]["objective"] == "next_token"
    }
    assert added == {1, 2}


def test_a_pretrained_encoder_takes_the_place_of_the_run_s_own(text, shards, tmp_path) -> None:
    tower = SiglipVisionModel(SiglipVisionConfig(**{**stock.VISION, "image_size": 56, "patch_size": 14}))
    tower.save_pretrained(tmp_path / "siglip")
    recipe = replace(short("chexagent", text), vision=str(tmp_path / "siglip"))
    recipe = with_settings(recipe, ["image_size=56"])
    train(recipe, tmp_path / "run", data=shards)
    model = hilum.load(tmp_path / "run")
    assert model.network.config.model_type == "llava"
    assert model.config.features_per_image == 16
    made = plan(recipe)
    assert made.language + made.vision + made.bridge == sum(p.numel() for p in model.network.parameters())
    assert made.vision == sum(p.numel() for p in tower.parameters())
    kept = model.network.model.vision_tower.state_dict()
    assert all(torch.equal(kept[name], weight) for name, weight in tower.state_dict().items())
    assert not list((tmp_path / "run" / "work").glob("encoder-*"))


def test_a_run_stops_where_it_is_told_to_and_goes_on(text, shards, tmp_path) -> None:
    out = tmp_path / "run"
    train(short("chexagent", text), out, data=shards, until="see")
    assert not (out / "model").exists()
    with pytest.raises(UsageError, match="did you mean train"):
        train(short("chexagent", text), out, data=shards, until="trian")
    train(short("chexagent", text), out, data=shards)
    assert (out / "model" / "hilum.json").is_file()


def test_two_processes_make_the_run_that_one_makes(shards, tmp_path) -> None:
    """Each stage of text has two batches a step; what else there is the first process makes."""
    sizes = [
        "image_size=64",
        "model.image_size=64",
        "model.width=64",
        "model.depth=2",
        "model.vision_width=32",
    ]
    sizes += ["model.vocabulary_size=400", "encoder_batch=8", "sample_images=32"]
    settings = [*sizes, "encoder.steps=4", "encoder.warmup=1"]
    for stage in ("clinical", "bridge", "together"):
        settings += [f"{stage}.steps=3", f"{stage}.accumulate=2", f"{stage}.precision=float32"]
    train(with_settings(RECIPES["chexagent"](0), settings), tmp_path / "alone", data=shards)
    asked = [word for setting in settings for word in ("--set", setting)]
    folders = ["--data", str(shards), "--out", str(tmp_path / "run")]
    done = torchrun("-m", "hilum", "train", "chexagent", *folders, *asked, where=tmp_path)
    assert done.returncode == 0, done.stderr
    ours, theirs = (load_file(tmp_path / run / "model" / "model.safetensors") for run in ("alone", "run"))
    assert ours.keys() == theirs.keys()
    for name, weight in ours.items():
        torch.testing.assert_close(theirs[name], weight, rtol=1e-4, atol=1e-5, msg=name)


def test_conversations_too_long_for_the_model_are_said_to_be_left_out(shards, tmp_path, capsys) -> None:
    train(with_settings(short("chexagent", None), ["model.context=60"]), tmp_path / "run", data=shards)
    said = capsys.readouterr().err
    assert re.search(r"left out \d+ conversations; the first is \d+ tokens, the model reads 60", said)
    assert "phantom-" not in said


def test_two_runs_share_what_they_have_in_common(text, shards, tmp_path) -> None:
    store = tmp_path / "store"
    first = short("chexagent", text)
    train(first, tmp_path / "one", data=shards, store=store)
    before = {path.name for path in store.iterdir()}
    times = {path: path.stat().st_mtime_ns for path in store.rglob("*.safetensors")}
    train(with_settings(first, ["together.steps=2"]), tmp_path / "two", data=shards, store=store)
    added = sorted(path.name.split("-")[0] for path in store.iterdir() if path.name not in before)
    assert added == ["together"]
    assert times == {path: path.stat().st_mtime_ns for path in times}
    assert not (tmp_path / "two" / "work").exists()


def test_a_stage_moves_only_what_it_names(text, shards, tmp_path) -> None:
    recipe = short("chexagent", text)
    recipe = replace(recipe, stages=tuple(s for s in recipe.stages if s.name == "bridge"))
    train(recipe, tmp_path / "run", data=shards)
    before = load_language(text)[0].state_dict()
    after = hilum.load(tmp_path / "run").network.model.language_model.state_dict()
    layers = [name for name in after if name.startswith("layers.")]
    assert layers
    assert all(torch.equal(after[name], before[f"model.{name}"]) for name in layers)


def test_what_does_not_fit_is_refused(text, shards, tmp_path) -> None:
    with pytest.raises(UsageError, match="both given"):
        train(short("nano", None), tmp_path / "a", data=shards, sources=[SourceSpec("phantom")])
    stock.encoder("siglip").tower.save_pretrained(tmp_path / "siglip")
    recipe = replace(short("chexagent", text), vision=str(tmp_path / "siglip"))
    with pytest.raises(UsageError, match="reads images of 32 pixels, the run's have 64; --set image_size=32"):
        train(recipe, tmp_path / "b", data=shards)


@pytest.mark.parametrize("by", [[], ["together.lora.rank=2"]])
def test_an_encoder_whose_features_are_computed_once_is_not_trained(shards, tmp_path, by) -> None:
    recipe = with_settings(short("chexagent", None), [*by, 'together.trainable=[".*"]'])
    said = r"together\.trainable: moves the vision encoder \(model\.vision_tower\), whose features"
    with pytest.raises(UsageError, match=said):
        train(recipe, tmp_path / "run", data=shards)
    assert not (tmp_path / "run").exists()
    with pytest.raises(UsageError, match=said):
        plan(recipe)
    # A part of it, which is known when the network is.
    part = with_settings(recipe, [r'together.trainable=[".*projector.*", ".*stages\\.0.*"]'])
    with pytest.raises(UsageError, match=r"moves the vision encoder \(model\.vision_tower\.\S+stages\.0"):
        plan(part)
    with pytest.raises(UsageError, match=r"moves the vision encoder \(model\.vision_tower\.\S+stages\.0"):
        train(part, tmp_path / "run", data=shards)
    assert not list((tmp_path / "run" / "work").glob("features-*"))


def test_what_no_encoder_reads_may_name_it(text) -> None:
    plan(with_settings(short("llm_cxr", text), ['all_tasks.trainable=[".*"]']))


def test_a_mistyped_data_folder_leaves_nothing_behind(shards, tmp_path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        train(short("nano", None), tmp_path / "run", data=tmp_path / "nope")
    with pytest.raises(DataError, match="is no build"):
        train(short("nano", None), tmp_path / "run", data=tmp_path)
    assert not (tmp_path / "run").exists()


def test_shards_of_which_nothing_can_be_learned_are_refused_before_anything_is_trained(tmp_path) -> None:
    (tmp_path / "films").mkdir()
    for number in range(4):
        film = np.random.default_rng(number).random((64, 64), dtype=np.float32)
        write_png(tmp_path / "films" / f"{number}.png", film)
    shards = tmp_path / "shards"
    build([SourceSpec("folder", tmp_path / "films")], shards, size=64, workers=1, progress=False)
    with pytest.raises(DataError, match="holds no conversation in train; add a source with reports"):
        train(short("nano", None), tmp_path / "run", data=shards)
    assert not list((tmp_path / "run").glob("work/*"))


def test_a_model_that_draws_nothing_needs_no_tokenizer(shards, tmp_path) -> None:
    train(short("chexagent", None), tmp_path / "run", data=shards)
    assert not (tmp_path / "run" / "tokenizer").exists()
    model = hilum.load(tmp_path / "run")
    assert (model.image_tokenizer, model.vocabulary.n_codes) == (None, 0)


def test_a_model_reports_by_as_many_views_as_its_shards_show(tmp_path, capsys) -> None:
    data = build([SourceSpec("phantom")], tmp_path / "data", size=64, limit=60, seed=1, views=1)
    train(short("chexagent", None), tmp_path / "run", data=data.folder)
    assert hilum.load(tmp_path / "run").config.views == 1
    assert "1 of a study at most, as the shards were built with" in capsys.readouterr().err


def test_a_plan_refuses_what_a_run_would(text, tmp_path) -> None:
    for given in ({"text": str(tmp_path)}, {"text": text, "vision": str(tmp_path)}):
        with pytest.raises(DataError, match="cannot be read as"):
            plan(replace(short("chexagent", None), **given))
    with pytest.raises(UsageError, match="vision: is given without a language model"):
        replace(short("chexagent", None), vision=str(tmp_path))
    with pytest.raises(UsageError, match="did you mean chatml"):
        plan(replace(short("chexagent", None), layout="chatlm"))
    assert [stage.name for stage in plan(short("nano", None)).stages] == [
        "encoder",
        "tokenizer",
        "decoder",
        "instruct",
        "align",
    ]


@pytest.mark.parametrize("name", ["nano", "llm_cxr", "chexagent"])
def test_a_plan_counts_what_is_built(name, text, shards, tmp_path) -> None:
    recipe = short(name, text)
    made = plan(recipe)
    if name != "nano":
        train(recipe, tmp_path / "run", data=shards)
        network = hilum.load(tmp_path / "run").network
        assert made.language + made.vision + made.bridge == sum(p.numel() for p in network.parameters())
    stage = recipe.stages[-1]
    [last] = [planned for planned in made.stages if planned.name == stage.name]
    assert (last.steps, last.tokens) == (stage.fit.steps, stage.fit.steps * stage.tokens_per_batch)
    assert any(str(last.steps) in line for line in made.lines())


def test_weights_held_in_bfloat16_halve_what_is_frozen(text) -> None:
    recipe = short("chexagent", text)
    small = with_settings(
        recipe, ["bridge.precision=bfloat16-weights", "encoder_fit.precision=bfloat16-weights"]
    )
    plans = [{stage.name: stage for stage in plan(one).stages} for one in (recipe, small)]
    for name in ("encoder", "bridge"):
        before, after = (stages[name] for stages in plans)
        assert before.held == after.held >= before.trained
        assert before.memory == 4 * before.held + (4 + 8) * before.trained  # weights, gradients, moments
        assert after.memory == 2 * after.held + (4 + 4 + 8) * after.trained  # and float32 copies
    assert plans[0]["encoder"].held == plans[0]["encoder"].trained, "the language model is not there yet"


def test_a_run_by_lora_that_is_killed_between_stages_finds_its_way(
    text, shards, tmp_path, monkeypatch
) -> None:
    by_lora = ["clinical.lora.rank=4", "together.lora.rank=2", "together.lora.targets=.*_proj"]
    recipe = with_settings(short("chexagent", text), by_lora)
    train(recipe, tmp_path / "whole", data=shards)

    def killed(*_: object) -> None:
        raise RuntimeError("killed")

    fit = stages.fit

    def until_the_bridge(*given: Any, **options: Any) -> object:
        return killed() if given[3].name.startswith("bridge") else fit(*given, **options)

    monkeypatch.setattr(stages, "fit", until_the_bridge)
    with pytest.raises(RuntimeError, match="killed"):
        train(recipe, tmp_path / "run", data=shards)
    assert list((tmp_path / "run" / "work").glob("clinical-*/adapter/adapter_model.safetensors"))
    monkeypatch.undo()
    train(recipe, tmp_path / "run", data=shards)
    weights = "model/model.safetensors"
    assert (tmp_path / "run" / weights).read_bytes() == (tmp_path / "whole" / weights).read_bytes()

    planned = {stage.name: stage for stage in plan(recipe).stages}
    for name in ("clinical", "together"):
        files = (tmp_path / "run" / "work").glob(f"{name}-*/adapter/*.safetensors")
        saved = [load_file(path) for path in files]
        sizes = [sum(weight.numel() for weight in weights.values()) for weights in saved]
        assert planned[name].trained == sum(sizes)
        assert planned[name].adapter in sizes


def test_what_lora_cannot_adapt_is_said_by_the_plan(text) -> None:
    recipe = with_settings(short("chexagent", text), ["together.lora.targets=q_proj"])
    with pytest.raises(UsageError, match="matches none of 14 linear layers"):
        plan(recipe)


def test_a_store_gives_other_films_of_the_same_path_nothing_of_the_old_ones(tmp_path) -> None:
    films, seen = tmp_path / "films", []
    for out in ("a", "b"):
        films.mkdir(exist_ok=True)
        for number in range(12):
            pixels = np.random.default_rng((number, out == "b")).random((64, 64), dtype=np.float32)
            write_png(films / f"{number}.png", pixels)
        run = stages.Run(
            short("nano", None), tmp_path / out, [SourceSpec("folder", films)], store=tmp_path / "store"
        )
        ids = run.shards.image_ids(Split.TRAIN)
        assert np.array_equal(run.pixels, run.shards.pixels_many(ids))
        seen.append(run.keys.encoder)
    assert seen[0] != seen[1]
    assert all(is_marked(path) for path in (tmp_path / "store").glob("pixels-*.npy"))
