"""How well the items are answered by who sees no film: what a bench has to be beyond to measure sight.

blind_choices(asked)         # model → accuracy with its interval, trained on one half, measured on the other

The models know question, options and their order. Halves are of whole blocks, whose items would else tell of
each other which options are not right any more. A box is guessed from those of the other blocks; the one
report for all is the best of some references, chosen with all of them known.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from hilum.bench.chexbench.no_skill import usual_texts
from hilum.bench.intervals import Bootstrap, Estimate
from hilum.bench.openbench.blocks import Block
from hilum.judge import score as judge_reports
from hilum.study import iou


@dataclass(frozen=True)
class Asked:
    """What a blind model is told of an item, and what it is not: the right option's place, block, patient."""

    question: str
    options: tuple[str, ...]
    right: int
    block: int
    patient: str


Rate = Callable[[Asked, int], float]
"""How much speaks for an item's option by its place; the option of the most is the answer."""
Fit = Callable[[Sequence[Asked]], Rate]


def _share(told: Callable[[Asked, int], Any]) -> Fit:
    """Rate an option by how often options like it were right; one never met by the share of all."""

    def fit(items: Sequence[Asked]) -> Rate:
        right, offered = Counter[Any](), Counter[Any]()
        for item in items:
            offered.update(told(item, place) for place in range(len(item.options)))
            right[told(item, item.right)] += 1
        chance = sum(right.values()) / max(1, sum(offered.values()))
        return lambda item, place: (right[key := told(item, place)] + chance) / (offered[key] + 1)

    return fit


def _length(sign: int) -> Fit:
    return lambda items: lambda item, place: sign * len(item.options[place])


def _features(item: Asked, place: int) -> dict[str, float]:
    asked, option = (set(re.findall(r"\w+", text.lower())) for text in (item.question, item.options[place]))
    pairs = (f"{word}|{other}" for word in asked for other in option)
    longer = len(item.options[place]) - np.mean([len(other) for other in item.options])
    words = dict.fromkeys([*option, *pairs, f"place {place}"], 1.0)
    return words | {"longer": float(longer) / 10}


def _regression(items: Sequence[Asked]) -> Rate:
    """Logistic regression on an option's words, their pairs with the question's, its place and length."""
    places = [(item, place) for item in items for place in range(len(item.options))]
    table = DictVectorizer()
    features = table.fit_transform([_features(item, place) for item, place in places])
    model = LogisticRegression(max_iter=1000)
    model.fit(features, [item.right == place for item, place in places])
    return lambda item, place: float(model.decision_function(table.transform([_features(item, place)]))[0])


MODELS: Mapping[str, Fit] = {
    "most often right, by question": _share(lambda item, place: (item.question, item.options[place])),
    "most often right, by question and options": _share(
        lambda item, place: (item.question, tuple(sorted(item.options)), item.options[place])
    ),
    "most often right, by option": _share(lambda item, place: item.options[place]),
    "most often right, by place": _share(lambda item, place: (len(item.options), place)),
    "longest option": _length(1),
    "shortest option": _length(-1),
    "logistic regression on words": _regression,
}


def chance(items: Sequence[Asked]) -> float:
    """Mean accuracy of options drawn by lot, which is also that of the best answer without a film."""
    return float(np.mean([1 / len(item.options) for item in items]))


def answers(fit: Fit, items: Sequence[Asked]) -> list[int]:
    """What a model that learned from the other half of the blocks answers; ties go to the first place."""
    halves = [[item for item in items if item.block % 2 == half] for half in (0, 1)]
    rates = [fit(half) for half in halves]
    chosen = []
    for item in items:
        rate = rates[1 - item.block % 2]
        chosen.append(max(range(len(item.options)), key=lambda place: rate(item, place)))
    return chosen


def blind_choices(items: Sequence[Asked], seed: int = 0) -> dict[str, Estimate]:
    """Accuracy of each blind model; none with fewer than two blocks, of which none could be learned from."""
    if len({item.block % 2 for item in items}) < 2:
        return {}
    boot = Bootstrap([item.patient for item in items], seed=seed)
    found = {}
    for name, fit in MODELS.items():
        right = [float(answer == item.right) for answer, item in zip(answers(fit, items), items, strict=True)]
        found[name] = boot.mean(np.array(right))
    return found


def best_box(blocks: Sequence[Block], seed: int = 0) -> Estimate:
    """Mean IoU of the best single box for each phrase: of those that the other blocks have, chosen by them.

    A phrase that no other block asks for is answered by the best box of all.
    """
    boxes = [(n, member.question, member.box) for n, block in enumerate(blocks) for member in block]
    known = [(n, phrase, box) for n, phrase, box in boxes if box is not None]
    overlap = np.array([[iou(guess, box) for _, _, box in known] for _, _, guess in known])
    numbers = np.array([n for n, _, _ in known])
    phrases = np.array([phrase for _, phrase, _ in known])
    values = []
    for at, (n, phrase, _) in enumerate(known):
        others = (numbers != n) & (phrases == phrase)
        others = others if others.any() else numbers != n
        places = np.flatnonzero(others)
        fitting = overlap[np.ix_(places, places)].mean(1) if len(places) else np.zeros(0)
        values.append(overlap[places[fitting.argmax()], at] if len(places) else 0.0)
    patients = [member.patient for block in blocks for member in block]
    return Bootstrap(patients, seed=seed).mean(np.array(values))


def best_report(texts: Sequence[str], patients: Sequence[str], seed: int = 0) -> Estimate:
    """Mean score by the judge of the best single text for all, one of the most frequent references."""
    best: np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None = None
    for guess in usual_texts(texts):
        values = np.array(judge_reports(list(texts), [guess] * len(texts)).values)
        if np.isfinite(values).any() and (best is None or np.nanmean(values) > np.nanmean(best)):
            best = values
    return Bootstrap(patients, seed=seed).mean(np.full(len(texts), np.nan) if best is None else best)
