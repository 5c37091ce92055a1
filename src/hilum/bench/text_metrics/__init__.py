"""Metrics of written reports against reference reports, by one interface.

from hilum.bench.text_metrics import METRICS, measure
scores = measure(references, candidates, ["bleu", "rouge", "chexpert"])
scores["rouge"]["rouge_l"].corpus

What each number means and does not say: docs/metrics.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hilum.bench.text_metrics.clinical import CHEXPERT_5, chexpert, chexpert_labels, facts
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
"""What needs no networks; the names of `RADEVAL` are measured through RadEval."""


def measure(
    references: Sequence[str], candidates: Sequence[str], metrics: Sequence[str] = tuple(METRICS)
) -> dict[str, Scores]:
    """Score reports by the named metrics, of `METRICS` or `RADEVAL`.

    Raises:
        UsageError: a metric is not known or needs an extra that is not installed; there are no pairs, or more
            of the one than of the other.
    """
    for name in metrics:
        if name not in METRICS and name not in RADEVAL:
            known = ", ".join([*METRICS, *RADEVAL])
            hint = did_you_mean(name, [*METRICS, *RADEVAL])
            raise UsageError(name, "is no text metric", f"{hint}choose from {known}")
    return {
        name: METRICS[name](references, candidates)
        if name in METRICS
        else from_radeval(name, references, candidates)
        for name in metrics
    }


__all__ = [
    "CHEXPERT_5",
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
    "rouge",
    "wordnet_synonyms",
]
