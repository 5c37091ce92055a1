"""What each answer scores, and the figure that any resampling of the items gives.

boxes = of_boxes(items, given)                  # {"first_iou": Scores, "matched_iou": Scores}
boxes["first_iou"].estimate(Bootstrap(clusters))

Shape suffixes: R resamples, N items, K labels.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hilum.bench.chexbench.read import Item
from hilum.bench.chexbench.tasks import SUMMARY
from hilum.bench.intervals import Array, Bootstrap, Estimate, divide, mean
from hilum.bench.metrics import Counts, matched_iou
from hilum.bench.text_metrics import CHEXPERT_5, chexpert_labels, rouge
from hilum.judge import counted as counted_by_judge
from hilum.judge import score as judge_reports
from hilum.reports import is_english
from hilum.study import CHEXPERT_14, Box, Presence, iou

_FIVE = [CHEXPERT_14.index(finding) for finding in CHEXPERT_5]
_TAG = re.compile(r"\[.*?\]", re.DOTALL)

Labels = npt.NDArray[np.bool_]
"""Which of CheXpert's 14 labels each text states, (N, 14)."""


@dataclass(frozen=True)
class Scores:
    """The scores of N answers.

    Args:
        metric: what the figure is, in words.
        values: (N,), NaN for an answer that cannot be scored: the figure is their mean.
        counts: instead, right, wrong and missed: the figure is an F1 of their sums.
        macro: the mean of the columns' F1, those neither true nor stated left out.
        known: (N,), False for an item whose counts say nothing.
    """

    metric: str
    values: Array | None = None
    counts: Counts | None = None
    macro: bool = False
    known: npt.NDArray[np.bool_] | None = None

    def statistic(self, weights_RN: Array) -> Array:
        """The figure in each resample of the items, (R,)."""
        if self.values is not None:
            return mean(weights_RN, self.values)
        assert self.counts is not None
        if not self.macro:
            return self.counts.micro_f1(weights_RN)
        each = self.counts.f1_each(weights_RN)
        known = np.isfinite(each)
        total: Array = np.where(known, each, 0).sum(1)
        return divide(total, known.sum(1))

    def estimate(self, boot: Bootstrap) -> Estimate:
        """The figure with its interval."""
        if self.values is not None:
            return boot.mean(self.values)
        count = None if self.known is None else int(self.known.sum())
        return boot.estimate(self.statistic, count, share=True)

    def gain(self, other: Scores, boot: Bootstrap) -> Estimate:
        """This figure less another one of the same items, with the paired interval."""
        return boot.estimate(lambda w: self.statistic(w) - other.statistic(w))

    def of(self, places: Sequence[int]) -> Scores:
        """The scores of some of the answers."""
        some = np.asarray(places, dtype=np.intp)
        values = None if self.values is None else self.values[some]
        counts = None
        if self.counts is not None:
            counts = Counts(self.counts.right[some], self.counts.wrong[some], self.counts.missed[some])
        known = None if self.known is None else self.known[some]
        return Scores(self.metric, values, counts, self.macro, known)


def of_picks(picks: Sequence[int | None], items: Sequence[Item]) -> Scores:
    """1 for each right pick; none is wrong."""
    pairs = zip(picks, items, strict=True)
    return Scores("accuracy", np.array([float(chosen == item.answer) for chosen, item in pairs]))


def of_boxes(items: Sequence[Item], given: Sequence[Sequence[Box]]) -> dict[str, Scores]:
    """IoU of the first boxes, as published, and of all of them matched; 0 where there is no box."""
    pairs = [(item.boxes, some) for item, some in zip(items, given, strict=True)]
    first = [iou(truth[0], some[0]) if some else 0.0 for truth, some in pairs]
    return {
        "first_iou": Scores("mean IoU of the first box", np.array(first)),
        "matched_iou": Scores("mean IoU of matched boxes", np.array([matched_iou(t, g) for t, g in pairs])),
    }


def of_texts(items: Sequence[Item], texts: Sequence[str]) -> dict[str, Scores]:
    """F1 of the labels, the judge's score, and of summaries ROUGE-L.

    A text that cannot be read states nothing, and the judge gives it 0.
    """
    references, given = [clean(item.reference) for item in items], [clean(text) for text in texts]
    scores = of_labels(labels(references), labels(given))
    verdicts = judge_reports(references, given)
    judged = [np.nan if value is None else value for value in map(counted_by_judge, verdicts.scores)]
    scores["judge"] = Scores("mean score of the judge", np.array(judged, dtype=np.float64))
    if items[0].task == SUMMARY:
        scores["rouge_l"] = Scores("mean ROUGE-L", rouge(references, given)["rouge_l"].pairs)
    return scores


def of_labels(truth_NK: Labels, said_NK: Labels) -> dict[str, Scores]:
    """Micro and macro F1 over 14 labels and over 5; a reference that states none counts for nothing."""
    known: npt.NDArray[np.bool_] = np.any(truth_NK, axis=1)
    sides = (truth_NK & said_NK, said_NK & ~truth_NK & known[:, None], truth_NK & ~said_NK)
    all14 = Counts(*(side.astype(np.float64) for side in sides))
    five = Counts(*(side[:, _FIVE].astype(np.float64) for side in sides))
    return {
        f"{name}_f1_{count}": Scores(f"{name} F1 of {count} labels", None, counts, name == "macro", known)
        for count, counts in ((14, all14), (5, five))
        for name in ("micro", "macro")
    }


def clean(text: str) -> str:
    """The published cleaning: no tags in square brackets, no **, single blanks, lower case."""
    return " ".join(_TAG.sub("", text).replace("**", "").split()).lower()


def labels(texts: Sequence[str]) -> Labels:
    """Which of CheXpert's labels each cleaned text states; see `hilum.bench.chexbench.protocol.TEXT`."""
    return np.array([_labels(text) for text in texts], dtype=bool).reshape(-1, len(CHEXPERT_14))


@lru_cache(maxsize=1 << 16)
def _labels(text: str) -> tuple[bool, ...]:
    """A text that cannot be read, or says nothing, states not even No Finding."""
    found = chexpert_labels(text) if is_english(text) else {}
    return tuple(found.get(label, Presence.ABSENT) is not Presence.ABSENT for label in CHEXPERT_14)


def readable(text: str) -> bool:
    """Whether a free text can be scored: it has words, and they are English."""
    return is_english(clean(text))


def usual_labels(truth_NK: Labels) -> Labels:
    """Every item given the most frequent set of labels."""
    most, _ = Counter(map(tuple, truth_NK.tolist())).most_common(1)[0]
    return np.tile(np.array(most, dtype=bool), (len(truth_NK), 1))


def chance_of_labels(truth_NK: Labels) -> dict[str, float]:
    """What the labels of a random item's reference score: each is right as often as it is true at all."""
    truth_NK = truth_NK[truth_NK.any(1)]
    if not len(truth_NK):
        return {}
    shares = {14: truth_NK.mean(0), 5: truth_NK[:, _FIVE].mean(0)}
    found = {}
    for count, share in shares.items():
        if share.any():
            found[f"micro_f1_{count}"] = float((share**2).sum() / share.sum())
            found[f"macro_f1_{count}"] = float(share[share > 0].mean())
    return found


def chance_of_boxes(items: Sequence[Item], most: int = 200) -> dict[str, float]:
    """Mean IoU with a random item's boxes, its own included; over `most` items spread over all of them."""
    some = [items[i] for i in sorted(set(np.linspace(0, len(items) - 1, min(most, len(items))).astype(int)))]
    first = [iou(one.boxes[0], other.boxes[0]) for one in some for other in some]
    matched = [matched_iou(one.boxes, other.boxes) for one in some for other in some]
    return {"first_iou": float(np.mean(first)), "matched_iou": float(np.mean(matched))}


def average_box(items: Sequence[Item]) -> Box:
    """The mean of the first reference boxes."""
    x1, y1, x2, y2 = np.mean([item.boxes[0] for item in items], axis=0).tolist()
    return x1, y1, x2, y2
