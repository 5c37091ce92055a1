"""How sure a model is of yes and no: does it rank the ill above the well, is it right as often as it says.

found = ask_yes(model, Task.BINARY, items, population.shards.pixels)
evaluate(found.yes, found.truth, [items[i].cluster for i in found.items]).auroc

The probability of yes is taken from the likelihoods of the two answers, each with the token that ends it:
p = e^yes / (e^yes + e^no). Shape suffix: N questions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_curve

from hilum.bench.answers import Item, polarity
from hilum.bench.intervals import Array, Bootstrap, Estimate, wilson
from hilum.bench.metrics import auroc
from hilum.model.answer import Prompt
from hilum.model.likelihood import LogLikelihood
from hilum.study import Pixels, Task

ANSWERS = ("Yes", "No")
BINS = 10


@runtime_checkable
class GivesLikelihoods(Protocol):
    """A model that says how likely it holds each of several answers: `hilum.model.Model` is one."""

    def loglikelihood(
        self, prompt: Prompt, options: Sequence[str], *, closed: bool = False
    ) -> list[LogLikelihood]:
        """The log-likelihood of each option as the answer to a prompt."""
        ...


@dataclass(frozen=True)
class YesProbabilities:
    """How likely a model holds the answer yes, beside what is true.

    Args:
        items: which of the asked items each is about, (N,).
        yes: the probability of yes against no, in [0, 1], (N,).
        truth: 1 where yes is right, 0 where no is, (N,).
    """

    task: Task
    items: npt.NDArray[np.int64]
    yes: Array
    truth: Array


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


def ask_yes(
    model: GivesLikelihoods,
    task: Task,
    items: Sequence[Item],
    pixels_of: Callable[[str], Pixels],
    *,
    tick: Callable[[int], None] | None = None,
) -> YesProbabilities | None:
    """Ask for the likelihoods of yes and no; None where no question has such an answer.

    Args:
        tick: told how many more are done, for a progress bar.
    """
    asked, yes, truth = [], [], []
    for number, item in enumerate(items):
        right = polarity(item.reference)
        if right is not None:
            found = model.loglikelihood(item.prompt(pixels_of), ANSWERS, closed=True)
            asked.append(number)
            yes.append(probability(found[0].total, found[1].total))
            truth.append(float(right))
        if tick is not None:
            tick(1)
    return YesProbabilities(task, np.array(asked), np.array(yes), np.array(truth)) if asked else None


def probability(yes: float, no: float) -> float:
    """Of yes, from two log-likelihoods."""
    gap = yes - no
    # Whichever exponent cannot overflow.
    return 1 / (1 + math.exp(-gap)) if gap >= 0 else math.exp(gap) / (1 + math.exp(gap))


def evaluate(
    yes_N: Array, truth: Sequence[bool] | Array, patients: Sequence[str], *, seed: int = 0
) -> Probabilities:
    """Measure probabilities of yes against what is true.

    Args:
        yes_N: in [0, 1].
        truth: whether yes is right, (N,).
        patients: whom each question is about, (N,).
        seed: of the resamples.
    """
    truth_N = np.array(truth, dtype=np.float64)
    boot = Bootstrap(patients, seed=seed)
    both = 0 < truth_N.sum() < len(truth_N)
    points = zip(*roc_curve(truth_N, yes_N)[:2], strict=True) if both else ()
    return Probabilities(
        boot.estimate(lambda w: auroc(w, yes_N, truth_N)),
        boot.mean((yes_N - truth_N) ** 2),
        boot.difference(yes_N, truth_N),
        float(truth_N.mean()),
        tuple((float(x), float(y)) for x, y in points),
        reliability(yes_N, truth_N, patients),
    )


def reliability(yes_N: Array, truth_N: Array, patients: Sequence[str]) -> tuple[Bin, ...]:
    """The bins that hold a question, with the share of yes in each."""
    bins_N, patients_N = bins_of(yes_N), np.array(patients, dtype=str)
    found = []
    for number in np.unique(bins_N).tolist():
        inside = bins_N == number
        observed = wilson((truth_N[inside] > 0).tolist(), patients_N[inside].tolist())
        found.append(Bin(number / BINS, (number + 1) / BINS, float(yes_N[inside].mean()), observed))
    return tuple(found)


def bins_of(yes_N: Array) -> npt.NDArray[np.int64]:
    """The bin of each probability, 0 to `BINS` - 1, (N,)."""
    return np.minimum((yes_N * BINS).astype(np.int64), BINS - 1)
