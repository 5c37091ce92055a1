"""Reports judged by the facts they state: no network, no GPU.

from hilum.judge import score
verdicts = score(references, candidates)
verdicts.mean, verdicts.scores[0].errors["a"]
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hilum.errors import UsageError, a_text
from hilum.judge.compare import CATEGORIES, compare
from hilum.judge.overall import overall
from hilum.reports import extract_facts, is_english
from hilum.study import Fact, Finding, Presence, State, Verdict

_SAYS: Final = re.compile(r"[^\W_]")
"""A letter or digit: "..." says nothing."""

AT_FAULT: Final = frozenset({State.EMPTY, State.FOREIGN})
"""States for which the candidate is to blame: nobody could read it."""
_JUDGE_S_FAULT: Final = tuple(
    state for state in State if state not in {State.SCORED, State.NO_REFERENCE, *AT_FAULT}
)
_FURTHER: Final = ("detail", "counts", "answer")
"""Fields of a verdict that only some judges fill."""


def counted(score: Verdict) -> float | None:
    """What a score counts in a mean: its value, 0 for a candidate that failed, None for what is left out.

    A model must not gain by answers that nobody can read; what is wrong with a reference says nothing of it.
    """
    return 0.0 if score.value is None and score.state in AT_FAULT else score.value


def mean(scores: Iterable[Verdict]) -> float | None:
    """Mean of what the scores count (see `counted`); None where none of them counts."""
    values = [value for value in map(counted, scores) if value is not None]
    return sum(values) / len(values) if values else None


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One score for each pair of reports."""

    scores: tuple[Verdict, ...]

    @property
    def values(self) -> list[float]:
        """What each pair counts (see `counted`), NaN for what is left out."""
        return [math.nan if value is None else value for value in map(counted, self.scores)]

    @property
    def mean(self) -> float | None:
        """Mean over the pairs with a readable reference; None when there is none."""
        return mean(self.scores)

    @property
    def failed(self) -> int:
        """Candidates that could not be read, counted 0 in the mean."""
        return sum(score.state in AT_FAULT for score in self.scores)

    @property
    def left_out(self) -> int:
        """Pairs without a readable reference, not counted in the mean."""
        return sum(score.state is State.NO_REFERENCE for score in self.scores)

    @property
    def unjudged(self) -> dict[State, int]:
        """Pairs that the judge could not judge, by what became of them; they are not counted in the mean."""
        states = Counter(score.state for score in self.scores)
        return {state: states[state] for state in _JUDGE_S_FAULT if states[state]}

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary, as `hilum judge --json` prints it."""
        return {
            "mean": self.mean,
            "failed": self.failed,
            "left_out": self.left_out,
            "unjudged": {state.value: count for state, count in self.unjudged.items()},
            "reports": [_row(score) for score in self.scores],
        }


def _row(score: Verdict) -> dict[str, Any]:
    return {
        "score": score.value,
        "matched": [fact.to_json() for fact in score.matched],
        "errors": {
            letter: [fact.to_json() for fact in score.errors.get(letter, ())] for letter in CATEGORIES
        },
        "state": score.state,
    } | {name: value for name in _FURTHER if (value := getattr(score, name))}


def score(references: Sequence[str], candidates: Sequence[str]) -> Verdicts:
    """Judge each candidate by the reference at the same place.

    Args:
        references: reports that are true, with or without section headings.
        candidates: as many reports to judge.

    Returns:
        A `Verdict` for each. Its state is `NO_REFERENCE` when the reference has no text, is not in English or
        states nothing; `EMPTY` when the candidate has no text, `FOREIGN` when it is not in English. A
        candidate in English that states nothing scores 0.

    Raises:
        UsageError: there are more of the one than of the other, or one of them is no list of texts.
    """
    require_pairs(references, candidates)
    return Verdicts(tuple(map(_judged, references, candidates)))


def require_pairs(references: Sequence[str], candidates: Sequence[str]) -> None:
    """Refuse what is no list of texts, or not as many of the one as of the other.

    Raises:
        UsageError: that.
    """
    for name, reports in (("references", references), ("candidates", candidates)):
        if isinstance(reports, str):
            raise UsageError(name, "are one text", "give lists: score([reference], [candidate])")
        for number, report in enumerate(reports, start=1):
            a_text(report, f"{name}, number {number}", "give the text of one report for each")
    if len(references) != len(candidates):
        problem = f"are {len(candidates)} for {len(references)} references"
        raise UsageError("candidates", problem, "give one candidate for each reference")


def says_something(text: str) -> bool:
    """Whether a text has a letter or digit."""
    return _SAYS.search(text) is not None


def _judged(reference: str, candidate: str) -> Verdict:
    true = extract_facts(reference) if is_english(reference) else []
    if not true:
        return Verdict(None, state=State.NO_REFERENCE)
    if not says_something(candidate):
        return Verdict(None, state=State.EMPTY)
    if not is_english(candidate):
        return Verdict(None, state=State.FOREIGN)
    said = extract_facts(candidate)
    return compare([*true, *overall(reference)], [*said, *overall(candidate)]) if said else _silent(true)


def _silent(true: Sequence[Fact]) -> Verdict:
    """A candidate in English that says nothing of the chest misses everything."""
    stated = tuple(fact for fact in true if fact.presence is not Presence.ABSENT)
    missed = stated or (Fact(Finding.NO_FINDING),)
    return Verdict(0.0, errors={letter: missed if letter == "b" else () for letter in CATEGORIES})
