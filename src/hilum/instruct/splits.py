"""Who is learned from and who is tested on: by patient, by hash, and never the same image on both sides.

split_of("nih/17")                      # always the same, on every machine
guard = LeakGuard(); guard.add("nih/17", ["9f…"], None); guard.settle().patients["nih/17"]
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hilum.study import Split, strictest

SHARES: Mapping[Split, float] = {Split.TRAIN: 0.8, Split.VAL: 0.1, Split.TEST: 0.1}
"""The part of the patients in each split."""


def split_of(patient: str) -> Split:
    """The split of a patient whose source publishes none.

    It depends on the patient's id alone, not on a seed, so that the patients one run has tested on
    are never learned from by another.
    """
    place = int.from_bytes(hashlib.sha256(f"split/{patient}".encode()).digest()[:8]) / 2**64
    if place < SHARES[Split.TRAIN]:
        return Split.TRAIN
    return Split.VAL if place < SHARES[Split.TRAIN] + SHARES[Split.VAL] else Split.TEST


@dataclass(frozen=True)
class Splits:
    """The settled splits.

    Args:
        moved: patients that had to leave the split they would have had by themselves.
    """

    patients: Mapping[str, Split]
    images: Mapping[str, Split]
    moved: int


class LeakGuard:
    """Puts patients that share an image, and all their images, into one split.

    Patients and images are the two kinds of nodes of a graph; every connected part of it goes to the
    strictest split that any of its patients asks for. It holds names only, never pixels.
    """

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._patients: dict[str, int] = {}
        self._images: dict[str, int] = {}
        self._own: dict[str, Split] = {}

    def add(self, patient: str, images: Iterable[str], own: Split | None) -> None:
        """Note a study: its patient, the ids of its images, and the split its source gives it, if any."""
        node = self._node(self._patients, patient)
        if own is not None:
            self._own[patient] = strictest(own, self._own.get(patient))
        for image in images:
            self._join(node, self._node(self._images, image))

    def known(self, image: str) -> bool:
        """Whether an image was noted before."""
        return image in self._images

    def settle(self) -> Splits:
        """The splits of all patients and images noted; the order they came in does not matter."""
        asked = {patient: self._own.get(patient) or split_of(patient) for patient in self._patients}
        given: dict[int, Split] = {}
        for patient, node in self._patients.items():
            root = self._root(node)
            given[root] = strictest(asked[patient], given.get(root))
        patients = {patient: given[self._root(node)] for patient, node in self._patients.items()}
        images = {image: given[self._root(node)] for image, node in self._images.items()}
        return Splits(
            patients, images, sum(asked[patient] is not split for patient, split in patients.items())
        )

    def _node(self, table: dict[str, int], name: str) -> int:
        if name not in table:
            table[name] = len(self._parent)
            self._parent.append(len(self._parent))
        return table[name]

    def _root(self, node: int) -> int:
        while self._parent[node] != node:
            self._parent[node] = self._parent[self._parent[node]]
            node = self._parent[node]
        return node

    def _join(self, one: int, other: int) -> None:
        first, second = sorted((self._root(one), self._root(other)))
        self._parent[second] = first
