"""What is said not to belong to a study cannot: another patient's image, a text that contradicts it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.instruct.label_state import LabelState
from hilum.instruct.tasks.comparison import contradicts
from hilum.reports import extract_facts
from hilum.study import ImageIn, Position, Presence, Report, Split, Task
from instruct.tasks.made import LABELS, PAIR, answer, asked, question, shown, sick

OTHER = sick(
    "other", LABELS[1], image_ids=("other-pa", "other-lateral"), positions=(Position.PA, Position.LATERAL)
)
TEXT = (Task.MATCH_TEXT, Task.SELECT_TEXT)
findings = st.sets(st.sampled_from(LABELS), max_size=4)


def texts(study):
    return {text for text in (study.report.findings, study.report.impression, study.caption) if text}


@given(findings, st.lists(findings, max_size=4), st.sampled_from(Split), st.integers(0, 30))
def test_a_text_said_not_to_fit_contradicts_what_is_known(own, strangers, split, seed):
    study = sick("own", *sorted(own))
    others = tuple(sick(f"s{i}", *sorted(some)) for i, some in enumerate(strangers))
    state = LabelState(study)
    foreign = {text for other in others for text in texts(other)} - texts(study)
    for one in asked(study, Task.MATCH_TEXT, split, seed=seed, others=others):
        wrong = [text for text in foreign if text in question(one)]
        if answer(one).startswith("Yes"):
            assert not wrong or any(text in question(one) for text in texts(study))
            assert not contradicts(question(one), state)
        else:
            assert any(contradicts(text, state) for text in wrong)
    for one in asked(study, Task.SELECT_TEXT, split, seed=seed, others=others):
        text = question(one)
        assert any(said in text for said in texts(study))
        assert any(said in text and contradicts(said, state) for said in foreign)
        start = text.index(answer(one)) + len(answer(one)) + 1
        assert any(text[start:].startswith(said) for said in texts(study))


@given(findings, findings)
def test_a_study_never_contradicts_itself(own, other):
    study = sick("own", *sorted(own))
    assert not any(contradicts(text, LabelState(study)) for text in texts(study))
    stated = {f.finding for text in texts(sick("x", *sorted(other))) for f in extract_facts(text)}
    if not stated <= own:
        assert any(contradicts(text, LabelState(study)) for text in texts(sick("x", *sorted(other))))


def test_a_denial_of_one_side_contradicts_nothing():
    assert contradicts("No pleural effusion.", LabelState(PAIR))
    assert not contradicts("No right pleural effusion.", LabelState(PAIR))


@pytest.mark.parametrize("task", TEXT)
def test_a_text_shows_all_views_with_their_roles(task):
    [one] = asked(PAIR, task, others=(OTHER,))
    assert shown(one) == (ImageIn("pair-pa", Position.PA), ImageIn("pair-lateral", Position.LATERAL))


@pytest.mark.parametrize("task", [*TEXT, Task.VIEW_MATCHING])
def test_nothing_is_asked_without_a_study_that_differs(task):
    alike = replace(PAIR, id="alike", patient="another")
    for seed in range(20):
        assert not asked(PAIR, task, seed=seed)
        if task is not Task.VIEW_MATCHING:
            assert not asked(PAIR, task, seed=seed, others=(alike,))
    assert not asked(replace(PAIR, image_ids=(), positions=()), task, others=(OTHER,))


@pytest.mark.parametrize("task", [Task.MATCH_TEXT, Task.VIEW_MATCHING])
def test_yes_and_no_are_as_frequent(task):
    said = [answer(one) for seed in range(200) for one in asked(PAIR, task, seed=seed, others=(OTHER,))]
    assert len(said) == 200
    assert 70 < said.count("Yes") < 130


def test_the_place_of_the_right_text_varies():
    said = {
        answer(one) for seed in range(20) for one in asked(PAIR, Task.SELECT_TEXT, seed=seed, others=(OTHER,))
    }
    assert said == {"(A)", "(B)"}


def test_training_now_and_then_matches_a_part_of_the_text():
    said = [
        c
        for seed in range(200)
        for c in asked(PAIR, Task.MATCH_TEXT, Split.TRAIN, seed=seed, others=(OTHER,))
    ]
    own = [question(one) for one in said if answer(one).startswith("Yes")]
    whole = [text for text in own if any(given in text for given in texts(PAIR))]
    assert 0.02 < 1 - len(whole) / len(own) < 0.25


FIGURE = replace(PAIR, id="figure", report=None, caption="Film with a large right pleural effusion.")


def test_a_caption_is_matched_with_one_of_other_findings():
    other = replace(FIGURE, id="o", patient="o", caption="A fracture of the left clavicle.")
    also = replace(FIGURE, id="a", patient="a", caption="Pleural effusion and edema.")
    mute = replace(FIGURE, id="m", patient="m", caption="The film of our patient.")
    assert not asked(FIGURE, Task.SELECT_TEXT, others=(also, mute))
    [one] = asked(FIGURE, Task.SELECT_TEXT, others=(also, mute, other))
    assert "clavicle" in question(one)
    assert shown(one) == (ImageIn("pair-pa"), ImageIn("pair-lateral"))


@given(
    st.lists(st.sampled_from(Position), min_size=2, max_size=5),
    st.lists(st.lists(st.sampled_from(Position), max_size=3), max_size=4),
    st.integers(0, 50),
)
def test_views_are_matched_with_views_of_the_same_positions(own, strangers, seed):
    def taken(name, positions):
        ids = tuple(f"{name}-{i}" for i in range(len(positions)))
        return replace(OTHER, id=name, patient=name, image_ids=ids, positions=tuple(positions), regions=())

    study = taken("own", own)
    others = tuple(taken(f"s{i}", positions) for i, positions in enumerate(strangers))
    where = {i: p for s in (study, *others) for i, p in zip(s.image_ids, s.positions, strict=True)}
    for one in asked(study, Task.VIEW_MATCHING, seed=seed, others=others):
        first, second = one.images_in
        assert not any(image.role for image in shown(one))
        mine = {first, second} & set(study.image_ids)
        assert answer(one) == ("Yes" if len(mine) == 2 else "No")
        assert mine
        if len(mine) == 1:
            [stranger] = {first, second} - mine
            rest = [p for i, p in zip(study.image_ids, study.positions, strict=True) if i not in mine]
            assert where[stranger] in rest


def test_every_pair_of_views_is_asked_for_frontal_or_not():
    three = replace(PAIR, image_ids=("a", "b", "c"), positions=(Position.AP, Position.AP, Position.LATERAL))
    others = (replace(OTHER, positions=(Position.AP, Position.LATERAL)),)
    said = [c for seed in range(80) for c in asked(three, Task.VIEW_MATCHING, seed=seed, others=others)]
    pairs = {frozenset(one.images_in) for one in said if answer(one) == "Yes"}
    assert pairs == {frozenset(pair) for pair in ("ab", "ac", "bc")}


def test_an_image_that_both_patients_have_tells_nothing():
    same = replace(OTHER, image_ids=PAIR.image_ids)
    assert not [c for seed in range(9) for c in asked(PAIR, Task.VIEW_MATCHING, seed=seed, others=(same,))]


def test_a_report_without_a_word_of_the_chest_is_no_wrong_text():
    mute = replace(OTHER, report=Report("", "", "Reviewed with the team.", "Reviewed."))
    assert not asked(PAIR, Task.SELECT_TEXT, others=(mute,))
    assert Presence.ABSENT in OTHER.labels.values()
