"""Sex, age and race of MIMIC-CXR's patients, from MIMIC-IV, where it lies beside the images.

patients = MimicPatients(index.folders, problems, subjects={"19999901"})
patients.of("19999901", "2150-01-01 08:05:01")      # Attributes(Sex.FEMALE, 52.0, "WHITE")

MIMIC-IV (PhysioNet, credentialed access; Johnson et al., Scientific Data 2023) has `patients` and
`admissions`. Both sets shift a patient's dates alike, but no admission is linked to a film: the time joins
them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Sequence
from dataclasses import replace
from pathlib import Path
from sys import intern
from typing import NamedTuple

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.base import age_years, duplicate, number, numbered_rows
from hilum.sources.mimic_index import mimic_id, table_among
from hilum.sources.patients import sex_of
from hilum.study import Sex, Study

PATIENTS, ADMISSIONS = "patients.csv", "admissions.csv"

_NOT_STATED = frozenset({"", "UNKNOWN", "UNABLE TO OBTAIN", "PATIENT DECLINED TO ANSWER"})


class Attributes(NamedTuple):
    """What is known of a patient at the time of a study; age in years."""

    sex: Sex = Sex.UNKNOWN
    age: float | None = None
    race: str = ""


class MimicPatients:
    """The attributes of those subjects that are asked for.

    Args:
        subjects: whose rows are kept; all others are passed over.
    """

    def __init__(self, folders: Sequence[Path], problems: Problems, subjects: Container[str]) -> None:
        self._problems = problems
        self._people: dict[str, tuple[Sex, float]] = {}
        self._races: dict[str, list[tuple[str, str]]] = {}
        homes = [f for f in folders if table_among([f], PATIENTS) and table_among([f], ADMISSIONS)] or folders
        patients = table_among(homes, PATIENTS)
        admissions = table_among(homes, ADMISSIONS)
        self.found = [path.name for path in (patients, admissions) if path]
        if patients:
            self._read_patients(patients, subjects)
        if admissions:
            self._read_admissions(admissions, subjects)

    def of(self, subject: str, taken: str) -> Attributes:
        """What is known of a subject at a time; a date that is not known leaves the age unknown.

        The race is that of the last admission before the study which states one, or else of the first after:
        a patient's admissions differ. An age above 89 is given as MIMIC-IV gives it, as 91 at its anchor.
        """
        sex, born = self._people.get(subject, (Sex.UNKNOWN, None))
        age = None
        if born is not None and taken:
            age = age_years(str(int(taken[:4]) - born), "patients.csv: age at a study", self._problems)
        stated = self._races.get(subject, [])
        place = bisect_right(stated, (taken, "\uffff"))
        race = stated[max(0, place - 1)][1] if stated else ""
        return Attributes(sex, age, race)

    def described(self, study: Study, subject: str) -> Study:
        """A study of a subject with what is known of it at the time it was taken."""
        sex, age, race = self.of(subject, study.taken)
        return replace(study, sex=sex, age=age, race=race)

    def _read_patients(self, table: Path, subjects: Container[str]) -> None:
        columns = ("subject_id", "gender", "anchor_age", "anchor_year")
        for where, row in numbered_rows(table, columns, self._problems):
            subject = mimic_id(row["subject_id"])
            if subject not in subjects:
                continue
            if subject in self._people:
                self._problems.add(duplicate(where))
                continue
            age, year = number(row["anchor_age"]), number(row["anchor_year"])
            if age is None or year is None:
                problem = "its anchor age or year is not a number"
                self._problems.add(DataError(where, problem, "the patient's row is left out"))
                continue
            self._people[subject] = (sex_of(row["gender"], where, self._problems), year - age)

    def _read_admissions(self, table: Path, subjects: Container[str]) -> None:
        for where, row in numbered_rows(table, ("subject_id", "admittime"), self._problems):
            if "race" not in row and "ethnicity" not in row:  # so called before MIMIC-IV 2.0
                raise DataError(table, "lacks the column 'race'", f"it has: {', '.join(row)}")
            subject = mimic_id(row["subject_id"])
            if subject not in subjects:
                continue
            race = row.get("race", row.get("ethnicity", "")).strip()
            if not row["admittime"].strip():
                self._problems.add(DataError(where, "has no time of admission", "it is left out"))
            elif race.upper() not in _NOT_STATED:
                self._races.setdefault(subject, []).append((row["admittime"].strip(), intern(race)))
        for stated in self._races.values():
            stated.sort()
