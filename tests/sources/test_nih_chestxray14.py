import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.sources.nih_chestxray14 import _region
from hilum.study import Finding, Position, Presence, Sex, Split
from sources.helpers import picture, read, said, table

TABLE = "Data_Entry_2017_v2020.csv"
BOX = ("Image Index", "Finding Label", "Bbox [x", "y", "w", "h]")


def row(image, labels="No Finding", followup=0, patient=1, age="50", sex="F", view="PA"):
    values = (image, labels, followup, patient, age, sex, view)
    columns = ("Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age", "Patient Gender")
    return dict(zip((*columns, "View Position"), values, strict=True))


def nih(folder, rows, place="images"):
    table(folder / TABLE, rows)
    for one in rows:
        picture(folder / place / one["Image Index"])
    return folder


def test_a_row_becomes_a_study(tmp_path):
    nih(tmp_path, [row("00000001_000.png", "Effusion|Hernia", age="58", sex="M", view="AP")])
    (study,), problems = read("nih-chestxray14", tmp_path)
    assert (study.id, study.patient) == ("nih-chestxray14/00000001_000", "nih/1")
    assert (study.age, study.sex, study.views[0].position) == (58, Sex.MALE, Position.AP)
    assert {f for f, there in study.labels.items() if there is Presence.PRESENT} == {
        Finding.PLEURAL_EFFUSION,
        Finding.HIATAL_HERNIA,
    }
    assert len(study.labels) == 15
    assert study.labels[Finding.NO_FINDING] is Presence.ABSENT
    assert pickle.loads(pickle.dumps(study)).views[0].load().shape == (8, 8)
    assert not len(problems)


def test_no_finding_denies_all_fourteen_and_an_unknown_word_leaves_all_unknown(tmp_path):
    nih(tmp_path, [row("1.png"), row("2.png", "Effusion|Ergüsse"), row("3.png", "")])
    (normal, unknown, blank), problems = read("nih-chestxray14", tmp_path)
    assert {f for f, there in normal.labels.items() if there is Presence.PRESENT} == {Finding.NO_FINDING}
    assert unknown.labels == blank.labels == {}
    assert problems.counts == {"has an unknown label": 2}


@pytest.mark.parametrize("place", ["images", "images_007/images", ".", "originals"])
def test_images_are_found_where_the_archives_put_them(tmp_path, place):
    nih(tmp_path, [row("1.png")], place)
    assert read("nih-chestxray14", tmp_path)[0][0].views[0].load().shape == (8, 8)


def test_the_prior_is_the_film_before_and_holds_no_further_past(tmp_path):
    nih(
        tmp_path,
        [row(f"{i}.png", followup=f) for i, f in enumerate([0, 2, 1, 5])] + [row("9.png", patient=2)],
    )
    studies, _ = read("nih-chestxray14", tmp_path)
    assert [s.prior and s.prior.views[0].id for s in studies] == [None, "0.png", None, "2.png", None]
    assert all(s.prior.prior is None for s in studies if s.prior)


def test_published_splits_are_taken_over(tmp_path):
    nih(tmp_path, [row(f"{i}.png", patient=i) for i in range(3)])
    (tmp_path / "train_val_list.txt").write_text("0.png\n")
    (tmp_path / "test_list.txt").write_text("1.png")
    assert [s.split for s in read("nih-chestxray14", tmp_path)[0]] == [Split.TRAIN, Split.TEST, None]


def test_boxes_are_fractions_of_the_published_image(tmp_path):
    nih(tmp_path, [row("1.png"), row("2.png")])
    values = [("1.png", "Infiltrate", 256, 512, 128, 64), ("2.png", "Mass", 1000, 0, 100, 10)]
    bad = [("1.png", "Rash", 1, 1, 1, 1), ("1.png", "Mass", "nan", 1, 1, 1), ("1.png", "Mass", 1, 1, 0, 1)]
    table(tmp_path / "BBox_List_2017.csv", [dict(zip(BOX, v, strict=True)) for v in (*values, *bad)])
    (one, two), problems = read("nih-chestxray14", tmp_path)
    assert [(r.box, r.finding) for r in one.regions] == [((0.25, 0.5, 0.375, 0.5625), Finding.INFILTRATION)]
    assert two.regions[0].box == (1000 / 1024, 0, 1, 10 / 1024)
    assert problems.counts == {"has an unreadable box": 3}


@given(st.lists(st.floats() | st.integers() | st.text(), min_size=4, max_size=4))
def test_a_box_lies_in_the_image_or_is_none(values):
    region = _region(dict(zip(BOX, ("1.png", "Mass", *map(str, values)), strict=True)))
    if region is not None:
        x1, y1, x2, y2 = region.box
        assert 0 <= x1 < x2 <= 1
        assert 0 <= y1 < y2 <= 1


@pytest.mark.parametrize(
    ("text", "age"), [("058Y", 58), ("006M", 0.5), ("7", 7), ("", None), ("nan", None), ("412", None)]
)
def test_ages_of_both_releases_are_read(tmp_path, text, age):
    nih(tmp_path, [row("1.png", age=text)])
    (study,), problems = read("nih-chestxray14", tmp_path)
    assert study.age == age
    assert len(problems) == (text in ("nan", "412"))


def test_bad_rows_are_counted_and_the_others_kept(tmp_path):
    nih(tmp_path, [row("1.png"), row("1.png"), row("2.png")])
    with (tmp_path / TABLE).open("a") as file:
        file.write("3.png,Mass\n,\n")
    studies, problems = read("nih-chestxray14", tmp_path)
    assert [s.views[0].id for s in studies] == ["1.png", "2.png"]
    assert problems.counts == {"is a duplicate id": 1, "has a row but no image file": 2}, said(problems)


@pytest.mark.data
def test_the_real_sample_is_read_whole(data_root):
    studies, problems = read("nih-chestxray14", data_root / "nih-chestxray14")
    assert not len(problems), said(problems)
    assert len({s.id for s in studies}) == len(studies) == 768
    assert len({s.patient for s in studies}) == 513
    assert sum(len(s.regions) for s in studies) == 36
    assert sum(s.labels[Finding.NO_FINDING] is Presence.PRESENT for s in studies) == 388
    assert all(s.age is not None and s.sex is not Sex.UNKNOWN for s in studies)
    assert all(s.prior is None or s.prior.patient == s.patient for s in studies)
    assert studies[0].views[0].load().shape == (256, 256)
