"""How cells are understood."""

from __future__ import annotations

import pytest

from hilum.files import Problems
from hilum.sources.row import Row
from hilum.study import Finding, Position, Presence, Region, Sex, Split
from sources.helpers import said

PRESENT, ABSENT = Presence.PRESENT, Presence.ABSENT


def row(**cells) -> Row:
    return Row("t.csv, row 1", cells)


@pytest.mark.parametrize(
    ("words", "position"),
    [
        ("PA", Position.PA),
        ("pa", Position.PA),
        ("postero-anterior", Position.PA),
        ("POSTEROANTERIOR", Position.PA),
        ("AP", Position.AP),
        ("AP Supine", Position.AP),
        ("AP_horizontal", Position.AP),
        ("antero-posterior", Position.AP),
        ("portable AP", Position.AP),
        ("LL", Position.LATERAL),
        ("RL", Position.LATERAL),
        ("L", Position.LATERAL),
        ("Lateral", Position.LATERAL),
        ("left lateral", Position.LATERAL),
        ("LAT", Position.LATERAL),
        ("Frontal", Position.UNKNOWN),
    ],
)
def test_views_are_known_as_dicom_and_the_public_sets_write_them(words, position):
    problems = Problems()
    assert row(view=words).position(problems) is position
    assert not len(problems)


@pytest.mark.parametrize("words", ["PA and lateral", "oblique", "lateral decubitus", "PAL", "LLAP"])
def test_a_view_that_is_none_or_two_is_left_unknown_and_said(words):
    problems = Problems()
    assert row(view=words).position(problems) is None
    assert problems.counts == {"is none of PA, AP, LATERAL": 1}
    assert row().position(problems) is None
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("text", "age"),
    [
        *(
            ("045Y", 45),
            ("45", 45),
            (45.0, 45),
            ("6M", 0.5),
            ("18 months", 1.5),
            ("45 years", 45),
            ("60 yrs", 60),
        ),
        *(("52W", pytest.approx(1, abs=0.01)), ("013D", pytest.approx(13 / 365.25)), ("45y", 45)),
    ],
)
def test_ages_are_years_or_as_dicom_writes_them(text, age):
    problems = Problems()
    assert row(age=text).age(problems) == age
    assert not len(problems)


@pytest.mark.parametrize("text", ["999Y", "-1", "old", "121", "45 apples", "Y"])
def test_an_age_that_is_none_is_left_unknown_and_said(text):
    problems = Problems()
    assert row(age=text).age(problems) is None
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("word", "present"),
    [
        *((word, PRESENT) for word in ("1", "1.0", 1, 1.0, True, "True", "YES", "y", "present", "Positive")),
        *((word, ABSENT) for word in ("0", "0.0", 0, False, "false", "No", "n", "absent", "negative")),
        *((word, Presence.UNCERTAIN) for word in ("-1", "-1.0", -1, "uncertain")),
        *((word, None) for word in ("", None, "nan", "unknown")),
    ],
)
def test_a_findings_own_column_says_yes_no_or_nothing(word, present):
    problems = Problems()
    labels = row(**{"Edema": word}).labels(problems)
    assert labels == ({} if present is None else {Finding.EDEMA: present})
    assert not len(problems)


def test_what_is_neither_yes_nor_no_is_said():
    problems = Problems()
    assert row(**{"Edema": "0.5"}).labels(problems) == {}
    assert said(problems) == [
        "t.csv, row 1, Edema: 0.5: is not 1, 0, -1, yes, no or blank; it is left unknown"
    ]


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "Edema, Pneumonia",
            "Edema|Pneumonia",
            "edema;PNEUMONIA",
            "['Edema', 'Pneumonia']",
            "Edema\nPneumonia",
        ),
        *(["Edema", "Pneumonia"], "Edema||Pneumonia|nan", '["edema", "pneumonia"]'),
    ],
)
def test_lists_of_labels_are_read_however_they_are_written(cell):
    problems = Problems()
    assert row(labels=cell).labels(problems) == {
        Finding.EDEMA: PRESENT,
        Finding.PNEUMONIA: PRESENT,
    }
    assert not len(problems)


@pytest.mark.parametrize("cell", ["Normal", "No Finding", "no finding", "['normal']", "Healthy"])
def test_a_normal_film_has_no_finding(cell):
    assert row(labels=cell).labels(Problems()) == {Finding.NO_FINDING: PRESENT}


@pytest.mark.parametrize(
    ("word", "sex"),
    [
        *(
            ("F", Sex.FEMALE),
            ("female", Sex.FEMALE),
            ("Woman", Sex.FEMALE),
            ("m", Sex.MALE),
            ("Male", Sex.MALE),
        ),
        *(("U", Sex.UNKNOWN), ("O", Sex.UNKNOWN), ("", None)),
    ],
)
def test_sex_is_read_as_it_is_written(word, sex):
    problems = Problems()
    assert row(sex=word).sex(problems) is sex
    assert not len(problems)


@pytest.mark.parametrize(
    ("word", "split"),
    [
        ("train", Split.TRAIN),
        ("Training", Split.TRAIN),
        ("dev", Split.VAL),
        ("validate", Split.VAL),
        ("TEST", Split.TEST),
    ],
)
def test_splits_are_known_by_their_usual_names(word, split):
    assert row(split=word).split(Problems()) is split


@pytest.mark.parametrize(
    ("cell", "name"), [("17.0", "17"), (17.0, "17"), (17, "17"), ("1.50", "1.50"), ("v2.0", "v2.0")]
)
def test_a_number_that_names_is_the_same_with_and_without_a_fraction_of_zero(cell, name):
    assert row(patient=cell).name("patient") == name


CORNERS = {"x1": "10", "y1": "20", "x2": "30", "y2": "60"}


def regions(size=None, **cells):
    problems = Problems()
    return list(row(**cells).regions(1, problems, size)), problems


def test_a_box_in_pixels_becomes_fractions_of_the_image_it_was_drawn_on():
    box = (0.1, 0.1, 0.3, 0.3)
    expected = [Region(box, "nodule", Finding.NODULE, view=1)]
    assert regions((100, 200), labels="Nodule", **CORNERS)[0] == expected
    original = {"image_width": 100, "image_height": "200"}
    assert regions((7, 7), labels="Nodule", **original, **CORNERS)[0] == expected
    sized = {"x1": 0.1, "y1": 0.1, "box_width": 0.2, "box_height": 0.2}
    ((region,), problems) = regions(None, labels="Nodule", **sized)
    assert region.box == pytest.approx(box)
    assert not len(problems)


def test_a_box_a_pixel_beyond_the_edge_is_cut_there():
    for beyond in (0.5, 1):
        corners = {"x1": -beyond, "y1": 0, "x2": 100 + beyond, "y2": 50}
        ((region,), _) = regions((100, 100), labels="Mass", **corners)
        assert region.box == (0, 0, 1, 0.5)


@pytest.mark.parametrize(
    ("cells", "size", "problem"),
    [
        (CORNERS, None, "is in pixels of an image of unknown size"),
        (CORNERS, (20, 20), "has a box beyond the image: give image_width and image_height of the original"),
        (CORNERS | {"x1": "-9"}, (100, 100), "has a box with a corner below 0"),
        (CORNERS | {"x1": "-1.1"}, (100, 100), "has a box with a corner below 0"),
        (CORNERS | {"x2": "101.1"}, (100, 100), "has a box beyond the image"),
        (CORNERS | {"x2": "ten"}, (100, 100), "has an unreadable box"),
        (CORNERS | {"x2": "5"}, (100, 100), "has an unreadable box"),
        (CORNERS | {"y2": "20"}, (100, 100), "has an unreadable box"),
        ({"x1": 1, "y1": 1, "box_width": 3}, (100, 100), "has an unreadable box"),
        ({"x1": 1}, (100, 100), "has an unreadable box"),
    ],
)
def test_a_box_that_is_none_is_left_out_and_said(cells, size, problem):
    found, problems = regions(size, labels="Mass", **cells)
    assert not found
    assert problem in said(problems)[0]


def test_a_box_is_called_by_its_phrase_its_labels_or_its_finding():
    def named(**cells):
        return [(r.phrase, r.finding) for r in regions((100, 100), **CORNERS, **cells)[0]]

    assert named(labels="Mass|Edema") == [("mass", Finding.MASS), ("edema", Finding.EDEMA)]
    assert named(labels="ILD") == [("ild", None)]
    assert named(**{"Lung Opacity": "1", "Edema": "0"}) == [("lung opacity", Finding.LUNG_OPACITY)]
    assert named(phrase="a round mass", labels="Mass") == [("a round mass", Finding.MASS)]
    assert named(phrase="two things", labels="Mass|Edema") == [("two things", None)]
    found, problems = regions((100, 100), **CORNERS)
    assert not found
    assert problems.counts == {"names no finding": 1}


def test_labels_parted_by_slashes_are_several_unless_they_are_one() -> None:
    labels = row(labels="Pneumonia/Viral/COVID-19|Nodule/Mass|n/a").labels(problems := Problems())
    assert labels == row(labels="pneumonia|Nodule/Mass").labels(Problems())
    assert sum(problems.counts.values()) == 2
