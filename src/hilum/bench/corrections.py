"""P-values corrected for how many there are.

holm([0.01, 0.04, 0.03])                     # [0.03, 0.06, 0.06]
benjamini_hochberg([0.01, 0.04, 0.03])       # [0.03, 0.04, 0.04]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from scipy.stats import false_discovery_control

ALPHA = 0.05
"""A difference is significant where its corrected p-value is at most this."""

P = TypeVar("P", float, float | None)


def holm(ps: Sequence[P]) -> list[P]:
    """Holm's correction (Scand J Statist 6:65, 1979): it bounds the chance of any false alarm.

    None, where there is no p-value, stays None and counts for nothing.
    """
    known = sorted((p, i) for i, p in enumerate(ps) if p is not None)
    corrected, highest = list(ps), 0.0
    for rank, (p, i) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - rank)))
        corrected[i] = highest
    return corrected


def benjamini_hochberg(ps: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's (J R Stat Soc B 57:289, 1995): it bounds the false discovery rate."""
    return [float(p) for p in false_discovery_control(ps)] if ps else []
