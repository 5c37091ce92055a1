"""What the pictures of a study show, as far as it is known: what classifiers learn and are asked.

images, labels = classifier_data(shards, Split.TRAIN)
classifier = train_classifier(images, labels, run_dir)

Shape suffixes: N images, K findings.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hilum.bench.metrics import FINDINGS, stated
from hilum.instruct import Shards, StudyRecord
from hilum.study import Position, Presence, Split

FRONTAL = (Position.PA, Position.AP)


def asked_labels(record: StudyRecord) -> npt.NDArray[np.float32]:
    """What a picture of this study must show, a value for each of `FINDINGS`, (K,).

    1 where the report states the finding, 0 where it is known to be absent, NaN where neither: nobody
    knows, or it is there but too faint for a report to state, and a picture of the report need not show it.
    """
    present = {fact.finding for fact in stated(record.facts)}
    absent = {finding for finding, there in record.labels.items() if there is Presence.ABSENT}
    if not record.facts:
        present = {finding for finding, there in record.labels.items() if there is Presence.PRESENT}
    row = [1.0 if f in present else 0.0 if f in absent else np.nan for f in FINDINGS]
    return np.array(row, dtype=np.float32)


def classifier_data(
    shards: Shards, split: Split, *, source: str | None = "phantom", limit: int | None = None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Frontal images (N, H, W) of a split and what each shows (N, K), for `train_classifier`.

    Args:
        source: take this source alone; None takes all.
        limit: most images.
    """
    labels: dict[str, npt.NDArray[np.float32]] = {}
    for record in shards.records(split):
        if source is not None and record.source != source:
            continue
        for image, position in zip(record.image_ids, record.positions, strict=True):
            if position in FRONTAL and len(labels) != limit:
                labels.setdefault(image, asked_labels(record))
    if not labels:
        return np.zeros((0, 0, 0), np.uint8), np.zeros((0, len(FINDINGS)), np.float32)
    return shards.pixels_many(list(labels)), np.stack(list(labels.values()))
