"""Fourth step: how likely the supervised model finds every answer, worked out once before training.

with without_dropout(model.network), computing_as(model.network, config.fit):
    table = log_probabilities(model, examples, features, folder)

A second model in memory, or a second pass in every step, would give the same numbers again and again. They
are compared with the policy's, so both are computed alike: without dropout, in the precision of training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import torch
from torch import nn

from hilum.align.answers import answer_log_probabilities
from hilum.align.batches import answer_batch
from hilum.align.table import Row, Table, derive
from hilum.model import Model
from hilum.model.network import Network
from hilum.model.vocabulary import PAD
from hilum.training import FitConfig
from hilum.training.examples import FeatureFile
from hilum.training.loop import multiplies_bfloat16
from hilum.training.weights import trained_weights

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


@contextmanager
def without_dropout(network: nn.Module) -> Iterator[None]:
    """Inside the block the network drops nothing at random, not even in training mode, as TRL trains too.

    Dropout makes log π(y) − log π_ref(y) noisy, and biased, as the reference has none. Training mode itself
    is needed by checkpointed activations. Some architectures keep rates in modules, some in configurations.
    """
    parts = [part for module in network.modules() for part in (module, getattr(module, "config", None))]
    holders = {id(part): part for part in parts if hasattr(part, "__dict__")}
    rates = [
        (vars(holder), name, rate)
        for holder in holders.values()
        for name, rate in vars(holder).items()
        if isinstance(rate, float) and ("drop" in name or (name == "p" and isinstance(holder, nn.Dropout)))
    ]
    for held, name, _ in rates:
        held[name] = 0.0
    try:
        yield
    finally:
        for held, name, rate in rates:
            held[name] = rate


@contextmanager
def computing_as(network: Network, fit: FitConfig) -> Iterator[None]:
    """Inside the block the network computes on the device and in the precision of a step of `fit`."""
    device = _device(fit)
    nn.Module.to(network, device)
    with (
        trained_weights(network, (), in_bfloat16=fit.precision == "bfloat16-weights"),
        torch.autocast(device.type, torch.bfloat16, enabled=precision_of(fit) != "float32"),
    ):
        yield


def precision_of(fit: FitConfig) -> str:
    """The precision of a step of `fit`; what "auto" comes to on its device."""
    if fit.precision != "auto":
        return fit.precision
    return "bfloat16" if multiplies_bfloat16(_device(fit)) else "float32"


def _device(fit: FitConfig) -> torch.device:
    """Where `fit` trains."""
    found = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(found if fit.device == "auto" else fit.device)
