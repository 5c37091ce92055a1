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
    """Write them, one JSON object a line, below a line that says whose file it is."""
    lines = (json.dumps(asdict(item), ensure_ascii=False) for item in items)
    write_text(path, "".join(f"{line}\n" for line in (json.dumps({"file": MARK}), *lines)))


def read_items(folder: Path) -> list[ItemScore]:
    """The items of a result's folder, or of the file itself.

    Raises:
        DataError: there is no such file, or a line of it is not an item.
    """
    path = folder / NAME if folder.is_dir() else folder
    if not path.is_file():
        raise DataError(folder, f"holds no {NAME}", "measure the model with --out FOLDER")
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n")[:-1], start=1):
        if number == 1 and MARK in line:
            continue
        try:
            row = json.loads(line)
            counts = row.pop("counts", None)
            found.append(ItemScore(**row, counts=None if counts is None else tuple(counts)))
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(path, f"line {number} is not a scored item", "measure the model again") from error
    return found
