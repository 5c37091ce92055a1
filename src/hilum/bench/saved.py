"""A result as it lies in a folder: who was measured, by what protocol, and what each answer scored.

result = read_result(Path("bench"))      # a folder that `hilum bench RUN --out bench` wrote
result.model, result.weights, len(result.items)
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from hilum.bench.intervals import Array, Bootstrap, Estimate, ratio
from hilum.bench.items import ItemScore, read_items
from hilum.bench.tasks import MEANINGS, UNRANKED
from hilum.errors import DataError, UsageError

HEAD = "report.json"
"""The file that tells the protocol."""

ASKED = ("command", "model", "weights", "adapter", "file_sha256", "split", "studies")
"""What of the protocol says who was asked what: a result may be replaced by one in which these are equal."""

Key = tuple[str, str, str]
"""Source, slice and id: by which the items of two results are paired."""


@dataclass(frozen=True)
class SavedResult:
    """One model's result.

    Args:
        name: of the folder it was read from, its last part.
        protocol: what `report.json` says of how it was measured.
        items: of each figure, under its key.
        versions: of each figure's definition.
        complete: whether all that was to be measured was; figures that are there are whole either way.
    """

    name: str
    protocol: Mapping[str, Any] = field(repr=False)
    items: Mapping[str, Mapping[Key, ItemScore]] = field(repr=False)
    versions: Mapping[str, int]
    complete: bool = True

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self.protocol.get("model") or self.name)

    @property
    def title(self) -> str:
        """The model's name, and whether its result is whole."""
        return self.model if self.complete else f"{self.model} (unfinished)"

    @property
    def weights(self) -> str:
        """The hash of its weights; empty where the protocol tells none."""
        return str(self.protocol.get("weights") or "")

    def head(self) -> dict[str, Any]:
        """What identifies it in a document."""
        known = {name: self.protocol.get(name) for name in ("seed", "command", "date", "versions")}
        named = {"result": self.name, "model": self.model, "weights": self.weights}
        return {**named, "complete": self.complete, **known}


def read_result(folder: Path) -> SavedResult:
    """Read a result's folder.

    Raises:
        DataError: `report.json` or `items.jsonl` is missing or damaged, or names a question twice.
    """
    head = _read(folder / HEAD)
    found = gathered(folder.resolve().name, head["protocol"], read_items(folder))
    return replace(found, complete=head.get("complete") is not False)


def _read(path: Path) -> dict[str, Any]:
    """The document that holds a result's protocol.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        json.dumps(document, ensure_ascii=False).encode()  # half a surrogate pair could not be written
        if isinstance(document["protocol"], dict):
            return dict(document)
    except OSError as error:
        raise DataError(
            path.parent, f"holds no {path.name}", "measure the model with --out FOLDER"
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError):
        pass  # said below, as of any other document
    raise DataError(path, "tells no protocol", "measure the model again")


def refuse_other(folder: Path, protocol: Mapping[str, Any], head: str = HEAD) -> None:
    """Refuse a folder that holds the result of another model, or of other questions.

    Args:
        protocol: of the result that is to be written there, as far as it is known.
        head: the file that tells the protocol.

    Raises:
        UsageError: writing would replace that result.
    """
    if not (folder / head).is_file():
        return
    try:
        held = _read(folder / head)["protocol"]
    except DataError:
        return  # no result that could be lost
    # As JSON gives them back.
    new = json.loads(json.dumps({key: protocol[key] for key in ASKED if key in protocol}))
    other = [key for key, value in new.items() if held.get(key) != value]
    if other:
        whose = f"{held.get('model') or 'another model'} (`{held.get('command') or 'no command told'}`)"
        words = ", ".join(other).replace("_", " ")
        problem = f"holds the results of {whose}, of which differ: {words}"
        raise UsageError(folder, problem, "choose another folder, or delete it if you do not need it")


def require_different(results: Sequence[SavedResult]) -> None:
    """Refuse a result that is given twice.

    Raises:
        UsageError: two have the same protocol, date and all, and the same items.
    """
    for number, result in enumerate(results):
        for other in results[:number]:
            if (result.protocol, result.items) == (other.protocol, other.items):
                raise UsageError(result.name, "is the same result as " + other.name, "name each result once")


def gathered(name: str, protocol: Mapping[str, Any], items: Sequence[ItemScore]) -> SavedResult:
    """Items by figure and key.

    Raises:
        DataError: a figure has two versions, a question is answered twice, or a score is outside its range.
    """
    found: dict[str, dict[Key, ItemScore]] = {}
    versions: dict[str, int] = {}
    for item in items:
        if versions.setdefault(item.figure, item.version) != item.version:
            raise DataError(name, f"holds two versions of {item.figure}", "measure the model again")
        key = (item.source, item.part, item.id)
        rows = found.setdefault(item.figure, {})
        if key in rows:
            raise DataError(name, f"answers {item.id} of {item.figure} twice", "measure the model again")
        if item.value is not None and _is_share(item.figure) and not 0 <= item.value <= 1:
            problem = f"scores {item.id} of {item.figure} {item.value:g}, outside 0 to 1"
            raise DataError(name, problem, "measure the model again")
        rows[key] = item
    return SavedResult(name, protocol, found, versions)


def _is_share(figure: str) -> bool:
    """Whether an answer's score in it is known to lie between 0 and 1, as in all of Hilum's but length."""
    return figure.startswith("chexbench/") or (figure in MEANINGS and figure not in UNRANKED)


@dataclass(frozen=True)
class Sums:
    """One side's scores as a ratio of sums: of a mean values over ones, of an F1 2 right over all counted.

    Args:
        over: numerators, (N,).
        under: denominators, (N,).
    """

    over: Array
    under: Array

    @classmethod
    def of(cls, items: Sequence[ItemScore]) -> Sums:
        """Of items that are all scored, and all in the same way."""
        rows = [
            (item.value, 1.0)
            if item.counts is None
            else (2 * item.counts[0], 2 * item.counts[0] + item.counts[1] + item.counts[2])
            for item in items
        ]
        table = np.array(rows, dtype=np.float64).reshape(-1, 2)
        return cls(table[:, 0], table[:, 1])

    @property
    def is_mean(self) -> bool:
        """Whether each item counts once."""
        return bool((self.under == 1).all())

    def statistic(self, weights_RN: Array) -> Array:
        """The figure in each resample, (R,)."""
        return ratio(weights_RN, self.over, self.under)

    def estimate(self, boot: Bootstrap) -> Estimate:
        """The figure with its interval."""
        return (
            boot.mean(self.over)
            if self.is_mean
            else boot.estimate(self.statistic, share=True, on=self.under > 0)
        )


def scored(item: ItemScore) -> bool:
    """Whether it counts."""
    return item.value is not None or item.counts is not None
