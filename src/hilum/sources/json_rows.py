"""Rows of JSON files: a list of objects, or one object a line; what is no object is counted and left out.

for where, row in json_list(folder / "train.json", problems): ...      # "train.json, item 12"
for where, row in json_lines(folder / "dev.jsonl", problems): ...      # "dev.jsonl, line 3"
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.base import text_lines

Row = dict[str, Any]

_BETWEEN = re.compile(r"[\s,]*")
_DECODER = json.JSONDecoder()


def words_of(value: object) -> str:
    """A field as text: numbers are written out, blanks at the ends and runs of blanks go; else nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return " ".join(str(value).split())


def json_value(path: Path) -> Any:
    """What a file holds, whatever it is.

    Raises:
        DataError: it is missing, or no JSON.
    """
    try:
        return json.loads("".join(text_lines(path)))
    except (ValueError, RecursionError) as error:
        raise DataError(path, f"is not a JSON file ({error})", "download it again") from error


def json_document(path: Path) -> Row:
    """A file that holds one object.

    Raises:
        DataError: it is missing, or no such file.
    """
    document = json_value(path)
    if not isinstance(document, dict):
        raise DataError(path, "is not a JSON object", "download it again")
    return document


def json_list(path: Path, problems: Problems) -> Iterator[tuple[str, Row]]:
    """The objects of a list, each with what it is called in errors, decoded one at a time.

    The text is held as a whole, the objects, which take several times as much, are not.

    Raises:
        DataError: it is missing, or no list.
    """
    text = "".join(text_lines(path))
    at, number = _after(text, 0), 0
    if text[at : at + 1] != "[":
        raise DataError(path, "is not a JSON list", "download it again")
    at = _after(text, at + 1)
    while text[at : at + 1] != "]":
        number += 1
        where = f"{path.name}, item {number}"
        try:
            row, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise DataError(where, "is not JSON; the file is broken", "download it again") from error
        if isinstance(row, dict):
            yield where, row
        else:
            problems.add(DataError(where, "is not an object", "it is left out"))
        at = _after(text, end)


def _after(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def json_lines(path: Path, problems: Problems) -> Iterator[tuple[str, Row]]:
    """The objects of a file of one a line, each with what it is called in errors; blank lines do not count.

    Raises:
        DataError: it is missing or no text.
    """
    for number, row in objects_in(text_lines(path)):
        where = f"{path.name}, line {number}"
        if row is not None:
            yield where, row
        else:
            problems.add(DataError(where, "is not a JSON object", "it is left out"))


def objects_in(lines: Iterable[str]) -> Iterator[tuple[int, Row | None]]:
    """The number and object of each line, from 1; None for one that is none. Blank lines are passed over."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        yield number, row if isinstance(row, dict) else None
