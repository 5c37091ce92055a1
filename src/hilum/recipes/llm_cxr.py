"""`llm_cxr`: a language model reads and writes images as tokens (LLM-CXR, arXiv 2305.11490).

hilum train llm_cxr --text smollm2 --out runs/llm-cxr

Two stages, as published: first every task on every film, then reports and the pictures drawn from them on
frontal films of each patient's earliest study, where its report has an impression; a fifth of both is text
alone. Unlike the original every image is learned in both directions, its codes weigh less than words, of
which there are far fewer, and the second stage keeps the findings beside the impression: a report has both.
"""

from __future__ import annotations

from dataclasses import replace

from hilum.model import Reads, Writes
from hilum.recipes.config import Recipe, TextStage
from hilum.recipes.nano import nano
from hilum.recipes.pretrained import LANGUAGE, shares
from hilum.study import Task

TEXT_SHARE = 0.2
FIRST = {
    Task.FINDINGS: 3.0,
    Task.IMPRESSION: 1.0,
    Task.DRAW: 4.0,
    Task.VQA_CLOSED: 2.0,
    Task.VQA_OPEN: 2.0,
    Task.BINARY: 1.0,
    Task.VIEW: 0.3,
}
SECOND = {Task.FINDINGS: 1.5, Task.IMPRESSION: 2.0, Task.DRAW: 4.0, Task.VQA_CLOSED: 1.0, Task.VQA_OPEN: 1.0}


def llm_cxr(seed: int = 0, text: str | None = None) -> Recipe:
    """The recipe, with a pretrained language model when `text` names one, else a small new one."""
    base = nano(seed)
    fit = replace(LANGUAGE, seed=seed, steps=1500)
    return replace(
        base,
        name="llm_cxr",
        model=replace(base.model, reads=Reads.CODES, writes=Writes.CODES),
        stages=(
            TextStage("all_tasks", fit, shares(FIRST, TEXT_SHARE), code_weight=0.5, tokens_per_batch=2600),
            TextStage(
                "impressions",
                replace(fit, steps=500, lr=fit.lr / 2),
                shares(SECOND, TEXT_SHARE),
                code_weight=0.5,
                tokens_per_batch=2600,
                earliest_study=True,
                frontal=True,
                impression=True,
            ),
        ),
        align=None,
        text=text,
    )
