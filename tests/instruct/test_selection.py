"""What a stage does without: exactly the later studies, the laterals, the reports without an impression."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.instruct.selection import LeftOut, left_out
from hilum.instruct.splits import kept_for_alignment
from hilum.study import Position, Split


def test_each_patient_keeps_the_earliest_study(shards) -> None:
    records = list(shards.records(Split.TRAIN))
    gone = left_out(shards, Split.TRAIN, earliest_study=True).studies
    kept = [record for record in records if record.id not in gone]
    assert gone
    assert sorted(record.patient for record in kept) == sorted({record.patient for record in records})
    assert not any(record.prior_image_ids for record in kept)


def test_laterals_are_hidden_and_nothing_else(shards) -> None:
    gone = left_out(shards, Split.TRAIN, frontal=True)
    laterals = {
        image
        for record in shards.records(Split.TRAIN)
        for image, position in zip(record.image_ids, record.positions, strict=True)
        if position is Position.LATERAL
    }
    assert gone == LeftOut(images=frozenset(laterals))
    assert laterals


def test_nothing_is_left_out_unasked(shards) -> None:
    assert not left_out(shards, Split.TRAIN)


class Listed:
    """Rows of a table that no file holds."""

    def __init__(self, rows: list[tuple[object, ...]]) -> None:
        self.rows = rows

    def columns(self, *_: object) -> list[tuple[object, ...]]:
        return self.rows


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"), st.sampled_from("pq"), st.booleans(), st.sampled_from(["", "2180", "2181"])
        )
    )
)
def test_the_earliest_is_that_by_time_else_the_first_without_a_prior_else_the_first(visits) -> None:
    rows = [
        (source, patient, str(i), ["x"] * prior, taken)
        for i, (source, patient, prior, taken) in enumerate(visits)
    ]
    gone = left_out(Listed(rows), Split.TRAIN, earliest_study=True).studies
    for person in {row[:2] for row in rows}:
        own = [row for row in rows if row[:2] == person]
        dated = [row for row in own if row[4]]
        oldest = [row for row in dated if row[4] == min(row[4] for row in dated)] or own
        first = next((row for row in oldest if not row[3]), oldest[0])
        assert [row[2] for row in own if row[2] not in gone] == [first[2]]


def test_a_report_of_findings_alone_is_left_out_and_no_report_is_not() -> None:
    rows = [("both", {"findings": "f", "impression": "i"}), ("half", {"findings": "f", "impression": ""})]
    gone = left_out(Listed([*rows, ("none", None)]), Split.TRAIN, impression=True).studies
    assert gone == {"half"}


def test_columns_are_those_of_the_records(shards) -> None:
    read = list(shards.columns("studies", Split.TRAIN, ("patient", "id")))
    assert read == [(record.patient, record.id) for record in shards.records(Split.TRAIN)]


def test_patients_kept_for_alignment_leave_with_all_their_studies_and_images(shards) -> None:
    share = 0.3
    left = left_out(shards, Split.TRAIN, align_share=share)
    records = list(shards.records(Split.TRAIN))
    kept = [r for r in records if kept_for_alignment(r.source, r.patient, share)]
    assert 0 < len(kept) < len(records)
    assert left.studies == {r.id for r in kept}
    assert left.images == {image for r in kept for image in r.image_ids}
    assert left_out(shards, Split.TRAIN, align_share=0.1).studies <= left.studies
    assert not left_out(shards, Split.TRAIN)


def test_what_leaves_out_a_study_or_an_image_is_something() -> None:
    some = frozenset({"a"})
    assert [bool(left) for left in (LeftOut(), LeftOut(some), LeftOut(images=some))] == [False, True, True]
