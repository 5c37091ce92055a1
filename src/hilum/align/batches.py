"""What a step of alignment reads: prompts with their answers, each prompt once for all of its answers.

batches = ExampleBatches(model, examples.arrow(), features, made_by=key, batch_size=16, seed=0)
batches(17)                                      # an AnswerBatch; always the same for one step
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import torch
from torch import Tensor

from hilum.align import losses
from hilum.align.answers import AnswerBatch, pack
from hilum.align.table import Row
from hilum.model import Model
from hilum.model.vocabulary import PAD
from hilum.training.examples import FeatureFile
from hilum.training.order import shuffled_rows

REFERENCE, OLD = "reference_log_probabilities", "old_log_probabilities"
"""Names of columns."""


class ExampleBatches:
    """Batches of examples; a pure function of the step.

    Args:
        examples: as `hilum.align.pairs.EXAMPLES` has them, perhaps with the columns `REFERENCE` and `OLD`:
            the log-probabilities of the answers under the supervised model and, where that is another, under
            the policy that wrote them.
        made_by: the key of the examples, which guards a resumed run against others.
        groups: give each answer its advantage within its group.
    """

    def __init__(
        self,
        model: Model,
        examples: pa.Table,
        features: FeatureFile | None,
        *,
        made_by: str = "",
        groups: bool = False,
        batch_size: int = 16,
        seed: int = 0,
    ) -> None:
        self.examples, self.features, self.groups, self.seed = examples, features, groups, seed
        self.batch_size = min(batch_size, len(examples))
        self.fingerprint = f"{made_by}/{seed}/{self.batch_size}"
        self._pad = model.vocabulary.id(PAD)

    def __call__(self, step: int) -> AnswerBatch:
        """Batch `step`."""
        return self.batch(shuffled_rows(len(self.examples), step, self.batch_size, self.seed).tolist())

    def batch(self, rows: Sequence[int]) -> AnswerBatch:
        """Some examples as one batch."""
        some = self.examples.take(list(rows)).to_pylist()
        return answer_batch(some, self.features, self._pad, groups=self.groups)


def answer_batch(
    rows: Sequence[Row], features: FeatureFile | None, pad: int, *, groups: bool = False
) -> AnswerBatch:
    """Examples as one batch: prompt and answers in one sequence each; see `ExampleBatches`."""
    most = max(len(row["answers"]) for row in rows)
    answers = [[*row["answers"], *[()] * (most - len(row["answers"]))] for row in rows]
    images = [image for row in rows for image in row["images"]]
    desirable = [row["desirable"] for row in rows]
    reference, old = (
        padded([row[name] for row in rows]) if name in rows[0] else None for name in (REFERENCE, OLD)
    )
    return replace(
        pack([row["prompt"] for row in rows], answers, pad),
        features_NPD=features(images) if features is not None and images else None,
        reference_BK=reference,
        old_BK=old,
        advantage_BK=padded([advantages(row["values"], row["draws"]) for row in rows]) if groups else None,
        desirable_B=None if None in desirable else torch.tensor(desirable),
    )


def advantages(values: Sequence[float], draws: Sequence[int]) -> list[float]:
    """The advantage of each answer in its group, summed over the times it was drawn; see `losses.advantages`.

    Answers that were drawn alike are one row here, and weigh as the many that they are.
    """
    times = torch.tensor(draws)
    drawn = torch.tensor(values, dtype=torch.float64).repeat_interleave(times)
    above = losses.advantages(drawn[None])[0]
    first = times.cumsum(0) - times
    summed: list[float] = (above[first] * times).tolist()
    return summed


def padded(rows: Sequence[Sequence[float]]) -> Tensor:
    """Rows of unlike length as one tensor, zeros behind the shorter ones: (B, K)."""
    most = max(map(len, rows))
    return torch.tensor([[*row, *[0.0] * (most - len(row))] for row in rows])
