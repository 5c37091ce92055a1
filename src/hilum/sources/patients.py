"""What tables say of patients: sex, dates, and a patient's studies in order, each with the one before it.

for study in in_order([("2019-05-01", first), ("2019-06-30", second)]): ...  # second's prior is first
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from operator import itemgetter
from typing import TypeVar

from hilum.errors import DataError
from hilum.files import Problems
from hilum.study import Sex, Study

Key = TypeVar("Key", str, float)

_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:\.0)?")
_SEXES: Mapping[str, Sex] = {
    **dict.fromkeys(("f", "female"), Sex.FEMALE),
    **dict.fromkeys(("m", "male"), Sex.MALE),
    **dict.fromkeys(("", "u", "unknown", "o", "other", "none", "nan"), Sex.UNKNOWN),
}


def in_order(studies: Iterable[tuple[Key | None, Study]]) -> Iterator[Study]:
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
    sex = _SEXES.get(text.strip().lower())
    if sex is None:
        problems.add(DataError(where, "has a sex that is neither F nor M", "it is left unknown"))
    return sex or Sex.UNKNOWN
