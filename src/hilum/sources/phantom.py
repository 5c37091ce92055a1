"""The embedded synthetic cohort as a source: nothing to download.

hilum build --source phantom --limit 500 --out DIR
"""

from __future__ import annotations

from hilum.phantom import Cohort, PhantomConfig, cohort
from hilum.sources.base import Request, Source

DEFAULT_STUDIES = 2000
"""Studies when no limit is given; the cohort itself has no end."""


def read(request: Request) -> Cohort:
    """The cohort: a lazy sequence that travels to worker processes, see `hilum.phantom.cohort`."""
    n = DEFAULT_STUDIES if request.limit is None else request.limit
    return cohort(n, seed=request.seed, config=PhantomConfig(size=request.size))


SOURCE = Source(
    name="phantom",
    summary="synthetic chest films with known truth: findings, places, reports, follow-ups",
    files="none: it is made on this machine",
    terms="as Hilum itself",
    citation="none",
    read=read,
    embedded=True,
)
