"""The rows of each study brought together, however far apart they stand, in bounded memory.

for group in gathered([("p", "1", "a"), ("q", "1", "b"), ("p", "1", "c")]):
    group.patient, group.values        # ("p", ["a", "c"]), then ("q", ["b"])

SQLite sorts them in a temporary file that has no name and is gone when the process is, however that ends.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from typing import Any

_CACHE_KIB = 64 * 1024

_TABLE = "CREATE TABLE rows (number INTEGER PRIMARY KEY, patient TEXT, study TEXT, value TEXT)"

_FILL = """
UPDATE rows SET patient = owners.patient
FROM (SELECT study, MIN(patient) AS patient FROM rows WHERE patient <> '""'
      GROUP BY study HAVING MIN(patient) = MAX(patient)) AS owners
WHERE rows.patient = '""' AND rows.study = owners.study"""

_ORDERED = """
SELECT MIN(number) OVER (PARTITION BY patient, study) AS first, patient, study,
       MIN(patient) OVER (PARTITION BY study) <> MAX(patient) OVER (PARTITION BY study), value
FROM rows ORDER BY first, number"""


@dataclass(frozen=True)
class Group:
    """The values of one study of one patient.

    Args:
        patient: empty where no row names one.
        shared: whether rows of other patients, or of none, have the same name of the study.
    """

    patient: str
    study: str
    shared: bool
    values: list[Any]


def gathered(rows: Iterable[tuple[str, str, Any]]) -> Iterator[Group]:
    """Groups in the order in which they are first met, their values in theirs.

    A row without a patient belongs to the one patient that other rows of its study name, if it is one.

    Args:
        rows: patient, study and value; a value that JSON does not hold becomes text.
    """
    # SQLite takes no half surrogate pairs; JSON's ASCII escapes carry whatever text there is.
    lines = ((json.dumps(p), json.dumps(s), json.dumps(value, default=str)) for p, s, value in rows)
    with closing(sqlite3.connect("", check_same_thread=False)) as database:
        database.execute("PRAGMA journal_mode = OFF")
        database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        database.execute(_TABLE)
        database.executemany("INSERT INTO rows (patient, study, value) VALUES (?, ?, ?)", lines)
        database.execute(_FILL)
        ordered = database.execute(_ORDERED)
        for _, group in groupby(ordered, key=lambda row: row[0]):
            lines_of = list(group)
            _, patient, study, shared, _ = lines_of[0]
            values = [json.loads(line[-1]) for line in lines_of]
            yield Group(json.loads(patient), json.loads(study), bool(shared), values)
