"""The judges by rule: facts judges as `score` does, matches is blind to inventions on purpose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum import __version__
from hilum.judge import named_judge, score
from hilum.study import Finding, State
from judge.judges import EFFUSION

EVERYTHING = " ".join(f"{finding.value}." for finding in Finding if finding is not Finding.NO_FINDING)
STATED = (
    "Small left pleural effusion.",
    "Large right pneumothorax.",
    "The heart is enlarged.",
    "Right upper lobe mass, increased.",
)


def reports(*sentences: str) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(sentences), min_size=1, unique=True).map(" ".join)


def test_matches_is_won_by_stating_everything() -> None:
    facts, matches = named_judge("facts"), named_judge("matches")
    reference = "Pleural effusion. Cardiomegaly."
    [honest], [cheat] = facts([reference], [EFFUSION]), facts([reference], [EVERYTHING])
    assert cheat.value < 0.1 < honest.value
    assert matches([reference], [EVERYTHING])[0].value == 1


@given(reference=reports(*STATED), candidate=reports(*STATED, "No pulmonary edema."))
def test_an_invention_costs_facts_and_not_matches(reference, candidate) -> None:
    pair = [reference] * 2, [candidate, f"{candidate} Acute left rib fracture."]
    honest, inventive = named_judge("facts")(*pair)
    assert inventive.value < honest.value or honest.value == 0
    honest, inventive = named_judge("matches")(*pair)
    assert inventive.value == honest.value


@pytest.mark.parametrize(
    ("reference", "candidate", "value"),
    [
        ("Pleural effusion. Cardiomegaly.", "Pleural effusion. Pneumothorax.", 1 / 2),
        ("Pleural effusion. Cardiomegaly. Scoliosis.", "Scoliosis.", 1 / 3),
        ("Pleural effusion.", "Cardiomegaly.", 0),
        ("No acute disease.", "Cardiomegaly.", 1),
        ("No acute disease.", "Clear lungs.", 1),
    ],
)
def test_matches_is_the_share_of_what_the_reference_states(reference, candidate, value) -> None:
    [verdict] = named_judge("matches")([reference], [candidate])
    assert verdict.value == pytest.approx(value)
    [facts] = named_judge("facts")([reference], [candidate])
    assert facts == score([reference], [candidate]).scores[0]
    assert (verdict.matched, verdict.errors) == (facts.matched, facts.errors)


def test_a_reference_that_states_nothing_has_its_state_and_no_value() -> None:
    for name in ("facts", "matches"):
        [verdict] = named_judge(name)(["The cat sat on the mat."], [EFFUSION])
        assert (verdict.value, verdict.state) == (None, State.NO_REFERENCE)


def test_a_judge_by_rule_is_known_by_its_name_and_hilum_s_version() -> None:
    for name in ("facts", "matches"):
        assert named_judge(name).identity == {"judge": name, "version": 1, "hilum": __version__}
