import pytest

from hilum.errors import DataError
from hilum.sources import SourceSpec, open_source
from hilum.study import Question, Split
from sources.helpers import picture, read, said
from sources.vqa_layout import ASK_EFFUSION, ASK_WHERE, dump, restruct, write_rad_restruct


def test_every_field_arrives(tmp_path):
    studies, problems = read("rad-restruct", write_rad_restruct(tmp_path))
    assert not len(problems), said(problems)
    assert [s.id for s in studies] == [f"rad-restruct/{i}" for i in range(1, 13)]
    assert [s.split for s in studies] == [Split.TRAIN] * 8 + [Split.VAL] * 2 + [Split.TEST] * 2
    study = studies[0]
    assert study.patient == "open-i/CXR1"
    assert study.views[0].id == "CXR1_IM-0001-1001.png"
    assert study.questions == (
        Question(ASK_EFFUSION[0], "yes", True, kind="pleura_signs", options=("yes", "no")),
        Question(
            "In which part of the body?",
            "aorta, thoracic; left",
            True,
            kind="pleura_signs_plaque_body_regions",
            options=("left", "right", "aorta, thoracic"),
            several=True,
            history=(
                ("Are there any signs in the pleura?", "yes"),
                ("Is there a plaque in the pleura?", "yes"),
            ),
        ),
    )


def test_neither_path_nor_words_make_a_duplicate(tmp_path):
    again = [*ASK_WHERE[:2], ASK_WHERE[2][:1], ASK_WHERE[3]]
    restruct(tmp_path, {"train": {"7": [ASK_WHERE, again]}, "val": {}, "test": {}})
    (study,), _ = read("rad-restruct", tmp_path)
    assert [len(q.history) for q in study.questions] == [2, 1]


def test_all_frontal_films_are_views_wherever_they_lie(tmp_path):
    restruct(tmp_path, {"train": {"7": [ASK_EFFUSION]}, "val": {}, "test": {}})
    place = tmp_path / "data" / "radrestruct"
    names = ["CXR7_IM-0007-1001", "CXR7_IM-0007-2001", "CXR7_IM-0007-gone"]
    picture(tmp_path / "NLMCXR_png" / f"{names[1]}.png")
    dump(place / "id_to_img_mapping_frontal_reports.json", {"7": names})
    for folder in (tmp_path, place):
        (study,), problems = read("rad-restruct", folder)
        assert [v.id for v in study.views] == [f"{n}.png" for n in names[: 2 if folder == tmp_path else 1]]
    assert problems.counts == {"has questions but no image file": 2}


def test_without_lists_the_files_make_the_splits_by_number(tmp_path):
    reports = {n: [ASK_EFFUSION] for n in ("10", "2")}
    restruct(tmp_path, {"train": {}, "val": reports, "test": {"2": [ASK_EFFUSION]}}, lists=False)
    studies, problems = read("rad-restruct", tmp_path)
    assert [(s.id, s.split) for s in studies] == [
        ("rad-restruct/2", Split.VAL),
        ("rad-restruct/10", Split.VAL),
    ]
    assert problems.counts == {"is missing": 1, "is a duplicate id": 1}


@pytest.mark.parametrize(
    "item",
    [
        "Is it?",
        ["Is it?", ["yes"], []],
        ["", ["yes"], [], ASK_EFFUSION[3]],
        ["Is it?", [], [], ASK_EFFUSION[3]],
        ["Is it?", ["maybe"], [], ASK_EFFUSION[3]],
        ["Is it?", ["yes", "no"], [], ASK_EFFUSION[3]],
        ["Is it?", ["yes"], ["before"], ASK_EFFUSION[3]],
        ["Is it?", ["yes"], [], {"options": ["yes"]}],
    ],
)
def test_a_bad_question_is_counted_with_its_place(tmp_path, item):
    restruct(tmp_path, {"train": {"7": [ASK_EFFUSION, item]}, "val": {}, "test": {}})
    (study,), problems = read("rad-restruct", tmp_path)
    assert len(study.questions) == 1
    assert said(problems)[0].startswith("train_qa_pairs/7.json, question 2: is no question")


def test_reports_without_file_or_film_are_counted(tmp_path):
    restruct(tmp_path, {"train": {str(n): [ASK_EFFUSION] for n in range(1, 4)}, "val": {}, "test": {}})
    place = tmp_path / "data" / "radrestruct"
    dump(place / "train_ids.json", ["1", "2", "3", "99"])
    (place / "train_qa_pairs" / "2.json").unlink()
    (place / "train_qa_pairs" / "3.json").write_text("{")
    studies, problems = read("rad-restruct", tmp_path)
    assert [s.id for s in studies] == ["rad-restruct/1"]
    assert len(problems) == 4, said(problems)


def test_a_missing_mapping_is_named(tmp_path):
    with pytest.raises(DataError, match=r"id_to_img_mapping_frontal_reports\.json: is missing"):
        open_source(SourceSpec("rad-restruct", tmp_path))


def test_a_list_of_reports_that_is_none_is_named(tmp_path):
    restruct(tmp_path, {"train": {"7": [ASK_EFFUSION]}, "val": {}, "test": {}})
    dump(tmp_path / "data" / "radrestruct" / "val_ids.json", {"7": 1})
    with pytest.raises(DataError, match=r"val_ids\.json: is no list of reports; download it again"):
        read("rad-restruct", tmp_path)
