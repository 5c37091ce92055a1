"""What every judge is, and what each does before it costs anything: sort out, share, look up, count.

judge = named_judge("facts")
verdicts = judge(references, candidates)           # a Verdict for each pair, in their order
judge.spent()                                      # pairs, duplicates, cached, asked, and what was paid

A kind of judge says what identifies it and judges pairs that are fit to be judged; see `PairJudge`.
"""

from __future__ import annotations

import hashlib
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from hilum.errors import DataError
from hilum.judge.score import require_pairs, says_something
from hilum.kept import Kept
from hilum.reports import is_english
from hilum.study import Fact, State, Verdict

Pair = tuple[str, str]
"""A reference and a candidate."""
Keep = Callable[[Mapping[int, Verdict]], None]
"""Takes verdicts, by the number of their pair, as soon as there are any."""


@runtime_checkable
class Judge(Protocol):
    """A judge of candidate reports by reference reports."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    @property
    def identity(self) -> Mapping[str, Any]:
        """What decides its verdicts: name, version, model, prompt, settings. Plain JSON."""
        ...

    def __call__(self, references: Sequence[str], candidates: Sequence[str]) -> list[Verdict]:
        """A verdict on each candidate by the reference at the same place."""
        ...

    def spent(self) -> dict[str, Any]:
        """What was asked and paid so far."""
        ...


class PairJudge(ABC):
    """A judge of one pair at a time, each asked once and remembered.

    Pairs that cannot be judged get their state first: `NO_REFERENCE` for a reference without text or not in
    English, `EMPTY` and `FOREIGN` for such a candidate, `TOO_LONG` where the reference has more words than
    the judge reads; where the candidate alone has more, it scores 0. Equal pairs are judged once. Verdicts
    are kept as they come, under a hash of the judge's identity and of both texts, which are not kept
    themselves. What `FAILED` is not kept, and so is asked again.

    Args:
        cache: the file that verdicts are kept in, shared by as many judges as you like; None keeps nothing.
        most_words: of a report, None for any number.

    Raises:
        UsageError, DataError: as `hilum.kept.Kept`.
    """

    name: str

    def __init__(self, *, cache: Path | None = None, most_words: int | None = None) -> None:
        self.most_words = most_words
        self._kept = Kept(Path(cache)) if cache is not None else None
        self._spent = dict.fromkeys(("pairs", "duplicates", "cached", "asked"), 0)

    @property
    @abstractmethod
    def identity(self) -> Mapping[str, Any]:
        """See `Judge.identity`."""

    @abstractmethod
    def _judge(self, pairs: Sequence[Pair], keep: Keep) -> None:
        """Judge different pairs, and hand each verdict to `keep`, from whatever thread, when it is there."""

    def spent(self) -> dict[str, Any]:
        """Pairs that were given, duplicates among them, those found in the cache, those asked about."""
        return dict(self._spent)

    def __call__(self, references: Sequence[str], candidates: Sequence[str]) -> list[Verdict]:
        """A verdict on each candidate by the reference at the same place.

        Raises:
            UsageError: there are more of the one than of the other, or one of them is no list of texts.
            DataError: a verdict that was kept is damaged.
        """
        require_pairs(references, candidates)
        pairs = list(zip(references, candidates, strict=True))
        found: dict[Pair, Verdict] = {}
        new: dict[Pair, str] = {}
        for pair in dict.fromkeys(pairs):
            key = self._key(pair) if self._kept is not None else ""
            known = self._unfit(*pair) or self._remembered(key)
            if known is None:
                new[pair] = key
            else:
                found[pair] = known
        self._spent["pairs"] += len(pairs)
        self._spent["duplicates"] += len(pairs) - len(found) - len(new)
        self._spent["asked"] += len(new)
        asked = list(new)

        def keep(verdicts: Mapping[int, Verdict]) -> None:
            some = {asked[number]: _sound(verdict) for number, verdict in verdicts.items()}
            if self._kept is not None:
                rows = {new[pair]: _row(v) for pair, v in some.items() if v.state is not State.FAILED}
                self._kept.add(rows)
            found.update(some)

        if asked:
            self._judge(asked, keep)
        silent = Verdict(None, state=State.FAILED, detail="the judge gave no verdict")
        return [found.get(pair, silent) for pair in pairs]

    def _unfit(self, reference: str, candidate: str) -> Verdict | None:
        if not says_something(reference) or not is_english(reference):
            return Verdict(None, state=State.NO_REFERENCE)
        if not says_something(candidate):
            return Verdict(None, state=State.EMPTY)
        if not is_english(candidate):
            return Verdict(None, state=State.FOREIGN)
        if self.most_words is None:
            return None
        if (words := len(reference.split())) > self.most_words:
            detail = f"a reference of {words} words; {self.most_words} are read"
            return Verdict(None, state=State.TOO_LONG, detail=detail)
        if (words := len(candidate.split())) > self.most_words:
            # As a failure it would leave the mean, and a model would gain by rambling.
            return Verdict(0.0, detail=f"a candidate of {words} words; {self.most_words} are read")
        return None

    def _key(self, pair: Pair) -> str:
        texts = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for text in pair]
        known = json.dumps([self.identity, *texts], sort_keys=True)
        return hashlib.sha256(known.encode()).hexdigest()[:32]

    def _remembered(self, key: str) -> Verdict | None:
        if self._kept is None or key not in self._kept:
            return None
        try:
            verdict = _of_row(self._kept[key])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problem = f"holds no verdict under {key}"
            raise DataError(self._kept.path, problem, "delete the file, or the line") from error
        self._spent["cached"] += 1
        return verdict


def _sound(verdict: Verdict) -> Verdict:
    """A verdict as it is, where it has a value in [0, 1] or a failure; else a failure that is final.

    A judge that gives NaN for a pair would give it again.
    """
    value = verdict.value
    if verdict.state is not State.SCORED:
        return verdict if value is None else Verdict(None, state=verdict.state, detail=verdict.detail)
    if value is not None and math.isfinite(value) and 0 <= value <= 1:
        return verdict
    return Verdict(None, state=State.UNPARSABLE, detail=f"a score of {value}")


def _row(verdict: Verdict) -> dict[str, Any]:
    """What is kept of a verdict, as JSON holds it."""
    row: dict[str, Any] = {"state": verdict.state.value, "value": verdict.value}
    if verdict.matched:
        row["matched"] = [fact.to_json() for fact in verdict.matched]
    if verdict.errors:
        row["errors"] = {kind: [fact.to_json() for fact in facts] for kind, facts in verdict.errors.items()}
    words = {"counts": dict(verdict.counts), "detail": verdict.detail, "answer": verdict.answer}
    return row | {name: value for name, value in words.items() if value}


def _of_row(row: Mapping[str, Any]) -> Verdict:
    verdict = Verdict(
        row["value"],
        tuple(map(Fact.from_json, row.get("matched", ()))),
        {kind: tuple(map(Fact.from_json, facts)) for kind, facts in row.get("errors", {}).items()},
        State(row["state"]),
        row.get("detail", ""),
        dict(row.get("counts", {})),
        row.get("answer", ""),
    )
    if _sound(verdict) is not verdict:
        raise ValueError("no verdict")
    return verdict
