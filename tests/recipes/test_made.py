"""A run folder is one run's, and what somebody else put into it is seen before anything is made."""

from __future__ import annotations

import json

import pytest

from hilum.errors import UsageError
from hilum.files import atomic_folder
from hilum.recipes.made import LAYOUT, Made, read_json

MINE = {"recipe": {"name": "nano", "seed": 0, "studies": 5}, "data_key": "a"}


def other(**changed):
    return {**MINE, "recipe": {**MINE["recipe"], **changed}}


def test_a_folder_is_claimed_once_and_may_change_what_is_no_name(tmp_path) -> None:
    made = Made(tmp_path / "run")
    made.claim(MINE)
    made.claim(other(studies=6))
    held = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert (held["recipe"]["studies"], held["layout"]) == (6, LAYOUT)


@pytest.mark.parametrize(
    ("settings", "what"),
    [(other(name="small"), "recipe"), (other(seed=1), "seed"), ({**MINE, "data_key": "b"}, "data")],
)
def test_another_run_is_refused(tmp_path, settings, what) -> None:
    Made(tmp_path / "run").claim(MINE)
    with pytest.raises(UsageError, match=rf"other settings \({what}\)"):
        Made(tmp_path / "run").claim(settings)


def test_what_is_no_run_or_an_older_one_is_refused(tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds no run"):
        Made(tmp_path).claim(MINE)
    for text, words in (("{", "damaged"), (json.dumps({"recipe": {}, "layout": 1}), "earlier version")):
        (tmp_path / "recipe.json").write_text(text)
        with pytest.raises(UsageError, match=words):
            Made(tmp_path).claim(MINE)


def test_a_folder_is_lacking_until_it_is_made_by_its_key(tmp_path) -> None:
    made = Made(tmp_path)
    assert made.lacks("model", "k")
    with atomic_folder(tmp_path / "model") as folder:
        (folder / "hilum.json").write_text("{}")
    assert made.lacks("model", "k")
    made.note("model", "k")
    made.note("tokenizer", "t")
    assert not made.lacks("model", "k")
    assert made.lacks("model", "another")
    (tmp_path / "model" / "README.md").write_text("mine")
    assert not made.lacks("model", "k")
    with pytest.raises(UsageError, match="README"):
        made.lacks("model", "another")


def test_a_file_that_is_missing_or_damaged_says_nothing(tmp_path) -> None:
    assert read_json(tmp_path / "none.json") is None
    (tmp_path / "torn.json").write_text("{")
    assert read_json(tmp_path / "torn.json") is None
