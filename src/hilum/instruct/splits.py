"""Who is learned from and who is tested on: by patient, by hash, and never the same image on both sides.

split_of("nih/17")                      # always the same, on every machine
guard = LeakGuard(); guard.add("nih/17", ["9f…"], None); guard.settle().patient("nih/17")
guard.add_copies(one, other)            # keys of images that are copies of one another

Names are kept as the first 64 bits of their SHA-256. Two names that share them (for ten million names a
chance of three in a million) count as one patient or one image: their studies then go into one split, the
strictest that any of them asks for. So a collision may move a patient, never put one on two sides.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hilum.study import Split

Keys = npt.NDArray[np.int64]
Rows = npt.NDArray[np.intp]
Ranks = npt.NDArray[np.int8]
"""Splits by their place in `STRICT`; `NONE` where there is none."""

SHARES: Mapping[Split, float] = {Split.TRAIN: 0.8, Split.VAL: 0.1, Split.TEST: 0.1}
"""The part of the patients in each split."""

STRICT = tuple(Split)
"""From weak to strong, as `hilum.study.strictest` has them."""

NONE = -1

OWNERS = pa.schema(
    [("patient", pa.int64()), ("own", pa.int8()), ("dealt", pa.int8()), ("images", pa.list_(pa.int64()))]
)
"""A row for each study: its patient, the rank of the split its source gives it (or `NONE`), of the split that
its patient's hash gives, and all its images."""


def split_of(patient: str) -> Split:
    """The split of a patient whose source publishes none.

    It depends on the patient's id alone, not on a seed, so that the patients one run has tested on
    are never learned from by another.
    """
    place = _place_of(f"split/{patient}")
    if place < SHARES[Split.TRAIN]:
        return Split.TRAIN
    return Split.VAL if place < SHARES[Split.TRAIN] + SHARES[Split.VAL] else Split.TEST


def kept_for_alignment(source: str, patient: str, share: float) -> bool:
    """Whether a training patient is left out of instruction tuning, to sample reports for alignment from.

    On films that a model has learned from it makes fewer and other mistakes than on new ones, and it is those
    that preferences should teach. As with `split_of`, the patient's id alone decides.

    Args:
        share: of the training patients, 0 to 1. Those of a smaller share are among those of a larger one.
    """
    return _place_of(f"align/{source}/{patient}") < share


def _place_of(name: str) -> float:
    """A number in [0, 1) by a name's hash."""
    return int.from_bytes(hashlib.sha256(name.encode(errors="surrogatepass")).digest()[:8]) / 2**64


def name_key(name: str) -> int:
    """A name as a 64-bit integer."""
    return int.from_bytes(
        hashlib.sha256(name.encode(errors="surrogatepass")).digest()[:8], "big", signed=True
    )


def image_keys(ids: Sequence[str]) -> Keys:
    """Ids of images, which are 16 hex digits, as the 64-bit integers that they are."""
    return np.frombuffer(bytes.fromhex("".join(ids)), ">i8").astype(np.int64)


def owners_batch(owners: Sequence[tuple[str, Sequence[str], Split | None]]) -> pa.RecordBatch:
    """Patient, images (16 hex digits each) and own split of each study, as numbers."""
    lengths = [len(images) for _, images, _ in owners]
    keys = image_keys([image for _, images, _ in owners for image in images])
    offsets = pa.array(np.cumsum([0, *lengths]), pa.int32())
    columns = [
        pa.array([name_key(patient) for patient, _, _ in owners], pa.int64()),
        pa.array([_rank(own) for _, _, own in owners], pa.int8()),
        pa.array([_rank(split_of(patient)) for patient, _, _ in owners], pa.int8()),
        pa.ListArray.from_arrays(offsets, pa.array(keys)),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=OWNERS)


def _rank(split: Split | None) -> int:
    return NONE if split is None else STRICT.index(split)


def place_in(known: Keys, keys: Keys) -> Rows:
    """Where some keys stand among known ones (sorted, each once); -1 for one that does not."""
    place = np.searchsorted(known, keys)
    place[place == len(known)] = -1
    found = place >= 0
    found[found] = known[place[found]] == keys[found]
    return np.where(found, place, -1)


@dataclass(frozen=True, eq=False)
class SplitTable:
    """The rank of the split of each key.

    Args:
        keys: sorted, each once.
    """

    keys: Keys
    ranks: Ranks

    def place(self, keys: Keys) -> Rows:
        """Where some keys stand in the table; -1 for one that does not."""
        return place_in(self.keys, keys)

    def of(self, keys: Keys) -> Ranks:
        """The ranks of some keys; `NONE` for one that is not there."""
        place = self.place(keys)
        ranks = np.full(len(keys), NONE, np.int8)
        found = place >= 0
        ranks[found] = self.ranks[place[found]]
        return ranks

    def count(self, keys: Keys) -> dict[Split, int]:
        """How many of some keys, each counted once, are in each split."""
        ranks = self.of(np.unique(keys))
        return {split: int((ranks == rank).sum()) for rank, split in enumerate(STRICT)}


@dataclass(frozen=True, eq=False)
class Splits:
    """The settled splits.

    Args:
        owners, studies: the patient and the rank of each study noted, in that order.
        moved: patients that had to leave the split they would have had by themselves.
        asked: the rank that each study asks for by itself, and the ranks that it is given by its patient and
            then by patients that share an image; `studies` are those given by copies too.
        shown: the study and the image of each time that a study names an image; the image by its place in
            `images.keys`.
        copies: pairs of images that are copies, by their places.
    """

    patients: SplitTable
    images: SplitTable
    owners: Keys
    studies: Ranks
    moved: int
    asked: tuple[Ranks, Ranks, Ranks]
    shown: tuple[Rows, Rows]
    copies: tuple[Rows, Rows]

    def patient(self, name: str) -> Split:
        """The split of a patient that was noted."""
        return self._named(self.patients, name)

    def image(self, name: str) -> Split:
        """The split of an image that was noted by `LeakGuard.add`."""
        return self._named(self.images, name)

    def _named(self, table: SplitTable, name: str) -> Split:
        rank = int(table.of(np.array([name_key(name)]))[0])
        if rank == NONE:
            raise KeyError(name)
        return STRICT[rank]


class LeakGuard:
    """Puts patients that share an image or copies of one, and all their images, into one split.

    Patients and images are the two kinds of nodes of a graph; every connected component of it goes to the
    strictest split that any of its patients asks for. It holds 14 bytes for each study, 8 for each of its
    images and 16 for each pair of copies; to settle takes about ten times that for a moment.
    """

    def __init__(self) -> None:
        self._patients, self._images = array("q"), array("q")
        self._own, self._dealt = array("b"), array("b")
        self._lengths = array("i")
        self._copies: list[tuple[Keys, Keys]] = []

    def add(self, patient: str, images: Iterable[str], own: Split | None) -> None:
        """Note a study: its patient, names of its images, and the split its source gives it, if any."""
        before = len(self._images)
        self._patients.append(name_key(patient))
        self._images.extend(name_key(image) for image in images)
        self._own.append(_rank(own))
        self._dealt.append(_rank(split_of(patient)))
        self._lengths.append(len(self._images) - before)

    def add_batch(self, owners: pa.RecordBatch) -> None:
        """Note studies, as `OWNERS` has them."""
        columns = (owners["patient"], owners["own"], owners["dealt"])
        for held, column in zip((self._patients, self._own, self._dealt), columns, strict=True):
            held.frombytes(column.to_numpy().tobytes())
        self._images.frombytes(pc.list_flatten(owners["images"]).to_numpy().tobytes())
        self._lengths.frombytes(pc.list_value_length(owners["images"]).to_numpy().tobytes())

    @property
    def images(self) -> Keys:
        """All images noted, sorted, each once."""
        return np.unique(np.frombuffer(self._images, np.int64))

    def add_copies(self, one: Keys, other: Keys) -> None:
        """Note pairs of images, noted before, that are copies of one another."""
        self._copies.append((one, other))

    def settle(self) -> Splits:
        """The splits of all patients and images noted; the order they came in does not matter."""
        owners = np.frombuffer(self._patients, np.int64)
        patients, patient = np.unique(owners, return_inverse=True)
        images, image = np.unique(np.frombuffer(self._images, np.int64), return_inverse=True)
        study = np.repeat(np.arange(len(owners)), np.frombuffer(self._lengths, np.int32))
        copies = [place_in(images, keys) for keys in map(np.concatenate, zip(*self._copies, strict=True))]
        one, other = copies or np.zeros((2, 0), np.intp)

        official, dealt = np.frombuffer(self._own, np.int8), np.frombuffer(self._dealt, np.int8)
        own = strictest_of(patient, official, len(patients))
        asked = np.where(own == NONE, strictest_of(patient, dealt, len(patients)), own)
        size = len(patients) + len(images)
        shown = patient[study], len(patients) + image
        by_pixels = _joined(asked, *shown, size)
        linked = np.append(shown[0], len(patients) + one), np.append(shown[1], len(patients) + other)
        given = _joined(asked, *linked, size) if len(one) else by_pixels

        mine = SplitTable(patients, given[: len(patients)])
        return Splits(
            patients=mine,
            images=SplitTable(images, given[len(patients) :]),
            owners=owners,
            studies=mine.ranks[patient],
            moved=int((mine.ranks != asked).sum()),
            asked=(np.where(official == NONE, dealt, official), asked[patient], by_pixels[patient]),
            shown=(study, image),
            copies=(one, other),
        )


def _joined(asked: Ranks, one: Rows, other: Rows, size: int) -> Ranks:
    """The rank of each node when connected ones go together: the strictest that any of them asks for.

    Args:
        asked: of the first nodes, which are the patients.
        one, other: edges, each by its two nodes.
        size: how many nodes there are.
    """
    graph = coo_array((np.ones(len(one), np.bool_), (one, other)), shape=(size, size))
    component: npt.NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return strictest_of(component[: len(asked)], asked, size)[component]


def strictest_of(node: npt.NDArray[np.integer], ranks: Ranks, nodes: int) -> Ranks:
    """The highest of each node's ranks; `NONE` of a node without any."""
    highest = np.full(nodes, NONE, np.int8)
    np.maximum.at(highest, node, ranks)
    return highest
