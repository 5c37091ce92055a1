"""Whether a model prefers a place among the options, whatever stands there.

found = position_bias(task, seed=0)
found.biased, found.excess[0]      # how much more often the first place is picked than chance allows

Each item is asked in its stored order and once more, its options moved up by a random number of places. A
pick's weight is 1/k in the stored order of k options and (k-1)/k in the other, so that each option stands in
each place with the same chance: a model that looks at the options' words alone picks each place in 1/k of the
items, wherever the file puts the right answers. What is beyond that is the excess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hilum.bench.chexbench.ask import Task
from hilum.bench.intervals import Array, Bootstrap, Estimate, divide

FEWEST = 10
"""Clusters below which nothing is said about a bias."""
FALSE_ALARMS = 0.01
"""How often an unbiased model is called biased, over all places of a task together."""
DRAWS = 1000
"""Randomisations, what was seen among them."""
PARTS = 50
"""In how many parts they are worked out, to hold less in memory."""

Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PositionBias:
    """What the order of the options does.

    Args:
        accuracy: where the right answer stands in each place, over both orders.
        picked: each place's share of the picks, over both orders.
        excess: of each place, as explained above.
        agreement: share of the items where both orders pick the same option.
        biased: whether the excess of any place is beyond chance; None with too few clusters to say.
    """

    accuracy: tuple[Estimate, ...]
    picked: tuple[Estimate, ...]
    excess: tuple[Estimate, ...]
    agreement: Estimate
    biased: bool | None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        places = {
            name: [estimate.to_json() for estimate in getattr(self, name)]
            for name in ("accuracy", "picked", "excess")
        }
        return {"agreement": self.agreement.to_json(), "biased": self.biased, **places}


def position_bias(task: Task, seed: int) -> PositionBias | None:
    """Measure it; None where no item was asked in two orders."""
    if task.order is None:
        return None
    places, other = task.order
    items = [task.items[i] for i in places]
    counts = np.array([len(item.question.options) for item in items])
    most = int(counts.max())
    shift = np.array(task.shifts)
    right = np.array([item.answer for item in items])
    # -1 is no pick; it is never a place.
    stored = np.array([-1 if task.plain.picks[i] is None else task.plain.picks[i] for i in places])
    moved = np.array([-1 if chosen is None else chosen for chosen in other.picks])
    moved_right = (right - shift) % counts
    stands = (right[:, None] == np.arange(most), moved_right[:, None] == np.arange(most))
    picks = (stored[:, None] == np.arange(most), moved[:, None] == np.arange(most))
    hits = stands[0] * (stored == right)[:, None] + stands[1] * (moved == moved_right)[:, None]
    excess = _excess(stored[None], moved[None], counts, most)[0]
    excess[np.arange(most) >= counts[:, None]] = np.nan
    content = np.where(moved < 0, -1, (moved + shift) % counts)
    boot = Bootstrap([item.cluster for item in items], seed=seed)
    trials = (stands[0].astype(float) + stands[1], picks[0].astype(float) + picks[1])
    all_picks = trials[1].sum(1)
    return PositionBias(
        tuple(_ratio(boot, hits[:, j].astype(float), trials[0][:, j]) for j in range(most)),
        tuple(_ratio(boot, trials[1][:, j], all_picks) for j in range(most)),
        tuple(boot.mean(excess[:, j]) for j in range(most)),
        boot.mean(((stored >= 0) & (content == stored)).astype(float)),
        _beyond_chance([item.cluster for item in items], stored, content, shift, counts, seed),
    )


def _excess(stored_RN: Places, moved_RN: Places, counts_N: Places, most: int) -> Array:
    """How much more each place was picked than 1/k, weighed as above: (R, N, places)."""
    share = 1 / counts_N
    found: Array = np.zeros((*stored_RN.shape, most))
    for picks_RN, weight_N in ((stored_RN, share), (moved_RN, 1 - share)):
        picked = picks_RN[..., None] == np.arange(most)
        there = (picks_RN[..., None] >= 0) & (np.arange(most) < counts_N[:, None])
        found += weight_N[:, None] * (picked - there * share[:, None])
    return found


def _ratio(boot: Bootstrap, over: Array, under: Array) -> Estimate:
    return boot.estimate(lambda w: divide(w @ over, w @ under), int(under.sum()), share=True)


def _beyond_chance(
    clusters: Sequence[str], stored_N: Places, content_N: Places, shift_N: Places, counts_N: Places, seed: int
) -> bool | None:
    """Whether the largest excess is beyond what it is when the order means nothing, by randomisation.

    To a model that looks at words alone the shift is any other, and what it picked in one order it could have
    picked in the other: shifts are drawn anew for each item, and the two orders' options swapped for whole
    clusters (Edgington & Onghena, Randomization Tests, 2007). `content_N` is the option picked in the other
    order, by its stored place.
    """
    names, cluster = np.unique(np.asarray(clusters), return_inverse=True)
    if len(names) < FEWEST:
        return None
    most = int(counts_N.max())
    rng = np.random.default_rng(seed)
    swapped = rng.integers(0, 2, (DRAWS, len(names)))[:, cluster] == 1
    shifts = 1 + (rng.random((DRAWS, len(counts_N))) * (counts_N - 1)).astype(np.int64)
    # The first row is what was seen.
    swapped[0], shifts[0] = False, shift_N
    first, second = np.where(swapped, content_N, stored_N), np.where(swapped, stored_N, content_N)
    moved = np.where(second < 0, -1, (second - shifts) % counts_N)
    means = np.concatenate(
        [
            _excess(a, b, counts_N, most).mean(1)
            for a, b in zip(np.array_split(first, PARTS), np.array_split(moved, PARTS), strict=True)
        ]
    )
    spread = np.maximum(means.std(0), 1e-12)
    largest = (np.abs(means) / spread).max(1)
    return bool((largest >= largest[0] - 1e-9).mean() <= FALSE_ALARMS)
