"""Side, severity and absence of what was asked, as a reader sees them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.helpers import EFFUSION, record
from hilum.bench.asked_shown import asked_and_shown, asked_of
from hilum.bench.classifier import Reading
from hilum.bench.intervals import Bootstrap
from hilum.bench.metrics import FINDINGS
from hilum.study import Fact, Finding, Presence, Severity, Side

E = FINDINGS.index(Finding.PLEURAL_EFFUSION)
P = FINDINGS.index(Finding.PNEUMOTHORAX)


def studies():
    """A mild effusion on the left, a severe one on the right, one on both sides; never a pneumothorax."""
    absent = {Finding.PNEUMOTHORAX: Presence.ABSENT}
    severe = replace(EFFUSION, side=Side.RIGHT, severity=Severity.SEVERE)
    both = replace(EFFUSION, side=Side.BILATERAL, severity=None)
    return [record(f"s{i}", facts=(fact,), labels=absent) for i, fact in enumerate((EFFUSION, severe, both))]


def test_what_is_asked_is_read_off_the_facts() -> None:
    asked = asked_of(studies())
    assert asked.present[:, E].tolist() == [1, 1, 1]
    assert asked.present[:, P].tolist() == [0, 0, 0]
    assert asked.sides[:, E].tolist() == [[0, 1], [1, 0], [1, 1]]
    assert asked.grades[:2, E].tolist() == [0, 1]
    assert np.isnan(asked.grades[2, E])
    assert np.isnan(asked.sides[:, P]).all()


def test_a_finding_with_a_statement_of_no_side_has_none() -> None:
    facts = (EFFUSION, Fact(Finding.PLEURAL_EFFUSION))
    assert np.isnan(asked_of([record("s", facts=facts)]).sides[0, E]).all()


def reading(sides, grades, pneumothorax) -> Reading:
    count = len(FINDINGS)
    seen = Reading(np.zeros((3, count)), np.zeros((3, count, 2)), np.zeros((3, count)))
    seen.sides[:, E], seen.grades[:, E], seen.present[:, P] = sides, grades, pneumothorax
    return seen


def test_each_side_is_scored_on_what_was_asked_alone() -> None:
    right_side = [[0.2, 0.9], [0.6, 0.5], [0.9, 0.1]]
    films = reading(right_side, [0.1, 0.9, 0.5], [0.1, 0.1, 0.1])
    drawn = reading([[0.9, 0.2], [0.6, 0.5], [0, 0]], [0.4, 0.8, 0.5], [0.9, 0.1, 0.1])
    shown = asked_and_shown(drawn, films, asked_of(studies()), Bootstrap(["a", "b", "c"]))
    assert (shown.side_films.value, shown.side_films.n) == (1, 2)
    assert shown.side.value == 0.5
    assert (shown.grade_films.value, shown.grade.value) == (1, 0.5)
    assert (shown.unasked_films.value, shown.unasked_films.n) == (0, 3)
    assert shown.unasked.value == pytest.approx(1 / 3)
    assert shown.to_json()["round_trip"] is None
    assert {name for name, _, value in shown.rows() if value} >= {"drawn_side", "real_grade"}


def test_an_even_chance_counts_as_seen() -> None:
    seen = reading(0, 0, [0.5, 0.5, np.nextafter(0.5, 0)])
    shown = asked_and_shown(seen, seen, asked_of(studies()), Bootstrap(["a", "b", "c"]))
    assert shown.unasked.value == pytest.approx(2 / 3)


def test_without_anything_asked_there_is_no_figure() -> None:
    nothing = reading(0, 0, 0)
    asked = Reading(*(np.full_like(values, np.nan) for values in nothing))
    shown = asked_and_shown(nothing, nothing, asked, Bootstrap(["a", "b", "c"]))
    assert (shown.side.value, shown.grade.n, shown.unasked.value) == (None, 0, None)
