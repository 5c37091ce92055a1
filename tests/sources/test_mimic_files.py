import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.sources.mimic_files import MimicFiles, mimic_id, position_of, strictest, time_of
from hilum.study import Position, Split
from images.dicoms import as_bytes, film
from sources.helpers import picture
from sources.mimic_texts_layout import dicom, study, subject, write_mimic_images


@pytest.mark.parametrize("place", [".", "mimic-cxr-jpg", "mimic-cxr"])
def test_an_image_is_found_with_its_view_split_and_time(tmp_path, place):
    write_mimic_images(tmp_path / place, {1: 0, 2: 0, 3: 3}, {1: "validate", 2: "test"})
    mimic = MimicFiles(tmp_path)
    view = mimic.view(subject(0), study(1), dicom(1))
    assert (view.id, view.position, view.load().shape) == (dicom(1), Position.AP, (8, 8))
    assert mimic.taken(dicom(1)) == "2150-01-01 01:05:01", (
        "the leading zero of the time is lost in the release"
    )
    assert [mimic.split(study(i)) for i in (1, 2, 3, 4)] == [Split.VAL, Split.TEST, Split.TRAIN, None]
    assert (mimic.subject(study(3)), mimic.subject(study(4))) == (subject(3), "")
    assert mimic.view(subject(0), study(1), "") is None
    assert mimic.view(subject(0), study(1), "../../../../../secret") is None
    assert mimic.view(subject(0), study(9), dicom(9)) is None


def test_frontal_views_come_first_and_dicom_files_are_read_too(tmp_path):
    write_mimic_images(tmp_path, {2: 0})
    folder = tmp_path / "files" / "p19" / f"p{subject(0)}" / f"s{study(2)}"
    (folder / f"{dicom(1)}.dcm").write_bytes(as_bytes(film(np.zeros((8, 8), np.uint8), ViewPosition="LL")))
    (folder / "index.html").write_text("no image")
    views = MimicFiles(tmp_path).views(subject(0), study(2))
    assert [(view.id, view.position) for view in views] == [
        (dicom(2), Position.PA),
        (dicom(1), Position.LATERAL),
    ]


def test_without_tables_only_the_images_are_known(tmp_path):
    picture(tmp_path / f"files/p19/p{subject(0)}/s{study(0)}/{dicom(0)}.jpg")
    mimic = MimicFiles(tmp_path)
    assert mimic.views(subject(0), study(0))[0].position is Position.UNKNOWN
    assert (mimic.split(study(0)), mimic.taken(dicom(0))) == (None, "")


@pytest.mark.parametrize(
    ("view", "position"),
    [
        ("PA", Position.PA),
        ("AP", Position.AP),
        ("LL", Position.LATERAL),
        ("LATERAL", Position.LATERAL),
        ("XTABLE LATERAL", Position.LATERAL),
        ("AP AXIAL", Position.AP),
        ("PA RLD", Position.PA),
        ("LPO", Position.UNKNOWN),
        ("SWIMMERS", Position.UNKNOWN),
        ("L5 S1", Position.UNKNOWN),
        ("", Position.UNKNOWN),
    ],
)
def test_views_are_read_by_their_words(view, position):
    assert position_of(view) is position


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_times_sort_as_they_passed_though_they_have_lost_their_zeros(hour, minute, second, thousandth):
    released = str(float(f"{hour}{minute:02}{second:02}.{thousandth:03}"))
    assert time_of("21500506", released) == f"2150-05-06 {hour:02}:{minute:02}:{second:02}"


def test_what_is_no_date_or_id_is_nothing():
    assert [time_of(d) for d in ("21500506", "21500506.0", "", "May")] == ["2150-05-06"] * 2 + ["", ""]
    assert time_of("21500506", "noon") == "2150-05-06"
    ids = (
        "s59999901",
        "59999901",
        "p19999901",
        59999901,
        "59999901.0",
        "5999",
        "x59999901",
        None,
        "../59999901",
    )
    assert [mimic_id(i) for i in ids] == ["59999901"] * 2 + ["19999901"] + ["59999901"] * 2 + [""] * 4


@given(st.lists(st.none() | st.sampled_from(Split)))
def test_the_strictest_split_wins(splits):
    order = [Split.TEST, Split.VAL, Split.TRAIN]
    assert strictest(splits) == next((split for split in order if split in splits), None)
