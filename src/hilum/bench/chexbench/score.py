"""How answers to CheXbench are scored, by kind: picks, boxes, texts.

boxes = of_boxes(items, given)                  # {"first_iou": Scored, "matched_iou": Scored}
boxes["first_iou"].estimate(Bootstrap(clusters))

Shape suffixes: N items, K labels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hilum.bench.chexbench.read import Item
from hilum.bench.chexbench.tasks import SUMMARY
from hilum.bench.metrics import Counts, matched_iou
from hilum.bench.scored import Scored
from hilum.bench.text_metrics import CHEXPERT_5, chexpert_labels, rouge
from hilum.judge import score as judge_reports
from hilum.reports import is_english
from hilum.study import CHEXPERT_14, Box, Presence, iou

LABELS = {len(some): [CHEXPERT_14.index(finding) for finding in some] for some in (CHEXPERT_14, CHEXPERT_5)}
"""By their number, the columns of the labels that an F1 is over."""
_TAG = re.compile(r"\[.*?\]", re.DOTALL)

Labels = npt.NDArray[np.bool_]
"""Which of CheXpert's 14 labels each text states, (N, 14)."""


METRICS: Mapping[str, str] = {
    "accuracy": "accuracy",
    "first_iou": "mean IoU of the first box",
    "matched_iou": "mean IoU of matched boxes",
    "judge": "mean score of the judge",
    "rouge_l": "mean ROUGE-L",
    **{
        f"{mean}_f1_{count}": f"{mean} F1 of {count} labels"
        for count in LABELS
        for mean in ("micro", "macro")
    },
}
"""A figure's short name to what it is, in words."""


def of_picks(picks: Sequence[int | None], items: Sequence[Item]) -> Scored:
    """1 for each right pick; none is wrong."""
    pairs = zip(picks, items, strict=True)
    return Scored(np.array([float(chosen == item.answer) for chosen, item in pairs]))


def of_boxes(items: Sequence[Item], given: Sequence[Sequence[Box]]) -> dict[str, Scored]:
    """IoU of the first boxes, as published, and of all of them matched; 0 where there is no box."""
    pairs = [(item.boxes, some) for item, some in zip(items, given, strict=True)]
    first = [iou(truth[0], some[0]) if some else 0.0 for truth, some in pairs]
    return {
        "first_iou": Scored(np.array(first)),
        "matched_iou": Scored(np.array([matched_iou(t, g) for t, g in pairs])),
    }


def of_texts(items: Sequence[Item], texts: Sequence[str]) -> dict[str, Scored]:
    """F1 of the labels, the judge's score, and of summaries ROUGE-L.

    A text that cannot be read states nothing, and the judge gives it 0.
    """
    references, given = [clean(item.reference) for item in items], [clean(text) for text in texts]
    scores = of_labels(labels(references), labels(given))
    scores["judge"] = Scored(np.array(judge_reports(references, given).values))
    if items[0].task == SUMMARY:
        scores["rouge_l"] = Scored(rouge(references, given)["rouge_l"].pairs)
    return scores


def of_labels(truth_NK: Labels, said_NK: Labels) -> dict[str, Scored]:
    """Micro and macro F1 over 14 labels and over 5; a reference that states none counts for nothing."""
    known: npt.NDArray[np.bool_] = np.any(truth_NK, axis=1)
    said_NK = said_NK & known[:, None]
    counts = {n: Counts.of_labels(truth_NK[:, some], said_NK[:, some]) for n, some in LABELS.items()}
    return {
        f"{mean}_f1_{count}": Scored(counts=counted, macro=mean == "macro", known=known)
        for count, counted in counts.items()
        for mean in ("micro", "macro")
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
