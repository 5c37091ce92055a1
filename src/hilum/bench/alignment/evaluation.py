"""A policy on questions that it was not aligned on: one sampled answer each, its judge, truth and KL.

evaluation = Evaluation(start, items, exact, shards.pixels_many, Path("out/work"), seed=0)
measured = evaluation.measure(policy, Reports(judge))       # measured.figures["reward"], one value an item

Every policy is asked the same items under the same seed, so that two of them are compared item by item.
Answers and verdicts are tables on disk, under a key of the weights that gave them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from hilum.align import AlignItem, Prompts, Reports, answer_log_probabilities
from hilum.align.batches import answer_batch
from hilum.align.prompts import PixelsOf
from hilum.align.sample import tokenized
from hilum.align.table import Row, Table, make
from hilum.align.verdicts import judge_samples
from hilum.bench.answers import Item, words
from hilum.bench.intervals import Array
from hilum.bench.items import digest
from hilum.judge import compare
from hilum.judge.score import counted
from hilum.model import Model
from hilum.model.engine import MAX_NEW_TOKENS, Sampling, TokenPrompt, generate
from hilum.model.vocabulary import PAD
from hilum.reports import extract_facts
from hilum.study import State, Verdict
from hilum.training.examples import FeatureFile

FIGURES = ("reward", "lc_reward", "truth", "length_ratio", "kl")
BATCH = 16

ANSWERS = pa.schema(
    [
        ("id", pa.string()),
        ("reference", pa.string()),
        ("texts", pa.list_(pa.string())),
        ("finished", pa.bool_()),
        ("log_probability", pa.float64()),
        ("start_log_probability", pa.float64()),
    ]
)
"""A row for each item: its one answer, and how likely the policy and the start find it, all tokens summed."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What a policy's answers came to.

    Args:
        figures: by the names of `FIGURES`, a value for each item (N,), NaN where there is none.
        texts: the answers.
        unfinished: answers cut off at the longest length.
    """

    figures: Mapping[str, Array]
    texts: tuple[str, ...]
    unfinished: int


class Evaluation:
    """Items, and the model that alignment starts from.

    Args:
        start: the supervised model; it is not changed.
        items: questions for reports of patients that are not aligned on.
        exact: ids of the items whose `truth` is the study's own; of the others no truth is measured.
        pixels_of: gives the images they show.
        store: where answers and verdicts are kept.
        seed: of the sampled answers and of the resamples.
    """

    def __init__(
        self,
        start: Model,
        items: Sequence[Item],
        exact: AbstractSet[str],
        pixels_of: PixelsOf,
        store: Path,
        *,
        seed: int = 0,
    ) -> None:
        self.start, self.items, self.exact, self.store, self.seed = start, items, exact, store, seed
        self.start_hash = start.weights_hash()
        asked = [AlignItem(i.id, i.messages, i.images_in, i.reference) for i in items]
        self.prompts = Prompts(asked, pixels_of)
        true = [[fact.to_json() for fact in i.truth] if i.id in exact else None for i in items]
        told = [self.start_hash, self.prompts.digest, [i.reference for i in items], true, seed]
        self.identity = digest(told)
        self._features = self._seen()

    @property
    def patients(self) -> list[str]:
        """Whose each item is."""
        return [item.cluster for item in self.items]

    def measure(self, policy: Model, judge: Reports) -> Measured:
        """Ask a policy, and judge its answers.

        The KL divergence from the start is estimated without bias by log π(y) - log π_start(y) of the answer
        y that the policy gave, in nats per answer. The length ratio is words over the reference's words.
        """
        rows, judged = self._rows(policy, judge)
        texts = [row["texts"][0] for row in rows]
        pairs = list(zip(self.items, texts, strict=True))
        ratio = np.array([words(text) / max(1, words(item.reference)) for item, text in pairs])
        reward = np.array([_value(row) for row in judged])
        kl = [row["log_probability"] - row["start_log_probability"] for row in rows]
        figures = {
            "reward": reward,
            "lc_reward": reward / np.maximum(1.0, ratio),
            "truth": np.array([self._truth(*pair) for pair in pairs]),
            "length_ratio": ratio,
            "kl": np.array(kl),
        }
        return Measured(figures, tuple(texts), sum(not row["finished"] for row in rows))

    def _rows(self, policy: Model, judge: Reports) -> tuple[list[Row], list[Row]]:
        asked = digest([self.identity, policy.weights_hash()])

        def rows_of(some: range) -> list[Row]:
            return self._answer(policy, some)

        answers = make(self.store / f"answers-{asked}", ANSWERS, len(self.items), rows_of, "answers")
        verdicts = self._judged(answers, judge, asked)
        return list(answers), list(verdicts)

    def _judged(self, answers: Table, judge: Reports, asked: str) -> Table:
        return judge_samples(answers, judge, self.store / f"verdicts-{digest([asked, judge.identity])}")

    def _answer(self, policy: Model, some: range) -> list[Row]:
        prompts = [tokenized(policy, self.prompts, row, self._features) for row in some]
        # The whole distribution: what the policy is, not what top-p makes of it.
        sampling = Sampling(1, 1.0, 1.0, MAX_NEW_TOKENS, self.seed)
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i].ids))
        found = generate(policy.network, [prompts[i] for i in order], policy.masks, sampling)
        written = [one for _, (one,) in sorted(zip(order, found, strict=True), key=lambda two: two[0])]
        ids = [one.ids for one in written]
        mine, start = (self._log_probabilities(model, some, prompts, ids) for model in (policy, self.start))
        return [
            {
                "id": self.items[row].id,
                "reference": self.items[row].reference,
                "texts": [policy.vocabulary.decode(one.ids).strip()],
                "finished": one.finished,
                "log_probability": mine[i],
                "start_log_probability": start[i],
            }
            for i, (row, one) in enumerate(zip(some, written, strict=True))
        ]

    @torch.inference_mode()
    def _log_probabilities(
        self, model: Model, some: range, prompts: Sequence[TokenPrompt], answers: Sequence[Sequence[int]]
    ) -> list[float]:
        pad, found = model.vocabulary.id(PAD), list[float]()
        for first in range(0, len(some), BATCH):
            rows = [
                {
                    "prompt": prompts[i].ids,
                    "answers": [answers[i]],
                    "images": self.items[some[i]].images_in,
                    "desirable": None,
                }
                for i in range(first, min(first + BATCH, len(some)))
            ]
            sums_B1, _ = answer_log_probabilities(model, answer_batch(rows, self._features, pad))
            found += sums_B1[:, 0].tolist()
        return found

    def _truth(self, item: Item, text: str) -> float:
        """The study's own facts against those of the answer, as reports are judged; silence scores 0."""
        if item.id not in self.exact:
            return np.nan
        said = extract_facts(text)
        value = compare(item.truth, said).value if said else 0.0
        return np.nan if value is None else value

    def _seen(self) -> FeatureFile | None:
        """What the encoder sees in the films: alignment does not move it."""
        images = self.prompts.images
        if not self.start.config.sees_features or not images:
            return None
        path = self.store / f"study-features-{digest([self.start_hash, images])}.npy"
        if path.is_file():
            return FeatureFile(path, images)
        path.parent.mkdir(parents=True, exist_ok=True)
        return FeatureFile.write(path, images, self.prompts.pixels_of, self.start)


def _value(row: Row) -> float:
    """What a verdict counts in a mean, see `hilum.judge.score.counted`."""
    found = counted(Verdict(row["values"][0], state=State(row["states"][0])))
    return np.nan if found is None else found
