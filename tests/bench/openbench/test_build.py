"""The whole bench, built from a small phantom cohort and, where they are there, from real films."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from hilum.bench.chexbench.tasks import BINARY, CHOICES, FINDINGS, GROUNDING, SUMMARY, TASKS, TEMPORAL, VIEW
from hilum.bench.openbench import build
from hilum.bench.openbench.blind import Asked, blind_choices, chance
from hilum.bench.openbench.candidates import Candidate
from hilum.bench.openbench.layout import rows
from hilum.errors import DataError, UsageError
from hilum.images import image_id, read_image
from hilum.instruct import split_of
from hilum.phantom import PhantomConfig, cohort
from hilum.reports import name_of
from hilum.sources import SourceSpec
from hilum.study import Finding, Presence, Split, parse_boxes

LIMIT = 700
OPTIONS = tuple(f"option_{i}" for i in range(4))
OWN = {"id", "patient"}
KEYS = {
    **{
        task: {"data_source", "slice", "image_path", "question", "answer", *OPTIONS} | OWN for task in CHOICES
    },
    GROUNDING: {"data_source", "slice", "image_path", "question", "answer"} | OWN,
    FINDINGS: {"data_source", "slice", "image_path", "section_indication", "section_findings"} | OWN,
    SUMMARY: {"data_source", "slice", "image_path", "section_findings", "section_impression"} | OWN,
}
"""CheXbench's keys, and our own two."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("openbench") / "bench"
    build(out, items=60, limit=LIMIT, size=64, workers=1, progress=False)
    return out


def data_of(folder: Path) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads((folder / "data.json").read_text())
    return found


def paths_of(item: dict[str, Any]) -> list[str]:
    shown = item["image_path"]
    return shown.split("|") if isinstance(shown, str) else shown


def options_of(item: dict[str, Any]) -> tuple[str, ...]:
    return tuple(item[key] for key in OPTIONS if item[key] is not None)


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".hilum.json"]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_layout_is_chexbenchs(bench: Path) -> None:
    data = data_of(bench)
    assert list(data) == list(TASKS)
    for task, items in data.items():
        assert items, task
        for item in items:
            assert set(item) == KEYS[task]
        assert len({item["id"] for item in items}) == len(items)


def test_choices_have_no_holes_and_a_right_option(bench: Path) -> None:
    data = data_of(bench)
    for task in CHOICES:
        for item in data[task]:
            options = options_of(item)
            assert [item[key] for key in OPTIONS][: len(options)] == list(options)
            assert 2 <= len(options) == len({option.casefold() for option in options})
            assert 0 <= item["answer"] < len(options)
            assert len(paths_of(item)) == (2 if task == TEMPORAL else 1)


def test_boxes_and_films_can_be_read_and_no_film_is_left_over(bench: Path) -> None:
    data = data_of(bench)
    for item in data[GROUNDING]:
        assert len(parse_boxes(item["answer"])) == 1
    shown = {path for items in data.values() for item in items for path in paths_of(item)}
    assert {path.name for path in (bench / "images").iterdir()} == shown
    assert read_image(bench / "images" / min(shown)).pixels.shape == (64, 64)


def test_only_patients_of_the_test_split_are_asked_about(bench: Path) -> None:
    patients = {item["patient"] for items in data_of(bench).values() for item in items}
    assert len(patients) > 20
    assert {split_of(patient) for patient in patients} == {Split.TEST}


def test_each_option_is_right_as_often_as_any_other_of_its_question(bench: Path) -> None:
    for items in (data_of(bench)[task] for task in CHOICES):
        right: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        places: dict[int, Counter[int]] = defaultdict(Counter)
        for item in items:
            options = options_of(item)
            right[item["question"], *sorted(options)][options[item["answer"]]] += 1
            places[len(options)][item["answer"]] += 1
        for (_, *offered), counts in right.items():
            assert len({counts[option] for option in offered}) == 1
        for number, counts in places.items():
            assert len({counts[place] for place in range(number)}) == 1


def test_no_blind_model_beats_chance(bench: Path) -> None:
    for task, items in data_of(bench).items():
        if task not in CHOICES:
            continue
        # From the file alone: halves by question and options, so that none tells of the other.
        sets = {key: n for n, key in enumerate(dict.fromkeys(map(_set_of, items)))}
        asked = [
            Asked(item["question"], options_of(item), item["answer"], sets[_set_of(item)], item["patient"])
            for item in items
        ]
        for name, estimate in blind_choices(asked).items():
            assert estimate.low is None or estimate.low <= chance(asked), (task, name)


def _set_of(item: dict[str, Any]) -> tuple[str, ...]:
    return (item["question"], *sorted(options_of(item)))


def test_the_card_tells_what_blind_models_reach(bench: Path) -> None:
    card = json.loads((bench / "card.json").read_text())
    assert card["sources"][0]["studies"] == LIMIT
    for task, about in card["tasks"].items():
        assert about["items"] == len(data_of(bench)[task]) == sum(about["sources"].values())
    for task in CHOICES:
        blind = dict(card["tasks"][task]["blind accuracy"])
        level = blind.pop("chance")
        assert all(value["low"] is None or value["low"] <= level for value in blind.values())
    assert card["tasks"][GROUNDING]["blind IoU"]["best box for each phrase"]["value"] < 0.4
    assert "test split" in card["leaks"]


def test_reports_are_normal_as_often_as_not(bench: Path) -> None:
    data = data_of(bench)
    for task in (FINDINGS, SUMMARY):
        kinds = Counter(item["slice"] for item in data[task])
        assert kinds["normal"] == kinds["abnormal"] > 0


def test_answers_are_the_phantoms_truth(bench: Path) -> None:
    drawn = cohort(LIMIT, config=PhantomConfig(size=64))
    patients = [drawn.visits(n)[-1].patient.id for n in range(LIMIT)]
    tested = [drawn[n] for n, patient in enumerate(patients) if split_of(patient) is Split.TEST]
    positions = {image_id(view.load()): view.position for study in tested for view in study.views}
    labels = {image_id(study.views[0].load()): study.labels for study in tested}
    data = data_of(bench)
    for item in data[VIEW]:
        right = positions[item["image_path"].removesuffix(".png")]
        assert options_of(item)[item["answer"]] == right.value
    named = {name_of(finding): finding for finding in Finding}
    for item in data[BINARY]:
        known = labels[item["image_path"].removesuffix(".png")][named[item["slice"]]]
        assert (options_of(item)[item["answer"]] == "Yes") is (known is Presence.PRESENT)


def test_the_same_input_gives_the_same_bytes_with_any_number_of_workers(tmp_path: Path) -> None:
    for name, workers in (("one", 1), ("two", 2)):
        build(tmp_path / name, items=20, limit=100, size=64, workers=workers, progress=False)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_an_id_does_not_depend_on_the_order_of_options_nor_on_the_seed() -> None:
    pair = tuple(
        Candidate(VIEW, "s", "", "", f"p{n}", "Which view?", (f"image{n}",), answer)
        for n, answer in enumerate(("PA", "AP"))
    )
    built = [rows(pair, seed) for seed in range(20)]
    assert len({tuple(row["option_0"] for row in items) for items in built}) > 1
    assert len({tuple(row["id"] for row in items) for items in built}) == 1
    assert built[0][0]["id"] != built[0][1]["id"]


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="items"):
        build(tmp_path / "out", items=1)
    with pytest.raises(UsageError, match="limit"):
        build(tmp_path / "out", limit=0)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "letter.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"letter\.txt"):
        build(tmp_path / "own", limit=20, size=64, progress=False)


def test_sources_that_give_no_question_are_an_error(data_root: Path, tmp_path: Path) -> None:
    spec = SourceSpec("hannover-covid", data_root / "hannover-covid")
    with pytest.raises(DataError, match="no question"):
        build(tmp_path / "out", [spec], limit=3, workers=1, progress=False)
    assert not (tmp_path / "out").exists()


def test_open_sources_are_asked_about_by_their_test_patients(data_root: Path, tmp_path: Path) -> None:
    names = ("hannover-covid", "vqa-rad", "open-i")
    specs = [SourceSpec(name, data_root / name) for name in names]
    card = build(tmp_path / "out", specs, items=30, size=128, workers=1, progress=False)
    data = data_of(tmp_path / "out")
    sources = {item["data_source"] for items in data.values() for item in items}
    assert sources == set(names)
    assert all(split_of(item["patient"]) is Split.TEST for items in data.values() for item in items)
    assert {item["slice"] for item in data[SUMMARY]} == {"normal", "abnormal"}
    assert not any(paths_of(item) for item in data[SUMMARY])
    assert all(source["failed"] is None for source in card["sources"])
