"""What every source offers: its name, terms and files, and a reader that streams studies.

def read(request: Request) -> Iterator[Study]: ...
SOURCE = Source(name="nih-chestxray14", summary=…, files=…, terms=…, citation=…, read=read)
"""

from __future__ import annotations

import csv
import gzip
import os
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from hilum.errors import DataError
from hilum.files import Problems
from hilum.study import Split, Study

PHYSIONET = "PhysioNet Credentialed Health Data License 1.5.0"
"""The terms of most of PhysioNet's sets."""

SPLITS: Mapping[str, Split] = {
    **dict.fromkeys(("train", "training"), Split.TRAIN),
    **dict.fromkeys(("val", "valid", "validate", "validation", "dev", "development"), Split.VAL),
    **dict.fromkeys(("test", "testing"), Split.TEST),
}
"""The words by which datasets call the splits."""

NumberedRow = tuple[str, Mapping[str, str]]
"""What a row is called in errors, and its cells."""


@dataclass(frozen=True)
class SourceSpec:
    """A source by name and, for all but the embedded phantom, the folder it lies in.

    Args:
        columns: of a `folder` source, pairs of a field and the column of its table that is read as it.
    """

    name: str
    path: Path | None = None
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Request:
    """What a reader is given: where the data lie, how many studies at most, and where to note problems.

    Args:
        seed: of the phantom's cohort.
        size: pixels a side of the phantom's images.
        left_out: what the source holds that is no chest film, counted by kind; it is no problem.
        columns: field → column of a folder's table.
        notes: what a person should know of what is read and what is not, filled by the reader.
        warnings: what makes a build of the source doubtful.
    """

    path: Path | None
    problems: Problems
    limit: int | None = None
    seed: int = 0
    size: int = 256
    left_out: Counter[str] = field(default_factory=Counter)
    columns: Mapping[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """The folder, which must exist.

        Raises:
            DataError: no path was given, or nothing is there.
        """
        if self.path is None:
            raise DataError("--source", "names no folder", "write NAME=PATH")
        if not self.path.exists():
            raise DataError(self.path, "does not exist", "check the path after NAME=")
        return self.path


@dataclass(frozen=True)
class Source:
    """A public dataset: one reader, with its terms.

    Args:
        files: what must lie in its folder.
        read: streams its studies in a fixed order; the phantom's are a `Cohort`, a sequence whose parts
            can be made in other processes.
        embedded: it needs no folder.
        access: who may have it: "open" (a download), "registration" (an account or a form), "credentialed"
            (training and a signed agreement) or "not public"; blank for what needs none.
    """

    name: str
    summary: str
    files: str
    terms: str
    citation: str
    read: Callable[[Request], Iterable[Study]]
    embedded: bool = False
    access: str = ""


def read_table(
    path: Path, columns: Sequence[str], problems: Problems | None = None, *, delimiter: str = ","
) -> Iterator[dict[str, str]]:
    """Rows of a table, streamed; also from `path` with `.gz` or `.zip` behind its name.

    Args:
        columns: those it must have.
        problems: gets the rows that have more or fewer cells than columns, which are left out; without it
            such a row has blanks for what it lacks.

    Raises:
        DataError: the file is missing, is not text, or lacks a column.
    """
    for _, row in numbered_rows(path, columns, problems, delimiter=delimiter):
        yield row


def numbered_rows(
    path: Path, columns: Sequence[str], problems: Problems | None = None, *, delimiter: str = ","
) -> Iterator[tuple[str, dict[str, str]]]:
    """As `read_table`, each row with what it is called in errors: "labels.csv, line 12"."""
    try:
        reader = csv.reader(text_lines(path, "a CSV text file"), delimiter=delimiter)
        header = next(reader, [])
        lacking = [c for c in columns if c not in header]
        if lacking:
            there = ", ".join(header) or "nothing"
            raise DataError(path, f"lacks the column {lacking[0]!r}", f"it has: {there}")
        for cells in reader:
            where = f"{path.name}, line {reader.line_num}"
            if cells and len(cells) != len(header) and problems is not None:
                problem = f"has {len(cells)} cells for {len(header)} columns"
                problems.add(DataError(where, problem, "the row is left out"))
            elif cells:
                yield where, dict(zip_longest(header, cells[: len(header)], fillvalue=""))
    except csv.Error as error:
        raise DataError(path, f"is not a CSV text file ({error})", "download it again") from error


def text_lines(path: Path, kind: str = "a text file") -> Iterator[str]:
    """The lines of a text file, of `path`.gz or of the one file in `path`.zip (or in `stem`.zip).

    UTF-8 with or without its mark; a line that is not is read as Windows-1252, as old exports are.

    Args:
        kind: what it should be, as errors say it.

    Raises:
        DataError: there is no such file, it is no text, or a zip holds several.
    """
    try:
        with _opened(path) as lines:
            for line in lines:
                if b"\0" in line:
                    raise DataError(path, f"is not {kind} (it holds null bytes)", "download it again")
                yield as_text(line)
    except OSError as error:
        raise DataError(path, f"cannot be opened ({error.strerror or error})", "check the file") from error
    except (EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(path, f"is not {kind} ({error})", "download it again") from error


@contextmanager
def _opened(path: Path) -> Iterator[Iterable[bytes]]:
    # A zip of the same stem may as well hold the images, so it is only tried where nothing else is.
    found = next((form for form in (*_forms(path), path.with_suffix(".zip")) if form.is_file()), None)
    if found is None:
        raise DataError(path, "is missing", "download it with the images")
    with ExitStack() as stack:
        if found.suffix == ".gz" and found != path:
            yield stack.enter_context(gzip.open(found))
        elif found.suffix == ".zip" and found != path:
            archive = stack.enter_context(zipfile.ZipFile(found))
            members = [name for name in archive.namelist() if name.rsplit("/", 1)[-1] == path.name]
            if len(members) != 1:
                raise DataError(found, f"holds {len(members)} files named {path.name}", "unpack it")
            yield stack.enter_context(archive.open(members[0]))
        else:
            yield stack.enter_context(found.open("rb"))


def _forms(path: Path) -> tuple[Path, Path, Path]:
    return path, path.with_name(f"{path.name}.gz"), path.with_name(f"{path.name}.zip")


def as_text(data: bytes) -> str:
    """UTF-8 with or without its mark, or else Windows-1252."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def is_there(path: Path) -> bool:
    """Whether a text file lies there, as it is or with `.gz` or `.zip` behind its name."""
    return any(form.is_file() for form in _forms(path))


def first_there(paths: Iterable[Path]) -> Path | None:
    """The first text file that lies there, packed or not, by its unpacked name."""
    return next((path for path in paths if is_there(path)), None)


def parts_there(
    request: Request, names: Sequence[str], remedy: str, content: str, places: Sequence[str] = (".",)
) -> list[Path]:
    """Those of a dataset's files that are there; a note says what is not read for want of the others.

    Args:
        remedy: what to do where none of them is there.
        content: what they hold: "questions".
        places: folders where they may lie, of which the first that has any counts.

    Raises:
        DataError: none of them is there.
    """
    for place in places:
        found = [path for name in names if (path := request.folder / place / name).is_file()]
        if found:
            lacking = [name for name in names if name not in {path.name for path in found}]
            request.notes.extend(f"{name} is not there: its {content} are not read" for name in lacking)
            return found
    raise DataError(request.folder / names[0], "is missing", remedy)


def file_in(folder: Path, *names: str, places: Iterable[str] = (".",)) -> Path | None:
    """The first file of these relative names; None when there is none.

    Args:
        places: folders in the folder where it may lie; a name that leads out of its place is no file of it.
    """
    paths = (_file_in(folder / place, name) for place in places for name in names)
    return next((path for path in paths if path is not None), None)


def _file_in(folder: Path, name: str) -> Path | None:
    path = Path(os.path.normpath(folder / name))
    if not path.is_relative_to(os.path.normpath(folder)):
        return None
    try:
        return path if path.is_file() else None
    except OSError:  # a name longer than any file's
        return None


_DECIMAL_COMMA = re.compile(r"[+-]?(0,\d+|\d+,(\d{1,2}|\d{4,}))", re.ASCII)


def number(text: str | None) -> float | None:
    """A finite number, or None for blank, NaN or anything else.

    A comma is decimal ("45,0", "0,125"), unless it may as well part thousands ("1,024").
    """
    text = (text or "").strip()
    try:
        value = float(text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


_AGE = re.compile(r"^(\d+(?:[.,]\d+)?)\s*([YMWD])(?:EARS?|RS?|ONTHS?|EEKS?|AYS?)?$", re.IGNORECASE)
_PER_YEAR = {"Y": 1, "M": 12, "W": 52.18, "D": 365.25}


def _in_years(age: re.Match[str]) -> str:
    return str(float(age[1].replace(",", ".")) / _PER_YEAR[age[2].upper()])


def age_years(text: str | None, thing: str, problems: Problems) -> float | None:
    """An age from 0 to 120 years; a blank is unknown, and so is any other, which is counted as a problem.

    Args:
        text: a number of years, or as DICOM writes it: "045Y", "006M", "013D".
    """
    if not (text or "").strip():
        return None
    value = number(_AGE.sub(_in_years, (text or "").strip()))
    if value is not None and 0 <= value <= 120:
        return value
    problems.add(DataError(thing, "its age is not a number of years from 0 to 120", "it is left unknown"))
    return None


def duplicate(thing: str) -> DataError:
    """The problem of a row whose id an earlier one has."""
    return DataError(thing, "is a duplicate id", "the first one is kept")


class Seen:
    """Tells duplicates: the first of an id is kept, the others are counted as problems."""

    def __init__(self, problems: Problems) -> None:
        self._ids: set[str] = set()
        self._problems = problems

    def again(self, identifier: str, where: str = "") -> bool:
        """True when the id was met before; `where` is what its row is called in errors."""
        if identifier in self._ids:
            self._problems.add(duplicate(f"{where}: {identifier}" if where else identifier))
            return True
        self._ids.add(identifier)
        return False
