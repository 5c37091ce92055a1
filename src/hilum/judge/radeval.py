"""Judges by trained networks, through RadEval: CheXbert, RadGraph, BERTScore, RaTEScore.

RadevalJudge("radgraph")(references, candidates)       # needs `pip install 'hilum[metrics]'`

RadEval loads its networks from the Hugging Face hub when a judge is first asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from hilum.errors import DataError, UsageError
from hilum.judge.base import Keep, Pair, PairJudge
from hilum.study import Verdict

Measure = Callable[[Sequence[str], Sequence[str]], dict[str, Any]]
"""RadEval's result for references and candidates: lists of the pairs' values, or values of the corpus."""

RADEVAL_JUDGES: Final[Mapping[str, tuple[str, str]]] = {
    "chexbert": ("f1chexbert", "f1chexbert_sample_acc_5"),
    "radgraph": ("radgraph", "radgraph_partial"),
    "bertscore": ("bertscore", "bertscore"),
    "ratescore": ("ratescore", "ratescore"),
}
"""Name of each judge → RadEval's metric, and the value of each pair that is taken from it. CheXbert's F1 is
one of a corpus; of a pair it is the share of five findings on which both reports agree."""


class RadevalJudge(PairJudge):
    """One of `RADEVAL_JUDGES`. Values are cut to [0, 1]: a rescaled BERTScore may be a little below.

    Raises:
        UsageError: RadEval is not installed.
    """

    def __init__(self, name: str, *, cache: Path | None = None) -> None:
        super().__init__(cache=cache)
        self.name = name
        self._metric, self._value = RADEVAL_JUDGES[name]
        _require_radeval(name)

    @property
    def identity(self) -> Mapping[str, Any]:
        """Its name and RadEval's version, which decides the network."""
        return {"judge": self.name, "version": 1, "value": self._value, "radeval": version("radeval")}

    @cached_property
    def _measure(self) -> Measure:
        return load_radeval(self._metric, per_sample=True)

    def _judge(self, pairs: Sequence[Pair], keep: Keep) -> None:
        references, candidates = zip(*pairs, strict=True)
        values = list(self._measure(references, candidates)[self._value])
        if len(values) != len(pairs):
            problem = f"RadEval gave {len(values)} values of {len(pairs)} pairs"
            raise DataError(self.name, problem, "install the version that hilum[metrics] names")
        keep({number: Verdict(float(np.clip(value, 0, 1))) for number, value in enumerate(values)})


def load_radeval(name: str, *, per_sample: bool) -> Measure:
    """One of RadEval's metrics by its own name.

    Raises:
        UsageError: RadEval is not installed.
        DataError: it cannot load its network.
    """
    _require_radeval(name)
    radeval: Any = import_module("radeval")
    try:
        measure = radeval.RadEval(
            metrics=[name], per_sample=per_sample, detailed=not per_sample, show_progress=False
        )
    except (OSError, ImportError, ValueError) as error:
        remedy = "check what RadEval needs is installed"
        if isinstance(error, OSError):
            remedy = "RadEval downloads it from the Hugging Face hub; check the connection or HF_HOME"
        raise DataError(name, f"RadEval cannot load its network ({_first_line(error)})", remedy) from error

    def measured(references: Sequence[str], candidates: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = measure(refs=list(references), hyps=list(candidates))
        return found

    return measured


def _require_radeval(name: str) -> None:
    if find_spec("radeval") is None:
        problem = "is measured through RadEval, which is not installed"
        raise UsageError(name, problem, "pip install 'hilum[metrics]'")


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
