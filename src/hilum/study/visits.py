"""One visit of a patient: its images, its report, what is marked in it and known of it.

from hilum.study import Study
Study("s", "p", "folder", (view,)).views[0].load()
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hilum.study.facts import Fact
from hilum.study.terms import Finding, Position, Sex, Side, Split

Pixels = npt.NDArray[np.float32]
"""A greyscale image: shape (height, width), float32 in [0, 1], bone white."""

Mask = npt.NDArray[np.bool_]
"""A region's pixels: shape (height, width) of its view, True inside."""

Box = tuple[float, float, float, float]
"""Corners x1, y1, x2, y2 as fractions of width and height, origin at the top left, x1 < x2, y1 < y2."""


@dataclass(frozen=True, slots=True)
class Region:
    """A place in one view: a phrase or finding with its box, and its exact mask where known.

    `visibility` is 0 (truly there but hidden, a nodule behind the heart) to 1 (plain to see).
    """

    box: Box
    phrase: str
    finding: Finding | None = None
    side: Side | None = None
    view: int = 0
    mask: Mask | None = field(default=None, compare=False, repr=False)
    visibility: float = 1.0


@dataclass(frozen=True, slots=True)
class Report:
    """A report's four sections as plain text; an absent section is the empty string."""

    indication: str = ""
    comparison: str = ""
    findings: str = ""
    impression: str = ""

    @property
    def text(self) -> str:
        """Findings and impression joined: what describes the image."""
        return " ".join(part for part in (self.findings, self.impression) if part)


@dataclass(frozen=True, slots=True)
class View:
    """One image of a study; `load` reads its pixels each time it is called, nothing is kept.

    Args:
        id: unique in its source, stable between runs.
        load: returns the pixels, see `Pixels`.
        spacing_mm: row and column spacing in millimetres, when known.
        path: the file behind it, when there is one.
    """

    id: str
    load: Callable[[], Pixels] = field(compare=False, repr=False)
    position: Position = Position.UNKNOWN
    spacing_mm: tuple[float, float] | None = None
    path: str | None = None
    synthetic: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """A question somebody else wrote about a study, with its answer (VQA-RAD and its like)."""

    question: str
    answer: str
    closed: bool
    view: int = 0
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Study:
    """Everything known about one visit of one patient.

    Args:
        labels: finding → True (present) or False (absent); what is missing is unknown.
        facts: the truth (phantom) or what annotators coded; empty when nobody did.
        facts_complete: True when every visible finding is in `facts`, so that absence is known too.
        prior: the patient's previous study, when the source knows it.
        split: the source's own split, when it publishes one; otherwise None.
        group: a further attribute to audit by (the phantom's synthetic group, a site, a scanner).
    """

    id: str
    patient: str
    source: str
    views: tuple[View, ...]
    report: Report | None = None
    labels: Mapping[Finding, bool] = field(default_factory=dict)
    facts: tuple[Fact, ...] = ()
    facts_complete: bool = False
    regions: tuple[Region, ...] = ()
    questions: tuple[Question, ...] = ()
    sex: Sex = Sex.UNKNOWN
    age: float | None = None
    group: str | None = None
    prior: Study | None = field(default=None, repr=False)
    split: Split | None = None
