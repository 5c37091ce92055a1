"""Figures of whether drawn pictures show what was asked; `hilum.bench.asked_shown` works them out.

shown.side, shown.rows()
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from hilum.bench.intervals import Estimate


@dataclass(frozen=True)
class AskedShown:
    """What an independent reader sees in drawn pictures, and in the films of the same reports.

    Args:
        side, side_films: share of the asked one-sided findings that it sees on their side rather than the
            other; one half is chance.
        grade, grade_films: share of the asked findings with a grade whose grade, mild, moderate or severe, is
            right.
        unasked, unasked_films: share of the findings that must be absent which it sees.
        round_trip, round_trip_films: fact F1 of the reports that the model writes of its own drawings, and of
            the films, against the reports that were asked for.
    """

    side: Estimate
    side_films: Estimate
    grade: Estimate
    grade_films: Estimate
    unasked: Estimate
    unasked_films: Estimate
    round_trip: Estimate | None = None
    round_trip_films: Estimate | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return asdict(self)

    def rows(self) -> list[tuple[str, str, Estimate | None]]:
        """Name, meaning and value of each figure."""
        return [
            ("drawn_side", "share of one-sided findings on the asked side", self.side),
            ("real_side", "the same of real pictures", self.side_films),
            ("drawn_grade", "share of graded findings as severe as asked", self.grade),
            ("real_grade", "the same of real pictures", self.grade_films),
            ("drawn_unasked", "share of absent findings that are seen", self.unasked),
            ("real_unasked", "the same of real pictures", self.unasked_films),
            ("drawn_round_trip", "fact F1 of reports of the drawings", self.round_trip),
            ("real_round_trip", "the same of real pictures", self.round_trip_films),
        ]
