"""Rows come together by patient and study wherever they stand, each once, in order."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from hilum.sources.gather import Group, gathered

NAMES = st.sampled_from(["a", "b", "c", "", "\ud800", 'a"'])


@given(st.lists(st.tuples(st.sampled_from("pqr"), NAMES, st.integers() | st.text())))
def test_every_row_is_in_the_group_of_its_patient_and_study_in_order(rows):
    expected = defaultdict(list)
    for patient, study, value in rows:
        expected[patient, study].append(value)
    groups = list(gathered(rows))
    assert [((g.patient, g.study), g.values) for g in groups] == list(expected.items())
    owners = defaultdict(set)
    for patient, study, _ in rows:
        owners[study].add(patient)
    assert all(group.shared == (len(owners[group.study]) > 1) for group in groups)


def test_a_row_without_a_patient_goes_to_the_one_of_its_study():
    rows = [("", "s", 1), ("p", "s", 2), ("", "t", 3), ("q", "u", 4)]
    assert list(gathered(rows)) == [
        Group("p", "s", False, [1, 2]),
        Group("", "t", False, [3]),
        Group("q", "u", False, [4]),
    ]


def test_a_row_without_a_patient_stays_alone_where_the_study_has_two():
    rows = [("p", "s", 1), ("", "s", 2), ("q", "s", 3)]
    assert [(g.patient, g.shared, g.values) for g in gathered(rows)] == [
        ("p", True, [1]),
        ("", True, [2]),
        ("q", True, [3]),
    ]
