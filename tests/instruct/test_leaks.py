"""What two splits or two builds share is found and counted."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hilum.cli import main
from hilum.instruct import Shards, audit, build
from hilum.phantom import PhantomConfig, cohort
from hilum.sources import SourceSpec
from hilum.study import Pixels, Split

TRAIN, VAL, TEST = Split.TRAIN, Split.VAL, Split.TEST


@pytest.fixture(scope="module")
def films() -> list[Pixels]:
    config = PhantomConfig(size=96, followup=0.0)
    return [study.views[0].load() for study in cohort(6, seed=9, config=config)]


def windowed(pixels: Pixels) -> Pixels:
    return np.clip((pixels - 0.1) / 0.8, 0, 1) ** np.float32(1.3)


def shards(folder: Path, films: Mapping[str, tuple[Pixels, str, str]]) -> Shards:
    """A build of films by name, each with its patient and split."""
    source = folder / "films"
    source.mkdir(parents=True)
    with (source / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["image", "patient", "split"])
        for name, (pixels, patient, split) in films.items():
            Image.fromarray((pixels * 255).astype(np.uint8)).save(source / name)
            table.writerow([name, patient, split])
    specs = [SourceSpec("folder", source)]
    return build(specs, folder / "shards", size=96, workers=1, progress=False, copies=False)


def test_a_copy_in_another_split_is_found(films: list[Pixels], tmp_path: Path) -> None:
    made = shards(
        tmp_path,
        {
            "a.png": (films[0], "p0", "train"),
            "b.png": (films[1], "p1", "train"),
            "copy.png": (windowed(films[0]), "p9", "test"),
            "same-split.png": (windowed(films[1]), "p8", "train"),
            "c.png": (films[2], "p2", "val"),
        },
    )
    found = audit(made, progress=False)
    assert found.counts == {("copy", TRAIN, TEST): 1}
    [leak] = found.leaks
    assert leak.similarity > 0.95
    assert found.learned == 1
    assert found.images == (5, 5)


def test_two_builds_share_patients_images_and_copies(films: list[Pixels], tmp_path: Path) -> None:
    mine = shards(
        tmp_path / "one",
        {
            "a.png": (films[0], "p0", "train"),
            "b.png": (films[1], "p1", "train"),
            "t.png": (films[4], "p4", "test"),
        },
    )
    theirs = shards(
        tmp_path / "two",
        {
            "x.png": (films[0], "q0", "test"),
            "y.png": (windowed(films[1]), "q1", "test"),
            "z.png": (films[3], "p1", "val"),
            "t.png": (films[4], "q4", "test"),
        },
    )
    found = audit(mine, theirs, progress=False)
    assert found.counts == {
        ("image", TRAIN, TEST): 1,
        ("copy", TRAIN, TEST): 1,
        ("patient", TRAIN, VAL): 1,
        ("image", TEST, TEST): 1,
    }
    assert found.learned == 3


def test_the_command_ends_in_1_where_something_leaks(films: list[Pixels], tmp_path: Path, capsys) -> None:
    made = shards(tmp_path, {"a.png": (films[0], "p0", "train"), "b.png": (windowed(films[0]), "p1", "test")})
    assert main(["leaks", str(made.folder), "--json"]) == 1
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["counts"] == [{"kind": "copy", "one": "train", "other": "test", "count": 1}]
    assert "are both learned from and measured on" in captured.err
    clean = shards(
        tmp_path / "clean", {"a.png": (films[2], "p2", "train"), "b.png": (films[3], "p3", "test")}
    )
    assert main(["leaks", str(clean.folder), "--against", str(made.folder)]) == 0
    assert "nothing is shared" in capsys.readouterr().out
