import json

import pytest

from hilum.errors import DataError
from hilum.sources import SourceSpec, open_source
from hilum.study import Position, Question, Sex, Split
from sources.helpers import read, said
from sources.mimic_texts_layout import (
    dicom,
    study,
    subject,
    vqa_item,
    write_mimic_cxr_vqa,
    write_mimic_images,
)


def questions(folder, rows, name="train.json"):
    (folder / name).write_text(json.dumps(rows))
    return folder


def test_every_field_arrives(tmp_path):
    write_mimic_cxr_vqa(tmp_path)
    studies, problems = read("mimic-cxr-vqa", tmp_path)
    assert not len(problems), said(problems)
    assert len(studies) == 12
    one = studies[1]
    assert (one.id, one.patient) == (f"mimic-cxr-vqa/{study(1)}", f"mimic/{subject(1)}")
    assert [(view.id, view.position) for view in one.views] == [(dicom(1), Position.AP)]
    assert one.questions == (
        Question("is there edema?", "yes", True, kind="presence"),
        Question("where is the edema?", "left lung, right lung", False, kind="anatomy"),
    )
    assert studies[0].questions[1].answer == "none"
    assert one.taken == "2150-01-01 01:05:01"
    assert [s.split for s in studies[-3:]] == [Split.TRAIN, Split.VAL, Split.TEST]


def test_sex_and_view_are_spelled_out_and_the_sex_is_known(tmp_path):
    write_mimic_images(tmp_path, {0: 0, 1: 1})
    gender = {"content_type": "gender", "semantic_type": "query"}
    rows = [
        vqa_item(0, 0, 0, "what is the gender of the patient?", ["f"], **gender),
        vqa_item(0, 0, 1, "what is the view?", ["ap"], content_type="plane"),
        vqa_item(1, 1, 2, "is the patient a man?", ["yes"], content_type="gender"),
    ]
    (one, two), _ = read("mimic-cxr-vqa", questions(tmp_path, rows))
    assert [q.answer for q in one.questions] == ["female", "AP"]
    assert (one.sex, two.sex) == (Sex.FEMALE, Sex.UNKNOWN)


def test_a_study_goes_to_the_stricter_of_both_splits(tmp_path):
    write_mimic_images(tmp_path, {0: 0, 1: 1, 2: 2}, {0: "test", 1: "train", 2: "train"})
    questions(tmp_path, [vqa_item(i, i, i, "q?", ["no"]) for i in (0, 2)])
    questions(tmp_path, [vqa_item(1, 1, 0, "q?", ["no"])], "valid.json")
    studies, _ = read("mimic-cxr-vqa", tmp_path)
    assert {s.patient[-1]: s.split for s in studies} == {"0": Split.TEST, "1": Split.VAL, "2": Split.TRAIN}


def test_bad_questions_are_counted_and_the_others_kept(tmp_path):
    write_mimic_images(tmp_path, {0: 0})
    good = vqa_item(0, 0, 0, "q?", ["no"])
    rows = [
        good,
        good,
        "no object",
        {**good, "idx": 1, "subject_id": "7"},
        {**good, "idx": 2, "question": " "},
        {**good, "idx": 3, "answer": "no"},
        {**good, "idx": 4, "answer": [None]},
        {**good, "idx": 5, "subject_id": subject(1)},
        vqa_item(7, 0, 6, "q?", ["no"]),
    ]
    notes = []
    (one,), problems = read("mimic-cxr-vqa", questions(tmp_path, rows), notes=notes)
    assert len(one.questions) == 1
    assert problems.counts == {
        "is a duplicate id": 1,
        "is not an object": 1,
        "has no subject_id": 1,
        "has no question": 1,
        "has no list of answers": 1,
        "has an answer that is no text": 1,
        "gives its study another patient": 1,
        "has questions but no image file": 1,
    }, said(problems)
    assert "train.json, item 4: has no subject_id; it is left out" in said(problems)
    assert [note.split()[0] for note in notes] == ["valid.json", "test.json"]


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "train.json").write_text('[{"idx": 0')
    with pytest.raises(DataError, match="item 1: is not JSON"):
        open_source(SourceSpec("mimic-cxr-vqa", tmp_path))
