"""Which studies the gallery shows, and how it writes what is said of them."""

from __future__ import annotations

import base64
from collections import Counter
from dataclasses import replace
from io import BytesIO
from types import SimpleNamespace

import numpy as np
from PIL import Image

from hilum.instruct import gallery
from hilum.instruct.gallery import Choice, Exhibit
from hilum.instruct.records import study_batch
from hilum.instruct.rows import conversation_batch
from hilum.instruct.task_chunks import TaskResult
from hilum.study import BoxPart, Conversation, Fact, Finding, Message, Split, Task, Text
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
