"""Files of many reports: CSV and TSV, JSONL and JSON, or one report per line, told apart by name and content.

    references, candidates = paired(Path("references.csv"), Path("candidates.jsonl"))

A table's report is its column `report` or `text`, or its `findings` and `impression` together; quoted, a
report may run over several lines. Where both files have ids, reports are paired by them, else by order.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hilum.cli.inputs import MAX_WORDS
from hilum.errors import DataError

_WHOLE: Final = ("report", "text", "candidate", "reference", "prediction", "generated", "generated_report")
"""Columns that hold a whole report; the first one there is read."""
_SECTIONS: Final = ("findings", "impression")
_IDS: Final = ("id", "study", "study_id", "report_id", "image", "image_id", "dicom_id", "uid")
_DELIMITERS: Final = {".csv": ",;\t", ".tsv": "\t"}
_JSON: Final = frozenset({".jsonl", ".ndjson", ".json"})
_MOST_CHARACTERS: Final = 10_000_000
"""Of one field of a table; Python's own limit of 131,072 would cut a file whose closing quote is missing."""


@dataclass(frozen=True, slots=True)
class Row:
    """One report, where it stands in its file, and its id where the file gives one."""

    where: str
    text: str
    id: str | None = None


def paired(references: Path, candidates: Path) -> tuple[list[Row], list[Row]]:
    """The reports of two files, candidate by reference.

    Raises:
        DataError: a file cannot be read, or the two do not hold the same reports.
    """
    true, said = read_rows(references), read_rows(candidates)
    if true[0].id is not None and said[0].id is not None:
        return true, _by_id(references, true, candidates, said)
    if len(true) != len(said):
        problem = f"has {len(said)} reports, {references} has {len(true)}"
        raise DataError(candidates, problem, "give both the same reports in the same order, or an id column")
    return true, said


def _by_id(references: Path, true: Sequence[Row], candidates: Path, said: Sequence[Row]) -> list[Row]:
    found = {row.id: row for row in said}
    wanted = {row.id for row in true}
    for path, ids in ((candidates, wanted - found.keys()), (references, found.keys() - wanted)):
        if ids:
            named = ", ".join(sorted(map(str, ids))[:3]) + (" …" if len(ids) > 3 else "")
            problem = f"has no report for {len(ids)} of the other file's ids ({named})"
            raise DataError(path, problem, "give one report for each id; an empty one counts 0")
    return [found[row.id] for row in true]


def read_rows(path: Path) -> list[Row]:
    """The reports of a file, at least one.

    Raises:
        DataError: not UTF-8, a broken line, a field of the wrong type, no report at all.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(path, f"is not UTF-8 text (byte {error.start})", "save it as UTF-8") from error
    rows = [_checked(row) for row in _rows(path, text)]
    if not any(row.text.strip() for row in rows):
        raise DataError(path, "holds no report", "give one report per line, row or record")
    _check_ids(path, rows)
    return rows


def _rows(path: Path, text: str) -> Iterable[Row]:
    kind = path.suffix.lower()
    if kind in _JSON or (kind not in _DELIMITERS and _looks_like_json(text)):
        return _of_json(path, text)
    if kind in _DELIMITERS or _looks_like_a_table(text):
        return _of_table(path, text, _DELIMITERS.get(kind, ",;\t"))
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    return [Row(f"{path}, line {number}", line) for number, line in enumerate(lines, start=1)]


def _looks_like_json(text: str) -> bool:
    """Whether the first line is a record, or opens a list of records."""
    first = text.lstrip().split("\n", 1)[0].strip()
    if first.startswith("["):
        return text.lstrip()[1:].lstrip().startswith(("{", '"'))
    try:
        return first.startswith("{") and isinstance(json.loads(first), dict)
    except ValueError:
        return False


def _looks_like_a_table(text: str) -> bool:
    """Whether the first line is the head of a table: several names of columns, one of them a report's."""
    first = text.lstrip().split("\n", 1)[0]
    names = [
        name.strip().lower() for name in next(csv.reader([first], delimiter=_delimiter(first, ",;\t")), [])
    ]
    return len(names) > 1 and bool(set(names) & {*_WHOLE, *_SECTIONS}) and bool(set(names) & set(_IDS))


def _delimiter(head: str, choices: str) -> str:
    return max(choices, key=head.count)


def _of_json(path: Path, text: str) -> Iterator[Row]:
    for where, line in _records(path, text):
        if isinstance(line, str):
            yield Row(where, line)
        elif isinstance(line, dict):
            yield _row(where, {str(name).strip().lower(): value for name, value in line.items()})
        else:
            problem = f"is {_kind(line)}, not a record"
            raise DataError(where, problem, 'write {"id": "1", "report": "No effusion."}')


def _records(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    if text.lstrip().startswith("["):
        yield from ((f"{path}, record {n}", row) for n, row in enumerate(_parsed(str(path), text), start=1))
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            where = f"{path}, line {number}"
            yield where, _parsed(where, line)


def _parsed(where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise DataError(where, f"is not JSON ({error})", "write one JSON record per line") from error


def _of_table(path: Path, text: str, delimiters: str) -> Iterator[Row]:
    csv.field_size_limit(_MOST_CHARACTERS)
    delimiter = _delimiter(text.lstrip().split("\n", 1)[0], delimiters)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] = []
    start = 1
    try:
        for cells in reader:
            where, start = f"{path}, line {start}", reader.line_num + 1
            if not any(cell.strip() for cell in cells) and len(cells) != len(names):
                continue
            if not names:
                names = [cell.strip().lower() for cell in cells]
                continue
            if len(cells) != len(names):
                problem = f"has {len(cells)} fields, its head has {len(names)}"
                raise DataError(where, problem, "put reports with commas or line ends in double quotes")
            yield _row(where, dict(zip(names, cells, strict=True)))
    except csv.Error as error:
        raise DataError(f"{path}, line {start}", f"is broken ({error})", "close its double quotes") from error


def _row(where: str, fields: Mapping[str, Any]) -> Row:
    whole = next((name for name in _WHOLE if name in fields), None)
    sections = [name for name in _SECTIONS if name in fields]
    if whole is None and not sections:
        known = f"`{_WHOLE[0]}`, `{_WHOLE[1]}`, or `findings` and `impression`"
        raise DataError(where, f"has no report among its fields ({', '.join(fields)})", f"name it {known}")
    if whole is not None:
        text = _text(where, whole, fields[whole])
    else:
        said = {name: _text(where, name, fields[name]) for name in sections}
        text = "\n".join(f"{name.upper()}: {words}" for name, words in said.items() if words.strip())
    name = next((name for name in _IDS if name in fields), None)
    return Row(where, text, None if name is None else _id(where, name, fields[name]))


def _text(where: str, field: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DataError(where, f"field `{field}` is {_kind(value)}, not text", "write the report in quotes")
    return value


def _id(where: str, field: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise DataError(
            where, f"field `{field}` is {_kind(value)}, not an id", "give a word or a whole number"
        )
    return str(value).strip()


def _kind(value: Any) -> str:
    match value:
        case None | "":
            return "empty"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case dict():
            return "a record"
        case _:
            return "blank" if isinstance(value, str) else "of another type"


def _checked(row: Row) -> Row:
    words = len(row.text.split())
    if words > MAX_WORDS:
        problem = f"has {words:,} words, more than {MAX_WORDS:,}"
        raise DataError(row.where, problem, "give one report for each study")
    return row


def _check_ids(path: Path, rows: Sequence[Row]) -> None:
    """Refuse ids that only some have, or that several share."""
    seen: dict[str, Row] = {}
    for row in rows:
        if (row.id is None) is not (rows[0].id is None):
            raise DataError(row.where, "has an id or lacks one, unlike the first", "give every report an id")
        if row.id is not None and row.id in seen:
            problem = f"repeats the id {row.id!r} of {seen[row.id].where.rpartition(', ')[2]}"
            raise DataError(row.where, problem, "give each report an id of its own")
        if row.id is not None:
            seen[row.id] = row
