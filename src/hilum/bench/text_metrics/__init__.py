"""Metrics of written reports against reference reports, by one interface.

from hilum.bench.text_metrics import METRICS, measure
scores = measure(references, candidates, ["bleu", "rouge", "chexpert"])
scores["rouge"]["rouge_l"].corpus

What each number means and does not say: docs/metrics.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from hilum.bench.text_metrics.clinical import CHEXPERT_5, chexpert, chexpert_labels, facts
from hilum.bench.text_metrics.coco import meteor_1_5, ptb_tokens
from hilum.bench.text_metrics.from_radeval import RADEVAL, from_radeval
from hilum.bench.text_metrics.lexical import bleu, cider, meteor, rouge, wordnet_synonyms
from hilum.bench.text_metrics.scores import Scores, TextMetric, Value
from hilum.errors import UsageError, did_you_mean

METRICS: Mapping[str, TextMetric] = {
    "bleu": bleu,
    "rouge": rouge,
    "meteor": meteor,
    "cider": cider,
    "facts": facts,
    "chexpert": chexpert,
}
"""What is measured without anything to install."""


FURTHER: Mapping[str, TextMetric] = {
    "meteor_1_5": meteor_1_5,
    **{name: partial(from_radeval, name) for name in RADEVAL},
}
"""What needs the extra `hilum[metrics]`."""


def measure(
    references: Sequence[str], candidates: Sequence[str], metrics: Sequence[str] = tuple(METRICS)
) -> dict[str, Scores]:
    """Score reports by the named metrics, of `METRICS` or `FURTHER`.

    Raises:
        UsageError: a metric is not known or needs what is not installed; there are no pairs, or more of the
            one than of the other.
        DataError: the network or the program of a further metric cannot be run.
    """
    known = {**METRICS, **FURTHER}
    for name in metrics:
        if name not in known:
            hint = did_you_mean(name, known)
            raise UsageError(name, "is no text metric", f"{hint}choose from {', '.join(known)}")
    return {name: known[name](references, candidates) for name in metrics}


__all__ = [
    "CHEXPERT_5",
    "FURTHER",
    "METRICS",
    "RADEVAL",
    "Scores",
    "TextMetric",
    "Value",
    "bleu",
    "chexpert",
    "chexpert_labels",
    "cider",
    "facts",
    "from_radeval",
    "measure",
    "meteor",
    "meteor_1_5",
    "ptb_tokens",
    "rouge",
    "wordnet_synonyms",
]
