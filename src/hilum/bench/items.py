"""What every answer scored, one line an item, so that two results can be compared pair by pair.

write_items(Path("bench/items.jsonl"), items)
before, after = read_items(Path("a")), read_items(Path("b"))
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hilum.errors import DataError
from hilum.files import MARK, write_text
from hilum.model.answer import SYNTHETIC

NAME = "items.jsonl"
"""The file's name in the folder of a result."""

MOST = 1e9
"""No score or count of one item is larger; sums and squares of larger ones lose the others."""

_AGAIN = "measure the model again"


@dataclass(frozen=True)
class ItemScore:
    """What one answer scored in one figure.

    Args:
        figure: the name of the figure, such as `vqa_closed`, and `version` of its definition: items of two
            versions are not comparable.
        id: the question, the same in every result that asked it.
        patient: whose it is, over all sources (see `pseudonym`): items of one patient are drawn together.
            Where patients are not known, what the questions of one film have in common.
        source: the source it is from, and `part` the slice of it, where there is one.
        value: its score; None for an answer that cannot be scored, which counts for nothing.
        counts: right, wrong and missed, for a figure that is an F1 of sums; `value` is then None.
    """

    figure: str
    version: int
    id: str
    patient: str
    source: str = ""
    part: str = ""
    value: float | None = None
    counts: tuple[float, float, float] | None = None


def pseudonym(source: str, name: str) -> str:
    """What stands for a patient's or a question's name in a result that may be handed on.

    The same name gives the same words in every result, so that results made elsewhere can be paired.
    Synthetic patients keep their names. A hash hides a name from whoever reads it; who holds the list of all
    names can still find each one's hash.
    """
    if source in SYNTHETIC:
        return name
    return hashlib.sha256(f"{source}\0{name}".encode()).hexdigest()[:20]


def digest(told: Sequence[Any]) -> str:
    """16 hexadecimal digits that stand for what is told, which JSON can hold: equal where that is."""
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()[:16]


def write_items(path: Path, items: Iterable[ItemScore]) -> None:
    """Write them, one JSON object a line, below a line that says whose file it is and how many there are."""
    lines = [json.dumps(asdict(item), ensure_ascii=False, allow_nan=False) for item in items]
    head = json.dumps({"file": MARK, "items": len(lines)})
    write_text(path, "".join(f"{line}\n" for line in (head, *lines)))


def read_items(folder: Path) -> list[ItemScore]:
    """The items of a result's folder, or of the file itself.

    Raises:
        DataError: there is no such file, a line of it is not an item, or lines are missing.
    """
    path = folder / NAME if folder.is_dir() else folder
    if not path.is_file():
        raise DataError(folder, f"holds no {NAME}", "measure the model with --out FOLDER")
    try:
        head, *lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(path, f"is not UTF-8 text (byte {error.start})", _AGAIN) from error
    expected = _count(path, head)
    found = [_read(path, number, line) for number, line in enumerate(lines, start=2)]
    if len(found) != expected:
        raise DataError(path, f"holds {len(found):,} of {expected:,} items", _AGAIN)
    return found


def _count(path: Path, head: str) -> int:
    """How many items the first line says there are."""
    try:
        told = json.loads(head)
        if told["file"] == MARK and type(told["items"]) is int:
            return int(told["items"])
    except (ValueError, KeyError, TypeError, RecursionError):
        pass  # said below, as of any other first line
    raise DataError(path, "line 1 does not say how many items follow", _AGAIN)


def _read(path: Path, number: int, line: str) -> ItemScore:
    try:
        row = json.loads(line)
        value, counts = row.pop("value"), row.pop("counts")
        item = ItemScore(
            **row,
            value=None if value is None else _number(value),
            counts=None if counts is None else _counts(counts),
        )
        json.dumps(row, ensure_ascii=False).encode()  # half a surrogate pair could not be written
        texts = (item.figure, item.id, item.patient, item.source, item.part)
        if type(item.version) is not int or not all(isinstance(text, str) for text in texts):
            raise TypeError("a field is of another type")
        if value is not None and counts is not None:
            raise ValueError("it is scored in two ways")
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise DataError(path, f"line {number} is not a scored item", _AGAIN) from error
    return item


def _counts(given: Iterable[object]) -> tuple[float, float, float]:
    right, wrong, missed = map(_number, given)
    if min(right, wrong, missed) < 0:
        raise ValueError("a count is below 0")
    return right, wrong, missed


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MOST:
        raise ValueError("is no finite number that a score may be")
    return float(value)
