"""`hilum audit` on a model with random weights: it ends well and says why nothing can be compared."""

from __future__ import annotations

import json

import pytest

from hilum.cli import main

WORDS = ("--source", "phantom", "--task", "view_classification", "--split", "all", "--limit", "40")


def test_an_audit_is_printed_and_written(run_folder, tmp_path, capsys):
    out = tmp_path / "audit"
    words = ["audit", str(run_folder), *WORDS, "--min-n", "5", "--seed", "1", "--out", str(out)]
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["skipped_axes"]["race"] == "no study says it"
    assert document["protocol"]["fewest_patients"] == 5
    assert "--min-n 5 --seed 1" in document["protocol"]["command"]
    assert document["measured"]["split"] == "all"
    # Random weights get every view wrong, or answer all questions alike: there is nothing to compare.
    assert document["comparisons"] == []
    assert document["verdict"].startswith("Nothing could be compared: ")
    assert json.loads((out / "audit.json").read_text(encoding="utf-8"))["verdict"] == document["verdict"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert document["verdict"] in said
    assert f"the page: {out / 'audit.html'}" in said
    assert "not audited: race: no study says it" in said


def test_another_audit_is_not_replaced_and_one_that_cannot_be_written_is_shown(run_folder, tmp_path, capsys):
    out = tmp_path / "audit"
    words = ["audit", str(run_folder), *WORDS, "--min-n", "5", "--out", str(out)]
    assert main(words) == 0
    held = (out / "audit.json").read_bytes()
    assert main([*words, "--seed", "2"]) == 2
    assert "holds the results of" in capsys.readouterr().err
    assert (out / "audit.json").read_bytes() == held
    # The same command of another model: known once it has answered, and what it answered is not lost.
    document = json.loads(held)
    document["protocol"]["weights"] = "others"
    (out / "audit.json").write_text(json.dumps(document))
    assert main(words) == 2
    said = capsys.readouterr()
    assert "Nothing could be compared" in said.out
    assert "of which differ: weights" in said.err


@pytest.mark.parametrize(
    ("words", "said"), [(["--min-n", "1"], "--min-n: is 1"), (["--limit", "0"], "--limit: is 0")]
)
def test_numbers_that_make_no_sense_are_refused(run_folder, capsys, words, said):
    assert main(["audit", str(run_folder), *WORDS[:2], *words]) == 2
    assert said in capsys.readouterr().err


def test_the_run_itself_is_not_written_into(run_folder, capsys):
    assert main(["audit", str(run_folder), *WORDS, "--out", str(run_folder)]) == 2
    assert "is the run itself" in capsys.readouterr().err
