"""Metrics by trained networks, through RadEval: CheXbert, RadGraph, RaTEScore, GREEN, BERTScore.

scores = from_radeval("radgraph", references, candidates)         # needs `pip install 'hilum[metrics]'`

RadEval loads its networks from the Hugging Face hub when a metric is first asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version

import numpy as np

from hilum.bench.text_metrics.scores import Scores, Value, require_pairs
from hilum.errors import UsageError, did_you_mean
from hilum.judge.radeval import load_radeval

_CHEXBERT = tuple(f"f1chexbert_{labels}_{mean}_f1" for labels in ("all", "5") for mean in ("micro", "macro"))

RADEVAL: Mapping[str, tuple[str, ...]] = {
    "f1chexbert": _CHEXBERT,
    "radgraph": ("radgraph_simple", "radgraph_partial", "radgraph_complete"),
    "ratescore": ("ratescore",),
    "green": ("green",),
    "bertscore": ("bertscore",),
}
"""RadEval's name of each metric, and of the values that are taken from it."""

_CORPUS_ONLY = frozenset({"f1chexbert"})
"""Metrics whose corpus value is not the mean of the pairs'."""
_REMOTE_CODE = frozenset({"green"})
"""Metrics for which RadEval runs code that comes with the weights."""


def from_radeval(
    name: str, references: Sequence[str], candidates: Sequence[str], *, remote_code: bool = False
) -> Scores:
    """One of RadEval's metrics.

    Args:
        name: one of `RADEVAL`.
        remote_code: allow RadEval to run code from the hub, which GREEN's weights come with.

    Raises:
        UsageError: RadEval is not installed, the metric is unknown or needs remote code; there are no pairs.
        DataError: RadEval cannot load its network.
    """
    require_pairs(references, candidates)
    if name not in RADEVAL:
        hint = did_you_mean(name, RADEVAL)
        raise UsageError(name, "is not measured through RadEval", f"{hint}choose from {', '.join(RADEVAL)}")
    if name in _REMOTE_CODE and not remote_code:
        raise UsageError(
            name, "runs code that comes with its weights", "allow it: from_radeval(…, remote_code=True)"
        )
    result = load_radeval(name, per_sample=name not in _CORPUS_ONLY)(references, candidates)
    values = []
    for key in RADEVAL[name]:
        if name in _CORPUS_ONLY:
            values.append(Value(key, float(result[key]), None, None))
        else:
            values.append(Value.mean_of(key, np.array(result[key], dtype=np.float64)))
    return Scores(name, 1, "radeval", version("radeval"), len(references), tuple(values))
