"""MIMIC-CXR's images, studies, times and official split by id, shared by every dataset that is made from it.

index = MimicIndex.open(Path("mimic-cxr-jpg/2.1.0"), problems)
for visits in index.patients():                    # a patient's visits, the earliest first
    [index.view(film) for film in visits[0].films]
index.find(index.film("19999901", "59999901", dicom))   # by its ids alone, where the metadata are not there

What PhysioNet publishes apart is found together: in the folder that is named, below it, or beside it in a
folder whose name begins with "mimic" (`mimic-cxr-jpg/2.1.0`, `mimic-cxr/2.1.0`, `mimiciv/3.1`).
Ids are random numbers: only date and time order a patient's studies.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from sys import intern
from typing import NamedTuple

import pydicom

from hilum.errors import DataError
from hilum.files import Problems
from hilum.images import view_of
from hilum.prompts import frontal_first
from hilum.sources.base import SPLITS, Seen, first_there, numbered_rows
from hilum.study import Position, Split, View

METADATA = "mimic-cxr-2.0.0-metadata.csv"
SPLIT = "mimic-cxr-2.0.0-split.csv"
RECORDS = "cxr-record-list.csv"
"""What the DICOM release has instead of the metadata."""

NO_IMAGE_REMEDY = "put MIMIC-CXR-JPG's files/ in the folder or beside it"
"""For a source that knows images by their ids alone."""

_DEPTH, _DEPTH_BESIDE, _LEVELS_UP = 4, 2, 3
_NO_RELEASE = re.compile(r"[ps]\d+|\..*")
"""Folders of patients and studies, and hidden ones: none of them holds a release."""

_ID = re.compile(r"[ps]?(\d{8})(?:\.0+)?", re.ASCII)
_DICOM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}", re.ASCII)
_SUFFIXES = (".jpg", ".png", ".dcm")
"""The JPEG release first: its pixels are ready. PNG is what people make of it at a smaller size."""

_CODES = {"postero-anterior": "PA", "antero-posterior": "AP"}


class Film(NamedTuple):
    """One image: its ids and how it was taken."""

    dicom: str
    subject: str
    study: str
    position: Position


@dataclass(slots=True)
class Visit:
    """One study: its images in the order of the table.

    Args:
        taken: "2150-01-01 08:05:01", only the date where the time is not known, or nothing.
    """

    subject: str
    study: str
    taken: str = ""
    films: list[Film] = field(default_factory=list)


def mimic_id(text: object) -> str:
    """The eight digits of a subject or study, given with or without "p" or "s"; nothing where it is none."""
    found = _ID.fullmatch(str(text).strip())
    return intern(found[1]) if found else ""


def dicom_id(text: str) -> str:
    """The id of an image, also at the end of a path, with or without suffix; nothing where it is none."""
    stem = text.strip().replace("\\", "/").rsplit("/", 1)[-1].split(".", 1)[0]
    return stem if _DICOM.fullmatch(stem) else ""


class Ids(NamedTuple):
    """The ids of an image, its patient and its study."""

    dicom: str
    subject: str
    study: str


def ids_of(row: Mapping[str, str], where: str, problems: Problems) -> Ids | None:
    """The ids of a row (dicom_id, subject_id, study_id); None, and a problem, where one is none."""
    ids = Ids(dicom_id(row["dicom_id"]), mimic_id(row["subject_id"]), mimic_id(row["study_id"]))
    if all(ids):
        return ids
    problems.add(DataError(where, "lacks an id of MIMIC-CXR's form", "it is left out"))
    return None


def another_patient(where: str) -> DataError:
    """The problem of a row whose study belongs to another patient by an earlier row."""
    problem = "gives its study to another patient than the rows before"
    return DataError(where, problem, "it is left out")


def position_of(view: str, code: str = "") -> Position:
    """How an image was taken.

    Args:
        view: ViewPosition, or what a code means. "LL" and "XTABLE LATERAL" are lateral; "AP AXIAL",
            "AP LLD" and the like are AP; oblique views and what is no chest film (SWIMMERS, L5 S1) are
            unknown.
        code: ViewCodeSequence_CodeMeaning, asked where the first is blank.
    """
    said = view.strip() or code.strip()
    words = _CODES.get(said.lower(), said.upper())
    if words == "LL" or words.endswith("LATERAL"):
        return Position.LATERAL
    first = words.split(" ", 1)[0]
    return Position(first) if first in ("PA", "AP") else Position.UNKNOWN


def time_of(date: str, time: str = "") -> str:
    """StudyDate and StudyTime as ISO writes them; the table's times have lost their zeros ("80501.25")."""
    day = date.strip().split(".", 1)[0]
    if not re.fullmatch(r"\d{8}", day, re.ASCII):
        return ""
    day = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    clock = time.strip().split(".", 1)[0].zfill(6)
    if not time.strip() or not re.fullmatch(r"([01]\d|2[0-3])[0-5]\d[0-5]\d", clock, re.ASCII):
        return day
    return f"{day} {clock[:2]}:{clock[2:4]}:{clock[4:]}"


def is_before(one: str, other: str) -> bool:
    """Whether a time is surely earlier; two dates that are equal, one without time, tell nothing."""
    shared = min(len(one), len(other))
    return one[:shared] < other[:shared]


def releases(place: Path) -> list[Path]:
    """The folders where parts of MIMIC may lie, the nearest first, the newest version first."""
    found = list(folders_below(place))
    for above in list(place.resolve().parents)[:_LEVELS_UP]:
        for folder in _folders(above):
            if folder.name.lower().startswith("mimic"):
                found += folders_below(folder, _DEPTH_BESIDE)
    return list(dict.fromkeys(found))


def folders_below(place: Path, depth: int = _DEPTH) -> Iterator[Path]:
    """A folder and those in it that may hold a release, not those of patients and studies."""
    yield place
    if depth:
        for folder in _folders(place):
            yield from folders_below(folder, depth - 1)


def _folders(place: Path) -> list[Path]:
    try:
        found = [p for p in place.iterdir() if not _NO_RELEASE.fullmatch(p.name) and p.is_dir()]
    except OSError:  # a file, or a folder that is not ours to read
        return []
    return sorted(found, reverse=True)


def file_among(folders: Iterable[Path], *names: str) -> Path | None:
    """The first of the named files that lies in one of the folders."""
    return next((folder / name for name in names for folder in folders if (folder / name).is_file()), None)


def table_among(folders: Sequence[Path], *names: str) -> Path | None:
    """The first of the named tables that lies in one of the folders, packed or not, by its unpacked name."""
    return first_there(folder / name for name in names for folder in folders)


class MimicIndex:
    """Every study that the tables list, and where its images lie.

    Args:
        folders: see `releases`.
        problems: gets rows without ids, duplicates, and images that are listed but not there.
    """

    def __init__(self, folders: Sequence[Path], problems: Problems) -> None:
        self.folders = folders
        self.visits: dict[str, Visit] = {}
        self.splits: dict[str, Split] = {}
        self._subjects: dict[str, str] = {}
        self.roots = [f for f in folders if any((f / f"p{number}").is_dir() for number in range(10, 20))]
        self._problems = problems
        self._by_headers = False

    @classmethod
    def open(cls, place: Path, problems: Problems, *, required: bool = True) -> MimicIndex:
        """Read the tables of images and of splits.

        Args:
            required: whether it is an error that there is neither metadata nor a list of records.

        Raises:
            DataError: it is, or a table lacks a column.
        """
        index = cls(releases(place), problems)
        metadata = table_among(index.folders, METADATA)
        records = table_among(index.folders, RECORDS)
        if metadata:
            index._read_metadata(metadata)
        elif records:
            index._read_records(records)
        elif required:
            raise DataError(place / METADATA, "is missing", f"download it, or {RECORDS}.gz for DICOM files")
        splits = table_among(index.folders, SPLIT)
        if splits:
            index._read_splits(splits)
        return index

    def _read_metadata(self, table: Path) -> None:
        columns = ("dicom_id", "subject_id", "study_id", "ViewPosition", "StudyDate", "StudyTime")
        seen = Seen(self._problems)
        for where, row in numbered_rows(table, columns, self._problems):
            position = position_of(row["ViewPosition"], row.get("ViewCodeSequence_CodeMeaning", ""))
            visit = self._add(row, where, seen, position)
            if visit is None:
                continue
            taken = time_of(row["StudyDate"], row["StudyTime"])
            if not taken:
                self._problems.add(DataError(where, "has no study date", "its study is in no order"))
            visit.taken = min(filter(None, (visit.taken, taken)), default="")

    def _read_records(self, table: Path) -> None:
        self._by_headers = True
        seen = Seen(self._problems)
        for where, row in numbered_rows(table, ("dicom_id", "subject_id", "study_id"), self._problems):
            self._add(row, where, seen, Position.UNKNOWN)

    def _add(self, row: Mapping[str, str], where: str, seen: Seen, position: Position) -> Visit | None:
        ids = ids_of(row, where, self._problems)
        if ids is None or seen.again(ids.dicom):
            return None
        visit = self.visits.setdefault(ids.study, Visit(ids.subject, ids.study))
        if visit.subject != ids.subject:
            self._problems.add(another_patient(where))
            return None
        visit.films.append(Film(ids.dicom, visit.subject, visit.study, position))
        return visit

    def _read_splits(self, table: Path) -> None:
        for where, row in numbered_rows(table, ("study_id", "split"), self._problems):
            split, study = SPLITS.get(row["split"].strip().lower()), mimic_id(row["study_id"])
            if split is None:
                self._problems.add(DataError(where, "has an unknown split", "it is left out"))
            elif study:
                self.splits.setdefault(study, split)
                self._subjects.setdefault(study, mimic_id(row.get("subject_id", "")))
            else:
                self._problems.add(DataError(where, "names no study", "it is left out"))

    @cached_property
    def films(self) -> dict[str, Film]:
        """Every image that the metadata list, by its id."""
        return {film.dicom: film for visit in self.visits.values() for film in visit.films}

    def patients(self) -> Iterator[list[Visit]]:
        """The visits of each patient, the earliest first, those of unknown time last."""
        grouped: dict[str, list[Visit]] = {}
        for visit in self.visits.values():
            grouped.setdefault(visit.subject, []).append(visit)
        for visits in grouped.values():
            for visit in visits:
                self.taken(visit.study)
            yield sorted(visits, key=lambda visit: (not visit.taken, visit.taken, visit.study))

    def taken(self, study: str) -> str:
        """When a study was taken; nothing where the metadata do not say it."""
        visit = self.visits.get(study)
        if visit is None:
            return ""
        if self._by_headers and not visit.taken:
            visit.taken = self._by_header(visit)
        return visit.taken

    def subject(self, study: str) -> str:
        """The patient of a study, by the metadata or the table of splits; nothing where neither says it."""
        visit = self.visits.get(study)
        return visit.subject if visit else self._subjects.get(study, "")

    def _by_header(self, visit: Visit) -> str:
        """When the first of the images that has a readable header was taken."""
        for film in visit.films:
            path = self.path(film)
            if path is not None and path.suffix == ".dcm" and (taken := _header_time(path)):
                return taken
        return ""

    def film(self, subject: str, study: str, dicom: str) -> Film:
        """An image by its ids, listed or not; how it was taken is known where the metadata list it."""
        name = dicom_id(dicom)
        known = self.films.get(name)
        return Film(name, subject, study, known.position if known else Position.UNKNOWN)

    def path(self, film: Film) -> Path | None:
        """The file of an image; None where it is not there."""
        paths = (root / f"{_home(film)}/{film.dicom}{suffix}" for suffix in _SUFFIXES for root in self.roots)
        return next((path for path in paths if path.is_file()), None)

    def view(self, film: Film) -> View | None:
        """As `find`, with a problem where the image is not there."""
        view = self.find(film)
        if view is None:
            problem = "has a row but no image file"
            self._problems.add(DataError(film.dicom, problem, "download its folder"))
        return view

    def views(self, subject: str, study: str) -> tuple[View, ...]:
        """The images of a study that are there, listed or not, frontal ones first."""
        home = _home(Film("", subject, study, Position.UNKNOWN))
        names = {path.stem for root in self.roots for path in (root / home).glob("*.*")}
        views = [view for name in sorted(names) if (view := self.find(self.film(subject, study, name)))]
        return tuple(views[place] for place in frontal_first([view.position for view in views]))

    def find(self, film: Film) -> View | None:
        """An image as a view named by its DICOM id; None where it is not there."""
        path = self.path(film)
        if path is None:
            return None
        if path.suffix != ".dcm":
            return view_of(path, id=film.dicom, position=film.position)
        view = view_of(path, id=film.dicom)  # its header knows the spacing
        return view if film.position is Position.UNKNOWN else replace(view, position=film.position)


def _home(film: Film) -> str:
    """The folder of an image's study, below one of the roots."""
    return f"p{film.subject[:2]}/p{film.subject}/s{film.study}"


def visit_before(visits: Sequence[Visit], visit: Visit) -> Visit | None:
    """The visit right before one, of the same patient; visits at the same time have the same one before."""
    earlier = [
        other for other in visits if visit.taken and other.taken and is_before(other.taken, visit.taken)
    ]
    return max(earlier, key=lambda other: other.taken, default=None)


def _header_time(path: Path) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["StudyDate", "StudyTime"])
            return time_of(str(header.get("StudyDate") or ""), str(header.get("StudyTime") or ""))
    except Exception:  # whoever loads the pixels is told what is wrong
        return ""
