"""What is stated of a finding, and a judge's verdict on what was stated.

from hilum.study import Fact, Finding, Severity, Side
Fact(Finding.PLEURAL_EFFUSION, side=Side.LEFT, severity=Severity.MILD)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from operator import attrgetter
from typing import Any

from hilum.study.terms import Acuity, Change, Finding, Presence, Severity, Side, Site, Tip, member


@dataclass(frozen=True, slots=True)
class Fact:
    """One statement about one finding.

    Args:
        size_mm: greatest diameter in millimetres, where a size is stated.
        levels: ribs ("5") or vertebrae ("T8", "L1") by name, in the order of the skeleton.
        acuity: of a fracture.
        tip: where a device ends.
        malposition: True where a device is said to lie wrong, False where it is said to lie well.
        span: where a text says it (start, end); not part of equality.
    """

    finding: Finding
    presence: Presence = Presence.PRESENT
    side: Side | None = None
    site: Site | None = None
    severity: Severity | None = None
    change: Change | None = None
    size_mm: float | None = None
    levels: tuple[str, ...] = ()
    acuity: Acuity | None = None
    tip: Tip | None = None
    malposition: bool | None = None
    span: tuple[int, int] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Take terms that are given as text; everything else compares them by identity."""
        for value, (key, kind) in zip(_terms(self), _TERMS.items(), strict=True):
            if value is not None and type(value) is not kind:
                object.__setattr__(self, key, member(kind, value, key))

    def at(self, span: tuple[int, int] | None) -> Fact:
        """The same statement with another span, much faster than `replace`: no field is checked again."""
        fact = object.__new__(Fact)
        for put, value in zip(_PUT, _every(self), strict=True):
            put(fact, value)
        _PUT[-1](fact, span)
        return fact

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary, as `hilum facts --json` prints it."""
        return {key: _plain(getattr(self, key)) for key in self.__slots__}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Fact:
        """The inverse of `to_json`; fields that the row lacks keep their default."""
        said = {key: value for key, value in row.items() if value is not None}
        given: dict[str, Any] = {key: _TERMS.get(key, _held)(value) for key, value in said.items()}
        return cls(**given)


def _plain(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def _held(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


_TERMS: Mapping[str, type[StrEnum]] = {
    "finding": Finding,
    "presence": Presence,
    "side": Side,
    "site": Site,
    "severity": Severity,
    "change": Change,
    "acuity": Acuity,
    "tip": Tip,
}
_every: Callable[[Fact], tuple[Any, ...]] = attrgetter(*(f.name for f in fields(Fact)))
_PUT = tuple(getattr(Fact, f.name).__set__ for f in fields(Fact))
"""What sets each field of a new, frozen fact, the span last."""
_terms: Callable[[Fact], tuple[Any, ...]] = attrgetter(*_TERMS)

FACT_DETAILS: tuple[str, ...] = tuple(
    f.name for f in fields(Fact) if f.name not in ("finding", "presence", "span")
)
"""The fields of a fact that say more than which finding is there; None or empty where nothing is said."""


class State(StrEnum):
    """What became of a judgement. All but `SCORED` are failures, and have no value."""

    SCORED = "scored"
    EMPTY = "empty"
    """The candidate has no text."""
    FOREIGN = "foreign"
    """The candidate is in another language than the judge reads."""
    NO_REFERENCE = "no reference"
    """The reference has no text, or says nothing that can be read."""
    UNPARSABLE = "unparsable"
    """The judging model answered, but not in the form it was asked for."""
    REFUSED = "refused"
    """The judging model would not answer."""
    TOO_LONG = "too long"
    """A report, or the judging model's answer, is longer than it can take."""
    FAILED = "failed"
    """The judging model could not be reached, or broke down."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judge's verdict on one candidate report.

    Args:
        value: in [0, 1], or None when `state` is not `SCORED`: a failure is never a score.
        matched: facts both reports state.
        errors: GREEN's categories "a" to "f" → the facts at fault.
        detail: what a failure was, for people; never any text of a report.
        counts: of a judge that counts without naming facts: "matched", and the categories "a" to "f".
        answer: the judging model's own words, which may repeat the reports; only where they were asked for.
    """

    value: float | None
    matched: tuple[Fact, ...] = ()
    errors: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)
    state: State = State.SCORED
    detail: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    answer: str = ""
