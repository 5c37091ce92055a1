"""`chexagent`: a clinical language model, an encoder, a bridge between them (CheXagent, arXiv 2401.12208).

hilum train chexagent --text smollm2 --out runs/chexagent

Four stages, as published: the language model alone on report text, the encoder, the bridge alone, and then
all but the encoder together. The model reads features and writes words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hilum.model import Reads, Writes
from hilum.recipes.config import Recipe, TextStage
from hilum.recipes.nano import nano
from hilum.recipes.pretrained import BODY, BRIDGE, LANGUAGE, shares
from hilum.study import Task
from hilum.training import FitConfig

TEXT_SHARE = 0.1
TOKENS_PER_BATCH = 1600
CLINICAL = {Task.SUMMARIZE: 1.0}
ALL = {
    Task.FINDINGS: 4.5,
    Task.IMPRESSION: 1.0,
    Task.SUMMARIZE: 0.3,
    Task.VIEW: 0.3,
    Task.DISEASES: 0.4,
    Task.BINARY: 1.2,
    Task.VQA_CLOSED: 3.3,
    Task.VQA_OPEN: 3.3,
    Task.GROUND: 0.6,
    Task.DETECT: 0.4,
    Task.PROGRESSION: 0.3,
}


def chexagent(seed: int = 0, text: str | None = None) -> Recipe:
    """The recipe, with a pretrained language model when `text` names one, else a small new one."""
    base = nano(seed)
    fit = replace(LANGUAGE, seed=seed)
    return replace(
        base,
        name="chexagent",
        model=replace(base.model, reads=Reads.FEATURES, writes=Writes.NOTHING),
        stages=(
            _stage("clinical", replace(fit, steps=50, trainable=BODY), CLINICAL, 0.5),
            _stage("bridge", replace(fit, steps=100, lr=1e-3, trainable=BRIDGE), ALL, 0.0),
            _stage("together", replace(fit, steps=1000, trainable=(*BODY, *BRIDGE)), ALL, TEXT_SHARE),
        ),
        align=None,
        text=text,
    )


def _stage(name: str, fit: FitConfig, weights: Mapping[Task, float], text: float) -> TextStage:
    return TextStage(name, fit, shares(weights, text), tokens_per_batch=TOKENS_PER_BATCH)
