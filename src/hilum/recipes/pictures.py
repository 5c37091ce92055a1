"""What drawn pictures are aligned on: prompts to draw, what each asks for, and a classifier to reward by.

prompts, asked = draw_prompts(shards, studies, limit=None)
grader = picture_grader(model, shards, asked, store, seed=1, steps=1050)
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Mapping
from itertools import islice
from pathlib import Path

from hilum import bench
from hilum.align import Prompts
from hilum.bench.alignment import PictureGrader
from hilum.bench.alignment.pictures import Labels
from hilum.bench.labels import asked_labels
from hilum.errors import DataError
from hilum.instruct import Shards
from hilum.model import Model
from hilum.prompts import UNCONDITIONAL
from hilum.recipes.examples import align_item
from hilum.recipes.keys import key
from hilum.study import Split, Task

FILMS = 20_000
"""Most films that the rewarding classifier learns from; it holds them in memory."""


def draw_prompts(
    shards: Shards, studies: Container[str], limit: int | None = None
) -> tuple[Prompts, dict[str, Labels]]:
    """Prompts that ask for a picture of some training studies, and what each asks for, by its id.

    Those that ask for any picture ask for nothing, and are left out.

    Raises:
        DataError: there is none.
    """
    records = {record.id: record for record in shards.records(Split.TRAIN) if record.id in studies}
    asked = (c for c in shards.conversations(Split.TRAIN, tasks=[Task.DRAW]) if c.study in records)
    pairs = ((align_item(c), records[c.study]) for c in asked)
    kept = list(islice((pair for pair in pairs if pair[0].reference != UNCONDITIONAL), limit))
    if not kept:
        problem = "holds no report to draw of a patient kept for alignment or new to the run"
        raise DataError(shards.folder, problem, "add a source with reports of frontal films")
    labels = {item.id: asked_labels(record) for item, record in kept}
    return Prompts([item for item, _ in kept], shards.pixels_many), labels


def picture_grader(
    model: Model, shards: Shards, asked: Mapping[str, Labels], store: Path, *, seed: int, steps: int
) -> PictureGrader:
    """Train a classifier on the films of the training patients and grade by it.

    Args:
        store: where the classifier is kept; it is trained once.
        seed: another than that of the classifier which measures pictures.

    Raises:
        DataError: no film is labelled.
    """
    card = shards.folder / "card.json"
    data = hashlib.sha256(card.read_bytes() if card.is_file() else b"").hexdigest()
    made_by = key("reward", data, shards.frame, seed, steps)
    images, labels, *_ = bench.classifier_data(shards, Split.TRAIN, source=None, limit=FILMS)
    folder = store / f"reward-classifier-{made_by}"
    classifier = bench.train_classifier(images, labels, folder, seed=seed, steps=steps)
    return PictureGrader(model, classifier, asked)
