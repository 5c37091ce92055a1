import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.files import Problems
from hilum.sources.mimic_index import (
    MimicIndex,
    Visit,
    dicom_id,
    is_before,
    mimic_id,
    position_of,
    releases,
    time_of,
    visit_before,
)
from hilum.study import Position, Split
from images.dicoms import as_bytes, film
from sources.helpers import picture, read, said, table
from sources.mimic_texts_layout import (
    dicom,
    study,
    subject,
    write_mimic_cxr_vqa,
    write_mimic_diff_vqa,
    write_mimic_images,
    write_mimic_nle,
    write_radgraph,
    write_rexval,
)

METADATA, SPLIT = (f"mimic-cxr-2.0.0-{table}.csv.gz" for table in ("metadata", "split"))


def opened(folder):
    return MimicIndex.open(folder, Problems(), required=False)


@pytest.mark.parametrize("place", [".", "mimic-cxr-jpg", "mimic-cxr", "../mimic-cxr-jpg/2.1.0"])
def test_an_image_is_found_with_its_view_split_and_time(tmp_path, place):
    folder = tmp_path / "derived"
    folder.mkdir()
    write_mimic_images(folder / place, {1: 0, 2: 0, 3: 3}, {1: "validate", 2: "test"})
    mimic = opened(folder)
    view = mimic.find(mimic.film(subject(0), study(1), dicom(1)))
    assert (view.id, view.position, view.load().shape) == (dicom(1), Position.AP, (8, 8))
    assert mimic.taken(study(1)) == "2150-01-01 01:05:01", (
        "the leading zero of the time is lost in the release"
    )
    splits = [mimic.splits.get(study(i)) for i in (1, 2, 3, 4)]
    assert splits == [Split.VAL, Split.TEST, Split.TRAIN, None]
    assert (mimic.subject(study(3)), mimic.subject(study(4)), mimic.taken(study(4))) == (subject(3), "", "")
    for number, name in ((1, ""), (1, "../../../../../secret"), (9, dicom(9)), (2, dicom(1))):
        assert mimic.find(mimic.film(subject(0), study(number), name)) is None


def test_frontal_views_come_first_and_dicom_files_are_read_too(tmp_path):
    write_mimic_images(tmp_path, {2: 0})
    folder = tmp_path / "files" / "p19" / f"p{subject(0)}" / f"s{study(2)}"
    (folder / f"{dicom(1)}.dcm").write_bytes(as_bytes(film(np.zeros((8, 8), np.uint8), ViewPosition="LL")))
    (folder / "index.html").write_text("no image")
    views = opened(tmp_path).views(subject(0), study(2))
    assert [(view.id, view.position) for view in views] == [
        (dicom(2), Position.PA),
        (dicom(1), Position.LATERAL),
    ]


def test_without_tables_only_the_images_are_known(tmp_path):
    picture(tmp_path / f"files/p19/p{subject(0)}/s{study(0)}/{dicom(0)}.jpg")
    mimic = opened(tmp_path)
    assert mimic.views(subject(0), study(0))[0].position is Position.UNKNOWN
    assert (mimic.splits, mimic.taken(study(0)), mimic.subject(study(0))) == ({}, "", "")


def test_the_table_of_splits_alone_says_split_and_patient(tmp_path):
    write_mimic_images(tmp_path, {1: 0}, {1: "test"})
    (tmp_path / METADATA).unlink()
    mimic = opened(tmp_path)
    assert (mimic.splits[study(1)], mimic.subject(study(1))) == (Split.TEST, subject(0))
    assert [view.id for view in mimic.views(subject(0), study(1))] == [dicom(1)]


@pytest.mark.parametrize(
    ("source", "write"),
    [
        ("mimic-cxr-vqa", write_mimic_cxr_vqa),
        ("mimic-diff-vqa", write_mimic_diff_vqa),
        ("mimic-nle", write_mimic_nle),
        ("radgraph", write_radgraph),
        ("rexval", write_rexval),
    ],
)
def test_what_is_made_from_mimic_finds_it_beside_its_folder_and_without_metadata(tmp_path, source, write):
    """All that is read of a study, but for how and when it was taken, which the metadata alone say."""

    def known():
        studies, problems = read(source, folder)
        assert not len(problems)
        return [(s.id, s.patient, [v.id for v in s.views], s.questions, s.texts, s.split) for s in studies]

    folder = tmp_path / source
    folder.mkdir()
    write(folder)
    films = {i: i // 2 if source == "mimic-diff-vqa" else i for i in range(24)}
    write_mimic_images(folder, films, {0: "test", 2: "validate"})
    within = known()
    home = tmp_path / "mimic-cxr-jpg" / "2.1.0"
    home.mkdir(parents=True)
    for name in ("files", METADATA, SPLIT):
        shutil.move(folder / name, home / name)
    assert known() == within
    (home / METADATA).unlink()
    assert known() == within
    (home / SPLIT).unlink()
    assert known() != within


@pytest.mark.parametrize(
    ("view", "code", "position"),
    [
        ("PA", "", Position.PA),
        ("AP", "", Position.AP),
        ("LL", "", Position.LATERAL),
        ("LATERAL", "", Position.LATERAL),
        ("XTABLE LATERAL", "", Position.LATERAL),
        ("AP AXIAL", "", Position.AP),
        ("PA RLD", "", Position.PA),
        ("LAO", "", Position.UNKNOWN),
        ("LPO", "", Position.UNKNOWN),
        ("SWIMMERS", "", Position.UNKNOWN),
        ("L5 S1", "", Position.UNKNOWN),
        ("", "antero-posterior", Position.AP),
        ("antero-posterior", "", Position.AP),
        ("", "left lateral", Position.LATERAL),
        ("", "left anterior oblique", Position.UNKNOWN),
        ("PA", "antero-posterior", Position.PA),
        ("", "", Position.UNKNOWN),
    ],
)
def test_view_positions(view, code, position):
    assert position_of(view, code) is position


@pytest.mark.parametrize(
    ("date", "time", "taken"),
    [
        ("21500101", "80501.25", "2150-01-01 08:05:01"),
        ("21500101.0", "213014.531", "2150-01-01 21:30:14"),
        ("21500101", "5.0", "2150-01-01 00:00:05"),
        ("21500101", "", "2150-01-01"),
        ("21500101", "noon", "2150-01-01"),
        ("21500101", "996060", "2150-01-01"),
        ("", "80501", ""),
        ("May", "80501", ""),
        ("nan", "nan", ""),
    ],
)
def test_times_get_their_zeros_back(date, time, taken):
    assert time_of(date, time) == taken


@given(st.integers(0, 86399), st.integers(0, 86399), st.integers(1, 27), st.integers(1, 27))
def test_times_are_ordered_as_they_were(one, other, day, later):
    def at(day, second):
        clock = f"{second // 3600}{second // 60 % 60:02}{second % 60:02}.125"
        return time_of(f"215001{day:02}", str(float(clock)))

    assert is_before(at(day, one), at(later, other)) == ((day, one) < (later, other))


def test_a_date_alone_is_neither_before_nor_after_a_time_of_that_day():
    assert not is_before("2150-01-01", "2150-01-01 08:00:00")
    assert not is_before("2150-01-01 08:00:00", "2150-01-01")
    assert is_before("2150-01-01 08:00:00", "2150-01-02")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("s59999901", "59999901"),
        ("p19999901", "19999901"),
        (59999901, "59999901"),
        ("59999901.0", "59999901"),
        ("5999990", ""),
        ("x59999901", ""),
        ("../59999901", ""),
        (None, ""),
    ],
)
def test_ids_are_read_with_and_without_their_letter(text, number):
    assert mimic_id(text) == number


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (dicom(1), dicom(1)),
        (f" files/p10/{dicom(1)}.dcm ", dicom(1)),
        (f"C:\\files\\{dicom(1)}.small.png", dicom(1)),
        (dicom(1)[:-1], ""),
        (f"{dicom(1)}-00000000", ""),
        (dicom(1).replace("0", "A"), ""),
        ("", ""),
    ],
)
def test_an_images_id_is_found_at_the_end_of_its_path(text, name):
    assert dicom_id(text) == name


def test_rows_of_the_table_of_splits_that_say_nothing_are_counted(tmp_path):
    rows = [(1, "train", 0), (2, "fold 1", 0), ("?", "test", 0), (1, "test", 3), (3, " Validate", "x")]
    table(
        tmp_path / SPLIT.removesuffix(".gz"),
        [
            {
                "study_id": study(n) if n != "?" else n,
                "split": split,
                "subject_id": subject(p) if p != "x" else p,
            }
            for n, split, p in rows
        ],
    )
    problems = Problems()
    mimic = MimicIndex.open(tmp_path, problems, required=False)
    assert mimic.splits == {study(1): Split.TRAIN, study(3): Split.VAL}, "the first row of a study counts"
    assert [mimic.subject(study(n)) for n in (1, 2, 3)] == [subject(0), "", ""]
    assert said(problems) == [
        "mimic-cxr-2.0.0-split.csv, line 3: has an unknown split; it is left out",
        "mimic-cxr-2.0.0-split.csv, line 4: names no study; it is left out",
    ]


def test_a_release_lies_up_to_four_folders_below_or_beside_one_of_three_above(tmp_path):
    for name in (
        "home/set/a/b/c/d/e",
        "home/set/p10/x",
        "home/set/s5/x",
        "home/set/.git/x",
        "home/MIMIC-cxr/2.0/files/x",
        "home/mimiciv/1",
        "home/other",
        "mimic-top",
    ):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "home" / "mimic.txt").write_text("")
    found = [path.relative_to(tmp_path).as_posix() for path in releases(tmp_path / "home" / "set")]
    below = ["home/set", "home/set/a", "home/set/a/b", "home/set/a/b/c", "home/set/a/b/c/d"]
    beside = ["home/mimiciv", "home/mimiciv/1", "home/MIMIC-cxr", "home/MIMIC-cxr/2.0"]
    assert found == [*below, *beside, "home/MIMIC-cxr/2.0/files", "mimic-top"]
    deep = tmp_path / "home" / "set" / "a" / "b" / "c"
    assert tmp_path / "mimic-top" not in releases(deep)
    assert tmp_path / "home" / "mimiciv" not in releases(deep)
    assert tmp_path / "home" / "mimiciv" in releases(deep.parent)
    assert releases(tmp_path / "home" / "mimic.txt")[0] == tmp_path / "home" / "mimic.txt", (
        "it has none below"
    )


def test_the_time_of_a_study_is_that_of_its_first_film_with_a_readable_header(tmp_path):
    folder = tmp_path / f"files/p19/p{subject(0)}/s{study(0)}"
    folder.mkdir(parents=True)
    (folder / f"{dicom(1)}.dcm").write_bytes(b"no film")
    picture(folder / f"{dicom(2)}.jpg")
    about = {"StudyDate": "21500102", "StudyTime": "080501"}
    (folder / f"{dicom(3)}.dcm").write_bytes(as_bytes(film(np.zeros((8, 8), np.uint8), **about)))
    listed = [
        {"subject_id": subject(0), "study_id": study(n), "dicom_id": dicom(d)}
        for n, d in [(0, 1), (0, 2), (0, 3), (1, 4)]
    ]
    table(tmp_path / "cxr-record-list.csv", listed)
    problems = Problems()
    mimic = MimicIndex.open(tmp_path, problems)
    assert [mimic.taken(study(n)) for n in (0, 1, 2)] == ["2150-01-02 08:05:01", "", ""]
    assert [[visit.study for visit in visits] for visits in mimic.patients()] == [[study(0), study(1)]]
    assert mimic.view(mimic.film(subject(0), study(1), dicom(4))) is None
    assert said(problems) == [f"{dicom(4)}: has a row but no image file; download its folder"]
    columns = ("ViewPosition", "StudyDate", "StudyTime")
    rows = [row | dict.fromkeys(columns, "") for row in listed]
    table(tmp_path / METADATA.removesuffix(".gz"), rows)
    assert MimicIndex.open(tmp_path, problems).taken(study(0)) == "", "the metadata alone count"


def test_the_visit_before_is_the_last_that_is_surely_earlier():
    times = [
        "",
        "2150-01-01",
        "2150-01-01 10:00:00",
        "2150-01-02 09:00:00",
        "2150-01-02 09:00:00",
        "2150-01-03",
    ]
    visits = [Visit("p", str(place), taken) for place, taken in enumerate(times)]
    before = [visit_before(visits, visit) for visit in visits]
    assert [visit and visit.study for visit in before] == [None, None, None, "2", "2", "3"]


def test_a_study_was_taken_when_the_first_of_its_films_was(tmp_path):
    times = [("21500102", "90000"), ("", ""), ("21500102", "80501.25"), ("21500103", "70000")]
    ids = {"subject_id": subject(0), "study_id": study(0), "ViewPosition": "PA"}
    rows = [ids | {"dicom_id": dicom(n), "StudyDate": d, "StudyTime": t} for n, (d, t) in enumerate(times)]
    table(tmp_path / METADATA.removesuffix(".gz"), rows)
    problems = Problems()
    assert MimicIndex.open(tmp_path, problems).taken(study(0)) == "2150-01-02 08:05:01"
    assert said(problems) == [
        "mimic-cxr-2.0.0-metadata.csv, line 3: has no study date; its study is in no order"
    ]
