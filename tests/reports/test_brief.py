"""A report in brief says what is there, always in the same words, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.reports import extract_facts, in_brief, write_report
from hilum.study import Fact, Finding, Presence, Severity, Side

FACTS = (
    Fact(Finding.PLEURAL_EFFUSION, side=Side.LEFT, severity=Severity.MILD),
    Fact(Finding.PNEUMOTHORAX, side=Side.RIGHT, severity=Severity.SEVERE),
    Fact(Finding.CARDIOMEGALY, severity=Severity.MODERATE),
    Fact(Finding.PACEMAKER, side=Side.LEFT),
)


@pytest.mark.parametrize(
    ("text", "brief"),
    [
        ("Small left effusion, unchanged. The heart is normal.", "Small left pleural effusion."),
        ("No acute disease. The lungs are clear.", "No abnormality."),
        ("No effusion; possible pneumonia.", "Pneumonia."),
        ("Rien de particulier.", "Rien de particulier."),
        ("", ""),
        (
            "A 9 mm nodule in the RUL. No effusion. Acute left sixth rib fracture. Possible edema.",
            "9 mm right upper lobe nodule. Acute left sixth rib fracture. Pulmonary edema.",
        ),
    ],
)
def test_what_is_there_is_kept(text, brief) -> None:
    assert in_brief(text) == brief


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.sets(st.sampled_from(FACTS), min_size=1))
def test_it_holds_the_facts_of_any_wording(seed, chosen) -> None:
    report = write_report(sorted(chosen, key=FACTS.index), rng=np.random.default_rng(seed))

    def there(text: str) -> set[tuple[object, ...]]:
        found = [f for f in extract_facts(text) if f.presence is not Presence.ABSENT]
        return {(f.finding, f.side, f.site, f.severity) for f in found}

    brief = in_brief(report.findings)
    assert there(brief) == there(report.findings)
    assert in_brief(brief) == brief
