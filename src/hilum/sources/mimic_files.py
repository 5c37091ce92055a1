"""MIMIC-CXR as the datasets made from it need it: its images by id, its official split, views and times.

mimic = MimicFiles(folder)
mimic.view("19999901", "59999901", dicom)       # files/p19/p19999901/s59999901/DICOM.jpg, or .dcm

`files/` and the tables of MIMIC-CXR-JPG (or MIMIC-CXR) lie in the derivative's own folder or, copied or
linked, in `mimic-cxr-jpg/` or `mimic-cxr/` within it. Ids are random: dates alone order a patient's studies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

from hilum.images import view_of
from hilum.sources.base import file_in, read_table
from hilum.study import Position, Split, View

PLACES = (".", "mimic-cxr-jpg", "mimic-cxr")
"""Where in the folder of a derivative MIMIC-CXR itself may lie."""

SPLITS: Mapping[str, Split] = {
    "train": Split.TRAIN,
    "validate": Split.VAL,
    "valid": Split.VAL,
    "val": Split.VAL,
    "dev": Split.VAL,
    "test": Split.TEST,
}
"""The words that MIMIC-CXR and its derivatives have for the splits."""

_LATERAL = ("LATERAL", "LL", "XTABLE LATERAL")
_METADATA = "mimic-cxr-2.0.0-metadata.csv"
_SPLIT = "mimic-cxr-2.0.0-split.csv"
_ID = re.compile(r"[ps]?(\d{8})(?:\.0)?", re.ASCII)
_FRONTAL_FIRST = (Position.PA, Position.AP, Position.UNKNOWN, Position.LATERAL)


def mimic_id(text: object) -> str:
    """The eight digits of a subject or study, given with or without "p" or "s"; else nothing."""
    found = _ID.fullmatch(str(text).strip())
    return found[1] if found else ""


def position_of(view: str) -> Position:
    """A ViewPosition: "LL" and "XTABLE LATERAL" are lateral, "AP AXIAL" and "AP LLD" AP; obliques unknown."""
    view = view.strip().upper()
    if view in _LATERAL:
        return Position.LATERAL
    first = view.split(" ", 1)[0]
    return Position(first) if first in ("PA", "AP") else Position.UNKNOWN


def time_of(date: str, time: str = "") -> str:
    """StudyDate and StudyTime as "2150-01-01 08:05:01"; the time has lost its zeros ("80501.25")."""
    digits = date.strip().split(".")[0]
    if len(digits) != 8 or not digits.isdecimal():
        return ""
    day = f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
    clock = time.strip().split(".")[0].zfill(6)
    known = time.strip() and len(clock) == 6 and clock.isdecimal()
    return f"{day} {clock[:2]}:{clock[2:4]}:{clock[4:]}" if known else day


def strictest(splits: Iterable[Split | None]) -> Split | None:
    """The last in the order train, val, test; None where none is given."""
    given = [split for split in splits if split is not None]
    return max(given, key=tuple(Split).index) if given else None


class MimicFiles:
    """The part of MIMIC-CXR that lies in a derivative's folder; its tables are read when first asked for."""

    def __init__(self, folder: Path) -> None:
        self._places = [folder / place for place in PLACES]

    def view(self, subject: str, study: str, dicom: str) -> View | None:
        """One image; None when it is not there."""
        if not dicom:
            return None
        folder = f"files/p{subject[:2]}/p{subject}/s{study}"
        for place in self._places:
            for suffix in (".jpg", ".dcm"):
                path = file_in(place, f"{folder}/{dicom}{suffix}")
                if path is not None:
                    return view_of(path, id=dicom, position=self._images.get(dicom, (None,))[0])
        return None

    def views(self, subject: str, study: str) -> tuple[View, ...]:
        """All images of a study that are there, frontal ones first as far as the views are known."""
        names: dict[str, None] = {}
        for place in self._places:
            folder = place / f"files/p{subject[:2]}/p{subject}/s{study}"
            paths = sorted(folder.iterdir()) if folder.is_dir() else []
            names.update(dict.fromkeys(path.stem for path in paths if path.suffix in (".jpg", ".dcm")))
        views = [view for name in names if (view := self.view(subject, study, name))]
        return tuple(sorted(views, key=lambda view: _FRONTAL_FIRST.index(view.position)))

    def split(self, study: str) -> Split | None:
        """The official split of a study, where its table is there."""
        return self._studies.get(study, ("", None))[1]

    def subject(self, study: str) -> str:
        """The patient of a study, where the split table is there."""
        return self._studies.get(study, ("", None))[0]

    def taken(self, dicom: str) -> str:
        """When an image was taken, where the metadata are there."""
        return self._images.get(dicom, (None, ""))[1]

    @cached_property
    def _images(self) -> dict[str, tuple[Position, str]]:
        return {
            row["dicom_id"]: (
                position_of(row["ViewPosition"]),
                time_of(row.get("StudyDate", ""), row.get("StudyTime", "")),
            )
            for row in self._rows(_METADATA)
        }

    @cached_property
    def _studies(self) -> dict[str, tuple[str, Split | None]]:
        return {
            row["study_id"]: (row["subject_id"], SPLITS.get(row["split"].strip().lower()))
            for row in self._rows(_SPLIT)
        }

    def _rows(self, name: str) -> Iterator[dict[str, str]]:
        """A table's rows; none where it is not there."""
        columns = {
            _METADATA: ("dicom_id", "ViewPosition"),
            _SPLIT: ("dicom_id", "study_id", "subject_id", "split"),
        }
        for place in self._places:
            if any((place / f"{name}{packed}").is_file() for packed in ("", ".gz", ".zip")):
                yield from read_table(place / name, columns[name])
                return
