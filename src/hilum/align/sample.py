"""First step: n answers to each prompt, its films and words run once for all of them.

table = sample(model, prompts, features, AlignConfig(n=4), folder, seed=0)

What is drawn for a prompt depends on the seed and the prompt's place alone. Answers that are the same are
kept once, with how often they were drawn; those that did not come to an end are counted and left out: nobody
knows how they would have gone on, and of a beginning neither the score nor the length is the answer's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from hilum.align.config import AlignConfig
from hilum.align.prompts import AlignItem, Prompts
from hilum.align.table import Row, Table, make
from hilum.model import Model
from hilum.model.engine import Sampling, TokenPrompt, Written, generate
from hilum.model.model import GUIDANCE
from hilum.training.examples import FeatureFile

ROWS = 512
"""Sequences held at once, those of guidance included; a chunk of long answers is sampled in several parts."""

TOKENS = pa.list_(pa.int32())
SAMPLES = pa.schema(
    [
        ("id", pa.string()),
        ("reference", pa.string()),
        ("images", pa.list_(pa.string())),
        ("draw", pa.bool_()),
        ("prompt", TOKENS),
        ("answers", pa.list_(TOKENS)),
        ("texts", pa.list_(pa.string())),
        ("draws", pa.list_(pa.int32())),
        ("unfinished", pa.int32()),
    ]
)
"""A row for each prompt: its token ids, and its different answers with how often each was drawn."""


def sample(
    model: Model,
    prompts: Prompts,
    features: FeatureFile | None,
    config: AlignConfig,
    folder: Path,
    *,
    seed: int,
) -> Table:
    """Answers to every prompt, as `SAMPLES` has them.

    Args:
        features: what the encoder sees in the prompts' films; None for a model without one.
    """
    sampling = Sampling(config.n, config.temperature, config.top_p, config.max_new_tokens, seed, GUIDANCE)

    def rows_of(rows: range) -> list[Row]:
        ready = [tokenized(model, prompts, row, features) for row in rows]
        order = sorted(range(len(ready)), key=lambda i: (ready[i].kind, len(ready[i].ids)))
        answers: dict[int, list[Written]] = {}
        each = config.n * (2 if any(prompt.negative for prompt in ready) else 1)
        step = max(1, ROWS // each)
        for start in range(0, len(order), step):
            some = order[start : start + step]
            written = generate(model.network, [ready[i] for i in some], model.masks, sampling)
            answers.update(zip(some, written, strict=True))
        return [_row(model, prompts.items[row], ready[i], answers[i]) for i, row in enumerate(rows)]

    return make(folder, SAMPLES, len(prompts), rows_of, "sampling")


def tokenized(model: Model, prompts: Prompts, row: int, features: FeatureFile | None) -> TokenPrompt:
    """A prompt as generation takes it; what is drawn for it depends on the seed and its place."""
    shown = prompts.items[row].images
    seen = features(shown) if features is not None and shown else None
    return replace(model.tokenize(prompts.prompt(row)), number=row, features=seen)


def _row(model: Model, item: AlignItem, prompt: TokenPrompt, written: Sequence[Written]) -> Row:
    """The different answers, by their words; a picture has none and goes by its codes."""
    whole = [w.ids for w in written if w.finished]
    names = [("", ids) if item.draw else (model.vocabulary.decode(ids).strip(), ()) for ids in whole]
    counted, first = Counter(names), dict(zip(reversed(names), reversed(whole), strict=True))
    return {
        "id": item.id,
        "reference": item.reference,
        "images": list(item.images),
        "draw": item.draw,
        "prompt": list(prompt.ids),
        "answers": [list(first[name]) for name in counted],
        "texts": [text for text, _ in counted],
        "draws": list(counted.values()),
        "unfinished": sum(not w.finished for w in written),
    }
