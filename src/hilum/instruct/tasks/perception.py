"""What an image as a whole is: all its labels, whether findings of Hilum's or words of the source's own.

pairs = list(classify(case))

Only what is known to be absent is offered as a wrong label: by a label, by a report, by complete facts. Where
a source tells no absences, the labels are asked for without a list to choose from.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

from hilum.instruct.options import MOST, offer
from hilum.instruct.qa_pairs import Case, QAPair, qa_pair, yes_no
from hilum.instruct.tasks.core import CLASSIFIED
from hilum.instruct.tasks.spec import Group, TaskSpec
from hilum.prompts import Ask, word
from hilum.reports import name_of
from hilum.study import Presence, Task

EMPTY_SHARE = 0.3
"""How often a study without any of the labels is asked for all of them."""

SETS = 4
"""Sets of labels of which one is right."""
MOST_IN_SET = 5


def labels_of(case: Case) -> Mapping[str, bool]:
    """Every label that is known of the study, by name: whether it is there."""
    there = ((name_of(finding), case.state.there(finding)) for finding in case.balance.findings)
    known = {name: value for name, value in there if value is not None}
    return {**terms_of(case), **known}


def terms_of(case: Case) -> Mapping[str, bool]:
    """The same for words of the source's own; of an uncertain one nothing is known."""
    certain = {Presence.PRESENT: True, Presence.ABSENT: False}
    return {term.lower(): certain[p] for term, p in case.record.terms.items() if p in certain}


def classify(case: Case) -> Iterator[QAPair]:
    """All labels out of a list, the right set of four, and whether one of the source's own words applies."""
    if case.image is None:
        return
    rng = case.rng("classify")
    labels = labels_of(case)
    there = [name for name, value in labels.items() if value]
    absent = [name for name, value in labels.items() if not value]
    makers = (_all(case, there, absent, rng), _set(case, there, absent, rng), _one(case, rng))
    for name, found in zip(("all", "set", "one"), makers, strict=True):
        if found is not None:
            yield qa_pair(Task.CLASSIFY, [case.image], *found, name=name)


def _all(case: Case, there: list[str], absent: list[str], rng: random.Random) -> tuple[str, str] | None:
    empty = rng.random() < EMPTY_SHARE
    if not absent:
        return (word(Ask.LABEL_LIST, rng), ", ".join(there)) if there else None
    if len(there) >= MOST or not (there or empty):
        return None
    wrong = rng.sample(absent, min(len(absent), MOST - len(there)))
    offered = offer(case, [*there, *wrong], there, rng)
    return word(Task.CLASSIFY, rng, options=offered.listed) + offered.note, offered.answer


def _set(case: Case, there: list[str], absent: list[str], rng: random.Random) -> tuple[str, str] | None:
    """The right set among others in which one label each is exchanged for one that is absent."""
    if not 1 <= len(there) <= MOST_IN_SET or len(absent) < SETS - 1:
        return None
    sets = [", ".join(there)]
    for other in rng.sample(absent, SETS - 1):
        exchanged = list(there)
        exchanged[rng.randrange(len(there))] = other
        sets.append(", ".join(exchanged))
    offered = offer(case, sets, sets[:1], rng, between="; ")
    return word(Ask.FINDING_SET, rng, options=f"{offered.listed}.") + offered.note, offered.answer


def _one(case: Case, rng: random.Random) -> tuple[str, str] | None:
    """Whether a word of the source's own applies: as often yes as no; findings have a task of their own."""
    terms = terms_of(case)
    right = rng.random() < 0.5
    choices = [name for name, value in terms.items() if value is right]
    if not choices or len(set(terms.values())) < 2:
        return None
    question = word(Ask.LABEL_PRESENCE, rng, name=rng.choice(choices))
    return question, yes_no(case, question, right, rng)


SPECS = (
    TaskSpec(
        Task.CLASSIFY,
        "Image Classification",
        Group.COARSE,
        (classify,),
        "a frontal image, labels or words of the source's own",
        CLASSIFIED,
    ),
)
