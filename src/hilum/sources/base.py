"""What every source offers: its name, terms and files, and a reader that streams studies.

def read(request: Request) -> Iterator[Study]: ...
SOURCE = Source(name="nih-chestxray14", summary=…, files=…, terms=…, citation=…, read=read)
"""

from __future__ import annotations

import codecs
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
from hilum.study import Study


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
        with open_lines(path) as lines:
            reader = csv.reader(lines, delimiter=delimiter)
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
    except OSError as error:
        raise DataError(path, f"cannot be opened ({error.strerror or error})", "check the file") from error
    except (UnicodeDecodeError, csv.Error, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(path, f"is not a CSV text file ({error})", "download it again") from error


@contextmanager
def open_lines(path: Path) -> Iterator[Iterator[str]]:
    """The lines of a text file, of `path`.gz or of the one file in `path`.zip (or in `stem`.zip).

    UTF-8 with or without its mark; a line that is not is read as Windows-1252, as old exports are.

    Raises:
        DataError: there is no such file, or a zip holds several.
    """
    packed = [path.with_name(f"{path.name}.gz"), path.with_name(f"{path.name}.zip"), path.with_suffix(".zip")]
    found = next((candidate for candidate in (path, *packed) if candidate.is_file()), None)
    if found is None:
        raise DataError(path, "is missing", "download it with the images")
    with ExitStack() as stack:
        if found.suffix == ".gz" and found != path:
            yield _decoded(stack.enter_context(gzip.open(found)))
        elif found.suffix == ".zip" and found != path:
            archive = stack.enter_context(zipfile.ZipFile(found))
            members = [name for name in archive.namelist() if name.rsplit("/", 1)[-1] == path.name]
            if len(members) != 1:
                raise DataError(found, f"holds {len(members)} files named {path.name}", "unpack it")
            yield _decoded(stack.enter_context(archive.open(members[0])))
        else:
            yield _decoded(stack.enter_context(found.open("rb")))


def _decoded(lines: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines):
        if not number:
            line = line.removeprefix(codecs.BOM_UTF8)
        if b"\0" in line:
            raise csv.Error("it holds null bytes")
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError:
            yield line.decode("cp1252", errors="replace")


def file_in(folder: Path, name: str) -> Path | None:
    """The file of that relative name; None when there is none, or when the name leads out of the folder."""
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


class Seen:
    """Tells duplicates: the first of an id is kept, the others are counted as problems."""

    def __init__(self, problems: Problems) -> None:
        self._ids: set[str] = set()
        self._problems = problems

    def again(self, identifier: str, where: str = "") -> bool:
        """True when the id was met before; `where` is what its row is called in errors."""
        if identifier in self._ids:
            thing = f"{where}: {identifier}" if where else identifier
            self._problems.add(DataError(thing, "is a duplicate id", "the first one is kept"))
            return True
        self._ids.add(identifier)
        return False

    def __len__(self) -> int:
        return len(self._ids)
