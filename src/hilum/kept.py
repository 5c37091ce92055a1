"""Answers that cost something, kept in a file of JSON lines, so that none is paid twice.

kept = Kept(Path("answers.jsonl"))
if key not in kept:
    kept.add({key: answer})        # on the disk when this returns

Lines are appended, under a lock, so that several threads and processes may add. A last line that a killed
writer left unfinished is dropped.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hilum.errors import DataError, UsageError
from hilum.files import MARK, is_marked, require_ours

_HEAD = (json.dumps({"file": MARK}) + "\n").encode()


class Kept:
    """What JSON can hold, by key.

    Args:
        path: the file; it is made when something is first added.

    Raises:
        UsageError: a folder stands there, or a file that Hilum did not write.
        DataError: a line of it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        if self.path.is_dir():
            raise UsageError(self.path, "is a folder", "name a file")
        require_ours(self.path, ours=_is_ours)
        self._known = _read(self.path)

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def __getitem__(self, key: str) -> Any:
        return self._known[key]

    def add(self, rows: Mapping[str, Any]) -> None:
        """Write rows to the file.

        Raises:
            UsageError: the file cannot be written.
        """
        if rows:
            _append(self.path, rows)
            self._known.update(rows)


def _is_ours(path: Path) -> bool:
    """Whether Hilum wrote a file, if no more of it than a part of its first line."""
    return is_marked(path) or (path.stat().st_size < len(_HEAD) and _HEAD.startswith(path.read_bytes()))


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    known = {}
    lines = path.read_bytes().split(b"\n")[:-1]  # what stands after the last line's end was never finished
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            if "file" not in row:
                known[row["key"]] = row["given"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                path, f"line {number} is no stored answer", "delete the file, or the line"
            ) from error
    return known


def _append(path: Path, rows: Mapping[str, Any]) -> None:
    """Add lines at the end; what a killed writer left unfinished there goes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"key": key, "given": given}, ensure_ascii=False) for key, given in rows.items()]
    try:
        with path.open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            _drop_torn(file)
            if file.seek(0, os.SEEK_END) == 0:
                file.write(_HEAD)
            file.write("".join(f"{line}\n" for line in lines).encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:  # closing the file tries again to write what found no room
        raise UsageError(path, f"cannot be written ({error.strerror})", "make room there") from error


def _drop_torn(file: Any) -> None:
    end = file.seek(0, os.SEEK_END)
    back = min(end, 1 << 20)
    while end:
        file.seek(end - back)
        cut = file.read(back).rfind(b"\n")
        if cut >= 0 or back == end:
            file.truncate(end - back + cut + 1)
            return
        back = min(end, 2 * back)
