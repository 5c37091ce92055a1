"""Why studies moved, against the same told by plain Python."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hilum.instruct.moves import EXAMPLES, Overlap, Reason, moves_of, overlap_of, to_json
from hilum.instruct.splits import STRICT, LeakGuard, Splits, name_key, split_of
from hilum.study import Split

names = st.integers(0, 9).map(str)
notes = st.lists(
    st.tuples(names, st.lists(names, max_size=3), st.one_of(st.none(), st.sampled_from(Split))),
    min_size=1,
    max_size=25,
)
chosen = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=5)


@dataclass(frozen=True)
class Case:
    studies: list[tuple[str, list[str], Split | None]]
    copies: list[tuple[str, str]]

    def splits(self) -> Splits:
        guard = LeakGuard()
        for note in self.studies:
            guard.add(*note)
        for pair in self.copies:
            one, other = (np.array([name_key(name)]) for name in pair)
            guard.add_copies(one, other)
        return guard.settle()

    def settled(self, copies: bool) -> list[Split]:
        """By merging groups until nothing changes."""
        group = {patient: {patient} for patient, _, _ in self.studies}
        shown = [({p}, set(images)) for p, images, _ in self.studies]
        same = {frozenset(pair) for pair in self.copies} if copies else set()
        for _ in range(len(group)):
            for one, seen in shown:
                for other, there in shown:
                    near = any(a == b or frozenset((a, b)) in same for a in seen for b in there)
                    # A copy of a copy joins too, also where both are the same study's.
                    if near:
                        joined = group[min(one)] | group[min(other)]
                        for patient in joined:
                            group[patient] = joined
        asked = self.asked()
        return [max((asked[q] for q in group[p]), key=STRICT.index) for p, _, _ in self.studies]

    def asked(self) -> dict[str, Split]:
        own: dict[str, Split] = {}
        for patient, _, split in self.studies:
            if split is not None:
                own[patient] = max(split, own.get(patient, split), key=STRICT.index)
        return {p: own.get(p) or split_of(p) for p, _, _ in self.studies}


@st.composite
def cases(draw) -> Case:
    studies = draw(notes)
    there = sorted({image for _, images, _ in studies for image in images})
    picks = draw(chosen) if there else []
    return Case(studies, [(there[i % len(there)], there[j % len(there)]) for i, j in picks])


@given(cases())
def test_each_reason_counts_the_studies_that_it_moved(case: Case):
    by_study = [own or split_of(patient) for patient, _, own in case.studies]
    by_patient = [case.asked()[patient] for patient, _, _ in case.studies]
    by_pixels, final = case.settled(copies=False), case.settled(copies=True)
    steps = [by_study, by_patient, by_pixels, final]
    splits = case.splits()
    assert [STRICT[rank] for rank in splits.studies] == final
    for moves, reason, before, after in zip(moves_of(splits), Reason, steps, steps[1:], strict=False):
        gone = [row for row, (a, b) in enumerate(zip(before, after, strict=True)) if a is not b]
        assert moves.reason is reason
        assert moves.studies == len(gone)
        assert len(moves.examples) == len({m.study for m in moves.examples}) <= EXAMPLES
        assert bool(moves.examples) == bool(gone)
        for move in moves.examples:
            assert move.study in gone
            assert (move.before, move.after) == (before[move.study], after[move.study])
            assert before[move.cause] is after[move.cause] is move.after
            assert linked(case, reason, move.study, move.cause)


def linked(case: Case, reason: Reason, one: int, other: int) -> bool:
    (patient, images, _), (owner, others, _) = case.studies[one], case.studies[other]
    if reason is Reason.PATIENT:
        return patient == owner
    if reason is Reason.PIXELS:
        return bool(set(images) & set(others))
    # By way of an image's first study, which other studies share.
    pairs = {frozenset(pair) for pair in case.copies}
    return any(frozenset((a, b)) in pairs for a in images for b in others)


@given(cases())
def test_test_images_in_train_are_counted_as_they_were_before_anything_moved(case: Case):
    by_study = [own or split_of(patient) for patient, _, own in case.studies]
    images = {split: set() for split in Split}
    for (_, shown, _), split in zip(case.studies, by_study, strict=True):
        images[split] |= set(shown)
    tested, learned = images[Split.TEST], images[Split.TRAIN]
    like = {a for pair in case.copies for a, b in (pair, pair[::-1]) if b in learned}
    everything = np.ones(len(case.studies), bool)
    assert overlap_of(case.splits(), everything) == Overlap(
        len(tested), len(tested & learned), len((tested & like) - learned)
    )


def test_the_card_names_the_studies_by_their_ids():
    train = next(p for p in map(str, range(100)) if split_of(p) is Split.TRAIN)
    case = Case([(train, ["a"], None), ("q", ["b"], Split.TEST)], [("a", "b")])
    rows = {"one": np.array([True, False]), "two": np.array([False, True])}
    found = to_json(case.splits(), 2, rows, lambda asked: {row: f"study {row}" for row in asked})
    example = {"study": "study 0", "with": "study 1", "from": "train", "to": "test"}
    assert found["moved"][2] == {"reason": "copy", "studies": 1, "examples": [example]}
    assert found["copies"] == 1
    assert found["test_images_in_train"] == [
        {"source": "two", "test_images": 1, "same_pixels": 0, "copies": 1}
    ]
