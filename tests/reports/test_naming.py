"""A finding in a question is called what reports call it, in good grammar."""

from __future__ import annotations

import pytest

from hilum.reports import extract_facts, name_of, names
from hilum.study import Finding, Presence


def test_articles_and_verbs_go_with_the_finding():
    assert names(Finding.ENLARGED_CARDIOMEDIASTINUM)["a"].startswith("an ")
    assert names(Finding.EDEMA)["a"] == name_of(Finding.EDEMA)
    assert names(Finding.STERNOTOMY_WIRES)["is"] == "Are"


@pytest.mark.parametrize("finding", [f for f in Finding if f is not Finding.NO_FINDING])
def test_a_finding_is_called_what_reports_call_it(finding):
    facts = extract_facts(f"There is {names(finding)['a']}.")
    assert finding in {fact.finding for fact in facts if fact.presence is Presence.PRESENT}
