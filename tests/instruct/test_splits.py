"""No patient and no image is on two sides, whatever comes in and in whatever order."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from hilum.instruct.splits import SHARES, LeakGuard, Splits, split_of
from hilum.study import Split, strictest

Note = tuple[str, list[str], Split | None]
names = st.integers(0, 12).map(str)
notes = st.lists(
    st.tuples(names, st.lists(names, max_size=3), st.one_of(st.none(), st.sampled_from(Split))), max_size=30
)


def settle(studies: list[Note]) -> Splits:
    guard = LeakGuard()
    for patient, images, own in studies:
        guard.add(patient, images, own)
    return guard.settle()


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
