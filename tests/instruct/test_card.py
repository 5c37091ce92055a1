"""The data card, word by word: of two sources that hold a little of everything.

After a change that means to: HILUM_GOLDEN=1 pytest tests/instruct/test_card.py
"""

from __future__ import annotations

import json
import os
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from hilum.errors import DataError
from hilum.files import Problems
from hilum.instruct import Mixture, summary
from hilum.instruct import card as cards
from hilum.instruct.card import Entry, Plan, empty_splits, guard_lines, markdown, problem_lines, shares
from hilum.instruct.pages import card_page
from hilum.instruct.records import study_batch
from hilum.instruct.streams import Stream
from hilum.instruct.task_chunks import TaskResult
from hilum.sources import SOURCES, SourceSpec
from hilum.study import Presence, Split, Task
from instruct.helpers import record

CARD = Path(__file__).with_name("card.md")
TRAIN, VAL, TEST = Split.TRAIN, Split.VAL, Split.TEST
PRESENT, ABSENT, UNCERTAIN = Presence.PRESENT, Presence.ABSENT, Presence.UNCERTAIN
PLAN = Plan(512, 1000, 7, 0, frozenset({Task.TEXT, Task.VIEW}), Mixture(2.0, {Task.VIEW.value: 3.0}))
MOVE = {"study": "folder/a", "with": "folder/b", "from": "train", "to": "test"}
GUARD = {
    "compared": 1200,
    "copies": 3,
    "moved": [
        {"reason": "shared patient", "studies": 0, "examples": []},
        {"reason": "same pixels", "studies": 1, "examples": []},
        {"reason": "copy", "studies": 2000, "examples": [MOVE, MOVE | {"study": "folder/c|d"}]},
    ],
    "test_images_in_train": [{"source": "folder", "test_images": 1000, "same_pixels": 2, "copies": 3}],
}
QUIET = {"compared": 0, "copies": 0, "moved": [], "test_images_in_train": []}


def result(
    split: Split, task: Task, images: list[int], labels: dict[tuple[str, Presence], int]
) -> TaskResult:
    """A chunk of two studies, with three conversations of six questions about both."""
    pair = task, split
    return TaskResult(
        {split: study_batch([record(f"{name}-{split}") for name in "ab"])},
        {},
        Counter({pair: 3}),
        Counter({pair: 6}),
        Counter({pair: 2}),
        {pair: np.array(images)},
        Counter(labels),
    )


def stream(*problems: DataError, failed: DataError | None = None) -> Stream:
    noted = Problems(2)
    for problem in problems:
        noted.add(problem)
    return Stream(
        SourceSpec("folder"),
        problems=noted,
        left_out=Counter({"CT volumes": 2, "MRI": 3}),
        notes=["reads image = image"],
        warnings=["row 1 names no patient"],
        failed=failed,
    )


def entries() -> list[Entry]:
    folder = Entry("folder", patients=Counter({TRAIN: 3, TEST: 1}), images=Counter({TRAIN: 4, TEST: 2}))
    folder.add(result(TRAIN, Task.VIEW, [1, 2], {("Edema", PRESENT): 1, ("Mass", ABSENT): 2}))
    folder.add(result(TRAIN, Task.VIEW, [2, 3], {("Edema", UNCERTAIN): 1, ("Mass", PRESENT): 4}))
    folder.add(result(TEST, Task.TEXT, [9], {("Adenopathy", ABSENT): 2}))
    bad = [DataError(f"{n}.png", "is <broken>|cut", "get it again") for n in range(3)]
    folder.note(stream(*bad, DataError("x", "is gone", "find it")))
    folder.note(stream(failed=DataError("ü.csv", "is missing", "download it")))
    phantom = Entry("phantom", patients=Counter({TRAIN: 1000}), images=Counter({TRAIN: 2000}))
    phantom.add(result(TRAIN, Task.TEXT, [1], {}))
    phantom.kinds["is gone"] += 2
    return [folder, phantom]


def source(name: str, **fields: object) -> dict[str, object]:
    terms = {key: getattr(SOURCES[name], key) for key in ("summary", "terms", "citation")}
    return {"name": name, **terms, "problems": {}, "left_out": {}, "notes": [], "failed": [], **fields}


def count(source: str, task: str, split: str, *numbers: int) -> dict[str, object]:
    kinds = ("conversations", "questions", "studies", "images")
    return {"source": source, "task": task, "split": split} | dict(zip(kinds, numbers, strict=True))


def label(name: str, present: int, absent: int, uncertain: int) -> dict[str, object]:
    return {"source": "folder", "label": name, "present": present, "absent": absent, "uncertain": uncertain}


def split_counts(patients: int, studies: int, images: int, conversations: int) -> dict[str, int]:
    return {"patients": patients, "studies": studies, "images": images, "conversations": conversations}


DOCUMENT = {
    "made_by": f"hilum {version('hilum')}",
    "size": 512,
    "limit": 1000,
    "seed": 7,
    "views": 0,
    "tasks": ["view_classification", "text_instruction"],
    "mixture": {"temperature": 2.0, "tasks": {"view_classification": 3.0}, "sources": {}},
    "sources": [
        source(
            "folder",
            studies=6,
            patients=4,
            images=6,
            problems={"is <broken>|cut": 3, "is gone": 1},
            left_out={"MRI": 6, "CT volumes": 4},
            notes=["reads image = image"] * 2,
            failed=["ü.csv: is missing; download it"],
        ),
        source("phantom", studies=2, patients=1000, images=2000, problems={"is gone": 2}),
    ],
    "splits": {
        "train": split_counts(1003, 6, 2004, 9),
        "val": split_counts(0, 0, 0, 0),
        "test": split_counts(1, 2, 2, 3),
    },
    "warnings": ["row 1 names no patient"] * 2 + empty_splits({"val": {"studies": 0}}),
    "moved_patients": 5,
    "leak_guard": GUARD,
    "counts": [
        count("folder", "view_classification", "train", 6, 12, 4, 3),
        count("folder", "text_instruction", "test", 3, 6, 2, 1),
        count("phantom", "text_instruction", "train", 3, 6, 2, 1),
    ],
    "labels": [label("Mass", 4, 2, 0), label("Adenopathy", 0, 2, 0), label("Edema", 1, 0, 1)],
    "problems": {"is <broken>|cut": 3, "is gone": 3},
}


def test_the_card_holds_what_was_counted() -> None:
    made = cards.document(PLAN, entries(), 5, GUARD)
    assert made == DOCUMENT
    assert json.dumps(made) == json.dumps(DOCUMENT | {key: made[key] for key in made}), "in this order too"
    assert [list(own["problems"]) for own in made["sources"]] == [["is <broken>|cut", "is gone"], ["is gone"]]
    assert list(made["sources"][0]["left_out"]) == ["MRI", "CT volumes"]


def test_the_card_for_people_is_this_text() -> None:
    text = markdown(DOCUMENT).replace(f"hilum {version('hilum')}", "hilum VERSION")
    if os.environ.get("HILUM_GOLDEN"):
        CARD.write_text(text, encoding="utf-8")
    assert text == CARD.read_text(encoding="utf-8")


def test_what_there_is_nothing_of_is_not_said() -> None:
    plan = Plan(224, None, 0, 3, frozenset())
    made = cards.document(plan, [Entry("phantom")], 0, QUIET)
    assert (made["mixture"], made["counts"], made["labels"], made["problems"]) == (None, [], [], {})
    assert made["warnings"][:-1] == empty_splits({split.value: {"studies": 0} for split in Split})
    assert made["warnings"][-1].startswith("there is no conversation: nothing is known of these studies")
    assert shares(made) == {}
    text = markdown(made)
    assert "all studies, images of at most\n224 pixels" in text
    assert "asked for with at most 3 views." in text
    assert "patients that share an image go together (0 had to move)" in text
    assert text.startswith("---\npretty_name: Hilum instruction data\ntags: [chest-x-ray, radiology]\n")
    assert "\nconfigs:\n---\n\n# Data card\n" in text
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# Data card",
        "## Splits",
        "## Sources",
        "### phantom",
        "## Conversations by source, task and split",
        "## Left out",
    ]
    assert text.endswith("## Left out\n\nNothing.\n")


def test_a_mixture_that_names_in_vain_or_leaves_nothing_is_warned_of() -> None:
    def warnings(**mixture: object) -> list[str]:
        plan = Plan(512, None, 0, 0, PLAN.tasks, Mixture(1.0, **mixture))
        return cards.document(plan, entries(), 0, QUIET)["warnings"][3:]

    assert warnings() == warnings(tasks={"view_classification": 0.0}, sources={"phantom": 2.0}) == []
    nothing = "by the mixture's weights training draws nothing"
    assert warnings(sources={"folder": 0.0, "phantom": 0.0}) == [nothing]
    named = {"tasks": {"binary_disease": 1.0}, "sources": {"brax": 1.0, "folder": 1.0}}
    assert warnings(**named) == [
        f"the mixture names {name}, of which train has no conversation" for name in ("binary_disease", "brax")
    ]


def test_shares_are_those_of_train() -> None:
    # 3·√6 to √3
    assert shares(DOCUMENT) == {
        ("view_classification", "folder"): pytest.approx(0.80926, abs=1e-5),
        ("text_instruction", "phantom"): pytest.approx(0.19074, abs=1e-5),
    }


@pytest.mark.parametrize(
    ("changed", "lines"),
    [
        ({}, []),
        ({"compared": None}, ["copies of films were not looked for"]),
        ({"compared": 1}, ["1 images compared, 0 pairs of them are copies between patients"]),
        (
            GUARD,
            [
                "1,200 images compared, 3 pairs of them are copies between patients",
                "5 of 1,000 test images of folder were in train too (2 the same pixels, 3 copies)",
                "1 studies moved for an image of the same pixels",
                "2,000 studies moved for a copy of an image, "
                "such as folder/a from train to test with folder/b",
            ],
        ),
    ],
)
def test_the_leak_guard_is_told_in_a_line_for_each_thing(changed, lines) -> None:
    assert guard_lines(QUIET | changed) == lines


def test_a_build_is_summed_up_in_lines() -> None:
    assert summary(DOCUMENT) == [
        "folder: reads image = image",
        "folder: reads image = image",
        "folder: 3 × is <broken>|cut",
        "folder: 1 × is gone",
        "phantom: 2 × is gone",
        "train: 1,003 patients, 6 studies, 2,004 images, 9 conversations",
        "val: 0 patients, 0 studies, 0 images, 0 conversations",
        "test: 1 patients, 2 studies, 2 images, 3 conversations",
        *(f"leak guard: {line}" for line in guard_lines(GUARD)),
        *(f"warning: {warning}" for warning in DOCUMENT["warnings"]),
    ]


def test_every_problem_is_a_line_those_that_broke_a_source_off_first() -> None:
    lines = problem_lines(entries())
    assert lines.endswith("}\n")
    assert "ü.csv" in lines, "letters are written as they are"
    rows = [json.loads(line) for line in lines.splitlines()]
    assert [list(row) for row in rows] == [["source", "thing", "problem", "remedy"]] * 3
    assert [list(row.values()) for row in rows] == [
        ["folder", "ü.csv", "is missing", "download it"],
        ["folder", "0.png", "is <broken>|cut", "get it again"],
        ["folder", "1.png", "is <broken>|cut", "get it again"],
    ]
    assert problem_lines([]) == ""


@pytest.mark.parametrize("more", [0, 1, 5])
def test_forty_kinds_of_problem_and_250_labels_are_listed_by_their_number(more) -> None:
    kinds = {f"kind {n:03}": 1000 - n for n in range(cards.KINDS + more)}
    labels = {(f"label {n:03}", PRESENT): 1000 - n for n in range(cards.LABELS + more)}
    entry = Entry("folder", kinds=Counter(dict(reversed(kinds.items()))))
    entry.labels.update(dict(reversed(labels.items())))
    made = cards.document(PLAN, [entry], 0, QUIET)
    listed = [*list(kinds.items())[:40], *([("other", sum(list(kinds.values())[40:]))] if more else [])]
    assert list(made["problems"].items()) == list(made["sources"][0]["problems"].items()) == listed
    assert [(row["label"], row["present"]) for row in made["labels"]] == [
        (name, n) for (name, _), n in list(labels.items())[:250]
    ]


def test_the_page_leaves_no_blank_line_of_its_template_in_a_table() -> None:
    page = card_page(DOCUMENT)
    body = page[page.index("<h2>Splits</h2>") : page.index("<h2>Conversations")]
    assert all(line.strip() for line in body.rstrip().splitlines())
    assert "\n  <tr><td>train</td>" in body
