"""Who is on both sides: patients, images and copies of images that two splits or two builds share.

audit(Shards("shards"))                                   # between the splits of one build
audit(Shards("shards"), Shards("benchmark"))              # between two builds, whatever their splits

hilum leaks shards --against benchmark

A copy is the same film resized, compressed, windowed anew or renamed, see `hilum.images.duplicates`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from hilum.images.duplicates import THRESHOLD, Signature, copies, signature
from hilum.instruct.shards import Shards
from hilum.progress import Progress
from hilum.study import Split

CHUNK = 256
"""Images that are unpacked at a time."""
KEPT = 1000
"""Leaks that are listed one by one; the others are only counted."""


@dataclass(frozen=True)
class Place:
    """An image or a patient, and where it stands."""

    id: str
    source: str
    split: Split


@dataclass(frozen=True)
class Leak:
    """One thing on two sides.

    Args:
        kind: "patient", "image" (the same pixels) or "copy".
        similarity: of a copy, its correlation.
    """

    kind: str
    one: Place
    other: Place
    similarity: float = 1.0


@dataclass
class Audit:
    """What two sides share, counted by kind and by the splits that share it."""

    counts: Counter[tuple[str, Split, Split]] = field(default_factory=Counter)
    leaks: list[Leak] = field(default_factory=list)
    images: tuple[int, int] = (0, 0)

    def add(self, leak: Leak) -> None:
        """Count a leak, and keep it where there is room."""
        self.counts[leak.kind, leak.one.split, leak.other.split] += 1
        if len(self.leaks) < KEPT:
            self.leaks.append(leak)

    @property
    def learned(self) -> int:
        """Leaks of which one side is learned from and the other is measured on."""
        return sum(count for (_, *sides), count in self.counts.items() if sides.count(Split.TRAIN) == 1)

    def to_json(self) -> dict[str, Any]:
        """As `hilum leaks --json` prints it."""
        return {
            "images": list(self.images),
            "counts": [
                {"kind": kind, "one": one.value, "other": other.value, "count": count}
                for (kind, one, other), count in sorted(self.counts.items())
            ],
            "leaks": [asdict(leak) for leak in self.leaks],
        }


def audit(
    shards: Shards, against: Shards | None = None, *, threshold: float = THRESHOLD, progress: bool = True
) -> Audit:
    """Find what the splits of a build share, or what two builds share.

    Args:
        against: the other build; None compares the splits of `shards` among themselves.
        threshold: correlation from which two films are one.
        progress: show bars on stderr.

    Memory holds the ids and 576 bytes an image.
    """
    found = Audit()
    with Progress(progress) as bars:
        mine, signatures = _images(shards, bars)
        theirs, others = (mine, signatures) if against is None else _images(against, bars)
    found.images = (len(mine), len(theirs))
    for leak in _patients(shards, against):
        found.add(leak)
    for i, j, similarity in copies(signatures, None if against is None else others, threshold):
        one, other = mine[i], theirs[j]
        if against is not None or one.split is not other.split:
            same = one.id == other.id
            found.add(Leak("image" if same else "copy", one, other, round(similarity, 4)))
    return found


def _images(shards: Shards, bars: Progress) -> tuple[list[Place], Signature]:
    """Where each image stands, and its signature: (N, 576)."""
    places = [
        Place(image, source, split)
        for split in Split
        for image, source in shards.columns("images", split, ("id", "source"))
    ]
    ids = [place.id for place in places]
    name = f"compare {shards.folder.name}"
    rows: list[Signature] = []
    for chunk in bars.follow(name, _chunks(ids), len(ids), len):
        rows += [signature(shards.pixels(image)) for image in chunk]
    return places, np.stack(rows) if rows else np.zeros((0, 1), np.int8)


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))


def _patients(shards: Shards, against: Shards | None) -> Iterator[Leak]:
    """Patients on both sides; a patient of several splits is one leak for each further split."""
    first: dict[str, Place] = {}
    for place in _of_patients(shards):
        before = first.setdefault(place.id, place)
        if against is None and before.split is not place.split:
            yield Leak("patient", before, place)
    if against is not None:
        for place in dict.fromkeys(_of_patients(against)):
            if place.id in first:
                yield Leak("patient", first[place.id], place)


def _of_patients(shards: Shards) -> Iterator[Place]:
    for split in Split:
        rows = shards.columns("studies", split, ("patient", "source"))
        yield from dict.fromkeys(Place(patient, source, split) for patient, source in rows)
