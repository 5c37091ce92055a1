"""Whether a model prefers a place among the options, whatever stands there.

found = position_bias(task, seed=0)
found.biased, found.excess[0]      # how much more often the first place is picked than chance allows

Each item is asked in its stored order and once more, its options moved up by a random number of places. A
pick's weight is 1/k in the stored order of k options and (k-1)/k in the other, so that each option stands in
each place with the same chance: a model that looks at the options' words alone picks each place in 1/k of the
items, wherever the file puts the right answers. What is beyond that is the excess.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hilum.bench.chexbench.ask import Task
from hilum.bench.intervals import Array, Bootstrap, Estimate, divide

FEWEST = 10
"""Clusters below which nothing is said about a bias."""
FALSE_ALARMS = 0.01
"""How often an unbiased model is called biased, over all places of a task together."""


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
    there = np.arange(most) < counts[:, None]
    picks = (stored[:, None] == np.arange(most), moved[:, None] == np.arange(most))
    moved_right = (right - shift) % counts
    stands = (right[:, None] == np.arange(most), moved_right[:, None] == np.arange(most))
    hits = np.where(stands[0], (stored == right)[:, None], 0) + np.where(
        stands[1], (moved == moved_right)[:, None], 0
    )
    weighed = picks[0] / counts[:, None] + picks[1] * ((counts - 1) / counts)[:, None]
    answered = (stored >= 0) / counts + (moved >= 0) * ((counts - 1) / counts)
    excess = np.where(there, weighed - (answered / counts)[:, None], np.nan)
    same = (stored >= 0) & (moved >= 0) & ((moved + shift) % counts == stored)
    boot = Bootstrap([item.cluster for item in items], seed=seed)
    trials = (stands[0].astype(float) + stands[1], picks[0].astype(float) + picks[1])
    all_picks = trials[1].sum(1)
    return PositionBias(
        tuple(_ratio(boot, hits[:, j].astype(float), trials[0][:, j]) for j in range(most)),
        tuple(_ratio(boot, trials[1][:, j], all_picks) for j in range(most)),
        tuple(boot.mean(excess[:, j]) for j in range(most)),
        boot.mean(same.astype(float)),
        _beyond_chance(boot, np.where(there, excess, 0.0)),
    )


def _ratio(boot: Bootstrap, over: Array, under: Array) -> Estimate:
    return boot.estimate(lambda w: divide(w @ over, w @ under), int(under.sum()))


def _beyond_chance(boot: Bootstrap, excess_NK: Array) -> bool | None:
    """Whether the largest studentised excess is more than resampling gives (Hall, Ann Stat 16:927, 1988)."""
    if boot.clusters < FEWEST:
        return None
    means = excess_NK.mean(0)
    drawn = np.concatenate([(w @ excess_NK) / w.sum(1, keepdims=True) for w in boot.weights()])
    spread = drawn.std(0)
    if not (spread > 1e-12).all():
        fixed = spread <= 1e-12
        if (np.abs(means[fixed]) > 1e-9).any():
            return True  # the same excess in every item
        if fixed.all():
            return False
        means, drawn, spread = means[~fixed], drawn[:, ~fixed], spread[~fixed]
    largest = (np.abs(drawn - means) / spread).max(1)
    return bool((np.abs(means) / spread).max() > np.quantile(largest, 1 - FALSE_ALARMS))
