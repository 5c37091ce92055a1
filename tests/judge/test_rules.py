"""The judges by rule: facts judges as `score` does, matches is blind to inventions on purpose."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hilum.judge import named_judge
from hilum.study import Finding
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
