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
    assert table.to_json() == {
        "task": "vqa_open",
        "categories": ["left", "right", "both", "no side", "none"],
        "counts": [[1, 0, 0, 0, 1], [1, 0, 0, 0, 0], [0, 0, 1, 0, 0], [0] * 5, [0] * 5],
        "right": table.right.to_json(),
        "mirrored": table.mirrored.to_json(),
    }


def test_the_shares_are_of_findings_on_a_side_and_of_those_on_one_side():
    pairs = [
        ("left", "Left."),
        ("left", "Left."),
        ("left", "Right."),
        ("right", "Right."),
        ("right", "Both."),
        ("both", "Both."),
        ("right", "None."),
    ]
    items = [item(Task.VQA_OPEN, true, name=f"q{i}", patient=f"p{i}") for i, (true, _) in enumerate(pairs)]
    [table] = by_side(Task.VQA_OPEN, items, [Answer(said) for _, said in pairs])
    assert (table.right.value, table.right.n) == (4 / 7, 7)
    assert (table.mirrored.value, table.mirrored.n) == (1 / 4, 4)
    of_one = [item(Task.VQA_OPEN, "left", name=f"q{i}") for i in range(4)]
    [table] = by_side(Task.VQA_OPEN, of_one, [Answer("left")] * 4)
    assert (table.right.low, table.mirrored.low) == (None, None), "one patient has no interval"


def test_a_finding_made_up_is_in_the_table_and_in_neither_share():
    items = [item(Task.FINDINGS, truth=()), item(Task.FINDINGS, truth=(fact(Side.LEFT),), patient="q")]
    [table] = by_side(Task.FINDINGS, items, [Answer("Left pleural effusion.")] * 2)
    assert dict(table.counts) == {("none", "left"): 1, ("left", "left"): 1}
    assert (table.right.value, table.right.n) == (1, 1)
    assert (table.mirrored.value, table.mirrored.n) == (0, 1)


@pytest.mark.parametrize("task", [Task.FINDINGS, Task.VQA_OPEN])
def test_every_answer_belongs_to_a_question(task):
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        by_side(task, [item(task, "left", truth=(fact(Side.LEFT),))] * 2, [Answer("left")])


@pytest.mark.parametrize("beside", ["side", "sides", "sided", "lung", "lungs", "on the"])
def test_words_beside_a_side_leave_the_question_one_about_sides(beside):
    for reference in (f"left {beside}", f"{beside} left"):
        [table] = by_side(Task.VQA_OPEN, [item(Task.VQA_OPEN, reference)], [Answer("left")])
        assert dict(table.counts) == {("left", "left"): 1}


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("left", "left"),
        ("RIGHT.", "right"),
        ("Both lungs", "both"),
        ("bilaterally", "both"),
        ("bilateral", "both"),
        ("left and right", "both"),
        ("leftover", "no side"),
        ("heart", "no side"),
        (" ", "none"),
    ],
)
def test_a_side_is_read_off_words(text, side):
    assert side_named(text) == side
    for more in ("left", "right") if side == "both" else (side,) if side in ("left", "right") else ():
        assert side_named(f"{text}, mostly {more}") == side


def test_an_effusion_on_both_sides_that_is_said_of_one_as_well_is_on_both():
    for side in (Side.LEFT, Side.RIGHT):
        items = [item(Task.FINDINGS, truth=(fact(Side.BILATERAL), fact(side)))]
        [table] = by_side(Task.FINDINGS, items, [Answer("")])
        assert dict(table.counts) == {("both", "none"): 1}
