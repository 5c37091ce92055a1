"""Preference tuning without radiologists: sample, judge, pair, optimise (CheXalign, arXiv 2410.07025).

result = align(model, items, AlignConfig(), run_dir)

Every prompt's image is run through the encoder once for all its samples and once for both answers of
its pair; the reference model is run once in all, before training, and only its numbers are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from hilum.align.answers import AnswerBatch, answer_log_probabilities, pack
from hilum.align.objective import Algorithm, PreferenceObjective
from hilum.align.pairs import pair
from hilum.errors import DataError
from hilum.files import write_json
from hilum.judge import score as judge_facts
from hilum.model import Model, Prompt
from hilum.model.vocabulary import END, PAD
from hilum.study import Preference, Verdict
from hilum.training import FitConfig, FitResult, fit
from hilum.training.order import shuffled_rows


class JudgeReports(Protocol):
    """Scores candidates against references, one for one."""

    def __call__(self, references: Sequence[str], candidates: Sequence[str]) -> Sequence[Verdict]:
        """One score for each pair of texts."""
        ...


@dataclass(frozen=True)
class AlignItem:
    """A prompt for a report, and the report a radiologist wrote for it."""

    id: str
    prompt: Prompt
    reference: str


@dataclass(frozen=True)
class AlignConfig:
    """How to sample, pair and optimise.

    Args:
        n: candidates per prompt.
        threshold: least gap in score between the chosen and the rejected answer.
        beta: strength of the pull towards the supervised model (DPO).
        alpha: R-DPO's length term, per token.
        sft_weight: weight of the chosen answer's own next-token loss.
        fit: steps, learning rate and the rest of the optimisation.
    """

    n: int = 6
    temperature: float = 1.0
    top_p: float = 0.95
    threshold: float = 0.05
    max_length_ratio: float | None = 1.5
    beta: float = 0.1
    alpha: float = 0.0
    sft_weight: float = 0.0
    batch_size: int = 16
    seed: int = 0
    fit: FitConfig = field(
        default_factory=lambda: FitConfig(
            steps=100, lr=1e-4, warmup=10, weight_decay=0.0, description="aligning"
        )
    )


@dataclass(frozen=True)
class AlignResult:
    """What alignment saw: pairs kept, the candidates' scores, the optimisation's record."""

    prompts: int
    pairs: int
    mean_score: float
    mean_chosen: float
    mean_rejected: float
    length_chosen: float
    length_rejected: float
    fit: FitResult


def judge_by_facts(references: Sequence[str], candidates: Sequence[str]) -> Sequence[Verdict]:
    """The default judge: facts compared, no network, no GPU."""
    return judge_facts(references, candidates).scores


def sample_and_judge(
    model: Model, items: Sequence[AlignItem], config: AlignConfig, judge: JudgeReports
) -> tuple[list[list[str]], list[list[Verdict]]]:
    """Candidates for every prompt and their scores; equal candidates of a prompt are judged once."""
    answers = model.answer(
        [item.prompt for item in items],
        n=config.n,
        temperature=config.temperature,
        top_p=config.top_p,
        seed=config.seed,
    )
    candidates = [list(dict.fromkeys(a.text for a in row if a.finished)) for row in answers]
    references = [item.reference for item, row in zip(items, candidates, strict=True) for _ in row]
    scores = iter(judge(references, [text for row in candidates for text in row]))
    return candidates, [[next(scores) for _ in row] for row in candidates]


def align(
    model: Model,
    items: Sequence[AlignItem],
    config: AlignConfig,
    run_dir: Path,
    judge: JudgeReports = judge_by_facts,
) -> AlignResult:
    """Tune `model` in place.

    Raises:
        DataError: no prompt gave two answers that the judge tells apart.
    """
    candidates, scores = sample_and_judge(model, items, config, judge)
    preferences = pair(
        [item.id for item in items],
        candidates,
        scores,
        threshold=config.threshold,
        max_length_ratio=config.max_length_ratio,
    )
    if not preferences:
        raise DataError(
            run_dir, "no pair of answers differs in score", "sample more, or at a higher temperature"
        )
    rows = [{k: getattr(p, k) for k in Preference.__slots__} for p in preferences]
    write_json(run_dir / "preferences.json", rows)
    batches = PairBatches(model, items, preferences, config.batch_size, config.seed)
    batches.cache_reference()
    algorithm = Algorithm.RDPO if config.alpha else Algorithm.DPO
    objective = PreferenceObjective(model, algorithm, config.beta, config.alpha, sft_weight=config.sft_weight)
    result = fit(objective, batches, config.fit, run_dir)
    values = [s.value for row in scores for s in row if s.value is not None]
    return AlignResult(
        len(items),
        len(preferences),
        float(np.mean(values)),
        float(np.mean([p.score_chosen for p in preferences])),
        float(np.mean([p.score_rejected for p in preferences])),
        float(np.mean([len(p.chosen.split()) for p in preferences])),
        float(np.mean([len(p.rejected.split()) for p in preferences])),
        result,
    )


class PairBatches:
    """Batches of preference pairs; a pure function of the step."""

    def __init__(
        self,
        model: Model,
        items: Sequence[AlignItem],
        preferences: Sequence[Preference],
        batch_size: int,
        seed: int,
    ) -> None:
        self.model = model
        by_id = {item.id: item for item in items}
        self.prompts = [by_id[p.prompt_id].prompt for p in preferences]
        self.preferences = preferences
        self.batch_size = min(batch_size, len(preferences))
        self.seed = seed
        self.reference: Tensor | None = None
        words = repr((seed, self.batch_size, [(p.prompt_id, p.chosen, p.rejected) for p in preferences]))
        self.fingerprint = hashlib.sha256(words.encode()).hexdigest()[:16]

    def __call__(self, step: int) -> AnswerBatch:
        """Batch `step`."""
        return self.batch(shuffled_rows(len(self.preferences), step, self.batch_size, self.seed).tolist())

    def batch(self, rows: Sequence[int]) -> AnswerBatch:
        """Some pairs as one batch."""
        model = self.model
        end = model.vocabulary.id(END)
        prompts = [model.tokenize(self.prompts[row]).ids for row in rows]
        texts = [(self.preferences[row].chosen, self.preferences[row].rejected) for row in rows]
        answers = [[[*model.vocabulary.encode(text), end] for text in pair] for pair in texts]
        images = [image for row in rows for image in self.prompts[row].images]
        features = model.features(torch.stack([model.prepare(image) for image in images])) if images else None
        reference = None if self.reference is None else self.reference[list(rows)]
        return replace(
            pack(prompts, answers, model.vocabulary.id(PAD)),
            # Made under inference mode; training needs a tensor autograd may keep.
            features_NPD=None if features is None else features.clone(),
            reference_BK=reference,
        )

    @torch.no_grad()
    def cache_reference(self) -> None:
        """Run the model as it stands over every pair once and keep the log-probabilities: (pairs, 2)."""
        n, size = len(self.preferences), 32
        chunks = [range(start, min(n, start + size)) for start in range(0, n, size)]
        self.reference = torch.cat(
            [answer_log_probabilities(self.model, self.batch(list(rows)))[0].cpu() for rows in chunks]
        )
