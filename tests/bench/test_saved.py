"""A result is read as it was written, and a damaged one is named."""

from __future__ import annotations

import json

import pytest

from hilum.bench.card import model_card
from hilum.bench.items import ItemScore, pseudonym, write_items
from hilum.bench.leaderboard import leaderboard
from hilum.bench.leaderboard_page import rows
from hilum.bench.saved import gathered, read_result, refuse_other
from hilum.errors import DataError, UsageError

ITEM = ItemScore("view", 1, "q", "p", "phantom", value=1.0)


def test_a_folder_is_read(tmp_path):
    write_items(tmp_path / "items.jsonl", [ITEM])
    (tmp_path / "report.json").write_text(json.dumps({"protocol": {"model": "m", "weights": "w"}}))
    found = read_result(tmp_path)
    assert (found.model, found.weights, found.versions) == ("m", "w", {"view": 1})
    assert found.items["view"]["phantom", "", "q"] == ITEM


def test_a_result_that_was_broken_off_says_so_wherever_it_is_shown(tmp_path):
    write_items(tmp_path / "items.jsonl", [ITEM])
    (tmp_path / "report.json").write_text(json.dumps({"protocol": {"model": "m"}, "complete": False}))
    found = read_result(tmp_path)
    assert (found.complete, found.title, found.head()["complete"]) == (False, "m (unfinished)", False)
    assert rows(leaderboard([found]).tables[0])[0][0] == "m (unfinished)"
    assert f"- {found.name} is unfinished" in model_card([found])
    assert "unfinished" not in model_card([gathered("whole", {"model": "m"}, [ITEM])])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"protocol": 3}',
        '{"protocol": [["model", "m"]]}',
        '{"protocol": {"model": "\\ud800"}}',
        "[" * 100_000,
    ],
)
def test_a_damaged_head_is_named(tmp_path, text):
    write_items(tmp_path / "items.jsonl", [ITEM])
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(DataError, match="tells no protocol"):
        read_result(tmp_path)


def test_missing_files_say_how_to_get_them(tmp_path):
    with pytest.raises(DataError, match=r"no report\.json.*--out"):
        read_result(tmp_path)
    (tmp_path / "report.json").write_text('{"protocol": {}}')
    with pytest.raises(DataError, match=r"no items\.jsonl.*--out"):
        read_result(tmp_path)


def test_a_question_is_answered_once_and_by_one_version():
    with pytest.raises(DataError, match="twice"):
        gathered("a", {}, [ITEM, ITEM])
    with pytest.raises(DataError, match="two versions"):
        gathered("a", {}, [ITEM, ItemScore("view", 2, "r", "p", "phantom", value=1.0)])


@pytest.mark.parametrize("figure", ["view", "chexbench/view_classification/generation/accuracy"])
def test_a_share_lies_between_0_and_1(figure):
    with pytest.raises(DataError, match="7, outside 0 to 1"):
        gathered("a", {}, [ItemScore(figure, 1, "q", "p", value=7.0)])
    assert gathered("a", {}, [ItemScore("length", 1, "q", "p", value=7.0)]).items


def test_the_result_of_another_model_is_not_replaced(tmp_path):
    about = {"model": "m", "weights": "w", "command": "hilum bench m", "studies": {"phantom": 3}, "date": "1"}
    refuse_other(tmp_path, about)
    (tmp_path / "report.json").write_text(json.dumps({"protocol": about}))
    refuse_other(tmp_path, {**about, "date": "2"})
    refuse_other(tmp_path, {"command": "hilum bench m"})
    for other in ({"weights": "v"}, {"studies": {"phantom": 4}}, {"command": "hilum bench m --limit 2"}):
        with pytest.raises(UsageError, match=r"holds the results of m .*choose another folder"):
            refuse_other(tmp_path, {**about, **other})
    (tmp_path / "report.json").write_text("{")
    refuse_other(tmp_path, about)


def test_real_patients_are_not_named_and_synthetic_ones_are():
    assert pseudonym("phantom", "patient-1") == "patient-1"
    hidden = pseudonym("open-i", "patient-1")
    assert "patient" not in hidden
    assert hidden == pseudonym("open-i", "patient-1")
    assert hidden != pseudonym("nih-chestxray14", "patient-1")
