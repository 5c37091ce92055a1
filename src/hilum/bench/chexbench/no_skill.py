"""What is scored without looking: the usual answer to each item, and one drawn by lot.

usual(task, items)["majority"]["accuracy"]       # Scored
chance(task, items)                              # {"accuracy": 0.33}

The usual answers are chosen with the right ones known, so that nobody who sees no film is above them but by
luck. Shape suffixes: N items, K labels.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from hilum.bench.adapters import Kind
from hilum.bench.answers import normal
from hilum.bench.chexbench import score
from hilum.bench.chexbench.position import FEWEST
from hilum.bench.chexbench.read import Item
from hilum.bench.chexbench.score import Labels
from hilum.bench.chexbench.tasks import ChexbenchTask
from hilum.bench.metrics import matched_iou
from hilum.bench.scored import Scored
from hilum.study import Box, iou

TEXTS = 20
"""Most references that are tried as the one text for all."""
BOXES = 200
"""Boxes that are tried as the one box for all, and items that a box drawn by lot is of."""


def usual(task: ChexbenchTask, items: Sequence[Item]) -> dict[str, Mapping[str, Scored]]:
    """What the usual answer scores, by name of the baseline and of the figure."""
    if task.kind is Kind.CHOICE:
        place, _ = Counter(item.answer for item in items).most_common(1)[0]
        return {
            "majority": {"accuracy": score.of_picks(_picks(items, place), items)},
            "majority_position": {"accuracy": score.of_picks([place] * len(items), items)},
        }
    if task.kind is Kind.BOX:
        return {"majority": score.of_boxes(items, [(box,) for box in _boxes(items)])}
    truth = _labels(items)
    most, _ = Counter(map(tuple, truth.tolist())).most_common(1)[0]
    labels = score.of_labels(truth, np.tile(np.array(most, dtype=bool), (len(truth), 1)))
    return {"majority": {**_text(items), **labels}}


def _picks(items: Sequence[Item], place: int) -> list[int | None]:
    """Of each item's options the one whose words are most often right where they are offered, else `place`.

    Words that few items offer are left aside: an option that is offered once and right would always be found.
    """
    offered: Counter[str] = Counter(normal(option) for item in items for option in item.question.options)
    right = Counter(normal(item.reference) for item in items)
    found: list[int | None] = []
    for item in items:
        names = [normal(option) for option in item.question.options]
        often = [right[name] / offered[name] if offered[name] >= FEWEST else -1.0 for name in names]
        found.append(often.index(max(often)) if max(often) >= 0 else place)
    return found


def _boxes(items: Sequence[Item]) -> list[Box]:
    """For each item the box that fits best where its phrase is asked for, or anywhere if few items ask it."""
    asked: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        asked[normal(item.question.prompt)].append(item)
    everywhere = _best_box(items)
    best = {phrase: _best_box(some) if len(some) >= FEWEST else everywhere for phrase, some in asked.items()}
    return [best[normal(item.question.prompt)] for item in items]


def _best_box(items: Sequence[Item]) -> Box:
    """Of the first reference boxes the one that fits all of them best."""
    boxes = [item.boxes[0] for item in items]
    return max((item.boxes[0] for item in _spread(items)), key=lambda box: sum(iou(box, b) for b in boxes))


def _text(items: Sequence[Item]) -> dict[str, Scored]:
    """The best of the usual texts as the one for all, of each figure that is a mean."""
    texts = usual_texts([item.reference for item in items])
    scores = [score.of_texts(items, [text] * len(items)) for text in texts]
    means = [name for name, scored in scores[0].items() if scored.values is not None]
    return {name: max((some[name] for some in scores), key=_mean) for name in means}


def usual_texts(references: Sequence[str]) -> list[str]:
    """The most frequent references; where all are different, the first."""
    return [text for text, _ in Counter(references).most_common(TEXTS)]


def _mean(scored: Scored) -> float:
    assert scored.values is not None
    known = scored.values[np.isfinite(scored.values)]
    return float(known.mean()) if len(known) else -1.0


def chance(task: ChexbenchTask, items: Sequence[Item]) -> dict[str, float]:
    """What an answer drawn by lot scores, by the figure's name."""
    if task.kind is Kind.CHOICE:
        return {"accuracy": float(np.mean([1 / len(item.question.options) for item in items]))}
    return _chance_of_boxes(items) if task.kind is Kind.BOX else _chance_of_labels(_labels(items))


def _chance_of_boxes(items: Sequence[Item]) -> dict[str, float]:
    """Mean IoU with a random item's boxes, its own included."""
    some = _spread(items)
    first = [iou(one.boxes[0], other.boxes[0]) for one in some for other in some]
    matched = [matched_iou(one.boxes, other.boxes) for one in some for other in some]
    return {"first_iou": float(np.mean(first)), "matched_iou": float(np.mean(matched))}


def _chance_of_labels(truth_NK: Labels) -> dict[str, float]:
    """What the labels of a random item's reference score: each is right as often as it is true at all."""
    truth_NK = truth_NK[truth_NK.any(1)]
    found = {}
    for count, columns in score.LABELS.items():
        share = truth_NK[:, columns].mean(0) if len(truth_NK) else np.zeros(0)
        if share.any():
            found[f"micro_f1_{count}"] = float((share**2).sum() / share.sum())
            found[f"macro_f1_{count}"] = float(share[share > 0].mean())
    return found


def _labels(items: Sequence[Item]) -> Labels:
    return score.labels([score.clean(item.reference) for item in items])


def _spread(items: Sequence[Item]) -> list[Item]:
    """At most `BOXES` of them, spread over all."""
    places = np.linspace(0, len(items) - 1, min(BOXES, len(items))).astype(int)
    return [items[i] for i in sorted(set(places))]
