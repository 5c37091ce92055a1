"""How sure a model is of yes and no: does it rank the ill above the well, is it right as often as it says.

found = weigh(model, items, population.shards.pixels)   # questions of yes and no
found.auroc, found.brier, found.bins[0].observed

The probability of yes is taken from the likelihoods of the two answers, each with the token that ends it:
p = e^yes / (e^yes + e^no).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from sklearn.metrics import roc_curve

from hilum.bench.answers import Item, polarity
from hilum.bench.intervals import Array, Bootstrap, Estimate, wilson
from hilum.bench.metrics import auroc
from hilum.model.answer import Prompt
from hilum.model.likelihood import LogLikelihood
from hilum.study import Pixels

ANSWERS = ("Yes", "No")
BINS = 10


class Weighing(Protocol):
    """What is needed of a model: `hilum.model.Model` has it."""

    def loglikelihood(
        self, prompt: Prompt, options: Sequence[str], *, closed: bool = False
    ) -> list[LogLikelihood]:
        """How likely each option is as the answer."""
        ...


@dataclass(frozen=True)
class Bin:
    """Questions whose probability of yes lies between two bounds.

    Args:
        stated: their mean probability.
        observed: the share of them whose answer is yes.
    """

    low: float
    high: float
    stated: float
    observed: Estimate

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return asdict(self)


@dataclass(frozen=True)
class Probabilities:
    """How good probabilities of yes are.

    Args:
        auroc: area under the ROC curve, over all findings together.
        brier: mean squared distance of the probability from the truth, 0 best; 0.25 says 0.5 to everything.
        excess: mean probability less the share of yes: above zero the model says yes too readily.
        roc: the curve, as (1 - specificity, sensitivity).
        yes: the share of questions whose answer is yes.
        bins: of equal width; those without a question are left out.
    """

    auroc: Estimate
    brier: Estimate
    excess: Estimate
    yes: float
    roc: tuple[tuple[float, float], ...]
    bins: tuple[Bin, ...]

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        sides = {name: getattr(self, name).to_json() for name in ("auroc", "brier", "excess")}
        return {
            **sides,
            "yes": self.yes,
            "roc": [list(p) for p in self.roc],
            "bins": [part.to_json() for part in self.bins],
        }


def weigh(
    model: Weighing,
    items: Sequence[Item],
    pixels_of: Callable[[str], Pixels],
    *,
    seed: int = 0,
    tick: Callable[[int], None] | None = None,
) -> Probabilities | None:
    """Ask for the likelihoods of yes and no; None where no question has such an answer.

    Args:
        tick: told how many more are done, for a progress bar.
    """
    stated, truth, patients = [], [], []
    for item in items:
        right = polarity(item.reference)
        if right is not None:
            yes, no = model.loglikelihood(item.prompt(pixels_of), ANSWERS, closed=True)
            stated.append(probability(yes.total, no.total))
            truth.append(right)
            patients.append(item.cluster)
        if tick is not None:
            tick(1)
    return judge(np.array(stated), truth, patients, seed=seed) if stated else None


def probability(yes: float, no: float) -> float:
    """Of yes, from two log-likelihoods."""
    gap = yes - no
    # Whichever exponent cannot overflow.
    return 1 / (1 + math.exp(-gap)) if gap >= 0 else math.exp(gap) / (1 + math.exp(gap))


def judge(stated_N: Array, truth: Sequence[bool], patients: Sequence[str], *, seed: int = 0) -> Probabilities:
    """Measure probabilities of yes against what is true.

    Args:
        stated_N: in [0, 1].
        patients: whose each question is about.
    """
    truth_N = np.array(truth, dtype=np.float64)
    boot = Bootstrap(patients, seed=seed)
    both = 0 < truth_N.sum() < len(truth_N)
    points = zip(*roc_curve(truth_N, stated_N)[:2], strict=True) if both else ()
    return Probabilities(
        boot.estimate(lambda w: auroc(w, stated_N, truth_N)),
        boot.mean((stated_N - truth_N) ** 2),
        boot.difference(stated_N, truth_N),
        float(truth_N.mean()),
        tuple((float(x), float(y)) for x, y in points),
        tuple(_bins(stated_N, truth_N > 0, np.array(patients, dtype=str))),
    )


def _bins(stated_N: Array, truth_N: np.ndarray[Any, Any], patients_N: np.ndarray[Any, Any]) -> list[Bin]:
    place = np.minimum((stated_N * BINS).astype(int), BINS - 1)
    found = []
    for number in np.unique(place):
        inside = place == number
        observed = wilson(truth_N[inside].tolist(), patients_N[inside].tolist())
        found.append(
            Bin(int(number) / BINS, (int(number) + 1) / BINS, float(stated_N[inside].mean()), observed)
        )
    return found
