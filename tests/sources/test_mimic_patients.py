"""Sex, age and race by MIMIC-IV, at the time a film was taken."""

from __future__ import annotations

import pytest

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.mimic_patients import Attributes, MimicPatients
from hilum.study import Sex, Study
from sources.helpers import said, table

ONE, TWO, OTHER = "19999901", "19999902", "19999903"


def person(subject=ONE, gender="F", age="50", year="2150"):
    return {"subject_id": subject, "gender": gender, "anchor_age": age, "anchor_year": year}


def stay(admitted, race, subject=ONE, column="race"):
    return {"subject_id": subject, "admittime": admitted, column: race}


def patients(folder, people=(), stays=(), folders=None):
    if people:
        table(folder / "patients.csv", people)
    if stays:
        table(folder / "admissions.csv", stays)
    problems = Problems()
    return MimicPatients(folders or [folder], problems, subjects={ONE, TWO}), problems


def test_an_age_counts_from_its_anchor_and_needs_a_date(tmp_path):
    known, problems = patients(tmp_path, [person(), person(TWO, "M", "91", "2200"), person(OTHER)])
    assert known.found == ["patients.csv"]
    assert known.of(ONE, "2152-03-01") == Attributes(Sex.FEMALE, 52)
    assert known.of(ONE, "") == Attributes(Sex.FEMALE)
    assert known.of(TWO, "2200") == Attributes(Sex.MALE, 91)
    assert known.of(OTHER, "2152-03-01") == Attributes(), "nobody asked for it"
    study = known.described(Study("s", "p", "folder", (), taken="2152-03-01"), ONE)
    assert study == Study("s", "p", "folder", (), taken="2152-03-01", sex=Sex.FEMALE, age=52)
    assert not len(problems)
    assert known.of(TWO, "2100-01-01").age is None
    assert said(problems) == [
        "patients.csv: age at a study: its age is not a number of years from 0 to 120; it is left unknown"
    ]


def test_the_race_is_that_of_the_last_admission_before_or_else_the_first_after(tmp_path):
    stays = [
        stay("2150-05-01 10:00:00", "ASIAN"),
        stay("2150-01-01 10:00:00", "WHITE"),
        stay("2150-07-01 10:00:00", "unable to obtain"),
        stay("2150-08-01 10:00:00", "Patient Declined to Answer"),
        stay("2150-09-01 10:00:00", "Unknown"),
        stay("2150-10-01 10:00:00", " "),
        stay("2150-01-01 10:00:00", "OTHER", OTHER),
    ]
    known, problems = patients(tmp_path, (), stays)
    assert known.found == ["admissions.csv"]
    races = {
        "2149-12-31 00:00:00": "WHITE",
        "2150-01-01 10:00:00": "WHITE",
        "2150-05-01 09:59:59": "WHITE",
        "2150-05-01 10:00:00": "ASIAN",
        "2151": "ASIAN",
        "": "WHITE",
    }
    assert {taken: known.of(ONE, taken).race for taken in races} == races
    assert known.of(TWO, "2151").race == known.of(OTHER, "2151").race == ""
    assert not len(problems)


def test_bad_rows_are_said_with_their_line_and_the_others_kept(tmp_path):
    people = [person(), person(gender="M"), person(TWO, age="old"), person(TWO, year=""), person(TWO, "?")]
    known, problems = patients(tmp_path, people, [stay("", "WHITE"), stay("2150-01-01", "ASIAN")])
    assert known.of(ONE, "2150") == Attributes(Sex.FEMALE, 50, "ASIAN")
    assert known.of(TWO, "2150") == Attributes(Sex.UNKNOWN, 50)
    assert [text.split(";")[0] for text in said(problems)] == [
        "patients.csv, line 3: is a duplicate id",
        "patients.csv, line 4: its anchor age or year is not a number",
        "patients.csv, line 5: its anchor age or year is not a number",
        "patients.csv, line 6: has a sex that is neither F nor M",
        "admissions.csv, line 2: has no time of admission",
    ]


def test_the_column_of_races_had_another_name_and_one_of_them_must_be_there(tmp_path):
    stays = [stay("2150-01-01", "ASIAN", column="ethnicity")]
    assert patients(tmp_path, (), stays)[0].of(ONE, "2151").race == "ASIAN"
    with pytest.raises(DataError, match="lacks the column 'race'; it has: subject_id, admittime, colour"):
        patients(tmp_path, (), [stay("2150-01-01", "ASIAN", column="colour")])


def test_a_folder_with_both_tables_comes_before_one_with_a_single_one(tmp_path):
    old, new, rest = (tmp_path / name for name in ("old", "new", "rest"))
    patients(old, [person(age="30")])
    patients(new, [person(age="60")], [stay("2150-01-01", "ASIAN")])
    patients(rest, (), [stay("2150-01-01", "WHITE")])
    known, _ = patients(tmp_path, folders=[old, rest, new])
    assert known.of(ONE, "2150") == Attributes(Sex.FEMALE, 60, "ASIAN")
    known, _ = patients(tmp_path, folders=[rest, old])
    assert (known.of(ONE, "2150"), known.found) == (
        Attributes(Sex.FEMALE, 30, "WHITE"),
        ["patients.csv", "admissions.csv"],
    )
