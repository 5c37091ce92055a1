"""A build puts patients of whom copies of one film are there on one side, and says what it moved."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hilum.images import fit
from hilum.images.duplicates import CELLS
from hilum.instruct import Shards, audit, build
from hilum.instruct.copies import copies_of, gather, signature_batch
from hilum.phantom import PhantomConfig, cohort
from hilum.sources import SourceSpec
from hilum.study import Pixels, Split, Task

COPIED = 9
"""Films that both sources have."""


@pytest.fixture(scope="module")
def films() -> list[Pixels]:
    config = PhantomConfig(size=192, followup=0.0)
    return [study.views[0].load() for study in cohort(24, seed=7, config=config)]


def smaller(pixels: Pixels) -> Pixels:
    return fit(pixels, 120)


def compressed(pixels: Pixels) -> Pixels:
    file = io.BytesIO()
    picture(pixels).save(file, "JPEG", quality=50)
    return np.asarray(Image.open(file), np.float32) / 255


def windowed(pixels: Pixels) -> Pixels:
    return np.clip((pixels - 0.08) / 0.84, 0, 1) ** np.float32(1.3)


def picture(pixels: Pixels) -> Image.Image:
    return Image.fromarray((pixels * 255).astype(np.uint8))


def write_tested(folder: Path, films: list[Pixels]) -> SourceSpec:
    """A source whose published split tests on every film."""
    folder.mkdir(parents=True)
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["image", "patient", "split"])
        for number, film in enumerate(films):
            picture(film).save(folder / f"film{number}.png")
            table.writerow([f"film{number}.png", f"p{number}", "test"])
    return SourceSpec("folder", folder)


def write_asked(folder: Path, films: list[Pixels]) -> SourceSpec:
    """VQA-RAD with films of its own and copies of the first ones, each asked about in both question files."""
    (folder / "images").mkdir(parents=True)
    rows: dict[str, list[dict[str, str]]] = {"trainset": [], "testset": []}
    for number, film in enumerate(films):
        name = f"synpic{number}.png"
        made = (smaller, compressed, windowed)[number % 3](film) if number < COPIED else film
        picture(made).save(folder / "images" / name)
        for part, question in (("trainset", "Is there an effusion?"), ("testset", "Any effusion here?")):
            row = {"image_name": name, "image_organ": "CHEST", "question": question}
            rows[part].append({**row, "answer": "No", "answer_type": "CLOSED"})
    for part, asked in rows.items():
        (folder / f"{part}.json").write_text(json.dumps(asked))
    return SourceSpec("vqa-rad", folder)


@pytest.fixture(scope="module")
def specs(films: list[Pixels], tmp_path_factory) -> list[SourceSpec]:
    folder = tmp_path_factory.mktemp("sources")
    tested = write_tested(folder / "tested", films[:COPIED])
    return [tested, write_asked(folder / "asked", films)]


def made(specs: list[SourceSpec], out: Path, **fields) -> Shards:
    return build(specs, out, **({"size": 96, "workers": 1, "progress": False} | fields))


@pytest.fixture(scope="module")
def guarded(specs: list[SourceSpec], tmp_path_factory) -> Shards:
    return made(specs, tmp_path_factory.mktemp("guarded") / "out")


@pytest.fixture(scope="module")
def unguarded(specs: list[SourceSpec], tmp_path_factory) -> Shards:
    return made(specs, tmp_path_factory.mktemp("unguarded") / "out", copies=False)


def splits_of(shards: Shards) -> dict[str, Split]:
    return {record.id: split for split in Split for record in shards.records(split)}


def card(shards: Shards) -> dict:
    return json.loads((shards.folder / "card.json").read_text())["leak_guard"]


def test_copies_go_to_the_side_of_the_published_test_set(guarded: Shards, unguarded: Shards) -> None:
    copied = [f"vqa-rad/synpic{number}" for number in range(COPIED)]
    assert {splits_of(guarded)[study] for study in copied} == {Split.TEST}
    assert Split.TRAIN in {splits_of(unguarded)[study] for study in copied}
    assert audit(guarded, progress=False).learned == 0
    assert audit(unguarded, progress=False).learned > 0


def test_films_without_a_copy_stay_where_they_were(guarded: Shards, unguarded: Shards) -> None:
    own = [f"vqa-rad/synpic{number}" for number in range(COPIED, 24)]
    assert [splits_of(guarded)[study] for study in own] == [splits_of(unguarded)[study] for study in own]


def test_a_reworded_question_follows_its_image(guarded: Shards) -> None:
    asked = {
        (said.study, message.parts[-1].text)
        for said in guarded.conversations(Split.TEST, tasks=[Task.VQA_CLOSED])
        for message in said.messages[0::2]
    }
    for number in range(COPIED):
        questions = {text for study, text in asked if study == f"vqa-rad/synpic{number}"}
        assert len(questions) == 2


def test_the_card_says_what_was_moved_and_what_was_in_train_before(guarded: Shards, unguarded: Shards):
    found, before = card(guarded), splits_of(unguarded)
    copied = {f"vqa-rad/synpic{number}" for number in range(COPIED)}
    moved = {study for study in copied if before[study] is not Split.TEST}
    assert found["compared"] == COPIED + 24
    assert found["copies"] == COPIED
    patient, pixels, copy = found["moved"]
    assert (patient["studies"], pixels["studies"]) == (0, 0)
    assert copy["studies"] == len(moved)
    assert {example["study"] for example in copy["examples"]} == moved
    for example in copy["examples"]:
        assert (example["from"], example["to"]) == (before[example["study"]].value, "test")
        assert example["with"].startswith("folder/")
    learned = [study for study in moved if before[study] is Split.TRAIN]
    [overlap] = found["test_images_in_train"]
    assert overlap == {
        "source": "folder",
        "test_images": COPIED,
        "same_pixels": 0,
        "copies": len(learned),
    }
    text = (guarded.folder / "README.md").read_text()
    assert f"{len(learned)} of {COPIED} test images of folder were in train too" in text
    assert all(study in text for study in moved)
    assert f"{24} of {24} images of the published test questions" in text


def test_a_build_that_looks_for_no_copies_says_so(unguarded: Shards) -> None:
    assert (card(unguarded)["compared"], card(unguarded)["copies"]) == (None, None)
    assert "copies of films were not looked for" in (unguarded.folder / "README.md").read_text()


def test_two_workers_write_the_same_bytes(guarded: Shards, specs: list[SourceSpec], tmp_path: Path) -> None:
    again = made(specs, tmp_path / "out", workers=2)
    for path in guarded.folder.rglob("*"):
        if path.is_file():
            assert (again.folder / path.relative_to(guarded.folder)).read_bytes() == path.read_bytes()


def test_computed_films_are_not_compared(shards: Shards) -> None:
    assert (card(shards)["compared"], card(shards)["copies"]) == (0, 0)


def test_each_image_is_compared_once_and_only_where_a_study_shows_it() -> None:
    rng = np.random.default_rng(0)
    rows = [rng.integers(-127, 128, CELLS**2).astype(np.int8) for _ in range(3)]
    names = [f"{k:016x}" for k in (5, 7, 9)]
    first = signature_batch({names[2]: rows[2], names[0]: rows[0]})
    second = signature_batch({names[0]: rows[0], names[1]: rows[1]})
    keys, signatures = gather([first, second, signature_batch({})], np.array([5, 9]))
    assert keys.tolist() == [9, 5]
    assert np.array_equal(signatures, [rows[2], rows[0]])
    [(one, other)] = copies_of(np.array([3, 4, 8]), np.stack([rows[0], rows[1], rows[0]]))
    assert (one.tolist(), other.tolist()) == ([3], [8])
    assert list(copies_of(*gather([], np.zeros(0, np.int64)))) == []
