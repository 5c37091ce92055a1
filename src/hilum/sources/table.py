"""The table of a `folder` source: found, read row by row, and each row's cells understood.

for row in rows_of(find_table(folder), problems):
    row.image, row.study, row.labels(problems)

What the columns mean is written in `hilum.sources.folder`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hilum.errors import DataError
from hilum.files import Problems
from hilum.reports import parse_sections
from hilum.sources.base import age_years, number, read_table
from hilum.sources.nih_chestxray14 import LABELS
from hilum.study import Finding, Position, Region, Report, Sex, Side, Split

_T = TypeVar("_T")

_SYNONYMS = {
    "file": "image",
    "filename": "image",
    "file_name": "image",
    "path": "image",
    "image_path": "image",
    "study_id": "study",
    "patient_id": "patient",
    "position": "view",
    "view_position": "view",
    "label": "labels",
}
_SECTIONS = ("indication", "comparison", "findings", "impression")
_VIEWS = {"PA": Position.PA, "AP": Position.AP, "LATERAL": Position.LATERAL, "LAT": Position.LATERAL}
_SPLITS = {
    **{split.value: split for split in Split},
    **dict.fromkeys(("valid", "validate", "validation"), Split.VAL),
}
_BOX_SIDES = {side.value: side for side in Side}
_SEXES = {"F": Sex.FEMALE, "FEMALE": Sex.FEMALE, "M": Sex.MALE, "MALE": Sex.MALE, "U": Sex.UNKNOWN}


def _key(name: str) -> str:
    return "_".join(name.replace("_", " ").replace("-", " ").casefold().split())


_FINDINGS = {
    **{_key(word): finding for word, finding in LABELS.items()},
    **{_key(finding.value): finding for finding in Finding},
}
"""Every finding by its own name, and by NIH's where that differs."""


def find_table(folder: Path) -> Path | None:
    """The folder's table, or None when it has none.

    Raises:
        DataError: it has several, and none is called metadata.
    """
    for name in ("metadata.csv", "metadata.jsonl"):
        if (folder / name).is_file():
            return folder / name
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".csv", ".jsonl") and p.is_file())
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise DataError(folder, f"holds several tables ({names})", "call the one to be read metadata.csv")
    return found[0] if found else None


def rows_of(table: Path, problems: Problems) -> Iterator[Row]:
    """The table's rows, streamed; one that names no image is counted as a problem.

    Raises:
        DataError: the file is unreadable or has no column of images.
    """
    read = _json_rows if table.suffix.lower() == ".jsonl" else _csv_rows
    for number_, cells in read(table, problems):
        row = Row(f"{table.name}, row {number_}", cells)
        if row.image:
            yield row
        else:
            problems.add(DataError(row.thing, "names no image", "fill its column image"))


def _csv_rows(table: Path, problems: Problems) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for index, row in enumerate(read_table(table, ()), start=1):
        cells = _cells(row)
        if index == 1 and "image" not in cells:
            raise DataError(table, "lacks the column 'image'", f"it has: {', '.join(row)}")
        yield index, cells


def _json_rows(table: Path, problems: Problems) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        with table.open(encoding="utf-8-sig") as file:
            for index, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError):
                    row = None
                if isinstance(row, dict):
                    yield index, _cells(row)
                else:
                    thing = f"{table.name}, row {index}"
                    problems.add(DataError(thing, "is not a JSON object", "write one object per line"))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(table, f"is not a readable text file ({error})", "save it as UTF-8") from error


def _cells(row: Mapping[str, Any]) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    for name, value in row.items():
        key = _key(name)
        cells.setdefault(_SYNONYMS.get(key, key), value)
    return cells


@dataclass(frozen=True)
class Row:
    """One image's row; what cannot be understood is counted as a problem and left unknown.

    Args:
        thing: what the row is called in errors.
        cells: column, in the spelling of `hilum.sources.folder`, → text or JSON value.
    """

    thing: str
    cells: Mapping[str, Any]

    def has(self, column: str) -> bool:
        """Whether the table has the column."""
        return column in self.cells

    def get(self, column: str) -> str:
        """A cell as text without blanks around it; empty when there is none."""
        value = self.cells.get(column)
        value = int(value) if isinstance(value, bool) else value
        return str(value).strip() if isinstance(value, str | int | float) else ""

    @property
    def image(self) -> str:
        """The image's path within the folder."""
        return self.get("image")

    @property
    def study(self) -> str:
        """The study's id; by default the image's path."""
        return self.get("study") or self.image

    def position(self, problems: Problems) -> Position | None:
        """The view; None when the row does not say."""
        return self._one_of("view", str.upper, _VIEWS, problems)

    def split(self, problems: Problems) -> Split | None:
        """The split; None when the row does not say."""
        return self._one_of("split", str.lower, _SPLITS, problems)

    def sex(self, problems: Problems) -> Sex:
        """The sex, unknown when the row does not say."""
        return self._one_of("sex", str.upper, _SEXES, problems) or Sex.UNKNOWN

    def age(self, problems: Problems) -> float | None:
        """The age in years, None when unknown."""
        return age_years(self.get("age"), self.thing, problems)

    def report(self, problems: Problems) -> Report | None:
        """The report; None when the table has no such column or the row's cells are empty."""
        if not any(self.has(column) for column in ("report", *_SECTIONS)):
            return None
        whole = parse_sections(self.get("report")) if self.get("report") else Report()
        parts = {name: " ".join(self.get(name).split()) or getattr(whole, name) for name in _SECTIONS}
        report = Report(**parts)
        if report.text:
            return report
        problems.add(DataError(self.thing, "its report is empty", "the study is kept without it"))
        return None

    def labels(self, problems: Problems) -> dict[Finding, bool]:
        """Findings known to be there (True) or not (False)."""
        labels: dict[Finding, bool] = {}
        for column, finding in _FINDINGS.items():
            text = self.get(column)
            value = number(text)
            if value in (0.0, 1.0):
                labels[finding] = value == 1.0
            elif text and value != -1.0:
                self._note(f"{finding.value}: {text[:40]}", "is not 1, 0, -1 or blank", problems)
        for word in self._words("labels"):
            found = _FINDINGS.get(_key(word))
            if found is None:
                self._note(f"labels: {word[:40]}", "is no known finding", problems)
            else:
                labels[found] = True
        return labels

    def _words(self, column: str) -> list[str]:
        value = self.cells.get(column)
        parts = value if isinstance(value, list) else self.get(column).split("|")
        return [word for part in parts if (word := str(part).strip())]

    def regions(self, view: int, problems: Problems) -> Iterator[Region]:
        """The row's boxes as regions of view number `view`."""
        value = self.cells.get("boxes")
        if isinstance(value, str):
            try:
                value = json.loads(value) if value.strip() else []
            except (ValueError, RecursionError):
                self._note("boxes", "are not JSON", problems)
                return
        if value is None:
            return
        if not isinstance(value, list):
            self._note("boxes", "are no list", problems)
            return
        for item in value:
            region = _region(item, view)
            if region is None:
                self._note("boxes", "has an unreadable box", problems)
            else:
                yield region

    def _one_of(
        self, column: str, spell: Callable[[str], str], known: Mapping[str, _T], problems: Problems
    ) -> _T | None:
        text = spell(self.get(column))
        if text and text not in known:
            self._note(f"{column}: {text[:40]}", f"is none of {', '.join(known)}", problems)
        return known.get(text)

    def _note(self, what: str, problem: str, problems: Problems) -> None:
        problems.add(DataError(f"{self.thing}, {what}", problem, "it is left unknown"))


def _region(item: Any, view: int) -> Region | None:
    """A box with its phrase, or None when it is not one."""
    if not isinstance(item, dict) or not isinstance(item.get("box"), list):
        return None
    values = [v for corner in item["box"] if (v := number(str(corner))) is not None and 0 <= v <= 1]
    named = {key: str(item.get(key) or "").strip() for key in ("finding", "side", "phrase")}
    finding, side = _FINDINGS.get(_key(named["finding"])), _BOX_SIDES.get(named["side"].lower())
    unknown = (named["finding"] and not finding) or (named["side"] and not side)
    phrase = named["phrase"] or (finding.value.lower() if finding else "")
    if unknown or not phrase or len(item["box"]) != 4 or len(values) != 4:
        return None
    x1, y1, x2, y2 = values
    return Region((x1, y1, x2, y2), phrase, finding, side, view) if x1 < x2 and y1 < y2 else None
