"""Labels are asked for out of what is known: what is right is there, what is wrong is known to be absent."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hilum.instruct.label_state import LabelState
from hilum.instruct.qa_pairs import Case
from hilum.instruct.records import StudyRecord
from hilum.instruct.tasks.perception import labels_of
from hilum.reports import name_of
from hilum.study import Finding, Position, Presence, Split, Task
from instruct.helpers import balance_of, record
from instruct.tasks.made import LABELS, answer, asked, question

WORDS = ("Aortic elongation", "NSG tube", "Tracheal shift", "Kyphosis", "Azygos lobe")
PRESENCES = st.sampled_from(Presence)
SOME = record("some", report=None, complete=False, labels=dict.fromkeys(LABELS, Presence.PRESENT))
"""Of a source whose studies have these findings, so that they are asked for."""


def labelled(labels, terms) -> StudyRecord:
    return record("one", complete=False, report=None, labels=labels, terms=terms)


def balance(study: StudyRecord):
    return balance_of(study, SOME, replace(SOME, id="none", labels=dict.fromkeys(LABELS, Presence.ABSENT)))


def known(study: StudyRecord) -> dict[str, bool]:
    return dict(labels_of(Case(study, LabelState(study), balance(study), Split.TEST, 0)))


def named(text: str, names) -> set[str]:
    return {name for name in names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)}


def of_kind(study: StudyRecord, kind: str, split: Split = Split.TEST, seeds=range(1)):
    found = (
        c for seed in seeds for c in asked(study, Task.CLASSIFY, split, seed=seed, balance=balance(study))
    )
    return [c for c in found if c.id.endswith(f"/{kind}")]


@given(
    st.dictionaries(st.sampled_from(LABELS), PRESENCES),
    st.dictionaries(st.sampled_from(WORDS), PRESENCES),
    st.integers(0, 20),
)
def test_right_labels_are_there_and_wrong_ones_known_to_be_absent(labels, terms, seed):
    study = labelled(labels, terms)
    truth = known(study)
    given = {name_of(f): p for f, p in labels.items()} | {word.lower(): p for word, p in terms.items()}
    assert all(
        given[name] is (Presence.PRESENT if value else Presence.ABSENT) for name, value in truth.items()
    )
    every = {*map(name_of, LABELS), *map(str.lower, WORDS)}
    there = {name for name, presence in given.items() if presence is Presence.PRESENT}
    for one in of_kind(study, "all", seeds=[seed]):
        offered = named(question(one), every) or there
        assert offered <= set(truth)
        assert named(answer(one), every) == there & offered == there
        assert answer(one) != "none" or not there
    for one in of_kind(study, "set", seeds=[seed]):
        options = [
            part.split(") ", 1)[1].rstrip(".") for part in re.split(r"; ", question(one)) if ") " in part
        ]
        assert len({frozenset(named(option, every)) for option in options}) == 4
        right = [option for option in options if named(option, every) == there]
        assert [named(answer(one), every)] == [named(option, every) for option in right] == [there]
        for option in options:
            assert named(option, every) <= set(truth)
            assert option in right or any(truth[name] is False for name in named(option, every))
    for one in of_kind(study, "one", seeds=[seed]):
        [name] = named(question(one), every)
        assert answer(one) == ("Yes" if truth[name] else "No")


STUDY = labelled(
    {
        Finding.EDEMA: Presence.PRESENT,
        Finding.FRACTURE: Presence.ABSENT,
        Finding.CARDIOMEGALY: Presence.UNCERTAIN,
    },
    {"Kyphosis": Presence.PRESENT, "NSG tube": Presence.ABSENT, "Azygos lobe": Presence.ABSENT},
)


def test_all_labels_the_right_set_and_one_label_are_asked_for():
    asked_for = [c.id.rsplit("/", 1)[1] for c in asked(STUDY, Task.CLASSIFY, balance=balance(STUDY))]
    assert asked_for == ["all", "set", "one"]


def test_an_uncertain_label_is_no_option():
    assert "cardiomegaly" not in question(of_kind(STUDY, "all")[0])
    assert set(answer(of_kind(STUDY, "all")[0]).split(", ")) == {"pulmonary edema", "kyphosis"}


def test_options_are_shuffled():
    asked_for = {question(one).partition("(A)")[2] for one in of_kind(STUDY, "all", seeds=range(20))}
    assert len(asked_for) > 10


def test_training_varies_the_marks_and_the_form_of_the_answer():
    said = {re.sub(r"[a-z ]{3,}", "…", answer(one)) for one in of_kind(STUDY, "all", Split.TRAIN, range(60))}
    assert len(said) > 5


def test_without_known_absences_labels_are_asked_for_without_a_list():
    study = labelled({}, {"Kyphosis": Presence.PRESENT, "NSG tube": Presence.PRESENT})
    [one] = asked(study, Task.CLASSIFY)
    assert "kyphosis" not in question(one)
    assert answer(one) == "kyphosis, nsg tube"


def test_nothing_is_asked_where_nothing_is_known_or_no_frontal_image_is_there():
    assert not asked(labelled({}, {"Kyphosis": Presence.UNCERTAIN}), Task.CLASSIFY)
    assert not asked(replace(STUDY, positions=(Position.LATERAL,)), Task.CLASSIFY)


def test_yes_and_no_are_as_frequent():
    answers = [answer(one) for one in of_kind(STUDY, "one", seeds=range(200))]
    assert 70 < answers.count("Yes") < 130
