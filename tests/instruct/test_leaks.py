"""What two splits or two builds share is found and counted."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hilum.cli import main
from hilum.instruct import Shards, audit, build, leaks
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


def doubled(folder: Path, films: list[Pixels]) -> Shards:
    """A build whose studies and images of train stand in val and test too, as no build of ours has them."""
    given = {f"{n}.png": (films[n], f"p{n // 2}", "train") for n in range(3)}
    made = shards(folder, given)
    for table in ("studies", "images"):
        for split in ("val", "test"):
            train = made.folder / table / "train-00000.parquet"
            shutil.copy(train, train.with_name(f"{split}-00000.parquet"))
    return Shards(made.folder)


def test_a_patient_of_several_splits_is_one_leak_for_each_further_split(
    films: list[Pixels], tmp_path: Path, monkeypatch
) -> None:
    made = doubled(tmp_path, films)
    found = audit(made, progress=False)
    pairs = [(TRAIN, VAL), (TRAIN, TEST)]
    assert found.counts == {
        **{("patient", *pair): 2 for pair in pairs},
        **{("image", *pair): 3 for pair in (*pairs, (VAL, TEST))},
    }
    assert found.learned == 2 * (2 + 3)
    assert found.images == (9, 9)
    kinds = [(leak.kind, leak.one.id == leak.other.id, leak.similarity) for leak in found.leaks]
    assert kinds == [("patient", True, 1.0)] * 4 + [("image", True, 1.0)] * 9
    document = found.to_json()
    assert document["images"] == [9, 9]
    assert document["counts"][0] == {"kind": "image", "one": "train", "other": "test", "count": 3}
    assert [count["kind"] for count in document["counts"]] == ["image"] * 3 + ["patient"] * 2
    patient = document["leaks"][0]
    assert patient == {
        "kind": "patient",
        "one": {"id": patient["one"]["id"], "source": "folder", "split": "train"},
        "other": {"id": patient["one"]["id"], "source": "folder", "split": "val"},
        "similarity": 1.0,
    }
    monkeypatch.setattr(leaks, "KEPT", 2)
    few = audit(made, progress=False)
    assert (few.counts, few.leaks) == (found.counts, found.leaks[:2]), "the others are only counted"


def test_films_are_copies_from_the_threshold_on(films: list[Pixels], tmp_path: Path) -> None:
    pair = {"a.png": (films[0], "p0", "train"), "b.png": (windowed(films[0]), "p1", "test")}
    made = shards(tmp_path, pair)
    [leak] = audit(made, progress=False).leaks
    assert leak.similarity == round(leak.similarity, 4) < 1
    assert audit(made, threshold=leak.similarity - 0.001, progress=False).leaks == [leak]
    assert not audit(made, threshold=leak.similarity + 0.001, progress=False).leaks
