"""The facts of two reports side by side: what they share, and what one of them got wrong.

    from hilum.judge import compare
    compare(reference_facts, candidate_facts).errors["b"]      # what the candidate missed

Findings are paired one to one so that as many as possible have a partner and the partners differ as little
as possible. A pair is a match; where its place, severity or change is wrong, that is an error besides: the
right finding on the wrong side is better than no finding. GREEN's formula (Ostmeier et al., Findings of EMNLP
2024) makes the score: matches / (matches + errors). A level and a device's tip are places, a size and the age
of a fracture are severities.

A comparison of the whole chest ("no interval change") is a fact `OVERALL`: it speaks for every finding whose
change is not told on its own, and is an error where the other report compares nothing. So is a made-up one of
an organ ("heart size is unchanged", `PARTIAL`), which speaks for no finding.

A denial is no match: "no effusion, no pneumothorax, no mass" must not gain by its length. What it denies
shows all the same: it misses a finding of the reference, or does not state what the reference denies. Two
reports without any disease match once, as "No Finding". A hedged finding counts as stated (CheXpert's U-Ones
policy), but as a second name for what is stated at the same place it is no finding of its own ("left basal
opacity, possibly pneumonia").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from hilum.errors import UsageError
from hilum.judge.equivalence import are_equivalent, are_one_place, are_one_tip, is_right_place, may_rename
from hilum.study import DEVICES, Change, Fact, Finding, Presence, Side, Site, Verdict

CATEGORIES: Final = "abcdef"
"""GREEN's letters: a false finding, b missing finding, c wrong place, d wrong severity, e comparison that the
reference lacks, f comparison omitted."""

OVERALL: Final = Fact(Finding.NO_FINDING, Presence.UNCERTAIN, change=Change.STABLE)
"""That nothing has changed, said of the whole chest; it says neither that there is a finding nor that not."""

PARTIAL: Final = replace(OVERALL, presence=Presence.ABSENT)
"""That an organ has not changed, of which no finding is told."""

SIZE_SHARE: Final = 0.25
SIZE_MM: Final = 3.0
"""Sizes differ when they do by more than both. On CT the Fleischner Society takes less than 2 mm for
measurement error (Bankier et al., Radiology 285:584, 2017); a film is less sharp and magnifies."""

_HARMLESS: Final = frozenset({*DEVICES, Finding.SUPPORT_DEVICES})
_SIDED_SITES: Final = {Site.LINGULA: Side.LEFT, Site.MIDDLE_LOBE: Side.RIGHT}
_UNILATERAL: Final = frozenset({Side.LEFT, Side.RIGHT})


def compare(reference: Iterable[Fact], candidate: Iterable[Fact]) -> Verdict:
    """Judge a candidate's facts by the reference's.

    Args:
        reference: what is true; empty means a normal chest.
        candidate: what is claimed; empty means a normal chest too.

    Returns:
        The score, always `SCORED`. Facts at fault are the candidate's where it said something (matched, a, c,
        d, e), the reference's where it did not (b, f).

    Raises:
        UsageError: one of them holds something else than facts.
    """
    reference, candidate = tuple(reference), tuple(candidate)
    for name, facts in (("reference", reference), ("candidate", candidate)):
        if not all(isinstance(fact, Fact) for fact in facts):
            raise UsageError(name, "does not hold facts alone", "give hilum.reports.extract_facts(text)")
    stated, claimed = _statements(reference), _statements(candidate)
    true, said = _things(_split(stated, claimed)), _things(_split(claimed, stated))
    errors: dict[str, list[Fact]] = {letter: [] for letter in CATEGORIES}
    pairs = _paired(true, said)
    matched = [said[j].fact for _, j in pairs]
    overall = OVERALL in reference, OVERALL in candidate
    for i, j in pairs:
        for letter in _faults(true[i].fact, said[j].fact, *overall):
            errors[letter].append(true[i].fact if letter == "f" else said[j].fact)
    for fact in _left_over(true, [i for i, _ in pairs]):
        errors["f" if _resolved(fact) else "b"].append(fact)
    for fact in _left_over(said, [j for _, j in pairs]):
        errors["e" if _resolved(fact) else "a"].append(fact)
    if overall[0] and not _compares(candidate):
        errors["f"].append(OVERALL)
    if not _compares(reference):
        errors["e"] += [fact for fact in candidate if fact in (OVERALL, PARTIAL)][:1]
    if _normal(stated) and _normal(claimed):
        matched.append(_no_finding(candidate))
    count = len(matched)
    value = count / (count + sum(map(len, errors.values())))
    return Verdict(value, tuple(matched), {letter: tuple(facts) for letter, facts in errors.items()})


def _compares(facts: Iterable[Fact]) -> bool:
    return any(fact.change is not None for fact in facts)


def _statements(facts: Iterable[Fact]) -> list[Fact]:
    """What counts: findings stated, and findings said to have resolved."""
    return [
        fact
        for fact in facts
        if fact.finding is not Finding.NO_FINDING
        and (fact.presence is not Presence.ABSENT or _resolved(fact))
    ]


def _resolved(fact: Fact) -> bool:
    return fact.change is Change.RESOLVED


def _normal(statements: Iterable[Fact]) -> bool:
    """Whether nothing but devices is there."""
    return all(_resolved(fact) or fact.finding in _HARMLESS for fact in statements)


def _no_finding(facts: Iterable[Fact]) -> Fact:
    called = (fact for fact in facts if fact.finding is Finding.NO_FINDING and fact.change is None)
    return next(called, Fact(Finding.NO_FINDING))


def _split(facts: Sequence[Fact], others: Sequence[Fact]) -> list[Fact]:
    """Bilateral facts as a left and a right one, where the other report tells the sides apart.

    Where it too has a bilateral one, that is the partner, and what it says of one side is another finding.
    """
    parts: list[Fact] = []
    for fact in facts:
        sides = {_side(other) for other in others if are_equivalent(fact.finding, other.finding)}
        if fact.side is Side.BILATERAL and Side.BILATERAL not in sides and sides & _UNILATERAL:
            parts += [replace(fact, side=Side.LEFT), replace(fact, side=Side.RIGHT)]
        else:
            parts.append(fact)
    return parts


def _side(fact: Fact) -> Side | None:
    """Its side, or the one that its site implies."""
    return _SIDED_SITES.get(fact.site) if fact.side is None and fact.site is not None else fact.side


@dataclass(frozen=True, slots=True)
class _Thing:
    """A statement with all the names its report has for what it states."""

    fact: Fact
    names: frozenset[Finding]


def _things(facts: Sequence[Fact]) -> list[_Thing]:
    """The statements, hedged second names folded into the first."""
    names = {fact: {fact.finding} for fact in facts}
    for fact in tuple(names):
        firsts = [other for other in facts if _is_second_name(fact, other)]
        if firsts:
            del names[fact]
            names[min(firsts, key=lambda other: other.finding.value)].add(fact.finding)
    return [_Thing(fact, frozenset(findings)) for fact, findings in names.items()]


def _is_second_name(fact: Fact, first: Fact) -> bool:
    return (
        fact.presence is Presence.UNCERTAIN
        and first.presence is Presence.PRESENT
        and may_rename(fact.finding, first.finding)
        and (_side(fact), fact.site) == (_side(first), first.site)
    )


def _left_over(things: Sequence[_Thing], paired: Sequence[int]) -> list[Fact]:
    """The facts without a partner."""
    return [thing.fact for i, thing in enumerate(things) if i not in set(paired)]


def _paired(true: Sequence[_Thing], said: Sequence[_Thing]) -> list[tuple[int, int]]:
    """The pairs of places (reference, candidate), most pairs first, then least errors, then likest names."""
    if not true or not said:
        return []
    gain = np.array([[_gain(one, two) for two in said] for one in true])
    if (np.count_nonzero(gain, 0) <= 1).all() and (np.count_nonzero(gain, 1) <= 1).all():
        rows, columns = gain.nonzero()  # nobody has a choice
    else:
        rows, columns = linear_sum_assignment(gain, maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if gain[i, j]]


def _gain(one: _Thing, two: _Thing) -> float:
    """What pairing two statements is worth; 0 when they cannot be one. A hundred errors outweigh one pair."""
    true, said = one.fact, two.fact
    equivalent = any(are_equivalent(a, b) for a in one.names for b in two.names)
    if not equivalent or _resolved(true) is not _resolved(said):
        return 0.0
    unlike = not one.names & two.names
    apart = _side(true) is not _side(said) or true.site is not said.site or true.presence is not said.presence
    return 1 - 1e-2 * len(_faults(true, said)) - 1e-3 * unlike - 1e-4 * apart


def _faults(true: Fact, said: Fact, all_same: bool = False, all_said_same: bool = False) -> list[str]:
    """The letters of what is wrong with a paired fact.

    What the reference says and the candidate leaves out is wrong too, else saying less would pay; what only
    the candidate says of place and severity is not known to be wrong.

    Args:
        all_same: the reference says of the whole chest that nothing has changed.
        all_said_same: so does the candidate.
    """
    faults = []
    if _misplaced(true, said):
        faults.append("c")
    if _misjudged(true, said):
        faults.append("d")
    was = Change.STABLE if all_same and true.change is None else true.change
    now = Change.STABLE if all_said_same and said.change is None else said.change
    # What is said, or not said, of the whole chest is counted once and not for every finding.
    if now is None and true.change is not None:
        faults.append("f")
    elif now is not was and now is not None and (true.change or said.change):
        faults.append("e")
    return faults


def _misplaced(true: Fact, said: Fact) -> bool:
    side = _side(true)
    if side is not None and _side(said) is not side:
        return True
    if true.site is not None and (said.site is None or not are_one_place(true.site, said.site)):
        return True
    if true.levels and set(said.levels) != set(true.levels):
        return True
    return _tip_misplaced(true, said)


def _tip_misplaced(true: Fact, said: Fact) -> bool:
    """Whether a device's end is elsewhere; "in good position" stands for any place that is right for it."""
    well, called_well = is_right_place(true), is_right_place(said)
    if well is not None and called_well is not well:
        return True
    if true.tip is None:
        return False
    if said.tip is None:
        return not (well and called_well)
    return not are_one_tip(true.tip, said.tip)


def _misjudged(true: Fact, said: Fact) -> bool:
    """Whether grade, size or age differ."""
    if true.severity is not None and said.severity is not true.severity:
        return True
    if true.acuity is not None and said.acuity is not true.acuity:
        return True
    if true.size_mm is None:
        return False
    if said.size_mm is None:
        return True
    apart = abs(said.size_mm - true.size_mm)
    return apart > SIZE_MM and apart > SIZE_SHARE * true.size_mm
