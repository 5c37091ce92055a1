"""What a person hands to a command, checked before any work starts.

checked_report("Small left effusion.", "report")
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hilum.cli.screen import complain
from hilum.errors import DataError, UsageError, did_you_mean
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


def apart(out: Path, run_folder: Path, specs: Sequence[SourceSpec]) -> None:
    """Refuse to write results into the run or into a source.

    Raises:
        UsageError: `out` is, holds or lies in one of them.
    """
    from hilum.files import refuse_overlap

    if out.resolve() == run_folder.resolve():
        raise UsageError(out, "is the run itself", "name another --out")
    refuse_overlap(out, [run_folder, *(spec.path for spec in specs if spec.path is not None)])


def given_again(
    command: str, sources: Sequence[str], tasks: Sequence[str], options: Mapping[str, object]
) -> str:
    """A command as it could be given again; a source's path stays on this machine.

    Args:
        options: by name; None is one that was not given.
    """
    words = [command, *(f"--source {source.partition('=')[0]}" for source in sources)]
    words += [f"--task {task}" for task in tasks]
    words += [f"--{name} {value}" for name, value in options.items() if value is not None]
    return " ".join(words)


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
        DataError: it holds no word, is longer than `MAX_WORDS` or not in English.
    """
    from hilum.reports import is_english

    if text == "-":
        text = sys.stdin.buffer.read().decode("utf-8", errors="replace")
    words = len(text.split())
    if not words:
        raise DataError(name, "is empty", "give the text of a report")
    if not any(map(str.isalpha, text)):
        raise DataError(name, "holds no word", "give the text of a report")
    if words > MAX_WORDS:
        raise DataError(name, f"has {words:,} words, more than {MAX_WORDS:,}", "give the report of one study")
    if not is_english(text):
        raise DataError(name, "is not in English", "give an English report: no other language is read yet")
    return text


def new_picture(path: Path, inputs: Sequence[Path]) -> None:
    """Refuse a path that no PNG can or may be written to, before anything is computed for it.

    Args:
        inputs: what the command reads, which a picture must not replace or get into.

    Raises:
        UsageError: it does not end in .png, is a folder, a file that Hilum did not write, or an input.
    """
    from hilum.files import refuse_overlap, require_ours

    if path.suffix.lower() != ".png":
        raise UsageError(path, "does not end in .png", "pictures are written as PNG: rename it")
    if path.is_dir():
        raise UsageError(path, "is a folder", "name a file in it")
    refuse_overlap(path, inputs)
    require_ours(path)


def sources(words: Sequence[str], maps: Sequence[str] = ()) -> list[SourceSpec]:
    """Read `NAME[=PATH]` words.

    Args:
        maps: `FIELD=COLUMN` words, for every source that is a folder.

    Raises:
        UsageError: an unknown name (the known ones are listed), or a map that none of the sources can use.
        DataError: a path that is not there.
    """
    from hilum.sources import parse_source

    pairs = tuple((field.strip(), column.strip()) for field, _, column in (m.partition("=") for m in maps))
    for (field, column), word in zip(pairs, maps, strict=True):
        if not field or not column:
            raise UsageError(f"--map {word}", "is no FIELD=COLUMN", "write for example --map patient=Code")
    specs = [parse_source(word) for word in words]
    specs = [replace(spec, columns=pairs) if spec.name == "folder" else spec for spec in specs]
    if pairs and not any(spec.columns for spec in specs):
        raise UsageError("--map", "is given, but no source is a folder", "it is for --source folder=PATH")
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
