"""Reports judged by the facts they state: no network, no GPU.

from hilum.judge import score
verdicts = score(references, candidates)
verdicts.mean, verdicts.scores[0].errors["a"]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hilum.errors import UsageError, a_text
from hilum.judge.compare import CATEGORIES, compare
from hilum.reports import extract_facts, is_english
from hilum.study import Fact, Finding, Presence, Score


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One score for each pair of reports."""

    scores: tuple[Score, ...]

    @property
    def mean(self) -> float | None:
        """Mean over the reports that have a score; None when there is none."""
        values = [score.value for score in self.scores if score.value is not None]
        return sum(values) / len(values) if values else None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary, as `hilum judge --json` prints it."""
        return {"mean": self.mean, "reports": [_row(score) for score in self.scores]}


def _row(score: Score) -> dict[str, Any]:
    return {
        "score": score.value,
        "matched": [fact.to_json() for fact in score.matched],
        "errors": {
            letter: [fact.to_json() for fact in score.errors.get(letter, ())] for letter in CATEGORIES
        },
        "state": score.state,
    }


def score(references: Sequence[str], candidates: Sequence[str]) -> Verdicts:
    """Judge each candidate by the reference at the same place.

    Args:
        references: reports that are true, with or without section headings.
        candidates: as many reports to judge.

    Returns:
        A `Score` for each. Its state is "empty" when one of the two has no text, "unparsable" when one is not
        in English or the reference states nothing; a candidate that states nothing scores 0.

    Raises:
        UsageError: there are more of the one than of the other, or one of them is no list of texts.
    """
    for name, reports in (("references", references), ("candidates", candidates)):
        if isinstance(reports, str):
            raise UsageError(name, "are one text", "give lists: score([reference], [candidate])")
        for number, report in enumerate(reports, start=1):
            a_text(report, f"{name}, number {number}", "give the text of one report for each")
    if len(references) != len(candidates):
        problem = f"are {len(candidates)} for {len(references)} references"
        raise UsageError("candidates", problem, "give one candidate for each reference")
    return Verdicts(tuple(map(_judged, references, candidates)))


def _judged(reference: str, candidate: str) -> Score:
    if not reference.strip() or not candidate.strip():
        return Score(None, state="empty")
    true, said = extract_facts(reference), extract_facts(candidate)
    if not true or not is_english(reference) or not is_english(candidate):
        return Score(None, state="unparsable")
    return compare(true, said) if said else _silent(true)


def _silent(true: Sequence[Fact]) -> Score:
    """A candidate in English that says nothing of the chest misses everything."""
    stated = tuple(fact for fact in true if fact.presence is not Presence.ABSENT)
    missed = stated or (Fact(Finding.NO_FINDING),)
    return Score(0.0, errors={letter: missed if letter == "b" else () for letter in CATEGORIES})
