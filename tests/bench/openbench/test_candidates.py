"""What a study can be asked: only what is known, plain to see and meant by one answer alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hilum.bench.chexbench.tasks import FINDINGS, FINE, GROUNDING, MULTIPLE, SINGLE, TEMPORAL, VQA
from hilum.bench.openbench.candidates import Candidate, candidates
from hilum.instruct.records import RegionRecord, StudyRecord
from hilum.study import Change, Fact, Finding, Position, Presence, Question, Report, Severity, Side, Site

EFFUSION = Fact(Finding.PLEURAL_EFFUSION, side=Side.LEFT, severity=Severity.MILD)
SMALL = (0.6, 0.6, 0.9, 0.9)


def study(*facts: Fact, **more: object) -> StudyRecord:
    known = {"image_ids": ("now",), "positions": (Position.PA,), "facts": facts, "facts_complete": True}
    return StudyRecord(id="s", patient="p", source="x", **(known | more))  # type: ignore[arg-type]


def of(task: str, record: StudyRecord) -> list[Candidate]:
    return [candidate for candidate in candidates(record) if candidate.task == task]


def region(visibility: float, view: int = 0) -> RegionRecord:
    return RegionRecord(view, Finding.PLEURAL_EFFUSION, "effusion", SMALL, visibility=visibility)


def test_only_findings_known_to_be_absent_are_wrong() -> None:
    (asked,) = of(SINGLE, study(EFFUSION, Fact(Finding.NODULE, Presence.UNCERTAIN)))
    assert asked.answer == "pleural effusion"
    assert "pneumothorax" in asked.wrong
    assert not {"lung nodule", "pleural effusion"} & asked.wrong


def test_two_findings_make_a_set() -> None:
    (asked,) = of(MULTIPLE, study(EFFUSION, Fact(Finding.CARDIOMEGALY)))
    assert set(asked.parts) == {"pleural effusion", "cardiomegaly"}
    assert of(MULTIPLE, study(EFFUSION)) == []


@pytest.mark.parametrize(("visibility", "view", "asked"), [(0.9, 0, 1), (0.3, 0, 0), (0.9, 1, 0)])
def test_what_is_not_plain_in_the_frontal_film_is_not_asked(visibility: float, view: int, asked: int) -> None:
    two = {"image_ids": ("now", "side"), "positions": (Position.PA, Position.LATERAL)}
    record = study(EFFUSION, regions=(region(visibility, view),), **two)
    for task in (SINGLE, FINE, GROUNDING):
        assert len(of(task, record)) == asked


def test_new_and_worsening_are_never_offered_together() -> None:
    prior = {"prior_image_ids": ("before",), "prior_positions": (Position.PA,)}
    (asked,) = of(TEMPORAL, study(replace(EFFUSION, change=Change.WORSENED), **prior))
    assert (asked.answer, asked.images) == ("worsening", ("before", "now"))
    assert asked.wrong == {"stable", "improving", "resolved"}


def test_a_description_differs_in_one_respect() -> None:
    (asked,) = of(FINE, study(EFFUSION))
    assert asked.answer == "small left pleural effusion"
    assert asked.wrong == {
        "small right pleural effusion",
        "moderate left pleural effusion",
        "large left pleural effusion",
    }


def test_a_place_that_could_be_called_by_another_finding_is_not_asked() -> None:
    opacity = Fact(Finding.LUNG_OPACITY, side=Side.LEFT, site=Site.UPPER_LOBE)
    mass = Fact(Finding.MASS, side=Side.RIGHT, site=Site.LOWER_LOBE)
    assert {c.group for c in of(FINE, study(opacity))} == {"lung opacity"}
    assert {c.group for c in of(FINE, study(opacity, mass))} == {"lung mass"}


def test_two_places_or_a_large_one_are_not_asked_for() -> None:
    assert len(of(GROUNDING, study(EFFUSION, regions=(region(0.9),)))) == 1
    assert of(GROUNDING, study(EFFUSION, regions=(region(0.9), region(0.8)))) == []
    large = replace(region(0.9), box=(0.1, 0.1, 0.9, 0.9))
    assert of(GROUNDING, study(EFFUSION, regions=(large,))) == []


def test_rewordings_of_a_question_are_one() -> None:
    words = ("Is there a pneumothorax?", "Is/Are there any pneumothorax present?", "Where is it?")
    answers = ("Yes", "yes", "left")
    asked = tuple(Question(q, a, closed=True) for q, a in zip(words, answers, strict=True))
    own = [c for c in of(VQA, study(facts_complete=False, questions=asked)) if c.part.startswith("own")]
    assert len(own) == 2
    assert len({candidate.group for candidate in own}) == 1
    assert len({candidate.key for candidate in own}) == 1
    assert {candidate.answer for candidate in own} == {"Yes"}


def test_findings_that_compare_are_not_to_be_written_from_one_study() -> None:
    alone = Report("Cough.", "", "Small left pleural effusion.", "Effusion.")
    assert len(of(FINDINGS, study(EFFUSION, report=alone))) == 1
    compared = replace(alone, findings="The left pleural effusion is unchanged.")
    assert of(FINDINGS, study(EFFUSION, report=compared)) == []
