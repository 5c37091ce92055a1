"""Fourth step: how likely the supervised model finds every answer, worked out once before training.

table = log_probabilities(model, examples, features, folder)

A second model in memory, or a second pass in every step, would give the same numbers again and again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import torch

from hilum.align.answers import answer_log_probabilities
from hilum.align.batches import answer_batch
from hilum.align.table import Row, Table, derive
from hilum.model import Model
from hilum.model.vocabulary import PAD
from hilum.training.examples import FeatureFile

BATCH = 16
"""Examples run together."""

LOG_PROBABILITIES = pa.schema([("id", pa.string()), ("log_probabilities", pa.list_(pa.float64()))])
"""A row for each example: the log-probability of each of its answers, all tokens summed."""


def log_probabilities(model: Model, examples: Table, features: FeatureFile | None, folder: Path) -> Table:
    """As `LOG_PROBABILITIES` has them, row by row."""
    pad = model.vocabulary.id(PAD)

    @torch.inference_mode()
    def rows_of(rows: Sequence[Row]) -> list[Row]:
        found: list[Row] = []
        for start in range(0, len(rows), BATCH):
            some = rows[start : start + BATCH]
            summed_BK, _ = answer_log_probabilities(model, answer_batch(some, features, pad))
            for row, values in zip(some, summed_BK.tolist(), strict=True):
                found.append({"id": row["id"], "log_probabilities": values[: len(row["answers"])]})
        return found

    return derive(folder, LOG_PROBABILITIES, [examples], rows_of, "reference")
