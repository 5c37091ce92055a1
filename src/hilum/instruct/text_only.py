"""Instructions of others without an image, from a file in the form of databricks-dolly-15k.

dolly = TextOnly.named("databricks-dolly-15k.jsonl")        # or TextOnly.named("general")
for conversation in dolly.conversations(problems): ...

A row has `instruction`, `response`, and where they are there `context` and `category`; it becomes a
conversation of one question and one answer. Rows are streamed, of JSON lines as of Parquet, however many.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hilum.errors import DataError
from hilum.files import Problems
from hilum.study import Conversation, Message, Split, Task, Text

GENERAL = "general"
"""The name of the instructions that Hilum brings."""
SOURCE = "text-only"
"""The source of these conversations, which no study has."""

_NEEDED = ("instruction", "response")
_LOOKED_AT = 1000
"""Rows by whose fields a file without a usable row is told from another kind of table."""
_CONTROL = re.compile(r"<\|[^<>|\s]+\|>")
"""What is a control token in Hilum's vocabularies, and in many others."""


@dataclass(frozen=True)
class TextOnlyCount:
    """What a file holds.

    Args:
        conversations: rows that can be learned from, unless a model is too short for them.
        left_out: rows that cannot.
        problems: the first of those, each with its file and row.
    """

    file: str
    conversations: int
    left_out: int
    problems: tuple[str, ...]

    def line(self) -> str:
        """The same for people."""
        left = f", {self.left_out:,} rows left out; the first: {self.problems[0]}" if self.problems else ""
        return f"{self.file}: {self.conversations:,} conversations{left}"


@dataclass(frozen=True)
class TextOnly:
    """A file of instructions.

    Args:
        path: JSON lines in UTF-8, or Parquet if it is called so.
    """

    path: Path

    @classmethod
    def named(cls, name: str) -> TextOnly:
        """The file of that path, or, called `general`, the one that Hilum brings.

        Raises:
            DataError: there is no such file, it cannot be read, or no row of it can be learned from.
        """
        found = cls(general("train") if name == GENERAL else Path(name))
        problems = Problems()
        if next(found.conversations(problems), None) is None:
            found._refuse(problems)
        return found

    @property
    def digest(self) -> str:
        """Of the content, as hex digits."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def conversations(
        self, problems: Problems, control: re.Pattern[str] | None = None
    ) -> Iterator[Conversation]:
        """The rows as conversations of the training split; one that is broken is noted and left out.

        Args:
            control: what a model would read as a control token, beside those that Hilum knows.

        Raises:
            DataError: the file cannot be read, here or further down.
        """
        for number, row in self._rows():
            thing = f"{self.path.name}, row {number}"
            texts = {} if row is None else {name: _text(row, name) for name in (*_NEEDED, "context")}
            if problem := _problem(row, texts, control):
                problems.add(DataError(thing, problem, "it is left out"))
                continue
            asked = "\n\n".join(text for text in (texts["instruction"], texts["context"]) if text)
            turns = (
                Message("user", (Text(asked),)),
                Message("assistant", (Text(str(texts["response"])),)),
            )
            yield Conversation(thing, "", "", SOURCE, Task.TEXT, Split.TRAIN, turns)

    def count(self) -> TextOnlyCount:
        """Look at every row."""
        problems = Problems()
        total = sum(1 for _ in self.conversations(problems))
        return TextOnlyCount(str(self.path), total, len(problems), tuple(map(str, problems.kept)))

    def _rows(self) -> Iterator[tuple[int, Mapping[str, Any] | None]]:
        """Rows by number from 1, a line's own where they are lines; None for what is no row."""
        if not self.path.is_file():
            problem = "is no file" if self.path.exists() else "does not exist"
            raise DataError(self.path, problem, f"check the path, or write {GENERAL} for Hilum's own")
        try:
            yield from (self._parquet() if self.path.suffix.lower() == ".parquet" else self._lines())
        except (OSError, pa.ArrowException) as error:
            said = getattr(error, "strerror", None) or type(error).__name__
            raise DataError(self.path, f"cannot be read ({said})", "check it, or write it again") from error

    def _lines(self) -> Iterator[tuple[int, Mapping[str, Any] | None]]:
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, _object(line.removeprefix(b"\xef\xbb\xbf"))

    def _parquet(self) -> Iterator[tuple[int, Mapping[str, Any] | None]]:
        with pq.ParquetFile(self.path) as file:
            names = file.schema_arrow.names
            self._require(names)
            number = 0
            wanted = [name for name in (*_NEEDED, "context") if name in names]
            for batch in file.iter_batches(1024, columns=wanted):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row

    def _require(self, names: list[str]) -> None:
        for name in _NEEDED:
            if name not in names:
                remedy = f"it has: {', '.join(names) or 'nothing'}; rename the one that is meant"
                raise DataError(self.path, f"lacks the column {name!r}", remedy)

    def _refuse(self, problems: Problems) -> None:
        """Say why no row of the file can be learned from."""
        rows = [row for _, row in islice(self._rows(), _LOOKED_AT) if row is not None]
        if rows:
            self._require(list(dict.fromkeys(name for row in rows for name in row)))
        first = f"; first: {problems.kept[0]}" if problems else ""
        remedy = "write one JSON object per line, with instruction and response"
        raise DataError(self.path, f"holds no instruction that can be learned from{first}", remedy)


def general(part: str) -> Path:
    """The file of Hilum's own instructions that training (`train`) or measuring (`test`) reads."""
    return Path(str(files("hilum.instruct") / f"general_{part}.jsonl"))


def _object(line: bytes) -> Mapping[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _text(row: Mapping[str, Any], name: str) -> str | None:
    """A field without blanks around it, "" where it is missing; None where it is no text."""
    value = row.get(name)
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else None


def _problem(
    row: Mapping[str, Any] | None, texts: Mapping[str, str | None], control: re.Pattern[str] | None
) -> str:
    """What is wrong with a row; "" for one that is sound."""
    if row is None:
        return "is not a JSON object"
    for name, text in texts.items():
        if text is None:
            return f"its {name} is no text"
        if not text and name in _NEEDED:
            return f"has no {name}"
        if _CONTROL.search(text) or (control is not None and control.search(text)):
            return f"its {name} holds a control token"
        if not _is_unicode(text):
            return f"its {name} holds text that is not Unicode"
    return ""


def _is_unicode(text: str) -> bool:
    """Whether it can be encoded at all: half a surrogate pair, which JSON can escape, is none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
