"""COVIDx CXR in its published layout: a dozen made-up films."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sources.helpers import picture


def films(folder: Path, name: str, lines: Sequence[str]) -> Path:
    """Patient, file, class, source; a picture for each."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines))
    for line in lines:
        picture(folder / name / line.split()[-3])
    return folder


def write_covidx(folder: Path, count: int = 14) -> Path:
    kinds = ("positive", "negative")
    lines = [f"{n} p{n}.png {kinds[n % 2]} {('sirm', 'rsna')[n % 2]}" for n in range(count)]
    films(folder, "train", lines)
    return films(folder, "test", ["S901 t1.png positive bimcv", "t2 t2.png negative rnsa"])
