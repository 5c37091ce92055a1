"""A build is the same bytes for the same seed, whole or not there at all, and no bad source stops it."""

from __future__ import annotations

import base64
import csv
import json
import re
import sys
from collections import Counter
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image

from hilum.errors import DataError, UsageError
from hilum.files import atomic_folder
from hilum.images import write_png
from hilum.instruct import Shards, build, summary
from hilum.instruct.compile import IngestedSource
from hilum.instruct.parts import remove_parts
from hilum.instruct.streams import CHUNK
from hilum.sources import SOURCES, Source, SourceSpec
from hilum.study import Question, Split, Task
from instruct.conftest import SIZE, STUDIES
from instruct.helpers import Film, study, view

PHANTOM = SourceSpec("phantom")
REPORT = "The heart is enlarged. No pleural effusion."
HOSTILE = "<script>alert('x')</script> The heart is normal in size & the lungs are clear."


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def write_folder(folder: Path, rows: list[dict[str, str]]) -> SourceSpec:
    """A `folder` source; every row that names an image not ending in "bad.png" gets a picture."""
    folder.mkdir(parents=True)
    for number, row in enumerate(rows):
        if row["image"].endswith("bad.png"):
            (folder / row["image"]).write_text("this is no picture")
        else:
            write_png(folder / row["image"], Film(number, (50, 60))())
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["image", "patient", "view", "report", "labels", "boxes"])
        writer.writeheader()
        writer.writerows(rows)
    return SourceSpec("folder", folder)


def row(number: int, **fields: str) -> dict[str, str]:
    given = {"image": f"{number}.png", "patient": f"p{number}", "view": "PA", "report": REPORT}
    return {"labels": "Cardiomegaly", "boxes": "", **given, **fields}


def make(specs, out, **fields) -> Shards:
    return build(specs, out, **({"size": 48, "workers": 1, "progress": False} | fields))


def test_two_workers_write_the_same_bytes_as_one(shards: Shards, tmp_path):
    again = build([PHANTOM], tmp_path / "d", size=SIZE, limit=STUDIES, workers=2, progress=False)
    assert contents(again.folder) == contents(shards.folder)


def test_two_workers_find_the_same_problems_in_the_same_order(tmp_path):
    rows = [row(k, image=f"{k}bad.png" if k % 7 == 0 else f"{k}.png") for k in range(60)]
    spec = write_folder(tmp_path / "in", rows)
    for number in range(5, 60, 9):
        (tmp_path / "in" / rows[number]["image"]).unlink()
    one, two = (make([spec, PHANTOM], tmp_path / str(n), limit=60, workers=n) for n in (1, 2))
    assert contents(one.folder) == contents(two.folder)


def test_an_image_is_stored_once_also_when_its_first_study_is_left_out(tmp_path, monkeypatch):
    def read(_):
        for k in range(2 * CHUNK):
            questions = () if k else (Question("\ud800?", "yes", True),)
            views = (view(str(k), Film(k % CHUNK)),)
            yield replace(study(f"s{k}", f"p{k}", views=views, questions=questions), source="again")

    monkeypatch.setitem(SOURCES, "again", Source("again", "made up", "none", "free", "none", read, True))
    shards = make([SourceSpec("again")], tmp_path / "out")
    ids = [image for split in Split for image in shards.image_ids(split)]
    assert len(ids) == len(set(ids)) == CHUNK


def test_another_seed_writes_other_studies(shards: Shards, tmp_path):
    other = make([PHANTOM], tmp_path / "d", size=SIZE, limit=4, seed=1)
    ids = {r.id for split in Split for r in other.records(split)}
    assert not ids & {r.id for split in Split for r in shards.records(split)}


def test_no_patient_study_or_image_is_in_two_splits(shards: Shards):
    for name in ("patients", "studies", "images"):
        seen: Counter[str] = Counter()
        for split in Split:
            own = set(shards.image_ids(split))
            if name != "images":
                own = {r.patient if name == "patients" else r.id for r in shards.records(split)}
            seen.update(own)
        assert set(seen.values()) == {1}


def test_images_shown_and_drawn_are_those_of_the_split(shards: Shards):
    for split in Split:
        ids = set(shards.image_ids(split))
        assert all({*c.images_in, *c.images_out} <= ids for c in shards.conversations(split))


def test_the_card_counts_what_the_shards_hold(shards: Shards):
    card = json.loads((shards.folder / "card.json").read_text())
    for split in Split:
        records, said = list(shards.records(split)), list(shards.conversations(split))
        assert card["splits"][split.value] == {
            "patients": len({r.patient for r in records}),
            "studies": len(records),
            "images": len(shards.image_ids(split)),
            "conversations": len(said),
        }
        counted = {(c["source"], c["task"]): c for c in card["counts"] if c["split"] == split.value}
        assert {k: c["conversations"] for k, c in counted.items()} == Counter(
            (c.source, c.task.value) for c in said
        )
        assert sum(c["questions"] for c in counted.values()) == sum(len(c.messages) // 2 for c in said)
    assert card["sources"][0]["studies"] == STUDIES
    assert (card["size"], card["seed"], card["limit"]) == (SIZE, 0, STUDIES)
    assert card["views"] == shards.views == 3


def test_the_card_for_people_says_terms_and_counts(shards: Shards):
    text = (shards.folder / "README.md").read_text()
    train = sum(1 for _ in shards.conversations(Split.TRAIN, tasks=[Task.FINDINGS]))
    assert f"| phantom | findings_generation | {train} |" in text
    assert "as Hilum itself" in text
    assert "seed 0; a report is asked for with at most 3 views." in text


@pytest.mark.parametrize("table", ["conversations", "studies", "images"])
def test_datasets_opens_the_shards(shards: Shards, table, tmp_path):
    opened = datasets.load_dataset(str(shards.folder), table, cache_dir=str(tmp_path))
    assert {s.value for s in Split} == set(opened)
    first = opened["train"][0]
    if table == "conversations":
        (said, *_) = shards.conversations(Split.TRAIN)
        plain = [
            {
                "role": m["role"],
                "content": [{k: p[k] for k in ("type", "text", "id") if p[k]} for p in m["content"]],
            }
            for m in first["messages"]
        ]
        chat = said.to_chat()
        for message in plain:
            for part in message["content"]:
                part["type"] = "text" if part["type"] == "box" else part["type"]
        assert plain == chat
    elif table == "images":
        assert first["image"].size == (SIZE, SIZE)
        assert first["id"] == shards.image_ids(Split.TRAIN)[0]
        raw = opened["train"].cast_column("image", datasets.Image(decode=False))[0]
        assert raw["image"]["path"] == f"{first['id']}.png"
    else:
        assert first["id"] == next(shards.records(Split.TRAIN)).id


def test_datasets_opens_the_folder_itself_without_the_splits_that_are_empty(tmp_path):
    spec = write_folder(tmp_path / "in", [row(i, patient="one") for i in range(4)])
    shards = make([spec], tmp_path / "out")
    (split,) = [s for s in Split if any(shards.records(s))]
    opened = datasets.load_dataset(str(shards.folder), cache_dir=str(tmp_path / "cache"))
    assert list(opened) == [split.value]
    assert [r["id"] for r in opened[split.value]] == [c.id for c in shards.conversations(split)]
    document = json.loads((shards.folder / "card.json").read_text())
    empty = [s.value for s in Split if s is not split]
    assert [w.split(":")[0] for w in document["warnings"]] == [f"no study is in {name}" for name in empty]
    assert all(warning in (shards.folder / "README.md").read_text() for warning in document["warnings"])


def test_the_card_says_what_was_read_and_what_was_not(tmp_path):
    spec = write_folder(tmp_path / "in", [row(i, report="", patient="") for i in range(3)])
    text = (spec.path / "metadata.csv").read_text()
    (spec.path / "metadata.csv").write_text(text.replace("boxes", "Ward"))
    write_png(spec.path / "unnamed.png", Film(9)())
    document = json.loads((make([spec], tmp_path / "out").folder / "card.json").read_text())
    (source,) = document["sources"]
    assert source["notes"] == [
        "metadata.csv: reads image = image; patient = patient; view = view; report = report; "
        "labels = labels; does not read Ward",
        "1 images that no row of metadata.csv names are not read",
    ]
    assert "row 1 names no patient" in document["warnings"][0]
    assert summary(document)[0] == f"folder: {source['notes'][0]}"
    assert summary(document)[-1] == f"warning: {document['warnings'][-1]}"


@pytest.mark.parametrize(("kinds", "more"), [(8, []), (9, ["folder: and 1 more kinds of problem"])])
def test_of_many_kinds_of_problem_the_first_are_listed_and_the_others_counted(kinds, more):
    problems = {f"kind {i}": i + 1 for i in range(kinds)}
    document = {
        "sources": [{"name": "folder", "notes": [], "problems": problems}],
        "splits": {},
        "warnings": [],
    }
    lines = summary(document)
    assert lines[:8] == [f"folder: {i + 1} × kind {i}" for i in range(8)]
    assert lines[8:] == more


def test_what_breaks_off_a_build_leaves_its_parts_and_nothing_else(tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["hilum.instruct.compile"], "write_gallery", stopped)
    with atomic_folder(tmp_path / "old") as folder:
        (folder / "card.md").write_text("an earlier build's")
    before = contents(tmp_path)
    for name in ("new", "old"):
        with pytest.raises(KeyboardInterrupt):
            make([PHANTOM], tmp_path / name, size=96, limit=2)
        remove_parts(tmp_path / f"{name}.parts")
    assert contents(tmp_path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["old"]


def test_a_build_that_is_stopped_before_its_first_part_goes_on(tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(IngestedSource, "add", stopped)  # workers have written parts of which nobody knows
        with pytest.raises(KeyboardInterrupt):
            make([PHANTOM], tmp_path / "out", size=96, limit=2)
    assert (tmp_path / "out.parts" / "parts.json").is_file()
    assert make([PHANTOM], tmp_path / "out", size=96, limit=2).patients(Split.TRAIN)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_the_root_of_all_folders_is_refused_as_an_output():
    with pytest.raises(UsageError, match=r"^/: holds "):
        make([PHANTOM], Path("/"), size=96, limit=2)


def test_a_bad_row_is_counted_listed_and_left_out(tmp_path):
    rows = [
        row(0),
        row(1, image="bad.png"),
        row(2, report="Das Herz ist normal und die Lunge ist frei."),
        row(3),
    ]
    shards = make([write_folder(tmp_path / "in", rows)], tmp_path / "out")
    assert sum(1 for split in Split for _ in shards.records(split)) == 3
    lines = [json.loads(line) for line in (shards.folder / "problems.jsonl").read_text().splitlines()]
    assert sorted(Path(line["thing"]).name for line in lines) == sorted(
        ["bad.png", lines[1]["thing"].split("/")[-1]]
    )
    assert all(line["source"] == "folder" and line["problem"] and line["remedy"] for line in lines)
    card = json.loads((shards.folder / "card.json").read_text())
    assert sum(card["problems"].values()) == len(lines) == 2


def test_patients_with_the_same_image_share_a_split(tmp_path):
    rows = [row(i) for i in range(12)]
    spec = write_folder(tmp_path / "in", rows)
    same = Film(99, (50, 60))()
    for number in range(12):
        write_png(tmp_path / "in" / f"{number}.png", same)
    shards = make([spec], tmp_path / "out")
    assert [len(shards.image_ids(split)) for split in Split] in ([1, 0, 0], [0, 1, 0], [0, 0, 1])
    assert sum(1 for split in Split if list(shards.records(split))) == 1
    assert json.loads((shards.folder / "card.json").read_text())["moved_patients"] > 0


def test_two_folders_of_one_source_are_one_entry_of_the_card(tmp_path):
    rows = [[row(i) for i in some] for some in (range(4), range(4, 9))]
    specs = [write_folder(tmp_path / name, own) for name, own in zip("ab", rows, strict=True)]
    shards = make(specs, tmp_path / "out")
    (source,) = json.loads((shards.folder / "card.json").read_text())["sources"]
    assert (source["studies"], source["patients"]) == (9, 9)
    assert source["images"] == sum(len(shards.image_ids(split)) for split in Split)


def test_the_gallery_escapes_every_text_and_needs_nothing_from_outside(tmp_path):
    boxes = json.dumps([{"box": [0.3, 0.3, 0.6, 0.6], "phrase": "<b>mass</b>", "finding": "Mass"}])
    rows = [row(i, report=HOSTILE, boxes=boxes) for i in range(3)]
    shards = make([write_folder(tmp_path / "in", rows)], tmp_path / "out")
    page = (shards.folder / "gallery.html").read_text()
    assert "<script" not in page
    assert "<b>mass" not in page
    assert "&lt;script&gt;" in page
    assert "&lt;b&gt;mass" in page
    assert page.count("<rect") >= 3
    assert "http" not in page
    assert "data:image/png;base64," in page


def test_the_gallery_numbers_boxes_and_shows_no_token_of_the_model(tmp_path):
    one = {"box": [0.3, 0.3, 0.6, 0.6], "phrase": "round mass", "finding": "Mass"}
    two = {"box": [0.1, 0.1, 0.2, 0.2], "phrase": "small nodule", "finding": "Nodule"}
    spec = write_folder(tmp_path / "in", [row(0, boxes=json.dumps([one, two]), labels="Mass|Nodule")])
    page = (make([spec], tmp_path / "out").folder / "gallery.html").read_text()
    numbered = re.findall(r"<title>(.*?)</title></rect>\s*<text .*?>(\d+)</text>", page)
    assert numbered == [("round mass", "1"), ("small nodule", "2")]
    assert re.findall(r'<li value="(\d+)">(.*?)</li>', page) == [("1", "round mass"), ("2", "small nodule")]
    (url,) = re.findall(r'href="data:image/png;base64,([^"]+)"', page)
    assert Image.open(BytesIO(base64.b64decode(url, validate=True))).size == (58, 48)
    assert "[box 1]" in page
    assert "[box 2]" in page
    assert "&lt;|" not in page


def test_films_of_which_nothing_is_known_give_a_warning(tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(3):
        write_png(tmp_path / "in" / f"{number}.png", Film(number)())
    shards = make([SourceSpec("folder", tmp_path / "in")], tmp_path / "out")
    warnings = json.loads((shards.folder / "card.json").read_text())["warnings"]
    assert any(warning.startswith("there is no conversation: nothing is known") for warning in warnings)


def test_damaged_films_are_told_in_the_same_words_every_time(tmp_path):
    spec = write_folder(tmp_path / "in", [row(0), row(1), row(2)])
    for name in ("0.png", "1.png"):
        (tmp_path / "in" / name).write_bytes(b"\xff\xd8\xffjunk")
    shards = make([spec], tmp_path / "out")
    assert json.loads((shards.folder / "card.json").read_text())["problems"] == {
        "cannot be read (no whole PNG or JPEG)": 2
    }


def test_a_missing_source_is_reported_when_there_are_others(tmp_path):
    missing = SourceSpec("nih-chestxray14", tmp_path / "nowhere")
    shards = make([missing, write_folder(tmp_path / "in", [row(i) for i in range(3)])], tmp_path / "out")
    card = json.loads((shards.folder / "card.json").read_text())
    assert [s["name"] for s in card["sources"] if s["failed"]] == ["nih-chestxray14"]
    assert "nowhere" in (shards.folder / "problems.jsonl").read_text()
    assert "It broke off" in (shards.folder / "README.md").read_text()


def test_a_missing_source_is_an_error_when_there_is_no_other(tmp_path):
    (tmp_path / "empty").mkdir()
    for specs in (
        [SourceSpec("nih-chestxray14", tmp_path / "empty")],
        [SourceSpec("vqa-rad", tmp_path / "no")] * 2,
    ):
        with pytest.raises(DataError, match=r"Data_Entry_2017_v2020\.csv: is missing|no: does not exist"):
            make(specs, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_source_without_one_readable_study_is_an_error(tmp_path):
    spec = write_folder(tmp_path / "in", [row(0, image="bad.png")])
    with pytest.raises(DataError, match=r"no study could be read; first: .*bad\.png"):
        make([spec], tmp_path / "out")


@pytest.mark.parametrize(
    ("fields", "thing"),
    [
        ({"size": 0}, "size"),
        ({"limit": 0}, "limit"),
        ({"workers": 0}, "workers"),
        ({"views": -1}, "views"),
    ],
)
def test_numbers_out_of_range_are_refused(tmp_path, fields, thing):
    with pytest.raises(UsageError, match=f"{thing}: is {fields[thing]}"):
        make([PHANTOM], tmp_path / "out", **fields)
    with pytest.raises(UsageError, match="none is given"):
        make([], tmp_path / "out")
    with pytest.raises(UsageError, match="is no known source"):
        make([SourceSpec("nhi"), PHANTOM], tmp_path / "out")


def test_the_least_of_every_number_is_enough(tmp_path):
    shards = make([PHANTOM], tmp_path / "out", size=1, limit=1, views=0)
    (study,) = [r for split in Split for r in shards.records(split)]
    assert shards.views == 0
    assert {shards.pixels(image).shape for image in study.image_ids} == {(1, 1)}


@pytest.mark.data
def test_real_sources_build_side_by_side(data_root, tmp_path):
    names = ("nih-chestxray14", "open-i", "vqa-rad")
    specs = [SourceSpec(name, data_root / name) for name in names]
    shards = make(specs, tmp_path / "out", limit=12)
    said = [c for split in Split for c in shards.conversations(split)]
    tasks = {name: {c.task for c in said if c.source == name} for name in names}
    assert {Task.VIEW, Task.BINARY, Task.VQA_CLOSED} <= tasks["nih-chestxray14"]
    assert tasks["open-i"] == {Task.SUMMARIZE, Task.TEXT}
    assert tasks["vqa-rad"] == {Task.VQA_CLOSED, Task.VQA_OPEN}
    assert all(np.ptp(shards.pixels(image)) > 0.2 for image in shards.image_ids(Split.TRAIN)[:5])
