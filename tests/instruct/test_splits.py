"""No patient and no image is on two sides, whatever comes in and in whatever order."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.instruct import splits
from hilum.instruct.splits import (
    SHARES,
    STRICT,
    LeakGuard,
    image_keys,
    kept_for_alignment,
    name_key,
    owners_batch,
    place_in,
    split_of,
)
from hilum.study import Split, strictest

Note = tuple[str, list[str], Split | None]
names = st.integers(0, 12).map(str)
notes = st.lists(
    st.tuples(names, st.lists(names, max_size=3), st.one_of(st.none(), st.sampled_from(Split))), max_size=30
)


@dataclass(frozen=True)
class Settled:
    """Splits by name, for comparing."""

    patients: dict[str, Split]
    images: dict[str, Split]
    moved: int


def settle(studies: list[Note]) -> Settled:
    guard = LeakGuard()
    for patient, images, own in studies:
        guard.add(patient, images, own)
    splits = guard.settle()
    named = {image for _, images, _ in studies for image in images}
    return Settled(
        {patient: splits.patient(patient) for patient, _, _ in studies},
        {image: splits.image(image) for image in named},
        splits.moved,
    )


def by_union_find(studies: list[Note]) -> Settled:
    """The same by plain Python: a forest over names."""
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(node: tuple[str, str]) -> tuple[str, str]:
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    own: dict[str, Split] = {}
    for patient, images, split in studies:
        root(("patient", patient))
        if split is not None:
            own[patient] = max(split, own.get(patient, split), key=STRICT.index)
        for image in images:
            parent[root(("image", image))] = root(("patient", patient))
    asked = {name: own.get(name) or split_of(name) for kind, name in parent if kind == "patient"}
    given: dict[tuple[str, str], Split] = {}
    for patient, split in asked.items():
        top = root(("patient", patient))
        given[top] = max(split, given.get(top, Split.TRAIN), key=STRICT.index)
    found = {node: given[root(node)] for node in list(parent)}
    return Settled(
        {name: split for (kind, name), split in found.items() if kind == "patient"},
        {name: split for (kind, name), split in found.items() if kind == "image"},
        sum(found["patient", name] is not split for name, split in asked.items()),
    )


@given(notes)
def test_splits_are_those_of_a_plain_union_find(studies: list[Note]):
    assert settle(studies) == by_union_find(studies)


@given(notes)
def test_studies_noted_as_a_batch_are_split_like_those_noted_one_by_one(studies: list[Note]):
    one, batch = LeakGuard(), LeakGuard()
    hexed = [(p, [f"{int(i):016x}" for i in images], own) for p, images, own in studies]
    for note in hexed:
        one.add(*note)
    batch.add_batch(owners_batch(hexed[:3]))
    batch.add_batch(owners_batch(hexed[3:]))
    split, named = batch.settle(), one.settle()
    assert [STRICT[rank] for rank in split.studies] == [named.patient(p) for p, _, _ in hexed]
    ids = sorted({image for _, images, _ in hexed for image in images})
    assert [STRICT[rank] for rank in split.images.of(image_keys(ids))] == [named.image(i) for i in ids]
    assert split.moved == named.moved


def test_names_whose_hashes_collide_count_as_one_and_never_leak(monkeypatch):
    monkeypatch.setattr(splits, "name_key", lambda name: hash(name[0]))
    train = next(p for p in (f"a{i}" for i in range(100)) if split_of(p) is Split.TRAIN)
    test = next(p for p in (f"a{i}" for i in range(100)) if split_of(p) is Split.TEST)
    settled = settle([(train, ["x1"], None), (test, ["y1"], None)])
    assert settled.patients == {train: Split.TEST, test: Split.TEST}
    assert settled.images == {"x1": Split.TEST, "y1": Split.TEST}


def test_a_name_that_was_never_noted_has_no_split():
    guard = LeakGuard()
    with pytest.raises(KeyError):
        guard.settle().patient("p")


@given(st.sets(st.integers(-(2**63), 2**63 - 1), max_size=20), st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_a_key_is_placed_where_it_stands_and_one_that_is_unknown_nowhere(known, asked):
    order = sorted(known)
    keys = [*asked, *order, *(key - 1 for key in order if key > -(2**63))]
    wanted = [order.index(key) if key in known else -1 for key in keys]
    assert place_in(np.array(order, np.int64), np.array(keys, np.int64)).tolist() == wanted


@given(notes)
def test_a_study_its_patient_and_all_its_images_are_in_one_split(studies: list[Note]):
    splits = settle(studies)
    for patient, images, _ in studies:
        assert {splits.images[image] for image in images} <= {splits.patients[patient]}


@given(notes, st.randoms(use_true_random=False))
def test_the_order_of_studies_makes_no_difference(studies: list[Note], rng: random.Random):
    shuffled = list(studies)
    rng.shuffle(shuffled)
    assert settle(shuffled) == settle(studies)


@given(notes)
def test_nobody_moves_to_a_weaker_split_than_the_one_asked_for(studies: list[Note]):
    splits = settle(studies)
    for patient, _, own in studies:
        assert strictest(splits.patients[patient], own) is splits.patients[patient]


def test_without_shared_images_each_patient_keeps_the_split_of_its_hash():
    splits = settle([(f"p{i}", [f"i{i}"], None) for i in range(50)])
    assert splits.patients == {f"p{i}": split_of(f"p{i}") for i in range(50)}
    assert splits.moved == 0


def test_patients_who_share_an_image_go_to_the_stricter_split():
    train = next(p for p in map(str, range(100)) if split_of(p) is Split.TRAIN)
    test = next(p for p in map(str, range(100)) if split_of(p) is Split.TEST)
    splits = settle([(train, ["a"], None), (test, ["a", "b"], None)])
    assert splits.patients == {train: Split.TEST, test: Split.TEST}
    assert splits.images == {"a": Split.TEST, "b": Split.TEST}
    assert splits.moved == 1


def test_a_long_chain_of_shared_images_is_one_family():
    studies: list[Note] = [(f"p{i}", [f"i{i}", f"i{i + 1}"], None) for i in range(3000)]
    assert set(settle(studies).patients.values()) == {Split.TEST}


def test_the_hash_deals_patients_in_the_stated_shares():
    dealt = Counter(split_of(f"patient {i}") for i in range(20000))
    for split, share in SHARES.items():
        assert abs(dealt[split] / 20000 - share) < 0.01


def test_the_split_of_a_patient_is_the_same_for_ever():
    # Published builds depend on these.
    assert [split_of(p) for p in ("nih/1", "nih/2", "nih/30", "phantom-0-000039")] == [
        Split.TRAIN,
        Split.VAL,
        Split.VAL,
        Split.TEST,
    ]


def test_a_share_of_the_patients_is_kept_for_alignment_by_their_names_alone() -> None:
    names = [str(n) for n in range(4000)]
    kept = {
        share: {n for n in names if kept_for_alignment("nih", n, share)} for share in (0.0, 0.1, 0.3, 1.0)
    }
    assert not kept[0.0]
    assert kept[0.1] < kept[0.3] < kept[1.0] == set(names)
    assert len(kept[0.1]) == pytest.approx(400, abs=80)
    # Whether a patient is kept says nothing of the split that its hash gives.
    tested = {n for n in names if split_of(f"nih/{n}") is Split.TEST}
    assert len(tested & kept[0.3]) / len(tested) == pytest.approx(0.3, abs=0.08)


@given(notes, st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=5))
def test_copies_join_patients_as_one_image_would(studies: list[Note], chosen: list[tuple[int, int]]):
    shown = sorted({image for _, images, _ in studies for image in images})
    pairs = [(shown[i % len(shown)], shown[j % len(shown)]) for i, j in chosen] if shown else []
    guard = LeakGuard()
    for note in studies:
        guard.add(*note)
    for one, other in pairs:
        guard.add_copies(*(np.array([name_key(name)]) for name in (one, other)))
    settled = guard.settle()
    # Beside its images a study shows one for each pair that it has an image of.
    joined = [
        (patient, [*images, *(f"{pair}" for pair in pairs if {*pair} & {*images})], own)
        for patient, images, own in studies
    ]
    wanted = by_union_find(joined)
    plain = by_union_find(studies)
    assert {p: settled.patient(p) for p in wanted.patients} == wanted.patients
    assert {name: settled.image(name) for name in shown} == {name: wanted.images[name] for name in shown}
    assert settled.moved == wanted.moved
    assert [STRICT[rank] for rank in settled.studies] == [wanted.patients[p] for p, _, _ in studies]
    by_study, by_patient, by_pixels = ([STRICT[rank] for rank in ranks] for ranks in settled.asked)
    assert by_study == [own or split_of(patient) for patient, _, own in studies]
    assert by_pixels == [plain.patients[p] for p, _, _ in studies]
    alone = by_union_find([(patient, [], own) for patient, _, own in studies])
    assert by_patient == [alone.patients[p] for p, _, _ in studies]
    for names, table, of in (
        (wanted.patients, settled.patients, wanted.patients),
        (shown, settled.images, wanted.images),
    ):
        keys = np.array([name_key(name) for name in (*names, *names)], np.int64)
        assert table.count(keys) == {split: sum(of[name] is split for name in names) for split in Split}
