"""Questions with options keep them and their answers; questions on change show both images."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.instruct.label_state import LabelState
from hilum.instruct.options import offer, right_options
from hilum.instruct.qa_pairs import Case
from hilum.study import ImageIn, Position, Question, Split, Task
from instruct.helpers import balance_of
from instruct.tasks.made import BARE, PAIR, answer, asked, question, shown

OPTIONS = ("Left lung", "Right lung", "Heart", "None of these")
CHOICE = Question("Where is the mass?", "right lung", True, options=OPTIONS)
SEVERAL = Question("Which are enlarged?", "Heart; Left lung", True, options=OPTIONS, several=True)
CHANGE = Question("What has changed?", "the left effusion has increased", False, compares=True)
names = st.lists(
    st.text("abcdefgh ", min_size=1, max_size=8).map(str.strip).filter(bool),
    min_size=2,
    max_size=26,
    unique=True,
)


@given(names, st.data(), st.sampled_from(Split), st.integers(0, 99))
def test_options_are_all_listed_once_and_the_answer_names_the_right_ones(options, data, split, seed):
    case = Case(BARE, LabelState(BARE), balance_of(BARE), split, seed)
    right = data.draw(st.sets(st.sampled_from(options)))
    offered = offer(case, options, right, case.rng("test"))
    marked = dict(part.split(") ", 1) for part in offered.listed.split(", "))
    assert sorted(marked.values()) == sorted(options)
    said = [part for part in offered.answer.split(", ") if offered.answer != "none" or right]
    for part in said:
        mark, _, text = part.partition(") ")
        assert (text or marked.get(mark.rstrip(")"), part)) in right
    assert len(said) == len(right) or offered.answer == "none"
    if split is not Split.TRAIN:
        assert set(said) == right
        assert not offered.note


def test_26_options_have_a_mark_each_of_every_kind():
    some = [f"part {n}" for n in range(26)]
    firsts = set()
    for seed in range(20):
        case = Case(BARE, LabelState(BARE), balance_of(BARE), Split.TRAIN, seed)
        listed = offer(case, some, {"part 0"}, case.rng("test")).listed.split(", ")
        assert sorted(part.split(") ")[1] for part in listed) == sorted(some)
        firsts.add((listed[0].split(" ")[0], listed[25].split(" ")[0]))
    assert firsts == {("(A)", "(Z)"), ("(a)", "(z)"), ("(1)", "(26)")}


@pytest.mark.parametrize("split", Split)
def test_a_question_with_options_lists_them_shuffled(split):
    study = replace(BARE, questions=(CHOICE,))
    orders, answers = set(), set()
    for seed in range(30):
        [one] = [c for c in asked(study, Task.VQA_CLOSED, split, seed=seed) if "choice" in c.id]
        text = question(one)
        assert all(option in text for option in OPTIONS)
        orders.add(tuple(sorted(OPTIONS, key=text.index)))
        answers.add(answer(one))
        mark = re.match(r"\(\w+\)", answer(one))
        assert answer(one) in (("Right lung",) if mark is None else (mark[0], f"{mark[0]} Right lung"))
        assert mark is None or f"{mark[0]} Right lung" in text
    assert len(orders) > 5
    assert len(answers) == 1 if split is not Split.TRAIN else len(answers) > 3


def test_it_is_not_asked_a_second_time_without_them():
    study = replace(BARE, questions=(CHOICE, SEVERAL, CHANGE))
    own = [c for c in asked(study, Task.VQA_CLOSED) if "own" in c.id or "choice" in c.id]
    assert [c.id.rsplit("/", 1)[1] for c in own] == ["choice-0", "choice-1"]
    assert not [c for c in asked(study, Task.VQA_OPEN) if "own" in c.id]
    assert answer(own[1]) in ("Heart, Left lung", "Left lung, Heart")


def test_it_is_asked_without_them_where_it_makes_sense():
    spoken_of = replace(CHOICE, question="Which of the following is affected?")
    yes = Question("Is there a mass?", "yes", True, options=("yes", "no"))
    study = replace(BARE, questions=(CHOICE, SEVERAL, spoken_of, yes))
    said = {question(c): answer(c) for c in asked(study, Task.VQA_OPEN) if "/open-" in c.id}
    assert said == {"Where is the mass?": "Right lung", "Which are enlarged?": "Left lung, Heart"}


def test_a_follow_up_is_asked_after_what_it_follows_from():
    study = replace(BARE, questions=(replace(CHOICE, history=(("Is there a mass?", "yes"),)),))
    [one] = [c for c in asked(study, Task.VQA_CLOSED) if "choice" in c.id]
    text = question(one)
    assert text.index("Is there a mass? yes.") < text.index("Where is the mass?")


def test_options_too_many_to_be_marked_are_left_out():
    many = replace(CHOICE, options=(*OPTIONS, *(f"part {i}" for i in range(30))))
    assert not right_options(many)
    [one] = [c for c in asked(replace(BARE, questions=(many,)), Task.VQA_CLOSED) if "own" in c.id]
    assert question(one) == CHOICE.question


def test_change_is_asked_by_its_own_task_alone():
    study = replace(PAIR, questions=(CHANGE,))
    both = frozenset({Task.VQA_OPEN, Task.DIFFERENCE})
    assert not [c for c in asked(study, Task.VQA_OPEN, tasks=both) if "own" in c.id]
    assert asked(study, Task.DIFFERENCE, tasks=both)


def test_an_answer_that_is_no_option_is_asked_for_openly():
    study = replace(BARE, questions=(replace(CHOICE, answer="spleen"),))
    [one] = [c for c in asked(study, Task.VQA_CLOSED) if "own" in c.id or "choice" in c.id]
    assert (question(one), answer(one)) == ("Where is the mass?", "spleen")


def test_right_options_are_told_whatever_their_case():
    assert right_options(SEVERAL) == {"Heart", "Left lung"}
    assert right_options(replace(CHOICE, answer=" RIGHT  lung")) == {"Right lung"}
    assert not right_options(replace(CHOICE, answer="Heart; spleen"))
    semicolon = replace(CHOICE, options=("a; b", "c"), answer="a; b")
    assert right_options(semicolon) == {"a; b"}


def test_a_question_on_change_shows_both_images_with_their_roles():
    [one] = asked(replace(PAIR, questions=(CHANGE, CHANGE)), Task.DIFFERENCE)
    assert shown(one) == (ImageIn("pair-before", Position.AP, prior=True), ImageIn("pair-pa", Position.PA))
    assert "What has changed?" in question(one)
    assert answer(one) == CHANGE.answer


def test_it_shows_the_view_it_is_about_and_needs_a_prior_one():
    other = replace(PAIR, questions=(replace(CHANGE, view=1),))
    assert asked(other, Task.DIFFERENCE)[0].images_in == ("pair-before", "pair-lateral")
    assert not asked(replace(other, prior_image_ids=()), Task.DIFFERENCE)
    assert not asked(replace(PAIR, questions=(replace(CHANGE, view=7),)), Task.DIFFERENCE)


@pytest.mark.parametrize(("count", "offered"), [(1, False), (2, True), (26, True), (27, False)])
def test_two_options_to_one_for_each_letter_can_be_offered(count, offered):
    some = tuple(f"part {n}" for n in range(count))
    assert right_options(replace(CHOICE, options=some, answer="part 0")) == ({"part 0"} if offered else set())
    twice = replace(CHOICE, options=(*some, *some), answer="Part  0; part 1")
    assert right_options(twice) == ({"part 0", "part 1"} if offered else set())
