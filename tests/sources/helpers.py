"""Tiny made-up folders in the layouts of the public datasets."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hilum.files import Problems
from hilum.sources import SourceSpec, open_source
from hilum.study import Study


def picture(path: Path, width: int = 8, height: int = 8) -> Path:
    """A picture unlike any of another path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(list(path.name.encode()))
    Image.fromarray(noise.integers(0, 255, (height, width), np.uint8)).save(path)
    return path


def table(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns or list(dict.fromkeys(key for row in rows for key in row)))
        writer.writeheader()
        writer.writerows(rows)
    return path


def lines(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(name: str, folder: Path | None, **options: Any) -> tuple[list[Study], Problems]:
    """All studies of a source, and what was skipped."""
    problems = Problems()
    return list(open_source(SourceSpec(name, folder), problems, **options)), problems


def said(problems: Problems) -> list[str]:
    return [str(problem) for problem in problems.kept]
