"""Aligning a run that is there: on patients it left out, into a folder of its own, with a page."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

import hilum
from hilum import bench
from hilum.align import Algorithm, PreferenceObjective
from hilum.bench import Trained
from hilum.bench.labels import asked_labels
from hilum.cli import main
from hilum.errors import DataError, UsageError
from hilum.instruct import Shards, build
from hilum.instruct.selection import kept_back
from hilum.instruct.splits import kept_for_alignment
from hilum.model import Writes
from hilum.prompts import UNCONDITIONAL
from hilum.recipes import nano, train
from hilum.recipes.align import What, align_run, default_config, open_source
from hilum.recipes.pictures import draw_prompts
from hilum.recipes.settings import with_settings
from hilum.sources import SourceSpec
from hilum.study import Split, Task
from model.helpers import tiny
from recipes.test_whole import recipe

SHARE = 0.3


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    train(replace(recipe(), align_share=SHARE, align=None), out)
    return out


def config(algorithm: Algorithm = Algorithm.DPO, what: What = What.REPORTS):
    made = default_config("nowhere", algorithm, what)
    return replace(made, n=4, batch_size=4, fit=replace(made.fit, steps=3, lr=1e-4), threshold=0.0)


def test_prompts_come_from_patients_that_training_left_out(run) -> None:
    shards = Shards(run / "data")
    items = open_source(run).prompts.items
    left = kept_back(shards, Split.TRAIN, SHARE)
    asked = {c.id: c for c in shards.conversations(Split.TRAIN, tasks=[Task.FINDINGS])}
    assert items
    assert {item.id for item in items} == {name for name, c in asked.items() if c.study in left.studies}
    for item in items:
        conversation = asked[item.id]
        assert kept_for_alignment(conversation.source, conversation.patient, SHARE)
        assert item.reference
        assert "assistant" not in {message.role for message in item.messages}


def test_the_aligned_run_is_a_run_with_a_page(run, tmp_path) -> None:
    out = tmp_path / "aligned"
    result = align_run(run, out, config(), command="hilum align run")
    document = json.loads((out / "align.json").read_text())
    assert document["rounds"][0]["examples"] == result.rounds[0].examples > 0
    assert document["supervised"] == hilum.load(run).weights_hash()
    assert document["aligned"] == hilum.load(out).weights_hash() != document["supervised"]
    page = (out / "align.html").read_text()
    assert "Alignment by dpo" in page
    assert "hilum align run" in page
    assert page.count('class="film"') > 1
    assert "http" not in page.replace("http://www.w3.org", "")
    before = (out / "model" / "model.safetensors").read_bytes()
    align_run(run, out, config())
    assert (out / "model" / "model.safetensors").read_bytes() == before


def test_pictures_are_asked_for_by_reports_of_patients_left_out(run) -> None:
    shards = Shards(run / "data")
    source = open_source(run, what=What.PICTURES)
    left = kept_back(shards, Split.TRAIN, SHARE)
    asked = {c.id: c for c in shards.conversations(Split.TRAIN, tasks=[Task.DRAW])}
    records = {r.id: r for r in shards.records(Split.TRAIN)}
    assert source.prompts.items
    for item in source.prompts.items:
        conversation = asked[item.id]
        assert conversation.study in left.studies
        assert item.draw
        assert not item.images
        assert item.reference != UNCONDITIONAL
        np.testing.assert_array_equal(source.asked[item.id], asked_labels(records[conversation.study]))
    limited = open_source(run, what=What.PICTURES, limit=2)
    assert [item.id for item in limited.prompts.items] == [item.id for item in source.prompts.items[:2]]
    assert len(limited.asked) == 2


def test_a_run_aligned_on_pictures_shows_them(run, tmp_path) -> None:
    out = tmp_path / "drawn"
    settings = config(what=What.PICTURES)
    result = align_run(run, out, settings, what=What.PICTURES)
    document = json.loads((out / "align.json").read_text())
    assert document["what"] == "pictures"
    assert document["judge"].startswith("pictures 1 ")
    assert document["rounds"][0]["examples"] == result.rounds[0].examples > 0
    assert document["rounds"][0]["states"] == {"scored": result.rounds[0].judged}
    assert document["aligned"] == hilum.load(out).weights_hash() != document["supervised"]
    page = (out / "align.html").read_text()
    assert page.count('alt="a drawn picture"') == 2 * min(12, result.rounds[0].examples)
    assert "(a picture)" not in page
    before = (out / "model" / "model.safetensors").read_bytes()
    align_run(run, out, settings, what=What.PICTURES)
    assert (out / "model" / "model.safetensors").read_bytes() == before
    # What rewards is not what measures: both made of one run's films, and not of one seed.
    rewards = open_source(run, what=What.PICTURES).picture_grader(out / "work").classifier
    source = open_source(run)
    films, labels, *_ = bench.classifier_data(source.data, Split.TRAIN)
    measures = bench.train_classifier(films, labels, tmp_path / "bench", seed=3, steps=6, progress=False)
    assert not np.array_equal(rewards.scores(films[:2]), measures.scores(films[:2]))


def test_pictures_of_a_model_that_draws_none_are_refused(run, tmp_path) -> None:
    held = tmp_path / "held"
    tiny(writes=Writes.NOTHING).save(held / "model")
    (held / "recipe.json").write_bytes((run / "recipe.json").read_bytes())
    (held / "data").symlink_to(run / "data")
    with pytest.raises(UsageError, match="does not write images"):
        align_run(held, tmp_path / "out", config(what=What.PICTURES), what=What.PICTURES)
    with pytest.raises(UsageError, match="holds reports, no pictures"):
        align_run(run, tmp_path / "out", config(), what=What.PICTURES, preferences=tmp_path / "pairs.jsonl")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("what", list(What))
@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_every_loss_takes_the_settings_it_has_by_default(tmp_path, algorithm, what) -> None:
    held = with_settings(nano(), ["align.max_new_tokens=300"])
    (tmp_path / "recipe.json").write_text(json.dumps({"recipe": asdict(held)}, default=str))
    made = default_config(tmp_path, algorithm, what)
    assert made.fit.lr == held.align.fit.lr
    assert made.max_new_tokens == 300
    PreferenceObjective(tiny(), algorithm, beta=made.beta, alpha=made.alpha, sft_weight=made.sft_weight)


def test_a_folder_of_something_else_is_refused(run, tmp_path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(UsageError, match="is not empty and holds no alignment"):
        align_run(run, tmp_path, config())
    with pytest.raises(UsageError, match=r"lies in"):
        align_run(run, run / "aligned", config())


def test_a_model_that_somebody_added_to_is_refused_before_anything_is_sampled(run, tmp_path) -> None:
    align_run(run, tmp_path / "fresh", config())
    (tmp_path / "fresh" / "model" / "README.md").write_text("mine")
    shutil.rmtree(tmp_path / "fresh" / "work")
    with pytest.raises(UsageError, match="README"):
        align_run(run, tmp_path / "fresh", config())
    assert not (tmp_path / "fresh" / "work").exists()


def test_the_alignment_of_another_run_is_refused(run, tmp_path) -> None:
    for held in ('{"aligned_from": "other"}', "[]", "{}"):
        (tmp_path / "recipe.json").write_text(held)
        with pytest.raises(
            UsageError, match="holds another run, or the alignment of one; choose another --out"
        ):
            align_run(run, tmp_path, config())
        assert (tmp_path / "recipe.json").read_text() == held


def test_a_model_alone_has_nobody_to_be_aligned_on(run, tmp_path) -> None:
    shutil.copytree(run / "model", tmp_path / "alone")
    with pytest.raises(
        UsageError, match=r"holds no studies of its own .*; name shards of other patients with --data"
    ):
        open_source(tmp_path / "alone")
    given = build([SourceSpec("phantom")], tmp_path / "other", size=64, limit=12, seed=78).folder
    source = open_source(tmp_path / "alone", given)
    assert (source.own, source.recipe, source.asked) == (None, {}, {})
    asked = [c.id for c in Shards(given).conversations(Split.TRAIN, tasks=[Task.FINDINGS])]
    assert [item.id for item in source.prompts.items] == asked, "nothing tells of any that it has seen"


def test_without_a_report_there_is_nothing_to_draw(run) -> None:
    with pytest.raises(
        DataError, match=r"holds no report to draw of a patient .*; add a source with reports of frontal"
    ):
        draw_prompts(Shards(run / "data"), frozenset(), None)


def test_a_run_that_kept_nobody_back_needs_other_data(run, tmp_path) -> None:
    out = tmp_path / "whole"
    train(replace(recipe(), align_share=0.0, align=None), out)
    with pytest.raises(UsageError, match=r"has learned from all its patients .* --data"):
        align_run(out, tmp_path / "a", config())
    own = Shards(out / "data")
    other = build([SourceSpec("phantom")], tmp_path / "other", size=64, limit=40, seed=77).folder
    prompts = open_source(out, other).prompts
    seen = Trained.of(own)
    ids = {item.id for item in prompts.items}
    records = {r.id: r for r in Shards(other).records(Split.TRAIN)}
    shown = [c for c in Shards(other).conversations(Split.TRAIN, tasks=[Task.FINDINGS]) if c.id in ids]
    assert len(shown) == len(ids) > 0
    assert not any(seen.saw(records[c.study]) for c in shown)
    with pytest.raises(DataError, match="new to the run"):
        open_source(out, out / "data")


def test_the_command_aligns_and_says_what_it_learned_from(run, tmp_path, capsys) -> None:
    words = ["align", str(run), "--out", str(tmp_path / "a"), "--steps", "2", "--n", "3", "--lr", "1e-4"]
    assert main([*words, "--algorithm", "rdpo", "--length-controlled", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    [one] = document["rounds"]
    assert one["fit"]["steps"] == 2
    assert sum(one["states"].values()) == one["judged"] > 0
    settings = json.loads((tmp_path / "a" / "align.json").read_text())["settings"]
    assert (settings["algorithm"], settings["alpha"], settings["n"]) == ("rdpo", 0.05, 3)
    judged = (tmp_path / "a" / "work" / "judged.jsonl").read_text()
    assert "effusion" not in judged  # verdicts are kept, reports are not
    assert "length_controlled" in json.loads((tmp_path / "a" / "align.json").read_text())["judge"]
    assert main(["align", str(run), "--out", str(tmp_path / "b"), "--judge", "greem"]) == 2
    assert "did you mean green" in capsys.readouterr().err
