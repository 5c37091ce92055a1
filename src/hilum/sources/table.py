"""Tables as people have them: CSV, TSV, Excel, JSON lines, Parquet, in the encodings that programs save.

table = open_table(Path("films/metadata.csv"), problems)
table.names                       # ["image", "PatientID"]
for number, row in table.rows: ...
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.json_rows import objects_in

SUFFIXES = (".csv", ".tsv", ".xlsx", ".jsonl", ".parquet")
_UNREAD = (".xls", ".xlsm", ".xlsb", ".ods", ".csv.gz", ".tsv.gz", ".ndjson", ".feather", ".sav", ".dta")
_PERHAPS = (".json", ".pkl", ".zip", ".xml", ".db", ".txt", ".dat")
"""What a table may also be saved as, surely or if it is called metadata; nobody shall think it was read."""
_DELIMITERS = ",;\t|"
LONGEST_CELL = 10_000_000


@dataclass(frozen=True)
class Table:
    """A table that can be read row by row.

    Args:
        path: its file.
        names: its columns.
        rows: streamed, each with its number from 1; a cell is text, or a JSON value.
        note: what a person should know of how it is read.
    """

    path: Path
    names: list[str]
    rows: Iterable[tuple[int, Mapping[str, Any]]]
    note: str = ""


def find_table(folder: Path) -> Path | None:
    """The folder's table: the one called metadata, else the only one; None when it has none.

    Raises:
        DataError: it has several and it is not clear which is meant, or one of a kind that is not read.
    """
    files = sorted(p for p in folder.iterdir() if not p.name.startswith((".", "~$")) and p.is_file())
    tables = [path for path in files if path.suffix.lower() in SUFFIXES]
    found = [path for path in tables if path.stem.lower() == "metadata"] or tables
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        remedy = "call the one to be read metadata.csv (or the suffix it has), and the others otherwise"
        raise DataError(folder, f"holds several tables ({names})", remedy)
    if found:
        return found[0]
    for path in files:
        name = path.name.lower()
        if name.endswith(_UNREAD) or (name.startswith("metadata.") and name.endswith(_PERHAPS)):
            raise DataError(path, "is a kind of table that is not read", f"save it as {', '.join(SUFFIXES)}")
    return None


def open_table(path: Path, problems: Problems) -> Table:
    """Open a table by its suffix; a row of it that is broken is counted as a problem.

    Raises:
        DataError: the file is unreadable; later, when it is so further down.
    """
    try:
        match path.suffix.lower():
            case ".xlsx":
                return _excel(path)
            case ".parquet":
                return _parquet(path)
            case ".jsonl":
                return _json_lines(path, problems)
            case _:
                return _separated(path, problems)
    except OSError as error:
        raise DataError(path, f"cannot be opened ({error.strerror})", "check its permissions") from error


def encoding_of(path: Path) -> str:
    """How a text file is encoded: by its mark, by the place of its NUL bytes, else UTF-8 or Windows-1252.

    Raises:
        DataError: it is in none of these.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        guesses = ["utf-16"]
    elif b"\0" in head:
        guesses = ["utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"]
    else:
        guesses = ["utf-8-sig", "cp1252"]
    for guess in guesses:
        try:
            with path.open(encoding=guess, newline="") as file:
                while file.read(1 << 20):
                    pass
        except UnicodeError:
            continue
        return guess
    raise DataError(path, "is not a text file in UTF-8, UTF-16 or Windows-1252", "re-save it as UTF-8")


def _note(encoding: str) -> str:
    return "" if encoding == "utf-8-sig" else f"read as {codecs.lookup(encoding).name}, as it is not UTF-8"


def _separated(path: Path, problems: Problems) -> Table:
    encoding = encoding_of(path)
    csv.field_size_limit(LONGEST_CELL)
    with path.open(newline="", encoding=encoding) as file:
        skip, delimiter, line = 0, "\t" if path.suffix.lower() == ".tsv" else ",", ""
        for line in file:
            if stated := re.fullmatch(r'"?sep=(.)"?\s*', line):  # what Excel takes for a hint
                skip, delimiter = skip + 1, stated[1]
            elif line.strip():
                break
            else:
                skip += 1
    bare = re.sub(r'"[^"]*"', "", line)
    if delimiter not in bare:
        delimiter = max(_DELIMITERS, key=bare.count)
    records = partial(_records, path, encoding, skip, delimiter)
    names = next(records(), [])
    return Table(path, names, _separated_rows(path, names, records(), problems), _note(encoding))


def _records(path: Path, encoding: str, skip: int, delimiter: str) -> Iterator[list[str]]:
    """The header and all rows that are not blank."""
    with path.open(newline="", encoding=encoding) as file:
        for _ in range(skip):
            next(file)
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            yield from (cells for cells in reader if any(cells))
        except csv.Error as error:
            problem = f"is not a well-formed table (line {skip + reader.line_num}: {error})"
            raise DataError(path, problem, "close its quotes, or save it again as CSV") from error


def _separated_rows(
    path: Path, names: list[str], records: Iterator[list[str]], problems: Problems
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, cells in enumerate(islice(records, 1, None), start=1):
        if any(cell.strip() for cell in cells[len(names) :]):
            # Behind an unquoted delimiter every cell would be taken for its neighbour.
            thing = f"{path.name}, row {number}"
            remedy = "quote the cell that holds a delimiter"
            problems.add(DataError(thing, "has more cells than the header", remedy))
        else:
            yield number, dict(zip(names, cells, strict=False))


def _json_lines(path: Path, problems: Problems) -> Table:
    """All lines are looked at first, since any may hold a column that the others lack."""
    encoding = encoding_of(path)
    names: dict[str, None] = {}
    for _, row in _json_rows(path, encoding, Problems(keep=0)):
        names.update(dict.fromkeys(row))
    return Table(path, list(names), _json_rows(path, encoding, problems), _note(encoding))


def _json_rows(path: Path, encoding: str, problems: Problems) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with path.open(encoding=encoding) as file:
        for number, row in objects_in(file):
            if row is not None:
                yield number, row
            else:
                thing = f"{path.name}, row {number}"
                problems.add(DataError(thing, "is not a JSON object", "write one object per line"))


def _excel(path: Path) -> Table:
    """The first sheet, every cell as text: an id of "007" stays one. A sheet has a million rows at most."""
    import polars as pl

    try:
        sheet = pl.read_excel(path, infer_schema_length=0)
    except Exception as error:  # whatever its parser stumbled over
        raise DataError(path, "is no readable Excel workbook", "save it again as .xlsx or as CSV") from error
    return Table(
        path, sheet.columns, enumerate(sheet.iter_rows(named=True), start=1), "its first sheet is read"
    )


def _parquet(path: Path) -> Table:
    """Columns of bytes are left out: images lie in files, not in the table."""
    try:
        schema = pq.read_schema(path)
    except pa.ArrowException as error:
        raise DataError(path, "is no readable Parquet file", "write it again") from error
    names = [field.name for field in schema if not _holds_bytes(field.type)]
    return Table(path, names, _parquet_rows(path, names))


def _parquet_rows(path: Path, names: list[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(1024, columns=names):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pa.ArrowException, OSError) as error:
        raise DataError(path, f"is damaged after row {number}", "write it again") from error


def _holds_bytes(kind: pa.DataType) -> bool:
    children = [kind.field(index).type for index in range(kind.num_fields)]
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or any(map(_holds_bytes, children))
