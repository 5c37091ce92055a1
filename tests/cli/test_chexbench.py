"""`hilum bench MODEL --chexbench`: what it prints, writes and refuses."""

from __future__ import annotations

import json

import pytest

from bench.chexbench.helpers import document, write_bench
from hilum.cli import main

MODEL = "def answer(question):\n    return '(A)' if question.options else 'The heart is enlarged.'\n"


@pytest.fixture
def desk(tmp_path, monkeypatch):
    write_bench(tmp_path, document(8), films=8)
    (tmp_path / "model_for_chexbench.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


FILE = ("--chexbench", "data.json", "--images", "images")
WORDS = ("bench", "python:model_for_chexbench:answer", *FILE)


def test_any_model_is_measured_and_written_about(desk, capsys):
    assert main([*WORDS, "--out", "out", "--limit", "6", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    written = json.loads((desk / "out/report.json").read_text())
    assert {name: value for name, value in written.items() if name != "made_by"} == printed
    assert {path.name for path in (desk / "out").iterdir()} == {
        "report.json",
        "report.html",
        "items.jsonl",
        "answers.jsonl",
    }
    assert printed["complete"]
    assert printed["protocol"]["command"] == (
        "hilum bench python:model_for_chexbench:answer --chexbench data.json --images FOLDER --limit 6"
    )
    page = (desk / "out/report.html").read_text()
    assert "<script" not in page
    assert "Phrase Grounding" in page
    # Given again it replaces what it wrote.
    assert main([*WORDS, "--out", "out", "--limit", "6"]) == 0
    said = capsys.readouterr().out
    assert "View Classification, generation" in said
    assert "not measured: likelihood" in said


def test_the_result_of_another_model_is_not_replaced(desk, capsys):
    words = ["--task", "view_classification", "--limit", "3", "--controls", "0", "--out", "out"]
    assert main([*WORDS, *words]) == 0
    (desk / "another_model.py").write_text(MODEL)
    held = (desk / "out/report.json").read_bytes()
    capsys.readouterr()
    for other in (["bench", "python:another_model:answer", *FILE, *words], [*WORDS, *words, "--seed", "1"]):
        assert main(other) == 2
        assert "holds the results of" in capsys.readouterr().err
    assert (desk / "out/report.json").read_bytes() == held
    assert main([*WORDS, *words]) == 0


def test_a_run_folder_is_a_model_too(desk, run_folder, capsys):
    words = ["--task", "view_classification", "phrase_grounding", "--limit", "3", "--controls", "0"]
    assert main(["bench", str(run_folder), *FILE, *words, "--protocol", "likelihood", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [row["title"] for row in document["tasks"]] == ["View Classification, likelihood"]
    assert set(document["skipped"]) == {"Phrase Grounding"}


def test_what_is_left_out_is_named_and_makes_the_status_three(desk, capsys):
    made = document(8)
    made["View Classification"][2]["answer"] = 9
    made["Phrase Grounding"][0]["image_path"] = ["gone.png"]
    (desk / "data.json").write_text(json.dumps(made))
    words = ["--task", "view_classification", "--task", "phrase_grounding", "--controls", "0"]
    assert main([*WORDS, *words, "--json"]) == 3
    document_ = json.loads(capsys.readouterr().out)
    assert document_["left_out"] == {
        "View Classification": {"has an answer out of range": 1},
        "Phrase Grounding": {"names an image that is not there": 1},
    }
    assert [problem["thing"] for problem in document_["problems"]] == [
        "data.json: View Classification [2]",
        "data.json: Phrase Grounding [0]",
    ]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ((*WORDS[:2], "--chexbench", "data.json"), 2, "--images: is missing"),
        ((*WORDS, "--source", "phantom"), 2, "--source: is not for --chexbench"),
        ((*WORDS, "--split", "all"), 2, "--split: is not for --chexbench"),
        ((*WORDS, "--task", "vqa_closed"), 2, "vqa_closed: is not a task of CheXbench"),
        ((*WORDS, "--limit", "0"), 2, "--limit: is 0"),
        ((*WORDS, "--controls", "-1"), 2, "--controls: is -1"),
        ((*WORDS, "--protocol", "likelihood"), 2, "gives no likelihoods"),
        ((*WORDS, "--protocol", "letters"), 2, "letters"),
        ((*WORDS, "--out", "images"), 2, "images: is the input"),
        ((*WORDS, "--out", "."), 2, "holds the input"),
        (("bench", "nothing", *FILE), 2, "nothing: names no model"),
        (("bench", "run", "--images", "images"), 2, "--images: is for --chexbench"),
        (("bench", "run", "--protocol", "both"), 2, "--protocol: is for --chexbench"),
        (("bench", "run", "--trust-remote-code"), 2, "--trust-remote-code: is for --chexbench"),
        ((*WORDS[:2], "--chexbench", "gone.json", "--images", "images"), 1, "gone.json: cannot be read"),
        ((*WORDS[:2], "--chexbench", "data.json", "--images", "gone"), 1, "gone: is no folder"),
    ],
)
def test_misuse_is_refused_in_one_line(desk, capsys, words, status, said):
    assert main(list(words)) == status
    shown = capsys.readouterr()
    assert shown.out == ""
    assert said in shown.err
    assert len(shown.err.strip().splitlines()) == 1


def test_a_model_that_only_fails_ends_with_an_error_and_what_was_found(desk, capsys):
    (desk / "model_that_fails.py").write_text(
        "def answer(question):\n    raise SystemExit('out of \\ud800 paper')\n"
    )
    words = ["--task", "view_classification", "--out", "out"]
    assert main(["bench", "python:model_that_fails:answer", *FILE, *words]) == 1
    shown = capsys.readouterr()
    reason = "SystemExit: out of \ufffd paper"
    assert f"failed at every question; most often: {reason}" in shown.err.splitlines()[-1]
    assert "why answers failed, 8 times" in shown.out
    [row] = json.loads((desk / "out/report.json").read_text())["tasks"]
    assert row["failure_details"] == [{"detail": reason, "count": 8}]


def test_what_others_wrote_is_not_replaced(desk, capsys):
    (desk / "out").mkdir()
    (desk / "out" / "report.html").write_text("mine")
    assert main([*WORDS, "--out", "out"]) == 2
    assert "nothing in it says that Hilum wrote it" in capsys.readouterr().err
    assert (desk / "out" / "report.html").read_text() == "mine"
