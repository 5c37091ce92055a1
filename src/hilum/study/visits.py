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
from hilum.study.masks import RunLengths
from hilum.study.terms import Finding, Position, Presence, Sex, Side, Split, TextKind

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
    mask: Mask | RunLengths | None = field(default=None, compare=False, repr=False)
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
    """A question somebody else wrote about a study, with its answer (VQA-RAD and its like).

    Args:
        closed: whether it is answered by yes or no, or by one of `options`.
        kind: the dataset's own word for what is asked about.
        options: what there is to choose from; the answer is one of them, or several joined by "; ".
        compares: whether it asks what changed since the prior study, which then is shown too.
        several: whether more than one of `options` may be right.
        history: the questions it follows from, each with its answer, the first one first; without them a
            follow-up ("In which area?") asks nothing.
    """

    question: str
    answer: str
    closed: bool
    view: int = 0
    kind: str = ""
    options: tuple[str, ...] = ()
    compares: bool = False
    several: bool = False
    history: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TextExample:
    """An annotated text: sentences and what somebody said of them (RadNLI, RadGraph, RadQA and their like).

    Args:
        texts: what is given: premise and hypothesis; report and question; reference and candidate report.
        answer: an option's words, a span of the text, or the entities as `type: words; …`.
        options: what there is to choose from; empty where the answer is free.
        view: the image it is about; None for text alone.
    """

    kind: TextKind
    texts: tuple[str, ...]
    answer: str
    options: tuple[str, ...] = ()
    view: int | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """Everything known about one visit of one patient.

    Args:
        labels: finding → present, absent or uncertain; what is missing was not mentioned.
        terms: the same for words of the source's own that are no `Finding` (PadChest's, CXR-LT's tail).
        facts: the truth (phantom) or what annotators coded; empty when nobody did.
        facts_complete: True when every visible finding is in `facts`, so that absence is known too.
        prior: the patient's previous study, when the source knows it.
        split: the source's own split, when it publishes one; otherwise None.
        group: a further attribute to audit by (the phantom's synthetic group, a site).
        race: race or ethnicity, in the words of the source.
        device: maker and model of what took the images, in the words of the source.
        taken: date and time as far as the source gives them ("2180-05-06 21:30"), shifted or not: they order
            a patient's studies.
        caption: words that describe the images and are no report (a figure's legend).
        texts: annotated texts that belong to the study.
    """

    id: str
    patient: str
    source: str
    views: tuple[View, ...]
    report: Report | None = None
    labels: Mapping[Finding, Presence] = field(default_factory=dict)
    terms: Mapping[str, Presence] = field(default_factory=dict)
    facts: tuple[Fact, ...] = ()
    facts_complete: bool = False
    regions: tuple[Region, ...] = ()
    questions: tuple[Question, ...] = ()
    sex: Sex = Sex.UNKNOWN
    age: float | None = None
    group: str | None = None
    race: str = ""
    device: str = ""
    taken: str = ""
    caption: str = ""
    texts: tuple[TextExample, ...] = ()
    prior: Study | None = field(default=None, repr=False)
    split: Split | None = None
