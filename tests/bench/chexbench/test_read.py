"""CheXbench's JSON read: its exact layout, and every way in which an item cannot be asked."""

from __future__ import annotations

import json

import pytest

from bench.chexbench.helpers import CHOICES, document, write_bench
from hilum.bench.chexbench import TASKS, read, select
from hilum.errors import DataError, UsageError

NAN = float("nan")
VIEW = {
    "data_source": "CheXpert",
    "slice": "female",
    "image_path": "0.png",
    "question": "What is the view?",
    "option_0": "PA",
    "option_1": "AP",
    "option_2": NAN,
    "option_3": None,
    "answer": 1,
}


@pytest.fixture
def ask(tmp_path):
    """Read rows of one task; one good row of another task is always there."""

    def asked(*rows, task="View Classification"):
        good = {"image_path": ["1.png"], "section_findings": "Clear lungs.", "section_impression": "Normal."}
        made = {task: list(rows)}
        made.setdefault("Findings Summarization", []).append(good)
        bench = read(*write_bench(tmp_path, made, films=4))
        return bench.of(task), dict(bench.left_out.get(task, {})), bench

    return asked


def test_all_ten_tasks_are_read_in_their_exact_layout(tmp_path):
    bench = read(*write_bench(tmp_path, document(6), films=6))
    assert not bench.problems
    assert not bench.missing
    assert {task: len(bench.of(task)) for task in TASKS} == dict.fromkeys(TASKS, 6)
    for item in bench.items:
        assert all(path.is_file() for path in item.question.images)
        assert item.question.id.startswith(TASKS[item.task].slug)
    assert len({item.question.id for item in bench.items}) == 60
    for task, words in CHOICES.items():
        for item in bench.of(task):
            assert sorted(item.question.options) == sorted(words)
            assert item.question.options[item.answer] == item.reference
    [first, *_] = bench.of("Temporal Classification")
    assert [path.name for path in first.question.images] == ["0.png", "0.png"]
    [first, *_] = bench.of("Phrase Grounding")
    assert first.question.fields == {"phrase": "small left pleural effusion"}
    assert len(first.boxes) == 1
    [first, *_] = bench.of("Findings Generation")
    assert first.question.prompt == (
        'Given the indication: "Cough for 0 days.", write a structured findings section for the CXR.'
    )
    [first, *_] = bench.of("Findings Summarization")
    assert first.question.images == ()
    assert first.question.prompt.startswith("Summarize the following Findings: The heart")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"answer": 2}, "has an answer out of range"),
        ({"answer": -1}, "has an answer out of range"),
        ({"answer": None}, "lacks answer, the right option's number"),
        ({"answer": True}, "lacks answer, the right option's number"),
        ({"answer": 0.5}, "lacks answer, the right option's number"),
        ({"answer": "AP"}, "lacks answer, the right option's number"),
        ({"option_0": NAN}, "has a hole between its options"),
        ({"option_1": None, "option_2": "lateral"}, "has a hole between its options"),
        ({"option_1": ""}, "has fewer than two options"),
        ({"option_1": "pa"}, "has two options alike"),
        ({"question": None}, "lacks question"),
        ({"image_path": NAN}, "lacks image_path"),
        ({"image_path": "none.png"}, "names an image that is not there"),
        ({"image_path": "0.png|none.png"}, "names an image that is not there"),
        ({"image_path": "x" * 5000}, "names an image that is not there"),
        ({"image_path": "0.png\0"}, "names an image that is not there"),
        ({"image_path": "../data.json"}, "names an image outside --images"),
        ({"image_path": "/etc/hostname"}, "names an image outside --images"),
    ],
)
def test_what_cannot_be_asked_is_left_out_with_its_reason(ask, change, reason):
    items, left_out, bench = ask(VIEW | change)
    assert not items
    assert left_out == {reason: 1}
    [problem] = bench.problems.kept
    assert problem.thing == "data.json: View Classification [0]"


@pytest.mark.parametrize("row", [None, 3, "x", []])
def test_what_is_no_object_is_left_out(ask, row):
    assert ask(row)[:2] == ([], {"is no JSON object": 1})


@pytest.mark.parametrize("key", ["question", "image_path", "answer", "option_1"])
def test_a_missing_key_leaves_the_item_out(ask, key):
    items, left_out, _ = ask({name: value for name, value in VIEW.items() if name != key})
    assert not items
    assert sum(left_out.values()) == 1


@pytest.mark.parametrize(
    ("task", "row", "reason"),
    [
        ("Phrase Grounding", {"question": "Where?", "answer": "here"}, "has no box in its answer"),
        (
            "Phrase Grounding",
            {"question": "Where?", "answer": "<|box|>(50,50),(50,60)<|/box|>"},
            "has no box in its answer",
        ),
        ("Findings Generation", {"section_indication": "Cough."}, "lacks section_findings"),
        ("Findings Summarization", {"section_findings": "Clear."}, "lacks section_impression"),
    ],
)
def test_an_item_without_a_right_answer_is_left_out(ask, task, row, reason):
    assert ask({"image_path": ["0.png"]} | row, task=task)[1] == {reason: 1}


def test_what_frames_make_of_an_item_is_read(ask):
    paths = ("0.png", ["0.png"], "0.png|1.png", ["0.png", "1.png"], ["0.png|1.png"], " 0.png | 1.png ")
    shown = [
        len(ask(VIEW | {"image_path": path, "answer": 1.0, "unknown": [1]})[0][0].question.images)
        for path in paths
    ]
    assert shown == [1, 1, 2, 2, 2, 2]
    [item] = ask(VIEW | {"option_2": "lateral", "option_3": "oblique", "answer": 3})[0]
    assert item.reference == "oblique"


def test_twins_are_kept_once_and_contraries_not_at_all(ask):
    other = VIEW | {"image_path": "1.png"}
    items, left_out, _ = ask(VIEW, VIEW, other)
    assert len(items) == 2
    assert left_out == {"is there twice": 1}
    assert ask(VIEW, VIEW | {"slice": "male"})[1] == {"is there twice": 1}
    items, left_out, _ = ask(VIEW, VIEW | {"answer": 0}, other)
    assert [path.name for item in items for path in item.question.images] == ["1.png"]
    assert left_out == {"is there twice, with different content": 2}


def test_one_question_by_two_ids_is_one_question(ask):
    mine, other = VIEW | {"id": "a"}, VIEW | {"id": "b"}
    items, left_out, _ = ask(mine, other)
    assert ([item.question.id for item in items], left_out) == (
        ["view_classification/a"],
        {"is there twice": 1},
    )
    items, left_out, _ = ask(mine, other | {"answer": 0}, VIEW | {"id": "c", "image_path": "1.png"})
    assert [item.question.id for item in items] == ["view_classification/c"]
    assert left_out == {"is there twice, with different content": 2}


def test_ids_depend_on_the_question_alone(ask):
    [item] = ask(VIEW)[0]
    [moved] = ask(VIEW | {"slice": "male", "data_source": "other", "answer": 0, "option_3": NAN})[0]
    assert item.question.id == moved.question.id == "view_classification/e609974cb7cd8658"
    for change in ({"question": "Which view?"}, {"option_1": "lateral"}, {"image_path": "1.png"}):
        assert ask(VIEW | change)[0][0].question.id != item.question.id
    assert ask(VIEW | {"id": "mine-7"})[0][0].question.id == "view_classification/mine-7"


def test_items_that_share_a_film_or_a_patient_share_a_cluster(ask):
    pairs = ("0.png|1.png", "1.png", "2.png", "0.png")
    rows = [VIEW | {"image_path": pair} for pair in pairs]
    a, b, c, d = (item.cluster for item in ask(*rows)[0])
    assert a == b == d != c
    rows = [row | {"patient": patient} for row, patient in zip(rows, (1, 2, 1, 2), strict=True)]
    a, b, c, d = (item.cluster for item in ask(*rows)[0])
    assert a == c != b == d
    assert a != "1"
    # A text is of its film's patient too, though the film is not shown.
    summary = {"image_path": ["0.png"], "section_findings": "Clear.", "section_impression": "Normal."}
    [text, other] = ask(summary, task="Findings Summarization")[0]
    assert text.cluster != other.cluster


def test_films_in_one_patients_folder_are_of_one_patient(tmp_path):
    names = [
        "mimic-cxr/files/p10/p10000032/s50414267/a.png",
        "mimic-cxr/files/p10/p10000032/s53189527/b.png",
        "mimic-cxr/files/p10/p10000764/s57375967/c.png",
        "chexpert/train/patient00007/study1/view1_frontal.png",
        "chexpert/train/patient00007/study2/view1_frontal.png",
        "padchest/patients/d.png",
        "padchest/patients/e.png",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"View Classification": [VIEW | {"image_path": name} for name in names]}))
    a, b, c, d, e, f, g = (item.cluster for item in read(path, tmp_path).items)
    assert a == b
    assert d == e
    assert len({a, c, d, f, g}) == 5


def test_missing_and_unknown_tasks_are_told(ask):
    _, _, bench = ask(VIEW)
    assert set(bench.missing) == set(TASKS) - {"View Classification", "Findings Summarization"}
    _, left_out, _ = ask(VIEW, task="View classification")
    assert left_out == {"is no task of CheXbench": 1}


@pytest.mark.parametrize("broken", [{"question": "\ud800?"}, {"option_1": "\udfff"}, {"slice": "\ud800"}])
def test_text_that_is_not_unicode_leaves_its_item_out(ask, broken):
    items, left_out, _ = ask(VIEW, VIEW | {"image_path": "1.png"} | broken)
    assert len(items) == 1
    assert left_out == {"holds text that is not Unicode": 1}
    _, _, bench = ask(VIEW, task="\ud800")
    assert bench.left_out == {"?": {"is no task of CheXbench": 1}}


def test_a_task_without_items_is_told_of(tmp_path):
    made = document(2) | {"View Classification": []}
    del made["Phrase Grounding"]
    path, images = write_bench(tmp_path, made, films=2)
    reasons = {"View Classification": "its list is empty", "Phrase Grounding": "the file does not hold it"}
    asked = ["view_classification", "phrase_grounding"]
    assert read(path, images).missing == reasons
    assert read(path, images, [*asked, "findings_generation"]).missing == reasons
    for name, (task, reason) in zip(asked, reasons.items(), strict=True):
        with pytest.raises(DataError, match=f"no item that can be asked .{task}: {reason}"):
            read(path, images, [name])


def test_a_task_that_is_no_list_is_left_out(tmp_path):
    made = document(2) | {"View Classification": {"a": 1}}
    bench = read(*write_bench(tmp_path, made, films=2))
    assert bench.left_out == {"View Classification": {"is no list of items": 1}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "none of CheXbench's tasks"),
        ("{}", "none of CheXbench's tasks"),
        ('{"View Classification": []}', "no item that can be asked"),
        (
            '{"View Classification": [], "View Classification": []}',
            "holds the task View Classification twice",
        ),
        (json.dumps({"View Classification": [VIEW | {"answer": 9}]}), "an item has an answer out of range"),
    ],
)
def test_a_file_that_gives_no_question_is_refused(tmp_path, text, words):
    path, images = write_bench(tmp_path, {}, films=1)
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        read(path, images)


def test_an_absent_file_or_folder_is_named(tmp_path):
    path, images = write_bench(tmp_path, document(1), films=1)
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / "none.json", images)
    with pytest.raises(DataError, match="is no folder"):
        read(path, path)


def test_tasks_are_known_by_both_their_names():
    assert [task.name for task in select(["fine_grained_reasoning", "View Classification"])] == [
        "View Classification",
        "Fine-Grained Reasoning",
    ]
    assert len(select([])) == 10
    with pytest.raises(UsageError, match="did you mean view_classification"):
        select(["view_clasification"])
