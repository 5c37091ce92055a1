"""The labels that CheXpert's labeler mines from reports, as CheXpert, MIMIC-CXR and BRAX publish them.

mined_labels({"Edema": "-1.0"}, "train.csv, line 7", problems)      # {Finding.EDEMA: Presence.UNCERTAIN}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.base import NumberedRow, number
from hilum.study import CHEXPERT_14, Finding, Presence

PRESENCE = {1.0: Presence.PRESENT, 0.0: Presence.ABSENT, -1.0: Presence.UNCERTAIN}
"""Irvin et al., AAAI 2019: 1 positive, 0 negative, -1 uncertain, blank not mentioned."""

COLUMNS: Mapping[str, Finding] = {
    **{finding.value: finding for finding in CHEXPERT_14},
    "Airspace Opacity": Finding.LUNG_OPACITY,
}
"""Their column names; MIMIC-CXR's hand-labelled test set calls one differently."""


def mined_labels(row: Mapping[str, str], where: str, problems: Problems) -> dict[Finding, Presence]:
    """What a row says of the fourteen findings; a blank says nothing.

    Args:
        where: what the row is called in errors.
        problems: gets cells that hold anything else; they are left unknown.
    """
    labels: dict[Finding, Presence] = {}
    for column, finding in COLUMNS.items():
        text = row.get(column, "").strip()
        value = number(text)
        if value in PRESENCE:
            labels[finding] = PRESENCE[value]
        elif text and text.lower() != "nan":
            problem = f"is {text[:20]!r}, not 1, 0, -1 or blank"
            problems.add(DataError(f"{where}, {column}", problem, "it is left unknown"))
    return labels


def study_labels(rows: Iterable[NumberedRow], problems: Problems) -> dict[Finding, Presence]:
    """The labels of a study, which are repeated for each of its films; those of the first row count.

    Args:
        problems: gets rows that say otherwise than the first.
    """
    first: dict[Finding, Presence] | None = None
    for where, row in rows:
        labels = mined_labels(row, where, problems)
        if first is None:
            first = labels
        elif labels != first:
            problem = "has other labels than the first film of its study"
            problems.add(DataError(where, problem, "those of the first are kept"))
    return first or {}
