"""Aligning a run that is there: on patients it left out, into a folder of its own, with a page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import hilum
from hilum.align import Algorithm
from hilum.bench import Trained
from hilum.cli import main
from hilum.errors import DataError, UsageError
from hilum.instruct import Shards, build
from hilum.instruct.selection import kept_back
from hilum.instruct.splits import kept_for_alignment
from hilum.recipes import train
from hilum.recipes.align import align_run, default_config, open_source
from hilum.sources import SourceSpec
from hilum.study import Split, Task
from recipes.test_whole import recipe

SHARE = 0.3


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    train(replace(recipe(), align_share=SHARE, align=None), out)
    return out


def config(algorithm: Algorithm = Algorithm.DPO):
    made = default_config("nowhere", algorithm)
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


def test_a_folder_of_something_else_is_refused(run, tmp_path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(UsageError, match="is not empty and holds no alignment"):
        align_run(run, tmp_path, config())
    with pytest.raises(UsageError, match=r"lies in"):
        align_run(run, run / "aligned", config())


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
