"""Which group each question belongs to: what the record of its study says of the patient and of the images.

grouping = Grouping.of(items, population.records)
grouping.labels["sex"]            # array(["F", "M", "", …]); "" where the study does not say
grouping.skipped                  # {"race": "no study says it"}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from hilum.bench.answers import Item
from hilum.bench.population import Records
from hilum.errors import UsageError
from hilum.instruct import StudyRecord
from hilum.study import Position, Sex

Labels = npt.NDArray[np.str_]
"""The group of each of N items, "" where it is not known."""

AXES = ("sex", "age", "race", "group", "view", "scanner", "source")
"""What is audited; pairs of them are named "sex × age"."""

AGE_BANDS = ((18, "under 18"), (40, "18–40"), (60, "40–60"), (80, "60–80"), (float("inf"), "80 and over"))
"""Upper bounds in years, exclusive, and the bands' names."""

JOIN = " × "


def age_band(age: float | None) -> str:
    """The band of an age in years; "" for one that is not known or cannot be an age."""
    if age is None or not 0 <= age < 130:
        return ""
    return next(name for below, name in AGE_BANDS if age < below)


def view_of(item: Item, record: StudyRecord) -> str:
    """How the shown images of the study itself were taken: "PA", "LATERAL + PA"; "" if one is unknown."""
    positions = dict(zip(record.image_ids, record.positions, strict=True))
    shown = {positions[image] for image in item.images_in if image in positions}
    return "" if Position.UNKNOWN in shown else " + ".join(sorted(position.value for position in shown))


def groups_of(item: Item, record: StudyRecord | None) -> dict[str, str]:
    """Axis → group of one question; "" where nothing says it."""
    if record is None:
        return {**dict.fromkeys(AXES, ""), "source": item.source}
    return {
        "sex": "" if record.sex is Sex.UNKNOWN else record.sex.value,
        "age": age_band(record.age),
        "race": record.race.strip(),
        "group": (record.group or "").strip(),
        "view": view_of(item, record),
        "scanner": record.device.strip(),
        "source": item.source,
    }


@dataclass(frozen=True)
class Grouping:
    """The groups of N items.

    Args:
        labels: axis, or pair of axes, to the group of each item.
        skipped: axes on which nothing can be compared, and why.
        unknown: axis → how many items' group is not known, for the axes that are compared.
    """

    labels: Mapping[str, Labels]
    skipped: Mapping[str, str]
    unknown: Mapping[str, int]

    @classmethod
    def of(cls, items: Sequence[Item], records: Records) -> Grouping:
        """Read the groups of some items off their studies' records."""
        rows = [groups_of(item, records.get((item.source, item.study))) for item in items]
        return cls.from_labels({axis: [row[axis] for row in rows] for axis in AXES})

    @classmethod
    def from_labels(cls, given: Mapping[str, Sequence[str]]) -> Grouping:
        """From the group of each item on each axis; pairs of the axes with two groups or more are added.

        Raises:
            UsageError: an axis has more or fewer labels than another.
        """
        first = next(iter(given), "")
        for axis, row in given.items():
            if len(row) != len(given[first]):
                problem = f"are {len(row)}, those of {first} {len(given[first])}"
                raise UsageError(f"labels of {axis}", problem, "give one for each answer")
        labels, skipped, unknown = {}, {}, {}
        for axis, row in given.items():
            names = sorted({name for name in row if name})
            if len(names) < 2:
                skipped[axis] = f"all are {names[0]}" if names else "no study says it"
                continue
            labels[axis] = np.asarray(row, dtype=str)
            unknown[axis] = sum(not name for name in row)
        pairs = {f"{a}{JOIN}{b}": _crossed(labels[a], labels[b]) for a, b in combinations(labels, 2)}
        return cls({**labels, **pairs}, skipped, unknown)


def _crossed(one: Labels, other: Labels) -> Labels:
    known = (one != "") & (other != "")
    crossed: Labels = np.where(known, np.char.add(np.char.add(one, JOIN), other), "")
    return crossed
