"""Saved results made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from hilum.bench.items import ItemScore, write_items
from hilum.bench.saved import SavedResult, gathered

PROTOCOL = {
    "split": "test",
    "studies": {"phantom": 100},
    "seed": 0,
    "versions": {"hilum": "0.1.0", "torch": "2"},
    "trained_on": {"phantom": 900},
    "base_model": [],
    "seen": "trained on studies: 900 of phantom",
    "notice": "research only",
}


def right_or_wrong(share: float, count: int, seed: object) -> list[float]:
    """Answers of independent patients."""
    rng = np.random.default_rng(seed)  # type: ignore[arg-type]
    return (rng.random(count) < share).astype(float).tolist()


def scores(figure: str, values, version: int = 1) -> list[ItemScore]:
    return [ItemScore(figure, version, f"q{i}", f"p{i}", "phantom", value=v) for i, v in enumerate(values)]


def model(name: str, items, **protocol) -> SavedResult:
    head = {"model": name, "weights": f"w-{name}", **PROTOCOL, **protocol}
    return gathered(f"of-{name}", head, items)


def folder(path: Path, name: str, items, **protocol) -> Path:
    """The same in a folder."""
    path.mkdir(parents=True)
    head = {"model": name, "weights": f"w-{name}", **PROTOCOL, **protocol}
    (path / "report.json").write_text(json.dumps({"protocol": head}))
    write_items(path / "items.jsonl", items)
    return path
