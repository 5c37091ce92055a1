"""Which studies the gallery shows, and how it writes what is said of them."""

from __future__ import annotations

import base64
import re
from collections import Counter
from dataclasses import replace
from io import BytesIO
from types import SimpleNamespace

import numpy as np
from PIL import Image

from hilum.instruct import gallery
from hilum.instruct.gallery import Choice, Exhibit
from hilum.instruct.records import RegionRecord, study_batch
from hilum.instruct.rows import conversation_batch
from hilum.instruct.task_chunks import TaskResult
from hilum.study import (
    BoxPart,
    Conversation,
    Fact,
    Finding,
    ImageIn,
    ImageOut,
    Message,
    Position,
    Split,
    Task,
    Text,
)
from instruct.helpers import EFFUSION, record


def conversation(study: str, task: Task) -> Conversation:
    words = (Message("user", (Text("What?"),)), Message("assistant", (Text("That."),)))
    return Conversation(f"{study}/{task.value}", study, "p", "folder", task, Split.TRAIN, words)


def written(*exhibits: Exhibit) -> TaskResult:
    said = [c for exhibit in exhibits for c in exhibit.conversations]
    return TaskResult(
        studies={Split.TRAIN: study_batch([exhibit.record for exhibit in exhibits])},
        conversations={Split.TRAIN: conversation_batch(said)},
        counts=Counter(),
        turns=Counter(),
        about=Counter(),
        shown={},
        labels=Counter(),
    )


def shown(choice: Choice) -> list[str]:
    return [exhibit.record.id for exhibit in choice.exhibits]


def test_studies_of_which_most_is_known_come_first():
    tasks = list(Task)
    few = Exhibit(record("few", EFFUSION), (conversation("few", tasks[0]),) * 3)
    many = Exhibit(record("many", EFFUSION), tuple(conversation("many", task) for task in tasks[:3]))
    no_report = Exhibit(record("no report", EFFUSION, report=None), ())
    no_box = Exhibit(record("no box"), ())
    no_image = Exhibit(record("no image", EFFUSION, image_ids=(), positions=()), ())
    choice = Choice("folder")
    choice.offer(written(no_image, no_box, no_report, few, many))
    assert shown(choice) == ["many", "few", "no report", "no box", "no image"]


def test_beyond_eight_tasks_more_say_no_more():
    tasks = list(Task)
    eight, ten = (
        Exhibit(record(f"{n} tasks"), tuple(conversation(f"{n} tasks", task) for task in tasks[:n]))
        for n in (8, 10)
    )
    choice = Choice("folder")
    choice.offer(written(eight, ten))
    assert shown(choice) == ["8 tasks", "10 tasks"]


def test_the_best_of_several_chapters_are_shown_and_no_more_than_fit():
    choice = Choice("folder")
    for chunk in range(4):
        plain = [Exhibit(record(f"{chunk}-{i}"), ()) for i in range(4)]
        choice.offer(written(*plain, Exhibit(record(f"{chunk} boxed", Fact(Finding.MASS)), ())))
    assert shown(choice) == [f"{chunk} boxed" for chunk in range(4)] + ["0-0", "0-1"]


def test_after_the_first_studies_of_a_source_no_other_is_looked_at():
    choice = Choice("folder", offered=gallery.OFFERED)
    choice.offer(written(Exhibit(record("late"), ())))
    assert not choice.exhibits


def test_a_box_that_is_no_region_is_told_by_its_corners():
    message = Message("assistant", (BoxPart((0.123, 0.25, 0.5, 0.75)),))
    assert gallery._said(message, record("s")) == "[box from 12 %, 25 % to 50 %, 75 %]"


def test_a_box_of_a_region_is_told_by_the_number_it_is_drawn_with():
    study = record("s", EFFUSION, Fact(Finding.MASS))
    last = replace(study.regions[1], box=(0.1, 0.1, 0.2, 0.2))
    study = replace(study, regions=(study.regions[0], last))
    assert gallery._said(Message("assistant", (BoxPart(last.box),)), study) == "[box 2]"


def test_a_tile_is_a_small_picture_and_its_height_is_told_in_percent_of_its_width():
    film = np.zeros((800, 400), np.float32)
    url, height = gallery._tile("a", SimpleNamespace(pixels=lambda image: film))
    assert height == 200
    with Image.open(BytesIO(base64.b64decode(url.removeprefix("data:image/png;base64,")))) as picture:
        assert picture.height == 2 * picture.width
        assert picture.width < 400


def test_of_a_chunk_that_goes_beyond_the_first_studies_the_others_are_not_looked_at(monkeypatch):
    monkeypatch.setattr(gallery, "OFFERED", 3)
    choice = Choice("folder")
    choice.offer(written(Exhibit(record("a"), ()), Exhibit(record("b"), ())))
    later = written(Exhibit(record("c"), ()), Exhibit(record("d", EFFUSION), ()))
    more = replace(later, studies=dict.fromkeys(Split, later.studies[Split.TRAIN]))
    choice.offer(replace(more, conversations=dict.fromkeys(Split, later.conversations[Split.TRAIN])))
    assert (shown(choice), choice.offered) == (["a", "b", "c"], 3)


def test_a_study_is_shown_with_its_pictures_boxes_and_questions_in_the_order_of_tasks(tmp_path):
    scar = RegionRecord(1, None, "", (0.1, 0.125, 0.35, 0.5))
    nodule = RegionRecord(0, Finding.NODULE, "", (0.2, 0.2, 0.6, 0.4))
    mass = RegionRecord(1, Finding.MASS, "the <mass>", (0.5, 0.5, 0.75, 0.7501))
    study = record(
        "s",
        image_ids=("frontal", "lateral"),
        positions=(Position.AP, Position.LATERAL),
        prior_image_ids=("before",),
        prior_positions=(Position.PA,),
        regions=(scar, nodule, mass),
        split=Split.TRAIN,
    )
    turns = (
        Message(
            "user",
            (ImageIn("before", Position.PA, prior=True), ImageIn("frontal"), Text("What is"), Text("new?")),
        ),
        Message("assistant", (Text("Two:"), BoxPart(mass.box), BoxPart((0.004, 0.006, 0.5, 1.0)))),
        Message("user", (Text("And then?"),)),
        Message("assistant", (ImageOut("frontal"),)),
    )
    about = ("s", "p", "folder")
    change = Conversation("s/c", *about, Task.PROGRESSION, Split.TRAIN, turns)
    many = [Conversation(f"s/{n}", *about, Task.VQA_OPEN, Split.TRAIN, turns[2:]) for n in range(13)]
    first = Conversation("s/f", *about, Task.FINDINGS, Split.TRAIN, turns[2:])
    films = {"frontal": (300, 600), "lateral": (100, 80), "before": (50, 50)}
    shards = SimpleNamespace(pixels=lambda image: np.zeros(films[image], np.float32))
    choices = [Choice("folder", 1, [Exhibit(study, (change, *many, first))]), Choice("empty")]
    card = {"made_by": "hilum 0", "seed": 7, "size": 300}
    gallery.write_gallery(tmp_path / "gallery.html", choices, shards, card)
    page = (tmp_path / "gallery.html").read_text(encoding="utf-8")

    assert re.findall(r"<h2>(.*?)</h2>", page) == ["folder", "empty"]
    assert page.count("No study of this source could be read.") == 1
    assert re.findall(r'viewBox="0 0 100 (.*?)" role="img" aria-label="(.*?)"', page) == [
        ("50.0", "AP"),
        ("125.0", "LATERAL"),
        ("100.0", "the study before"),
    ]
    drawn = r'<rect x="(.*?)%" y="(.*?)%" width="(.*?)%" height="(.*?)%"><title>(.*?)</title></rect>\s*'
    assert re.findall(drawn + r"<text .*?>(\d+)</text>", page) == [
        ("20.0", "20.0", "40.0", "20.0", "nodule", "2"),
        ("10.0", "12.5", "25.0", "37.5", "", "1"),
        ("50.0", "50.0", "25.0", "25.01", "the &lt;mass&gt;", "3"),
    ]
    rows = re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td></tr>", page)
    assert rows[0] == ("findings generation", "And then?", "[the image is drawn]")
    assert rows[1:] == [("vqa open", "And then?", "[the image is drawn]")] * 13, "no more than fit"
    picture = turns[0].parts[0].role
    exhibit = Exhibit(study, (change,))
    assert [tuple(vars(turn).values()) for turn in gallery._turns(exhibit)] == [
        (
            "progression",
            f"{picture}[image] [image] What is new?",
            "Two: [box 3] [box from 0 %, 1 % to 50 %, 100 %]",
        ),
        ("progression", "And then?", "[the image is drawn]"),
    ]
