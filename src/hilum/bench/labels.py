"""What the pictures of a study show, as far as it is known: what classifiers learn and are asked.

seen = classifier_data(shards, Split.TRAIN)
classifier = train_classifier(seen.images, seen.labels, run_dir, sides=seen.sides, grades=seen.grades)

Shape suffixes: N images, K findings, S the two sides (right, left).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hilum.bench.metrics import FINDINGS, stated
from hilum.instruct import Shards, StudyRecord
from hilum.study import Position, Presence, Side, Split
from hilum.training.encoder import GRADES

FRONTAL = (Position.PA, Position.AP)
SIDES = {Side.RIGHT: (1.0, 0.0), Side.LEFT: (0.0, 1.0), Side.BILATERAL: (1.0, 1.0)}
"""Whether a finding is on the right and on the left of the patient."""

Floats = npt.NDArray[np.float32]


class Labelled(NamedTuple):
    """Images (N, H, W), what each shows (NaN where unknown): labels (N, K), sides (N, K, S), grades (N, K);
    and whose each is, `source/patient`.
    """

    images: npt.NDArray[np.uint8]
    labels: Floats
    sides: Floats
    grades: Floats
    patients: tuple[str, ...]


def asked_labels(record: StudyRecord) -> Floats:
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


def asked_sides(record: StudyRecord) -> Floats:
    """On which sides the report states each of `FINDINGS`, (K, S): 1 there, 0 not there.

    NaN where the finding is not stated, or has no side, or one of its statements has none.
    """
    sides = np.full((len(FINDINGS), 2), np.nan, np.float32)
    for k, finding in enumerate(FINDINGS):
        said = [SIDES.get(f.side) if f.side else None for f in stated(record.facts) if f.finding is finding]
        known = [side for side in said if side is not None]
        if known and len(known) == len(said):
            sides[k] = np.max(known, axis=0)
    return sides


def asked_grades(record: StudyRecord) -> Floats:
    """How severe the report says each of `FINDINGS` is, (K,): 0 mild, 0.5 moderate, 1 severe.

    NaN where it says nothing of that, or says two things.
    """
    grades = np.full(len(FINDINGS), np.nan, np.float32)
    for k, finding in enumerate(FINDINGS):
        said = {f.severity for f in stated(record.facts) if f.finding is finding}
        if len(said) == 1 and (grade := said.pop()) in GRADES:
            grades[k] = GRADES[grade]
    return grades


def classifier_data(
    shards: Shards, split: Split, *, source: str | None = "phantom", limit: int | None = None
) -> Labelled:
    """Frontal images of a split and what each shows, for `train_classifier`.

    Args:
        source: take this source alone; None takes all.
        limit: most images.
    """
    found: dict[str, tuple[Floats, Floats, Floats]] = {}
    patients: list[str] = []
    for record in shards.records(split):
        if source is not None and record.source != source:
            continue
        for image, position in zip(record.image_ids, record.positions, strict=True):
            if position in FRONTAL and len(found) != limit and image not in found:
                found[image] = asked_labels(record), asked_sides(record), asked_grades(record)
                patients.append(f"{record.source}/{record.patient}")
    if not found:
        count = len(FINDINGS)
        none = np.zeros((0, count), np.float32)
        return Labelled(np.zeros((0, 0, 0), np.uint8), none, np.zeros((0, count, 2), np.float32), none, ())
    labels, sides, grades = (np.stack(rows) for rows in zip(*found.values(), strict=True))
    return Labelled(shards.pixels_many(list(found)), labels, sides, grades, tuple(patients))
