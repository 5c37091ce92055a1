"""Reports with indication, of change and of parts of the body: right images and words, nothing unknowable."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hilum.instruct.tasks.report import by_anatomy
from hilum.reports import speaks_of_change
from hilum.study import ImageIn, Position, Report, Split, Task
from instruct.helpers import EFFUSION, record
from instruct.tasks.made import BARE, PAIR, answer, asked, question, shown

PRIOR = ImageIn("pair-before", Position.AP, prior=True)
NOW = ImageIn("pair-pa", Position.PA)
ALL_VIEWS = (NOW, ImageIn("pair-lateral", Position.LATERAL))
LOCAL = (Task.LOCAL_FINDINGS, Task.LOCAL_IMPRESSION)
LOCAL_CHANGE = (Task.LOCAL_PROGRESSION_FINDINGS, Task.LOCAL_PROGRESSION_IMPRESSION)
CHANGE = (Task.PROGRESSION_FINDINGS, Task.PROGRESSION_IMPRESSION)
INDICATED = {
    Task.FINDINGS_INDICATED: (Task.FINDINGS, "findings"),
    Task.IMPRESSION_INDICATED: (Task.IMPRESSION, "impression"),
}
STILL = record("still", EFFUSION, prior_image_ids=("before",))


@pytest.mark.parametrize("task", INDICATED)
@pytest.mark.parametrize("split", Split)
def test_the_indication_is_always_told(task, split):
    for seed in range(12):
        [one] = asked(PAIR, task, split, seed=seed)
        assert "Cough." in question(one)
        assert answer(one) == getattr(PAIR.report, INDICATED[task][1])
        assert [image.image_id for image in shown(one)] == ["pair-pa", "pair-lateral"]
    assert not asked(replace(PAIR, report=replace(PAIR.report, indication="")), task, split)


@pytest.mark.parametrize("task", INDICATED)
def test_beside_it_the_plain_task_does_without(task):
    plain, _ = INDICATED[task]
    [one] = asked(PAIR, plain, tasks=frozenset({plain, task}))
    assert "Cough" not in question(one)
    assert "Cough" in question(asked(PAIR, plain)[0])


@pytest.mark.parametrize(("task", "section"), zip(CHANGE, ("findings", "impression"), strict=True))
def test_a_report_of_change_shows_both_images(task, section):
    [one] = asked(PAIR, task)
    assert shown(one) == (PRIOR, NOW)
    assert answer(one) == getattr(PAIR.report, section)


@pytest.mark.parametrize("task", [*CHANGE, *LOCAL_CHANGE])
def test_change_needs_a_prior_image_and_a_report_that_speaks_of_it(task):
    assert not asked(replace(PAIR, prior_image_ids=(), prior_positions=()), task)
    assert not asked(STILL, task)


def test_parts_of_the_body_are_asked_for_one_by_one():
    said = {question(one): answer(one) for one in asked(STILL, Task.LOCAL_FINDINGS)}
    [pleura] = [text for asked_of, text in said.items() if "pleura" in asked_of.lower()]
    [heart] = [text for asked_of, text in said.items() if "heart" in asked_of.lower()]
    assert (pleura, heart) == ("Small left pleural effusion.", "The heart is normal in size.")
    assert len(said) == 2


def test_what_speaks_of_change_is_asked_for_with_the_prior_and_the_rest_without():
    [still] = asked(PAIR, Task.LOCAL_FINDINGS)
    [moved] = asked(PAIR, Task.LOCAL_PROGRESSION_FINDINGS)
    assert (answer(still), shown(still)) == ("Heart size is normal.", ALL_VIEWS)
    assert (answer(moved), shown(moved)) == ("The left pleural effusion has increased.", (PRIOR, NOW))


def test_numbers_of_a_list_do_not_stay_with_its_parts():
    report = Report(impression="1. Left pleural effusion. 2. Normal heart.")
    said = {answer(one) for one in asked(replace(STILL, report=report), Task.LOCAL_IMPRESSION)}
    assert said == {"Left pleural effusion.", "Normal heart."}


def test_tags_decide_where_a_report_has_them_and_file_each_description_once():
    text = "[Breathing: Lungs] Clear lungs. [Breathing: Pleura] No effusion. [Cardiac] Normal heart. [Airway]"
    assert by_anatomy(text) == {
        "Lungs": "Clear lungs.",
        "Pleura": "No effusion.",
        "Cardiac": "Normal heart.",
    }


@pytest.mark.parametrize(
    ("text", "speaks"),
    [
        ("The heart is unchanged.", True),
        ("New right effusion.", True),
        ("Compared with the prior study, clear lungs.", True),
        ("Lines are again seen.", True),
        ("Degenerative changes of the spine.", False),
        ("Small left pleural effusion. Normal heart.", False),
        ("", False),
    ],
)
def test_change_is_told_from_a_state(text, speaks):
    assert speaks_of_change(text) is speaks


def test_a_caption_is_asked_of_all_images_of_which_nothing_is_said():
    study = replace(PAIR, caption="Chest radiograph with a mass.", report=None)
    [one] = asked(study, Task.CAPTION)
    assert answer(one) == study.caption
    assert shown(one) == (ImageIn("pair-pa"), ImageIn("pair-lateral"))
    lateral = replace(study, image_ids=("l",), positions=(Position.LATERAL,), regions=())
    assert asked(lateral, Task.CAPTION)
    assert not asked(BARE, Task.CAPTION)
