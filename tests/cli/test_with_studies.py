"""What the commands about studies hand on, and what they say when they are done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hilum import recipes
from hilum.cli import main


@pytest.fixture
def said(capsys):
    """Run a command in this process; its status and what it printed."""

    def run(*words: object) -> tuple[int, str, str]:
        status = main([*map(str, words)])
        return status, *capsys.readouterr()

    return run


SMALL = ("--set", "studies=12", "--set", "image_size=64")


def test_a_run_that_was_stopped_says_so_and_one_that_is_there_says_what_to_do_next(said, tmp_path):
    words = ("train", "nano", "--out", tmp_path / "run", *SMALL, "--stage", "build", "--seed", "3")
    status, document, _ = said(*words, "--json")
    assert (status, json.loads(document)) == (0, {"run": str(tmp_path / "run"), "model": None})
    status, text, _ = said(*words)
    assert text.splitlines() == [
        f"the run: {tmp_path / 'run'}",
        "it is not finished: give the command again without --stage",
    ]
    recipe = json.loads((tmp_path / "run" / "recipe.json").read_text())["recipe"]
    assert (recipe["name"], recipe["seed"], recipe["studies"], recipe["image_size"]) == ("nano", 3, 12, 64)
    (tmp_path / "run" / "model").mkdir()
    _, document, _ = said(*words, "--json")
    assert json.loads(document)["model"] == str(tmp_path / "run" / "model")
    _, text, _ = said(*words)
    assert text.splitlines()[1] == f"measure it: hilum bench {tmp_path / 'run'}"


def test_a_plan_is_of_the_recipe_as_it_was_set(said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ("train", "chexagent", "--plan", "--set", "together.steps=7", "--text-only", "general")
    status, document, _ = said(*words, "--json")
    plan = json.loads(document)
    assert (status, plan["recipe"]) == (0, "chexagent")
    assert [stage["steps"] for stage in plan["stages"] if stage["name"] == "together"] == [7]
    assert plan["text_only"] is not None
    _, text, _ = said(*words)
    assert text.startswith("chexagent: parameters: language ")
    assert "together: 7 steps" in text
    status, _, error = said("train", "chexagent", "--plan", "--data", tmp_path / "nowhere")
    assert (status, "nowhere: does not exist" in error) == (1, True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["quickstart", "--seed", "-1"], "--seed: is -1"),
        (["train", "nano", "--seed", "-1"], "--seed: is -1"),
        (["train", "nano", "--layout", "chatlm", "--plan"], "did you mean chatml"),
        (["train", "chexagent", "--vision", "dinov2", "--plan"], "vision: is given without a language model"),
        (["build", "--out", "o"], "--source"),
        (["build", "--source", "phantom"], "--out: is missing; name the folder to write, or give --dry-run"),
        *(
            (
                ["build", "--source", "phantom", "--out", "o", option, value],
                f"{option}: is {value}; give {least}",
            )
            for option, value, least in (
                ("--size", "0", 1),
                ("--limit", "0", 1),
                ("--workers", "0", 1),
                ("--views", "-1", 0),
                ("--seed", "-1", 0),
            )
        ),
        (["phantom", "--n", "0", "--out", "o"], "--n: is 0; give 1"),
        (["phantom", "--n", "1000001", "--out", "o"], "--n: is 1,000,001; give 1,000,000 or less"),
        (["phantom", "--n", "1", "--size", "63", "--out", "o"], "--size: is 63; give 64"),
        (["phantom", "--n", "1", "--seed", "-1", "--out", "o"], "--seed: is -1"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(
    said, tmp_path, monkeypatch, words, problem
):
    monkeypatch.chdir(tmp_path)
    status, _, error = said(*words)
    assert status == 2
    assert problem in error
    assert not list(tmp_path.iterdir())


def test_the_least_phantom_is_one_study_of_64_pixels_with_seed_0(said, tmp_path):
    words = ("phantom", "--n", "1", "--size", "64", "--seed", "0", "--out", tmp_path / "one")
    status, text, _ = said(*words)
    assert (status, text) == (0, f"1 studies: {tmp_path / 'one'}\n")
    _, document, _ = said(*words, "--json")
    assert json.loads(document) == {"out": str(tmp_path / "one"), "studies": 1, "size": 64, "seed": 0}


def test_the_quickstart_hands_on_what_was_given_and_ends_with_its_report(said, tmp_path, monkeypatch):
    given = {}

    def quickstart(out: Path, **options) -> None:
        given.update(options, out=out)
        out.mkdir(exist_ok=True)
        (out / "report.json").write_text('{"figures": [1]}')

    monkeypatch.setattr(recipes, "quickstart", quickstart)
    out = tmp_path / "run"
    words = ("quickstart", "--out", out, "--recipe", "small", "--seed", "5", "--source", "phantom")
    status, text, _ = said(*words)
    assert status == 0
    assert text.splitlines() == [
        f"the benchmark, with pictures: {out / 'report.html'}",
        f"the model: {out}",
    ]
    assert (given["out"], given["seed"], given["data"]) == (out, 5, None)
    assert given["recipe"] == recipes.RECIPES["small"](5, None)
    assert [spec.name for spec in given["sources"]] == ["phantom"]
    assert given["command"] == "hilum quickstart --source phantom --recipe small --seed 5"
    _, document, _ = said("quickstart", "--out", out, "--data", tmp_path / "shards", "--json")
    assert json.loads(document) == {"figures": [1]}
    assert (given["recipe"].name, given["seed"], given["data"]) == ("nano", 0, tmp_path / "shards")
    assert given["command"] == "hilum quickstart --recipe nano --data shards --seed 0"


def test_a_build_says_where_everything_is_and_counts_what_was_wrong(said, tmp_path):
    films = tmp_path / "films"
    films.mkdir()
    said("phantom", "--n", "1", "--size", "64", "--out", tmp_path / "one")
    [film] = list((tmp_path / "one" / "images").iterdir())[:1]
    (films / "good.png").write_bytes(film.read_bytes())
    words = ("build", "--source", f"folder={films}", "--size", "64", "--workers", "1")
    status, text, _ = said(*words, "--out", tmp_path / "good")
    assert status == 0
    assert text.splitlines()[:3] == [
        f"shards: {tmp_path / 'good'}",
        f"data card: {tmp_path / 'good' / 'card.html'}",
        f"gallery: {tmp_path / 'good' / 'gallery.html'}",
    ]
    assert "problems" not in text
    (films / "bad.png").write_bytes(film.read_bytes()[:100])
    status, text, _ = said(*words, "--out", tmp_path / "bad")
    count = len((tmp_path / "bad" / "problems.jsonl").read_text().splitlines())
    assert (status, count) == (3, 1)
    assert text.splitlines()[-1] == f"1 problems, listed in {tmp_path / 'bad' / 'problems.jsonl'}"
    status, document, _ = said(*words, "--out", tmp_path / "again", "--json")
    assert (status, json.loads(document)) == (3, json.loads((tmp_path / "again" / "card.json").read_text()))
