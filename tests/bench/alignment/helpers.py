"""A tiny model that knows four sentences, questions whose truth is known, a judge that pays for one word."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch

from align.prompt_helpers import Judging, pixels_of, prompts
from align.prompt_helpers import model as tiny_model
from bench.helpers import EFFUSION, item
from hilum.align import AlignConfig, Reports, answer_log_probabilities, pack
from hilum.bench.alignment import Evaluation
from hilum.model import Model
from hilum.model.vocabulary import END, PAD
from hilum.study import Task, Verdict
from hilum.training import FitConfig
from model.helpers import TEXTS

PROMPTS = prompts(32)
FIT = FitConfig(steps=24, lr=3e-4, weight_decay=0.0, log_every=8, trainable=(r"(?!.*vision_tower).*",))
CONFIG = AlignConfig(
    n=8, top_p=1.0, threshold=0.01, max_length_ratio=None, batch_size=8, sft_weight=1.0, fit=FIT
)
PAID = "cardiomegaly"


@cache
def _schooled() -> Model:
    model = tiny_model()
    vocabulary = model.vocabulary
    asked = [list(model.tokenize(PROMPTS.prompt(0)).ids)] * len(TEXTS)
    answers = [[[*vocabulary.encode(text), vocabulary.id(END)]] for text in TEXTS]
    features = model.features(torch.from_numpy(pixels_of([str(i) for i in range(len(TEXTS))])))
    batch = replace(pack(asked, answers, vocabulary.id(PAD)), features_NPD=features.clone())
    moved = [p for name, p in model.network.named_parameters() if "vision" not in name]
    with torch.no_grad():  # as small as they were made: large ones learn nothing
        for p in moved:
            if p.ndim > 1:
                p.div_(6)
    optimizer = torch.optim.Adam(moved, lr=3e-3)
    for _ in range(250):
        optimizer.zero_grad()
        sums, lengths = answer_log_probabilities(model, batch)
        (-sums.sum() / lengths.sum()).backward()
        optimizer.step()
    return model


def schooled() -> Model:
    """A model that writes one of `TEXTS`, whatever it is shown."""
    return deepcopy(_schooled())


def questions(count: int = 24):
    return [
        item(
            Task.FINDINGS,
            TEXTS[0] if i % 2 else TEXTS[1],
            name=f"v{i}",
            study=f"v{i}",
            patient=f"patient {i // 2}",
            images=(str(200 + i),),
            truth=() if i % 2 else (EFFUSION,),
        )
        for i in range(count)
    ]


def evaluation(store: Path, *, start: Model | None = None, exact: bool = True, seed: int = 0) -> Evaluation:
    asked = questions()
    known = {one.id for one in asked} if exact else set()
    return Evaluation(start or schooled(), asked, known, pixels_of, store, seed=seed)


def _pays(references, candidates) -> list[Verdict]:
    assert len(references) == len(candidates)
    return [Verdict(float(PAID in text)) for text in candidates]


PAYS = Reports(Judging("pays", _pays))
"""A judge that pays for a word."""
