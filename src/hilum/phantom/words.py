"""Reports and phrases for the phantom's facts, written by `hilum.reports`.

from hilum.phantom.words import phrase
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import hilum.reports
from hilum.study import Fact, Position, Report


def phrase(fact: Fact, rng: np.random.Generator | None) -> str:
    """A noun phrase for a fact."""
    if hasattr(hilum.reports, "phrase"):
        return str(hilum.reports.phrase(fact, rng))
    parts = (fact.severity, fact.side, fact.site, fact.finding)
    return " ".join(p.value.lower() for p in parts if p is not None)


def write_report(
    facts: Sequence[Fact], *, rng: np.random.Generator, position: Position, prior: bool
) -> Report | None:
    """A report of the facts."""
    if hasattr(hilum.reports, "write_report"):
        report: Report = hilum.reports.write_report(facts, rng=rng, position=position, prior=prior)
        return report
    return None
