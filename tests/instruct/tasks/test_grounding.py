"""Boxes are those of the regions, "none" is said of what is surely absent, a box in words is of one thing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hilum.instruct.ingest import connected
from hilum.study import (
    CHEXPERT_14,
    Fact,
    Finding,
    Position,
    Presence,
    Region,
    Report,
    RunLengths,
    Split,
    Task,
    write_box,
)
from instruct.helpers import BOX, balance_of, record
from instruct.tasks.made import BARE, OTHER_BOX, answer, asked, boxes, question, region

ABSENT = dict.fromkeys(CHEXPERT_14, Presence.ABSENT)
AIR, TUBE, BREAK = Finding.PNEUMOTHORAX, Finding.CHEST_TUBE, Finding.FRACTURE
SEGMENTS = {
    Task.SEGMENT_PNEUMOTHORAX: (AIR, "pneumothorax"),
    Task.SEGMENT_RIB_FRACTURE: (BREAK, "fractured left rib"),
    Task.SEGMENT_CHEST_TUBE: (TUBE, "chest tube"),
}


def with_regions(*regions, finding=AIR, **fields):
    given = {"regions": regions, "labels": {**ABSENT, finding: Presence.PRESENT}, "report": None}
    return record("boxed", complete=False, **(given | fields))


ALL = with_regions(
    region("small pneumothorax", AIR),
    region("rib fracture", BREAK, OTHER_BOX),
    labels={**ABSENT, Finding.NO_FINDING: Presence.ABSENT, AIR: Presence.PRESENT, BREAK: Presence.PRESENT},
)


def test_every_abnormality_is_named_with_its_box_from_left_to_right():
    [one] = asked(ALL, Task.DETECT_ALL)
    assert answer(one) == f"fracture {write_box(OTHER_BOX)}; pneumothorax {write_box(BOX)}"
    assert one.images_in == ALL.image_ids


@pytest.mark.parametrize(
    "lacking",
    [
        replace(ALL, labels={**ALL.labels, Finding.EDEMA: Presence.PRESENT}),
        replace(ALL, terms={"Kyphosis": Presence.PRESENT}),
        replace(ALL, regions=(*ALL.regions, region("hidden", AIR, visibility=0.05))),
        replace(
            ALL, regions=tuple(replace(ALL.regions[0], box=(i / 9, 0, i / 9 + 0.1, 1)) for i in range(6))
        ),
        replace(ALL, labels={AIR: Presence.PRESENT, BREAK: Presence.PRESENT}),
        replace(ALL, positions=(Position.LATERAL,)),
    ],
    ids=["unboxed finding", "unboxed term", "hidden", "too many", "no absence known", "lateral"],
)
def test_a_list_that_may_not_be_whole_is_not_asked_for(lacking):
    assert not asked(lacking, Task.DETECT_ALL)


def test_a_normal_image_has_none():
    normal = with_regions(labels={**ABSENT, Finding.NO_FINDING: Presence.PRESENT})
    said = [one for seed in range(60) for one in asked(normal, Task.DETECT_ALL, seed=seed)]
    assert {answer(one) for one in said} == {"none"}
    assert 5 < len(said) < 35


CALCIFIED = with_regions(
    region("calcification"),
    region("calcification", box=OTHER_BOX),
    labels={},
    terms={"Calcification": Presence.PRESENT, "Lung cyst": Presence.ABSENT, "COPD": Presence.ABSENT},
)
CYST = replace(
    CALCIFIED,
    id="cyst",
    patient="another",
    regions=(region("lung cyst"),),
    terms={"Lung cyst": Presence.PRESENT},
)


def test_the_sources_own_words_are_grounded_or_none():
    said = [
        one for seed in range(20) for one in asked(CALCIFIED, Task.GROUND_LABEL, seed=seed, others=(CYST,))
    ]
    for one in said:
        if "calcification" in question(one).lower():
            assert boxes(one) == [OTHER_BOX, BOX]
        else:
            assert ("lung cyst" in question(one).lower(), answer(one)) == (True, "none")
    assert {answer(one) == "none" for one in said} == {True, False}


def test_an_absent_word_that_nobody_boxes_is_not_asked_for():
    said = [one for seed in range(20) for one in asked(CALCIFIED, Task.GROUND_LABEL, seed=seed)]
    assert {answer(one) == "none" for one in said} == {False}


@pytest.mark.parametrize("task", SEGMENTS)
def test_an_outlined_finding_is_asked_for_by_boxes(task):
    finding, phrase = SEGMENTS[task]
    drawn = (region(phrase, finding, outlined=True), region(phrase, finding, OTHER_BOX, outlined=True))
    [one] = asked(with_regions(*drawn, finding=finding), task)
    assert boxes(one) == [OTHER_BOX, BOX]


@pytest.mark.parametrize("task", SEGMENTS)
def test_none_is_said_where_it_is_known_to_be_absent_and_others_are_outlined(task):
    finding, phrase = SEGMENTS[task]
    drawn = with_regions(region(phrase, finding, outlined=True), finding=finding)
    boxed = with_regions(region(phrase, finding), finding=finding)
    without = replace(BARE, labels={finding: Presence.ABSENT}, facts_complete=False)
    unknown = replace(without, labels={})
    for studies, expected in ((drawn, {"none"}), (boxed, set())):
        balance = balance_of(studies, without)
        said = [c for seed in range(30) for c in asked(without, task, seed=seed, balance=balance)]
        assert {answer(one) for one in said} == expected
        assert not [c for seed in range(30) for c in asked(unknown, task, seed=seed, balance=balance)]
    assert not asked(boxed, task)


def test_a_fracture_of_another_bone_is_no_rib_fracture():
    clavicle = region("clavicle fracture", BREAK, outlined=True)
    assert not asked(with_regions(clavicle, finding=BREAK), Task.SEGMENT_RIB_FRACTURE)


FOREIGN = with_regions(
    region("foreign object"),
    region("foreign object", box=OTHER_BOX),
    labels={},
    terms={"Foreign object": Presence.PRESENT},
)


def test_foreign_objects_are_boxed_or_none():
    [one] = asked(FOREIGN, Task.FOREIGN_OBJECTS)
    assert boxes(one) == [OTHER_BOX, BOX]
    [none] = asked(
        replace(FOREIGN, regions=(), terms={"Foreign object": Presence.ABSENT}), Task.FOREIGN_OBJECTS
    )
    assert answer(none) == "none"


def test_foreign_objects_without_a_box_or_a_word_are_not_asked_for():
    assert not asked(replace(FOREIGN, regions=()), Task.FOREIGN_OBJECTS)
    assert not asked(replace(FOREIGN, terms={}), Task.FOREIGN_OBJECTS)


TOLD = with_regions(
    region("small left pneumothorax", AIR),
    region("rib fractures", BREAK, OTHER_BOX),
    report=Report("", "", "There is a Small left\npneumothorax. Bones: rib fractures.", ""),
)
WORDED = (Task.GROUNDED_CAPTION, Task.GROUNDED_DIAGNOSIS, Task.GROUNDED_PHRASE)


@pytest.mark.parametrize("split", Split)
def test_boxes_are_put_in_words(split):
    captions = {question(c): answer(c) for c in asked(TOLD, Task.GROUNDED_CAPTION, split)}
    classes = {question(c): answer(c) for c in asked(TOLD, Task.GROUNDED_DIAGNOSIS, split)}
    phrases = {question(c): answer(c) for c in asked(TOLD, Task.GROUNDED_PHRASE, split)}
    for box, caption, name, phrase in (
        (BOX, "small left pneumothorax", "pneumothorax", "Small left\npneumothorax"),
        (OTHER_BOX, "rib fractures", "fracture", "rib fractures"),
    ):
        for said, right in ((captions, caption), (classes, name), (phrases, phrase)):
            assert [text for asked_of, text in said.items() if write_box(box) in asked_of] == [right]


@pytest.mark.parametrize("task", WORDED)
def test_a_place_where_two_things_lie_is_not_asked_for(task):
    shared = replace(TOLD, regions=(TOLD.regions[0], replace(TOLD.regions[1], box=BOX)))
    assert asked(TOLD, task)
    assert not asked(shared, task)


def test_the_name_of_a_class_is_no_caption():
    study = with_regions(region("pneumothorax", AIR))
    assert not asked(study, Task.GROUNDED_CAPTION)
    assert [answer(one) for one in asked(study, Task.GROUNDED_DIAGNOSIS)] == ["pneumothorax"]


def test_a_phrase_is_extracted_only_where_the_report_has_it_once_among_others():
    for text in (
        "No words of it.",
        "Small left pneumothorax.",
        "Small left pneumothorax, small left pneumothorax.",
    ):
        study = replace(TOLD, report=Report("", "", text, ""), regions=TOLD.regions[:1])
        assert not asked(study, Task.GROUNDED_PHRASE)


def test_regions_of_another_view_are_not_asked_for():
    study = replace(
        TOLD,
        image_ids=("a", "b"),
        positions=(Position.PA, Position.LATERAL),
        regions=tuple(replace(one, view=1) for one in TOLD.regions),
    )
    for task in (*WORDED, Task.DETECT_ALL, Task.SEGMENT_PNEUMOTHORAX):
        assert not asked(study, task), task


def test_a_mask_of_several_parts_becomes_several_regions():
    mask = np.zeros((100, 200), bool)
    mask[10:30, 20:60] = mask[60:90, 100:180] = True
    mask[30, 60] = True  # touches the first part at a corner
    mask[50, 150] = True  # a speck
    whole = Region((0.0, 0.0, 1.0, 1.0), "pneumothorax", AIR, mask=RunLengths.of_mask(mask))
    parts = connected(whole)
    assert [part.box for part in parts] == [(0.1, 0.1, 0.305, 0.31), (0.5, 0.6, 0.9, 0.9)]
    assert all(part.phrase == "pneumothorax" and part.finding is AIR for part in parts)
    total = sum(int(part.mask.mask().sum()) for part in parts)
    assert total == mask.sum() - 1
    mask[50, 150] = False
    assert len(connected(replace(whole, mask=RunLengths.of_mask(mask)))) == 2
    mask[60:90, 100:180] = False
    assert connected(alone := replace(whole, mask=RunLengths.of_mask(mask))) == [alone]
    bare = Region((0.0, 0.0, 1.0, 1.0), "pneumothorax", AIR, mask=mask)
    assert connected(bare) == [bare]
    assert connected(replace(whole, mask=None)) == [replace(whole, mask=None)]


def test_a_single_fact_is_worded_like_its_region():
    study = record("plain", Fact(AIR))
    assert [answer(one) for one in asked(study, Task.GROUNDED_DIAGNOSIS)] == ["pneumothorax"]
