"""A file of JSON lines that grows as films are worked through, and that a killed run goes on with.

with Lines(Path("reports.jsonl"), "hilum report", "id", {"weights": "0f3c…"}) as lines:
    if not lines.has(study.id, read := stamp(paths)):
        lines.add([{"id": study.id, "read": read, "findings": "…"}])

Each line says who wrote it, by which weights and from which files. A line with `error` failed, and is tried
again, and so is one whose files are others now; the later line of a film holds.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from hilum.errors import UsageError
from hilum.model.model import now


def stamp(paths: Iterable[str | Path], *said: str) -> str:
    """What changes where files do: twelve hex digits of their paths, sizes and times of change.

    Args:
        said: what else the answer is made from, such as the indication in a table.
    """
    files = [(str(path), *_size_and_time(path)) for path in (Path(given).absolute() for given in paths)]
    return hashlib.sha256(json.dumps([files, *said]).encode()).hexdigest()[:12]


def _size_and_time(path: Path) -> tuple[int, ...]:
    """Nothing of a file that is not there: whoever reads it says so."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_size, status.st_mtime_ns


class _Line(NamedTuple):
    """The line that holds of a film: its number, why it failed, and what it was made from."""

    number: int
    error: str | None
    read: str | None


class Lines:
    """The lines written so far, and new ones behind them, whole or not at all.

    Args:
        path: the JSON Lines file; it is made where there is none.
        made_by: the command that writes it.
        key: the field that tells films apart.
        provenance: stands in every line; a file is of one value of its `weights`.

    Raises, when it is entered:
        UsageError: somebody else's file, one of other weights, or one that another process is writing.
    """

    def __init__(self, path: Path, made_by: str, key: str, provenance: Mapping[str, str]) -> None:
        self.path, self.key, self.made_by, self.provenance = path, key, made_by, provenance
        self._last: dict[str, _Line] = {}
        self._count = 0
        # A line that was cut short is ours if it begins so, and else somebody's own.
        self._beginning = json.dumps({"made_by": made_by, key: ""})[:-3].encode()

    def __enter__(self) -> Lines:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._file.truncate(self._read())
        except BlockingIOError as error:
            self._file.close()
            raise UsageError(self.path, "is being written by another process", "wait for its end") from error
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def has(self, name: str, read: str) -> bool:
        """Whether a film is done: it did not fail, and its files are those with this `stamp`."""
        last = self._last.get(name)
        return last is not None and last.error is None and last.read == read

    def is_of_others(self, name: str, read: str) -> bool:
        """Whether the answer under a film's name was made from other files."""
        last = self._last.get(name)
        return last is not None and last.error is None and last.read != read

    def _read(self) -> int:
        """Note what is done; the bytes of the whole lines, without one that a kill cut short.

        What is no beginning of a line of ours is somebody's own and refused: cut off, it would be lost.
        """
        self._file.seek(0)
        end = 0
        for number, line in enumerate(self._file, start=1):
            if not line.endswith(b"\n"):
                if line[: len(self._beginning)] != self._beginning[: len(line)]:
                    self._refuse(number)
                break
            self._note(line, number)
            end += len(line)
        return end

    def _note(self, line: bytes, number: int) -> None:
        try:
            row = json.loads(line)
            identifier, weights = str(row[self.key]), row["weights"]
        except (ValueError, TypeError, KeyError, RecursionError):
            self._refuse(number)
        if weights != self.provenance["weights"]:
            problem = f"holds what other weights made ({weights})"
            raise UsageError(self.path, problem, "name another file with --out")
        self._last[identifier] = _Line(number, row.get("error"), row.get("read"))
        self._count = number

    def _refuse(self, number: int) -> None:
        problem = f"line {number} is none that `{self.made_by}` wrote"
        raise UsageError(self.path, problem, "name another file with --out")

    def add(self, lines: Iterable[dict[str, Any]]) -> None:
        """Write lines in one piece, dated; a failure that stands there already is not repeated."""
        fresh = [line for line in lines if self._is_new(line)]
        made = [{"made_by": self.made_by, **line, **self.provenance, "date": now()} for line in fresh]
        texts = (json.dumps(line, ensure_ascii=False, allow_nan=False) for line in made)
        # A path that is not UTF-8 holds halves of characters, which JSON can only write as escapes.
        self._file.write("".join(text + "\n" for text in texts).encode(errors="backslashreplace"))
        self._file.flush()
        os.fsync(self._file.fileno())
        for line in fresh:
            self._count += 1
            self._last[line[self.key]] = _Line(self._count, line.get("error"), line.get("read"))

    def _is_new(self, line: Mapping[str, Any]) -> bool:
        last = self._last.get(line[self.key])
        return "error" not in line or last is None or last.error != line["error"]

    def rows(self) -> Iterator[dict[str, Any]]:
        """What holds of each film, in the order in which it was written, read a line at a time."""
        self._file.seek(0)
        for number, line in enumerate(self._file, start=1):
            row = json.loads(line)
            if self._last[row[self.key]].number == number:
                yield row
