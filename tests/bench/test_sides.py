"""Which side is true and which is said are counted where a side is at stake, and only there."""

from __future__ import annotations

import pytest

from bench.helpers import item
from hilum.bench.sides import CATEGORIES, by_side, side_named
from hilum.model.answer import Answer
from hilum.study import Fact, Finding, Side, Task


def fact(side: Side | None, finding: Finding = Finding.PLEURAL_EFFUSION) -> Fact:
    return Fact(finding, side=side)


@pytest.mark.parametrize(
    ("truth", "text", "pair"),
    [
        ((fact(Side.LEFT),), "Left pleural effusion.", ("left", "left")),
        ((fact(Side.LEFT),), "Right pleural effusion.", ("left", "right")),
        ((fact(Side.LEFT), fact(Side.RIGHT)), "Bilateral pleural effusions.", ("both", "both")),
        ((fact(Side.BILATERAL),), "Left pleural effusion.", ("both", "left")),
        ((fact(Side.RIGHT),), "There is a pleural effusion.", ("right", "no side")),
        ((fact(Side.RIGHT),), "The lungs are clear.", ("right", "none")),
        ((), "Left pleural effusion.", ("none", "left")),
    ],
)
def test_a_report_is_read_finding_by_finding(truth, text, pair):
    [table] = by_side(Task.FINDINGS, [item(Task.FINDINGS, truth=truth)], [Answer(text)])
    assert dict(table.counts) == {pair: 1}
    assert set(pair) <= set(CATEGORIES)


def test_a_report_without_sides_tells_of_none():
    items = [item(Task.FINDINGS, truth=(Fact(Finding.CARDIOMEGALY),))]
    assert by_side(Task.FINDINGS, items, [Answer("The heart is enlarged. No pleural effusion.")]) == ()
    assert by_side(Task.VIEW, items, [Answer("left")]) == ()


def test_only_questions_whose_answer_is_a_side_are_counted():
    references = ["left", "Right side", "left upper lobe", "none", "bilateral", "left"]
    items = [
        item(Task.VQA_OPEN, reference, name=f"q{i}", patient=f"p{i}")
        for i, reference in enumerate(references)
    ]
    answers = [Answer(text) for text in ("Left.", "on the left", "left", "left", "right and left", "")]
    [table] = by_side(Task.VQA_OPEN, items, answers)
    assert dict(table.counts) == {
        ("left", "left"): 1,
        ("right", "left"): 1,
        ("both", "both"): 1,
        ("left", "none"): 1,
    }
    assert (table.right.value, table.right.n) == (0.5, 4)
    assert (table.mirrored.value, table.mirrored.n) == (0.5, 2)
    rows = table.to_json()["counts"]
    assert sum(map(sum, rows)) == 4
    assert rows[CATEGORIES.index("right")][CATEGORIES.index("left")] == 1


def test_a_side_is_read_off_words():
    assert [side_named(text) for text in ("Both lungs", "bilaterally", "leftover", "heart", " ")] == [
        "both",
        "both",
        "no side",
        "no side",
        "none",
    ]
