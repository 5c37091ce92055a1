"""Over-optimisation: does truth rise with the reward that a policy is aligned to, and for how long?

cells = [Cell(Algorithm.DPO, "facts", beta=0.05), Cell(Algorithm.DPO, "matches", beta=0.05)]
result = study(prompts, evaluation, cells, {"facts": facts, "matches": matches}, config, Path("out/work"))

Every cell is aligned from the same start in one store, so that samples are made once, and verdicts once for
each judge. Checkpoints along training are asked the same questions under the same seed; see `evaluation`. A
finished cell is a JSON file in the store: a study that was killed goes on. After Gao, Schulman & Hilton,
"Scaling laws for reward model overoptimization" (arXiv 2210.10760) and, for direct alignment, Rafailov et
al. (arXiv 2406.02900); on the phantom the gold reward is no other model but what was drawn.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from hilum.align import Algorithm, AlignConfig, AlignResult, Prompts, Reports, align
from hilum.bench.alignment.evaluation import FIGURES, Evaluation, Measured
from hilum.bench.alignment.study_result import Cell, CellResult, Point, StudyResult, Word
from hilum.bench.alignment.tax import TaxRow
from hilum.bench.intervals import Bootstrap
from hilum.bench.items import digest
from hilum.errors import UsageError
from hilum.files import MARK, write_json
from hilum.judge import LengthControlled
from hilum.model import Model
from hilum.training import checkpoint

VERSION = 1
"""Raised when the same settings come to give another result."""

POINTS = 4
"""Checkpoints of each round that are measured, beside the start."""

GREW = 12
"""Words that are listed."""

Tax = Callable[[Model], tuple[TaxRow, ...]]
"""An aligned model to its rows, see `hilum.bench.alignment.tax`."""


def study(
    prompts: Prompts,
    evaluation: Evaluation,
    cells: Sequence[Cell],
    judges: Mapping[str, Reports],
    config: AlignConfig,
    store: Path,
    *,
    tax: Tax | None = None,
    protocol: Mapping[str, Any] | None = None,
) -> StudyResult:
    """Align in every cell and measure along the way.

    Args:
        prompts: that every cell is aligned on, of patients that are not evaluated.
        evaluation: the start and the questions.
        judges: by the names that the cells use, not controlled for length.
        config: all that the cells share; its algorithm, β and α are theirs.
        store: where all steps' results and the finished cells are kept.
        tax: measures an aligned model in other tasks.
        protocol: what else is to stand in the result.

    Raises:
        UsageError: a cell names no judge, or the settings train an adapter, or count epochs and not steps.
        DataError: no prompt gave two answers that a judge tells apart.
    """
    if config.lora is not None or config.epochs:
        raise UsageError("config", "trains an adapter or counts epochs", "give steps, and lora=None")
    for cell in cells:
        if cell.judge not in judges:
            raise UsageError(cell.judge, "is no judge of the study", f"choose from {', '.join(judges)}")
    done = []
    for cell in dict.fromkeys(cells):
        judge, mine = judges[cell.judge], _config(config, cell)
        told = [VERSION, evaluation.identity, prompts.digest, [i.reference for i in prompts.items]]
        key = digest(
            [*told, json.loads(json.dumps([asdict(cell), asdict(mine), judge.identity])), tax is not None]
        )
        path = store / f"cell-{key}.json"
        if not path.is_file():
            found = _run(prompts, evaluation, cell, judge, mine, store, tax)
            write_json(path, {"made_by": MARK, **found.to_json()})
        # Read back also when it is new, so that what is told does not depend on when it was made.
        done.append(CellResult.from_json(json.loads(path.read_text(encoding="utf-8"))))
    counts = len(evaluation.items), len(set(evaluation.patients)), len(evaluation.exact), len(prompts)
    return StudyResult(tuple(done), *counts, protocol or {})


def _config(config: AlignConfig, cell: Cell) -> AlignConfig:
    every = math.ceil(config.fit.steps / POINTS)
    return replace(
        config,
        algorithm=cell.algorithm,
        beta=cell.beta,
        alpha=cell.alpha,
        sft_weight=0.0 if cell.algorithm is Algorithm.GRPO else config.sft_weight,
        fit=replace(config.fit, checkpoint_every=every, keep=POINTS),
    )


def _run(
    prompts: Prompts,
    evaluation: Evaluation,
    cell: Cell,
    judge: Reports,
    config: AlignConfig,
    store: Path,
    tax: Tax | None,
) -> CellResult:
    """One cell from its start to its figures."""
    policy = deepcopy(evaluation.start)
    trained = Reports(LengthControlled(judge.judge)) if cell.length_control else judge
    aligned = align(policy, prompts, config, store, trained)
    boot = Bootstrap(evaluation.patients, seed=evaluation.seed)
    start = evaluation.measure(evaluation.start, judge)
    points, end = [_point(0, start, boot)], start
    for step in _policies(aligned, policy):
        end = evaluation.measure(policy, judge)
        points.append(_point(step, end, boot))
    changes = {name: boot.difference(end.figures[name], start.figures[name]) for name in FIGURES}
    reward, truth = (end.figures[name] - start.figures[name] for name in (cell.optimised, "truth"))
    return CellResult(
        cell,
        tuple(points),
        {**changes, "gap": boot.difference(reward, truth)},
        tuple(grown(start.texts, end.texts)),
        sum(one.examples for one in aligned.rounds),
        tax(policy) if tax is not None else (),
    )


def _policies(aligned: AlignResult, policy: Model) -> Iterator[int]:
    """Give the policy the weights of each checkpoint in turn; how many steps they are after the start."""
    targets = {**dict(policy.network.named_parameters()), **dict(policy.network.named_buffers())}
    before = 0
    for one in aligned.rounds:
        folder = one.fit.history.parent / "checkpoints"
        for step in checkpoint.steps(folder):
            saved = checkpoint.load(folder / f"step-{step:08d}")
            with torch.no_grad():
                for name, tensor in saved.model.items():
                    targets[name].copy_(tensor)
            yield before + step
        before += one.fit.steps


def _point(step: int, found: Measured, boot: Bootstrap) -> Point:
    return Point(step, {name: boot.mean(found.figures[name]) for name in FIGURES}, found.unfinished)


def grown(before: Sequence[str], after: Sequence[str]) -> list[Word]:
    """The words that grew most, in occurrences per 100 answers."""
    old, new = (Counter(_words(texts)) for texts in (before, after))
    rates = (Word(w, 100 * old[w] / len(before), 100 * new[w] / len(after)) for w in new)
    grew = sorted((w for w in rates if w.after > w.before), key=lambda w: (w.before - w.after, w.word))
    return grew[:GREW]


def _words(texts: Sequence[str]) -> Iterator[str]:
    for text in texts:
        yield from re.findall(r"[^\W\d_]+", text.lower())
