"""Groups are what a study's record says, and nothing is made up where it says nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.helpers import item, record
from hilum.bench.audit.groups import AXES, Grouping, age_band, groups_of
from hilum.study import Position, Sex, Task


@pytest.mark.parametrize(
    ("age", "band"),
    [
        (0, "under 18"),
        (17.9, "under 18"),
        (18, "18–40"),
        (40, "40–60"),
        (60, "60–80"),
        (79.99, "60–80"),
        (80, "80 and over"),
        (101, "80 and over"),
        (None, ""),
        (-1, ""),
        (999, ""),
        (float("nan"), ""),
    ],
)
def test_ages_fall_into_bands(age, band):
    assert age_band(age) == band


def test_a_record_says_it_all():
    known = record("s", sex=Sex.FEMALE, age=64.0, race="Asian ", group="A", device="Acme X1")
    asked = item(Task.VIEW, images=("s-image",))
    assert groups_of(asked, known) == {
        "sex": "F",
        "age": "60–80",
        "race": "Asian",
        "group": "A",
        "view": "PA",
        "scanner": "Acme X1",
        "source": "phantom",
    }


def test_the_view_is_that_of_the_study_s_own_images():
    both = record("s", image_ids=("a", "b"), positions=(Position.PA, Position.LATERAL))
    assert groups_of(item(Task.FINDINGS, images=("prior", "a", "b")), both)["view"] == "LATERAL + PA"
    assert groups_of(item(Task.SUMMARIZE), both)["view"] == ""
    unknown = replace(both, positions=(Position.PA, Position.UNKNOWN))
    assert groups_of(item(Task.FINDINGS, images=("a", "b")), unknown)["view"] == ""


def test_without_metadata_every_axis_is_skipped_and_said():
    grouping = Grouping.of([item(Task.VIEW, study="gone"), item(Task.VIEW, study="s")], {})
    assert grouping.labels == {}
    assert set(grouping.skipped) == set(AXES)
    assert grouping.skipped["sex"] == "no study says it"
    assert grouping.skipped["source"] == "all are phantom"


def test_unknown_sex_is_left_out_and_counted():
    grouping = Grouping.from_labels({"sex": ["F", "M", "", "F"], "age": ["18–40", "", "60–80", "60–80"]})
    assert grouping.unknown == {"sex": 1, "age": 1}
    assert grouping.labels["sex × age"].tolist() == ["F × 18–40", "", "", "F × 60–80"]
