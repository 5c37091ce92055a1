"""What tables say of patients: sex, dates, and a patient's studies in order, each with the one before it.

visits(rows, lambda name, rows: study)             # rows that stand anywhere in a table, visit by visit
for study in in_order([("2019-05-01", first), ("2019-06-30", second)]): ...  # second's prior is first
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from operator import itemgetter
from typing import TypeVar

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.base import NumberedRow
from hilum.sources.gather import gathered
from hilum.study import Sex, Study

Key = TypeVar("Key", str, float)

_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:\.0)?")
SEXES: Mapping[str, Sex] = {
    **dict.fromkeys(("f", "female", "woman"), Sex.FEMALE),
    **dict.fromkeys(("m", "male", "man"), Sex.MALE),
    **dict.fromkeys(("u", "unknown", "o", "other"), Sex.UNKNOWN),
}
"""The words of a sex, in small letters."""


def in_order(studies: Sequence[tuple[Key | None, Study]]) -> Iterator[Study]:
    """One patient's studies, the earliest first, each with the last one before it as its prior.

    Studies of the same time have the same prior, for nothing says which of them came first. Those of unknown
    time follow without one, and are nobody's. A prior is without its own, so that no chain keeps the past.

    Args:
        studies: each with its time, or its place in the order; None when unknown.
    """
    timed = [(key, study) for key, study in studies if key is not None]
    before: Study | None = None
    latest: tuple[Key, Study] | None = None
    for key, study in sorted(timed, key=itemgetter(0)):
        if latest is not None and latest[0] < key:
            before = latest[1]
        latest = key, study
        yield replace(study, prior=before)
    yield from (study for key, study in studies if key is None)


def by_date(studies: Iterable[Study | None]) -> Iterator[Study]:
    """One patient's studies, those that could be made, `in_order` of the dates they were taken."""
    return in_order([(study.taken or None, study) for study in studies if study is not None])


def visits(
    rows: Iterable[tuple[str, str, NumberedRow]],
    make: Callable[[str, Sequence[NumberedRow]], Study | None],
) -> Iterator[Study]:
    """Studies from rows that stand anywhere in a table: patient by patient as first named, `by_date`.

    Args:
        rows: patient, visit, and the row.
        make: a study of a visit and its rows, if there is one.
    """
    for group in gathered((patient, "", (visit, row)) for patient, visit, row in rows):
        grouped: dict[str, list[NumberedRow]] = {}
        for visit, (where, row) in group.values:
            grouped.setdefault(visit, []).append((where, row))
        yield from by_date(make(visit, own) for visit, own in grouped.items())


def iso_date(text: str, where: str, problems: Problems) -> str:
    """A date, "20150301", "20150301.0" or "2015-03-01", as "2015-03-01"; empty when blank or no date.

    Args:
        where: what the row is called in errors.
        problems: gets what is neither blank nor a date.
    """
    text = text.strip()
    found = _DATE.fullmatch(text)
    try:
        if found:
            return date(int(found[1]), int(found[2]), int(found[3])).isoformat()
    except ValueError:
        found = None
    if text and text.lower() not in ("nan", "none"):
        problems.add(DataError(where, "has a date that is none", "it is left unknown"))
    return ""


def sex_of(text: str, where: str, problems: Problems) -> Sex:
    """The sex that a word or letter says; what is no such word is unknown and counted as a problem."""
    word = text.strip().lower()
    if word not in SEXES and word not in ("", "none", "nan"):
        problems.add(DataError(where, "has a sex that is neither F nor M", "it is left unknown"))
    return SEXES.get(word, Sex.UNKNOWN)
