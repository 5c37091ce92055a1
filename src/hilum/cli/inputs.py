"""What a person hands to a command, checked before any work starts.

read_lines(Path("references.txt"))          # one report per line
checked_report("Small left effusion.", "report")
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from hilum.cli.screen import complain
from hilum.errors import DataError, UsageError
from hilum.study import Task

if TYPE_CHECKING:
    from hilum.images import Radiograph
    from hilum.sources import SourceSpec

MAX_WORDS = 5000
"""Longer than any report of one study; what is longer is a file of many reports, or no report."""


def at_least(option: str, value: int | None, least: int = 1) -> None:
    """Refuse a number that makes no sense before the work starts.

    Raises:
        UsageError: `value` is given and below `least`.
    """
    if value is not None and value < least:
        raise UsageError(option, f"is {value}", f"give {least} or more")


def at_most(option: str, value: int, most: int) -> None:
    """Refuse a number that would fill the memory or the disk before the work starts.

    Raises:
        UsageError: `value` is above `most`.
    """
    if value > most:
        raise UsageError(option, f"is {value:,}", f"give {most:,} or less; call again for more")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The beginning of a remedy when a known word is close to a mistyped one; else nothing."""
    near = get_close_matches(word.lower(), list(known), n=1)
    return f"did you mean {near[0]}? " if near else ""


def tasks(words: Sequence[str]) -> list[Task]:
    """Read task names.

    Raises:
        UsageError: an unknown one (the known ones are listed).
    """
    known = [str(task) for task in Task]
    for word in words:
        if word not in known:
            remedy = f"{did_you_mean(word, known)}choose from {', '.join(known)}"
            raise UsageError(word or "--task", "is not a task", remedy)
    return [Task(word) for word in words]


def checked_report(text: str, name: str) -> str:
    """A report's text as given, or from standard input when it is "-".

    Raises:
        DataError: it is empty, longer than `MAX_WORDS` or not in English.
    """
    from hilum.reports import is_english

    if text == "-":
        text = sys.stdin.buffer.read().decode("utf-8", errors="replace")
    words = len(text.split())
    if not words:
        raise DataError(name, "is empty", "give the text of a report")
    if words > MAX_WORDS:
        raise DataError(name, f"has {words:,} words, more than {MAX_WORDS:,}", "give the report of one study")
    if not is_english(text):
        raise DataError(name, "is not in English", "give an English report: no other language is read yet")
    return text


def read_lines(path: Path) -> list[str]:
    """One report per line; a blank line is an empty report.

    Raises:
        DataError: the file is not UTF-8 text, or holds nothing.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(path, f"is not UTF-8 text (byte {error.start})", "save it as UTF-8") from error
    lines = [line.rstrip("\r") for line in text.removesuffix("\n").split("\n")]
    if not any(line.strip() for line in lines):
        raise DataError(path, "holds no report", "write one report per line")
    for number, line in enumerate(lines, start=1):
        words = len(line.split())
        if words > MAX_WORDS:
            problem = f"has {words:,} words, more than {MAX_WORDS:,}"
            raise DataError(f"{path}, line {number}", problem, "write one report per line")
    return lines


def new_folder(path: Path, marker: str) -> Path:
    """Refuse to write over a folder that holds something other than an earlier run of the same command.

    Args:
        path: the folder to be written.
        marker: a file that every such run writes.

    Raises:
        UsageError: the folder holds other files, or is a file.
    """
    if path.exists() and not path.is_dir():
        raise UsageError(path, "is a file", "name a folder with --out")
    if path.is_dir() and any(path.iterdir()) and not (path / marker).is_file():
        raise UsageError(
            path, "holds other files, which would be lost", "name a new or empty folder with --out"
        )
    return path.resolve()


def new_picture(path: Path) -> None:
    """Refuse a path that no PNG can be written to, before anything is computed for it.

    Raises:
        UsageError: it does not end in .png, or is a folder.
    """
    if path.suffix.lower() != ".png":
        raise UsageError(path, "does not end in .png", "pictures are written as PNG: rename it")
    if path.is_dir():
        raise UsageError(path, "is a folder", "name a file in it")


def sources(words: Sequence[str]) -> list[SourceSpec]:
    """Read `NAME[=PATH]` words.

    Raises:
        UsageError: an unknown name (the known ones are listed).
        DataError: a path that is not there.
    """
    from hilum.sources import parse_source

    specs = [parse_source(word) for word in words]
    for spec in specs:
        if spec.path is not None and not spec.path.exists():
            raise DataError(spec.path, "does not exist", f"check the path given for source {spec.name}")
    return specs


def images(paths: Sequence[Path], *, force: bool = False) -> list[Radiograph]:
    """Read the images of one study, and say what was done to them; see `hilum.images.read_image`."""
    from hilum.images import read_image

    radiographs = [read_image(path, force=force) for path in paths]
    for path, radiograph in zip(paths, radiographs, strict=True):
        for note in radiograph.notes:
            complain(f"hilum: note: {path}: {note}")
    return radiographs
