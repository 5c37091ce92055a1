"""Preference tuning without radiologists: sample, judge, pair, reference, train.

result = align(model, prompts, AlignConfig(), Path("run/work"))

After CheXalign (arXiv 2410.07025). Every step's result is a table on disk under a key of its settings and of
what it was made from. A run that was killed goes on where it stopped; another algorithm or β finds the
samples and verdicts that are there already, and nothing that was paid for is asked again.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from hilum.align.batches import OLD, REFERENCE, ExampleBatches
from hilum.align.config import AlignConfig
from hilum.align.objective import Algorithm, PreferenceObjective
from hilum.align.pairs import examples as examples_of
from hilum.align.preferences import read_preferences
from hilum.align.prompts import Prompts
from hilum.align.reference import computing_as, log_probabilities, precision_of, without_dropout
from hilum.align.result import AlignResult, RoundResult, round_result
from hilum.align.sample import sample
from hilum.align.table import Table
from hilum.align.verdicts import Grader, Reports, judge_samples
from hilum.errors import DataError, UsageError
from hilum.judge import named_judge
from hilum.model import Model
from hilum.training import FitResult, fit
from hilum.training.config import ENCODER_LEFT_OUT, in_encoder
from hilum.training.examples import FeatureFile
from hilum.training.lora import fit_lora
from hilum.training.optimizer import select

VERSION = 1
"""Raised when the same settings come to give another result."""


def align(
    model: Model,
    prompts: Prompts,
    config: AlignConfig,
    store: Path,
    grader: Grader | None = None,
    *,
    preferences: Path | None = None,
) -> AlignResult:
    """Tune `model` in place.

    Args:
        prompts: of patients that the model has not learned from.
        store: where the steps' results are kept; several alignments may share one.
        grader: says how good answers are; facts compared when None.
        preferences: a file of pairs, see `hilum.align.preferences`; nothing is sampled or judged then.

    Raises:
        UsageError: the settings move the vision encoder, whose features are run once.
        DataError: no prompt gave two answers that the judge tells apart.
    """
    moved = [name for name in select(model.network, config.fit.trainable) if in_encoder(name)]
    if moved:
        remedy = f"leave it out: trainable={ENCODER_LEFT_OUT}"
        raise UsageError("trainable", f"moves the vision encoder ({moved[0]})", remedy)
    with without_dropout(model.network):
        steps = _Steps(model, prompts, config, store, grader or Reports(named_judge("facts")))
        rounds = steps.rounds() if preferences is None else [steps.given(preferences)]
        return AlignResult(len(prompts), tuple(rounds))


class _Steps:
    """The steps of one alignment."""

    def __init__(
        self, model: Model, prompts: Prompts, config: AlignConfig, store: Path, grader: Grader
    ) -> None:
        self.model, self.prompts, self.config, self.store = model, prompts, config, store
        self.grader = grader
        # Its numbers are checked before anything is sampled or paid for.
        self.objective = PreferenceObjective(
            model,
            config.algorithm,
            beta=config.beta,
            alpha=config.alpha,
            label_smoothing=config.label_smoothing,
            sft_weight=config.sft_weight,
        )
        self.start = model.weights_hash()
        self.features = self._features()
        # Later rounds move the weights that the reference is taken from.
        self.supervised = deepcopy(model) if config.rounds > 1 else model

    def rounds(self) -> Iterator[RoundResult]:
        """Round by round, each from the policy that the one before left."""
        for number in range(self.config.rounds):
            policy = self.start if number == 0 else self.model.weights_hash()
            asked, seed = self._prompts_of(number), self.config.seed + number
            how = self.config.settings("n", "temperature", "top_p", "max_new_tokens")
            drawn = _key(policy, asked.digest, how, seed)
            samples = sample(
                self.model, asked, self.features, self.config, self._place("samples", drawn), seed=seed
            )
            judged = _key(drawn, self.grader.identity)
            verdicts = judge_samples(samples, self.grader, self._place("verdicts", judged))
            paired = _key(judged, self._form())
            found = examples_of(samples, verdicts, self.config, self._place("examples", paired))
            trained = self._train(found, paired, policy, number)
            yield round_result(samples, verdicts, found, trained)

    def given(self, preferences: Path) -> RoundResult:
        """One round on the pairs of a file."""
        if self.config.algorithm in (Algorithm.KTO, Algorithm.GRPO) or self.config.rounds > 1:
            remedy = "use dpo, ipo, orpo or rdpo, and one round"
            raise UsageError(preferences, "holds pairs, and nothing to sample from", remedy)
        content = hashlib.sha256(preferences.read_bytes()).hexdigest() if preferences.is_file() else ""
        paired = _key(self.start, self.prompts.digest, "given", content)
        folder = self._place("examples", paired)
        found = read_preferences(preferences, self.prompts, self.model, folder)
        empty = Table(self.store / "nothing")
        return round_result(empty, empty, found, self._train(found, paired, self.start, 0))

    def _train(self, found: Table, paired: str, policy: str, number: int) -> FitResult:
        config = self.config
        examples = found.arrow()
        if not len(examples):
            problem = "no prompt has two answers that differ in score"
            raise DataError(found.folder, problem, "sample more, at a higher temperature, or longer answers")
        groups = config.algorithm is Algorithm.GRPO
        if config.algorithm.needs_reference:
            reference = self._log_probabilities(self.supervised, self.start, found, paired)
            examples = examples.append_column(REFERENCE, reference)
            if groups:
                sampled = self._log_probabilities(self.model, policy, found, paired) if number else reference
                examples = examples.append_column(OLD, sampled)
        batches = ExampleBatches(
            self.model,
            examples,
            self.features,
            made_by=paired,
            groups=groups,
            batch_size=config.batch_size,
            seed=config.seed + number,
        )
        loss = config.settings("algorithm", "beta", "alpha", "label_smoothing", "sft_weight", "lora")
        schedule = replace(config.fit, seed=config.fit.seed + number)
        if config.epochs:
            a_step = batches.batch_size * schedule.accumulate
            schedule = replace(schedule, steps=math.ceil(config.epochs * len(examples) / a_step))
        made_by = _key(paired, policy, loss, schedule.binding(), config.batch_size, config.seed + number)
        place = self._place("align", made_by)
        if config.lora is not None:
            return fit_lora(self.objective, batches, schedule, place, config.lora)
        return fit(self.objective, batches, schedule, place)

    def _log_probabilities(self, model: Model, weights: str, found: Table, paired: str) -> pa.ChunkedArray:
        """Of every example's answers, as a column."""
        fit = self.config.fit
        folder = self._place("reference", _key(paired, weights, precision_of(fit)))
        with computing_as(model.network, fit):
            return log_probabilities(model, found, self.features, folder).arrow()["log_probabilities"]

    def _form(self) -> dict[str, Any]:
        """What decides which answers are compared: the algorithms that take pairs share them."""
        names = ("pairing", "threshold", "max_length_ratio")
        algorithm = self.config.algorithm
        if algorithm is Algorithm.GRPO:
            return {"form": "groups"}
        return {"form": "single" if algorithm is Algorithm.KTO else "pairs", **self.config.settings(*names)}

    def _prompts_of(self, number: int) -> Prompts:
        """The prompts of a round: all of them, or the next ones, beginning anew after the last."""
        each, count = self.config.prompts_per_round, len(self.prompts)
        if not each or each >= count:
            return self.prompts
        return self.prompts.chosen([(number * each + i) % count for i in range(each)])

    def _features(self) -> FeatureFile | None:
        """What the frozen encoder sees in the prompts' films, run once for all steps and rounds."""
        images = self.prompts.images
        if not self.model.config.sees_features or not images:
            return None
        path = self._place("prompt-features", f"{_key(self.start, images)}.npy")
        if path.is_file():
            return FeatureFile(path, images)
        return FeatureFile.write(path, images, self.prompts.pixels_of, self.model)

    def _place(self, step: str, made_by: str) -> Path:
        return self.store / f"{step}-{made_by}"


def _key(*parts: Any) -> str:
    text = json.dumps([VERSION, *parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
