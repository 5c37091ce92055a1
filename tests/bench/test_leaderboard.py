"""The best is marked with all that do not differ from it, and unlike things stand apart."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest

from bench.saved_results import model, right_or_wrong, scores
from hilum.bench.documents import require_writable
from hilum.bench.leaderboard import estimate, leaderboard
from hilum.bench.leaderboard_page import html, markdown, write_leaderboard
from hilum.bench.tasks import MEANINGS
from hilum.errors import DataError, UsageError
from hilum.files import MARK


def views(share, seed, count=300):
    return scores("view", right_or_wrong(share, count, seed))


def test_the_best_is_marked_with_those_that_do_not_differ():
    results = [model("good", views(0.9, 0)), model("alike", views(0.89, 1)), model("bad", views(0.5, 2))]
    [table] = leaderboard(results).tables
    assert {row.result.model: row.cells["view"].best for row in table.rows} == {
        "good": True,
        "alike": True,
        "bad": False,
    }
    for row in table.rows:
        assert row.cells["view"].estimate == estimate(row.result, "view")


def test_of_many_alike_models_none_is_left_out_for_being_the_lowest():
    """Highest against lowest is p = 0.008, which five comparisons would bear and the 15 pairs do not."""
    results = [model(str(i), views(0.7, (114, i), 60)) for i in range(6)]
    [table] = leaderboard(results).tables
    assert all(row.cells["view"].best for row in table.rows)


def test_what_has_no_better_has_no_best():
    results = [model("a", scores("length", [1.0, 2.0])), model("b", scores("length", [9.0, 9.0]))]
    [table] = leaderboard(results).tables
    assert not any(row.cells["length"].best for row in table.rows)


def test_a_model_that_was_not_measured_has_an_empty_cell():
    a, b = model("a", views(0.9, 0) + scores("vqa", [1.0, 0.0])), model("b", views(0.9, 1))
    [table] = leaderboard([a, b]).tables
    assert list(table.figures) == ["view", "vqa"]
    assert set(table.rows[0].cells) == {"view", "vqa"}
    assert set(table.rows[1].cells) == {"view"}


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (model("b", scores("view", [1.0, 0.0], version=2)), "another version of view"),
        (model("b", scores("view", [1.0, 0.0, 1.0])), "other questions of view"),
        (model("b", scores("view", [1.0, 0.0]), split="all"), "another split"),
        (model("b", scores("view", [1.0, 0.0]), studies={"open-i": 2}), "another studies"),
        (model("b", scores("vqa", [1.0, 0.0])), "no figure in common"),
    ],
)
def test_what_was_measured_otherwise_stands_apart(other, why):
    board = leaderboard([other, model("a", scores("view", [1.0, 0.0]))])
    assert [row.result.model for table in board.tables for row in table.rows] == ["a", "b"]
    assert board.tables[0].apart == ""
    assert board.tables[1].apart == f"{why} than of-a".replace("common than", "common with")
    assert why in html(board)
    assert why in markdown(board)


def test_the_order_of_the_results_does_not_matter():
    results = [model(name, views(0.7, number, 40)) for number, name in enumerate("abc")]
    assert leaderboard(results).to_json() == leaderboard(results[::-1]).to_json()


def test_a_result_without_items_is_refused():
    with pytest.raises(DataError, match="no scored item"):
        leaderboard([model("a", [])])


def test_three_files_are_written_and_no_name_becomes_markup(tmp_path):
    evil = '<script>alert("x")</script> | **bold**'
    results = [model(evil, views(0.9, 0)), model("b", views(0.5, 1), versions={"torch": "3"})]
    write_leaderboard(leaderboard(results), tmp_path)
    document = json.loads((tmp_path / "leaderboard.json").read_text())
    assert document["tables"][0]["rows"][0]["model"] == evil
    page = (tmp_path / "leaderboard.html").read_text()
    assert "<script" not in page
    assert "torch 2, 3" in page
    table = (tmp_path / "leaderboard.md").read_text()
    assert "<script" not in table
    assert len({line.replace("\\|", "").count("|") for line in table.splitlines() if line[:1] == "|"}) == 1
    require_writable(tmp_path, "leaderboard")
    (tmp_path / "leaderboard.md").write_text("mine")
    with pytest.raises(UsageError):
        require_writable(tmp_path, "leaderboard")


def test_one_model_alone_is_not_the_best():
    [table] = leaderboard([model("a", scores("view", [1.0, 0.0, 1.0]))]).tables
    assert not table.rows[0].cells["view"].best


def test_a_result_is_taken_once():
    one, other = (model("a", scores("view", [1.0, 0.0, share])) for share in (1.0, 0.0))
    assert len(leaderboard([one, other]).tables[0].rows) == 2
    with pytest.raises(UsageError, match="is the same result"):
        leaderboard([one, other, one])


BEST = (
    "Of two models or more, best is the highest value, and every model whose difference from it has p above "
    "0.05 by approximate randomisation over patients, corrected by Holm's method over all pairs of models in "
    "the column."
)
MARKDOWN = f"""\
<!-- {MARK} -->

# Leaderboard

In brackets the 95 % interval. {BEST}

## Table 1

| model | weights | view v1 | length v1 |
| --- | --- | --- | --- |
| bad | w-bad | 0.100 \\[0.000, 0.500\\] |  |
| good | w-good | \\* 0.900 \\[0.500, 1.000\\] | 2.000 |

Not measured with the same software: torch 2, 3.

## Table 2: another split than of-bad

| model | weights | view v1 |
| --- | --- | --- |
| other | w-other | 0.500 \\[0.000, 1.000\\] |

A mark `*` is before the best. Research use only.
"""


def test_every_word_of_a_leaderboard():
    good = scores("view", [1.0] * 9 + [0.0]) + scores("length", [2.0] * 10)
    alike = {"limit_per_task": 9, "decoding": {"temperature": 0}}
    board = leaderboard(
        [
            model("good", good, versions={"torch": "2", "python": "3"}, **alike),
            model("bad", scores("view", [0.0] * 9 + [1.0]), versions={"torch": "3", "python": "3"}, **alike),
            model("other", scores("view", [1.0, 0.0]), split="all", command="hilum bench", date="1"),
        ],
        seed=4,
    )
    assert markdown(board) == MARKDOWN
    bad, best, other = (
        {"value": value, "low": low, "high": high, "n": n, "best": value == 0.9}
        for value, low, high, n in ((0.1, 0.0, 0.5, 10), (0.9, 0.5, 1.0, 10), (0.5, 0.0, 1.0, 2))
    )
    length = {"value": 2.0, "low": None, "high": None, "n": 10, "best": False}

    def row(name, versions, figures, command=None, date=None):
        head = {"result": f"of-{name}", "model": name, "weights": f"w-{name}", "complete": True, "seed": 0}
        return {**head, "command": command, "date": date, "versions": versions, "figures": figures}

    assert json.loads(json.dumps(board.to_json())) == {
        "tables": [
            {
                "figures": {"view": 1, "length": 1},
                "protocol": {"split": "test", "studies": {"phantom": 100}, **alike},
                "apart": "",
                "rows": [
                    row("bad", {"torch": "3", "python": "3"}, {"view": bad}),
                    row("good", {"torch": "2", "python": "3"}, {"view": best, "length": length}),
                ],
            },
            {
                "figures": {"view": 1},
                "protocol": {"split": "all", "studies": {"phantom": 100}},
                "apart": "another split than of-bad",
                "rows": [row("other", {"hilum": "0.1.0", "torch": "2"}, {"view": other}, "hilum bench", "1")],
            },
        ],
        "best": BEST,
        "seed": 4,
    }
    page = html(board)
    assert [
        " ".join(re.sub("<[^>]+>", " ", row).split())
        for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    ] == [
        "model view v1 length v1",
        "bad w-bad 0.100 0.000 to 0.500, n 10",
        "good w-good 0.900 0.500 to 1.000, n 10 2.000 n 10",
        "model view v1",
        "other w-other 0.500 0.000 to 1.000, n 2",
    ]
    assert page.count("<mark") == 1
    assert MARK in page
    assert BEST in unescape(page)
    assert "Not measured with the same software: torch 2, 3." in page
    assert {name for name in MEANINGS if MEANINGS[name] in unescape(page)} == {"view", "length"}
