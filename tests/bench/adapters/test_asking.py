"""The words a question is asked in, and boxes read in the forms that models write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.bench.adapters import Kind, Question
from hilum.bench.adapters.asking import BOX_FORM, in_words, read_boxes, task_of
from hilum.errors import UsageError
from hilum.study import write_box


def test_options_are_listed_as_in_chexbench() -> None:
    asked = in_words(Question("1", Kind.CHOICE, "Which?", options=("no", "yes")))
    choose = "Directly answer the question by choosing one option: (A), (B)."
    assert asked == f"Which?\nOptions: (A) no, (B) yes\n{choose}"
    assert in_words(Question("1", Kind.TEXT, "Write.")) == "Write."
    assert in_words(Question("1", Kind.BOX, "Where?")) == f"Where?\n{BOX_FORM}"


def test_more_options_than_letters_are_refused() -> None:
    with pytest.raises(UsageError, match="are 27"):
        in_words(Question("1", Kind.CHOICE, "?", options=tuple(map(str, range(27)))))


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        ("(10,20),(35,100)", ((0.1, 0.2, 0.35, 1.0),)),
        ("Here: ( 10 , 20 ), ( 35 , 100 ).", ((0.1, 0.2, 0.35, 1.0),)),
        ("[10, 20, 35, 100] and [1, 2, 3, 4]", ((0.1, 0.2, 0.35, 1.0), (0.01, 0.02, 0.03, 0.04))),
        ("[0.1, 0.2, 0.5, 1.0]", ((0.1, 0.2, 0.5, 1.0),)),
        ("[0, 0, 1, 1]", ((0.0, 0.0, 0.01, 0.01),)),
        ("<|ref|>mass<|/ref|><|box|>(1,2),(3,4)<|/box|>", ((0.01, 0.02, 0.03, 0.04),)),
        ("(35,20),(10,100)", ()),
        ("(10,20),(35,900)", ()),
        ("(10,20)", ()),
        ("12 mm at (34,50)", ()),
        ("", ()),
    ],
)
def test_boxes_are_read_in_the_usual_forms(text, boxes) -> None:
    assert read_boxes(text) == boxes


@given(st.tuples(*[st.floats(0, 0.4)] * 2, *[st.floats(0.5, 1)] * 2))
def test_hilum_s_own_boxes_are_read(box) -> None:
    [found] = read_boxes(write_box(box))
    assert found == pytest.approx(box, abs=0.0051)


@pytest.mark.parametrize("task", ["View Classification", "view_classification", " view-classification"])
def test_a_task_has_one_name(task) -> None:
    assert task_of(Question("1", Kind.TEXT, "?", task=task)) == "view_classification"
