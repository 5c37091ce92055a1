"""What a report says is said once, and its impression says nothing that its findings do not."""

from __future__ import annotations

import pytest

from hilum.model.wording import consistent, present, unrepeated
from hilum.study import Finding

FINDINGS = "Small left pleural effusion. No pneumothorax. Endotracheal tube in place."


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (
            "Small left effusion. No pneumothorax. Small left effusion.",
            "Small left effusion. No pneumothorax.",
        ),
        (
            "1. Small left effusion. 2. There is a small left pleural effusion. 3. No pneumothorax.",
            "1. Small left effusion. 2. No pneumothorax.",
        ),
        ("Small left effusion. Small right effusion.", "Small left effusion. Small right effusion."),
        ("", ""),
    ],
)
def test_a_sentence_is_said_once(said, kept) -> None:
    assert unrepeated(said) == kept
    assert unrepeated(kept) == kept


@pytest.mark.parametrize(
    "lie",
    [
        "Large mass.",
        "Small right pleural effusion.",
        "Large left pleural effusion.",
        "Left pneumothorax.",
        "No pleural effusion.",
        "No acute cardiopulmonary abnormality.",
        "Small left pleural effusion, increased.",
    ],
)
def test_an_impression_says_nothing_its_findings_lack(lie) -> None:
    assert consistent(f"1. Left pleural effusion. 2. {lie}", FINDINGS) == "Left pleural effusion."
    left = consistent(lie, FINDINGS)
    assert Finding.PLEURAL_EFFUSION in present(left)
    assert consistent(left, FINDINGS) == left


@pytest.mark.parametrize("true", ["Possible left effusion.", "No pneumothorax.", "No left-sided mass."])
def test_what_the_findings_bear_out_stays(true) -> None:
    assert consistent(true, FINDINGS) == true
    assert consistent("Normal chest.", "The lungs are clear.") == "Normal chest."
