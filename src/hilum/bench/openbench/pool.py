"""The candidates that are kept while sources are read: a fixed sample of each kind, of bounded size.

pool = Pool(seed=0, most=120)
pool.add(candidate)             # whether it is in the sample now

Of each kind (task, source, group, answer) those of the lowest hashes are kept, which is a sample without
replacement that does not depend on the order or the number of workers (bottom-k sampling, Cohen & Kaplan,
PODC 2007).
"""

from __future__ import annotations

import hashlib
from bisect import insort
from collections import Counter
from collections.abc import Iterator

from hilum.bench.openbench.candidates import GROUPED_ANSWERS, Candidate

MOST_GROUPS = 2000
"""Groups kept of a task and source: where each question has words of its own there is no end of them."""

Ranked = tuple[str, Candidate]


class Pool:
    """A sample of the candidates added so far.

    Args:
        seed: of the sample.
        most: candidates kept of each kind.
    """

    def __init__(self, seed: int, most: int) -> None:
        self._seed, self._most = seed, most
        self._kinds: dict[tuple[str, str], dict[str, dict[str, list[Ranked]]]] = {}
        self._shown: Counter[str] = Counter()

    def add(self, candidate: Candidate) -> bool:
        """Take a candidate into the sample; False when those of its kind that are there rank before it."""
        groups = self._kinds.setdefault((candidate.task, candidate.source), {})
        if candidate.group not in groups:
            groups[candidate.group] = {}
            if len(groups) > MOST_GROUPS:
                last = max(groups, key=self._rank)
                for kept in groups.pop(last).values():
                    self._forget(kept)
                if last == candidate.group:
                    return False
        kind = candidate.answer if candidate.task in GROUPED_ANSWERS else ""
        kept = groups[candidate.group].setdefault(kind, [])
        ranked = (self._rank(candidate.key), candidate)
        if any(rank == ranked[0] for rank, _ in kept):  # the same question on a copy of the same study
            return False
        insort(kept, ranked, key=lambda one: one[0])
        self._shown.update(candidate.images)
        dropped = kept[self._most :]
        del kept[self._most :]
        self._forget(dropped)
        return ranked not in dropped

    def shows(self, image: str) -> bool:
        """Whether a candidate of the sample shows an image."""
        return self._shown[image] > 0

    def groups(self, task: str) -> Iterator[tuple[str, list[Candidate]]]:
        """Source and candidates of each group of a task, best first, in an order that is the seed's."""
        for (own, source), groups in sorted(self._kinds.items(), key=lambda item: item[0]):
            if own == task:
                for group in sorted(groups, key=self._rank):
                    ranked = sorted((one for kept in groups[group].values() for one in kept), key=_first)
                    yield source, [candidate for _, candidate in ranked]

    def _forget(self, ranked: list[Ranked]) -> None:
        for _, candidate in ranked:
            self._shown.subtract(candidate.images)

    def _rank(self, name: str) -> str:
        return hashlib.sha256(f"{self._seed}/{name}".encode()).hexdigest()


def _first(ranked: Ranked) -> str:
    return ranked[0]
