import pickle
from collections import Counter

import numpy as np
import pytest

from hilum.errors import DataError
from hilum.sources import SourceSpec, open_source
from hilum.study import Finding, Presence, Question, Side, Split
from sources.helpers import picture, read, said
from sources.vqa_layout import dump, slake, slake_marks, slake_row, write_slake


def test_every_field_arrives(tmp_path):
    left_out = Counter()
    studies, problems = read("slake", write_slake(tmp_path), left_out=left_out)
    assert not len(problems), said(problems)
    assert [s.id for s in studies] == [f"slake/xmlab{i}" for i in range(12)]
    assert [s.split for s in studies] == [Split.TRAIN] * 8 + [Split.VAL] * 2 + [Split.TEST] * 2
    assert studies[1].patient == "slake/xmlab1"
    assert studies[1].views[0].id == "xmlab1/source.jpg"
    assert studies[1].questions == (
        Question("Is it normal?", "Yes", True, kind="Abnormality"),
        Question("Where is the abnormality?", "Lower Left", False, kind="Abnormality"),
    )
    assert left_out == {"questions in Chinese": 1, "questions on other images": 1}


def test_boxes_and_masks_become_regions(tmp_path):
    study = read("slake", write_slake(tmp_path))[0][0]
    lung, effusion, heart = pickle.loads(pickle.dumps(study)).regions
    assert (lung.phrase, lung.side, lung.box) == ("left lung", Side.LEFT, (0.5, 0.2, 0.75, 0.6))
    assert (heart.phrase, heart.box) == ("heart", (0.2, 0.7, 0.4, 0.9))
    assert (effusion.finding, effusion.box) == (Finding.PLEURAL_EFFUSION, (0.625, 0.5, 1.0, 0.8))
    assert study.labels == {Finding.PLEURAL_EFFUSION: Presence.PRESENT}
    expected = np.zeros((10, 20), bool)
    expected[2:6, 10:15] = True
    assert np.array_equal(lung.mask.mask(), expected)
    assert heart.mask.mask().sum() == 8
    assert effusion.mask is None


def test_chinese_questions_do_not_bring_test_images_into_training(tmp_path):
    rows = {"train": [slake_row(1, 1), slake_row(2, 2, q_lang="zh")], "test": [slake_row(2, 3)]}
    studies, _ = read("slake", slake(tmp_path, rows))
    assert {s.id: s.split for s in studies} == {"slake/xmlab1": Split.TRAIN, "slake/xmlab2": Split.TEST}


def test_an_image_in_two_splits_keeps_the_first(tmp_path):
    rows = {"train": [slake_row(1, 1)], "test": [slake_row(1, 2), slake_row(2, 3)]}
    studies, problems = read("slake", slake(tmp_path, rows))
    assert [len(s.questions) for s in studies] == [1, 1]
    assert said(problems)[1] == "test.json, item 1: asks about an image of another split; it is left out"


def test_the_hubs_name_of_the_validation_file_and_the_authors_list_are_known(tmp_path):
    slake(tmp_path, {"validation": [slake_row(1, 1, modality="CT"), slake_row(2, 2)]})
    (tmp_path / "list_chest_xray.txt").write_text("xmlab1/source.jpg\n")
    (study,), problems = read("slake", tmp_path)
    assert (study.id, study.split) == ("slake/xmlab1", Split.VAL)
    assert problems.counts == {"is missing": 2}


def test_bad_questions_are_counted_and_the_others_kept(tmp_path):
    rows = [slake_row(1, 1), slake_row(1, 1), slake_row(1, 2, answer=""), "no object", slake_row(3, 4)]
    slake(tmp_path, {"train": rows, "validate": [], "test": []})
    (tmp_path / "imgs/xmlab3/source.jpg").unlink()
    (study,), problems = read("slake", tmp_path)
    assert len(study.questions) == 1
    assert problems.counts == {
        "is a duplicate id": 1,
        "has no answer": 1,
        "is not an object": 1,
        "has questions but no image file": 1,
    }, said(problems)


@pytest.mark.parametrize(
    ("boxes", "problem"),
    [
        ([{"Mass": [1, 2, 3]}], "is unreadable or outside the image"),
        ([{"Mass": [30, 2, 3, 3]}], "is unreadable or outside the image"),
        ([{"Mass": [1, 1, 0, 3]}], "is unreadable or outside the image"),
        ([{"Mass": [1, 1, "nan", 3]}], "is unreadable or outside the image"),
        ([{"": [1, 1, 2, 3]}], "is unreadable or outside the image"),
        (["Mass"], "is unreadable or outside the image"),
        (7, "is unreadable or outside the image"),
    ],
)
def test_bad_boxes_are_counted(tmp_path, boxes, problem):
    slake(tmp_path, {"train": [slake_row(1, 1)], "validate": [], "test": []})
    slake_marks(tmp_path, 1, boxes)
    (study,), problems = read("slake", tmp_path)
    assert study.regions == ()
    assert problems.counts == {problem: 1}


def test_masks_of_another_size_or_value_are_counted(tmp_path):
    slake(tmp_path, {"train": [slake_row(i, i) for i in range(1, 5)], "validate": [], "test": []})
    slake_marks(tmp_path, 1, [], np.full((10, 19), 180))
    slake_marks(tmp_path, 2, [], np.where(np.arange(20) < 5, 180, 181)[None].repeat(10, 0))
    (tmp_path / "imgs/xmlab3/mask.png").write_text("no picture")
    (tmp_path / "imgs/xmlab4/detection.json").write_text("[")
    with (tmp_path / "mask.txt").open("a") as file:
        file.write("heart\n")
    studies, problems = read("slake", tmp_path)
    assert [len(s.regions) for s in studies] == [0, 1, 0, 0]
    assert sorted(text.split(":")[0] for text in said(problems)) == [
        "mask.txt, line 5",
        *(f"slake/xmlab{i}" for i in range(1, 5)),
    ]
    assert problems.counts["has another size than its image"] == 1


def test_missing_or_broken_files_are_named(tmp_path):
    picture(tmp_path / "imgs/xmlab1/source.jpg")
    with pytest.raises(DataError, match=r"train\.json: is missing"):
        open_source(SourceSpec("slake", tmp_path))
    dump(tmp_path / "train.json", {})
    with pytest.raises(DataError, match="is not a JSON list"):
        open_source(SourceSpec("slake", tmp_path))


def test_without_the_table_of_masks_none_is_read_and_it_is_said(tmp_path):
    slake(tmp_path, {"train": [slake_row(1, 1)], "validate": [], "test": []})
    slake_marks(tmp_path, 1, [], np.full((10, 20), 180))
    (tmp_path / "mask.txt").unlink()
    (study,), problems = read("slake", tmp_path)
    assert not study.regions
    assert "mask.txt: is missing" in said(problems)[0]


def test_an_image_that_cannot_be_read_has_questions_and_no_regions(tmp_path):
    slake(tmp_path, {"train": [slake_row(1, 1)], "validate": [], "test": []})
    slake_marks(tmp_path, 1, [{"Mass": [1, 1, 2, 3]}])
    (tmp_path / "imgs/xmlab1/source.jpg").write_text("no picture")
    (study,), problems = read("slake", tmp_path)
    assert (len(study.questions), study.regions, study.labels) == (1, (), {})
    assert not len(problems)
