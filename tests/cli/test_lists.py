"""Tasks and sources are listed for people and as JSON; a build takes tasks by their names."""

from __future__ import annotations

import json

import pytest

from hilum.cli import main
from hilum.instruct import Shards
from hilum.sources import SOURCES
from hilum.study import Split, Task

ACCESS = {"open", "registration", "credentialed", "not public"}


def listed(capsys, *words: str):
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_tasks_are_37_in_80_pairs(capsys):
    rows = listed(capsys, "tasks")
    assert len(rows) == 37
    assert sum(len(row["sources"]) for row in rows) == 80
    assert all({"name", "version", "group", "sources"} <= row.keys() for row in rows)
    names = [name for row in rows for name in row["tasks"]]
    assert {*map(Task, names), Task.DRAW, Task.TEXT} == set(Task)


def test_sources_say_access_licence_files_and_tasks(capsys):
    rows = {row["name"]: row for row in listed(capsys, "sources")}
    assert list(rows) == list(SOURCES)
    for name, row in rows.items():
        assert (row["licence"], row["files"]) == (SOURCES[name].terms, SOURCES[name].files)
    assert rows["ms-cxr"]["access"] == "credentialed"
    assert "Phrase Grounding" in rows["ms-cxr"]["tasks"]
    assert {name for name, row in rows.items() if row["access"] not in ACCESS} == {"phantom", "folder"}


@pytest.mark.parametrize("command", ["tasks", "sources"])
def test_people_get_a_table_with_every_row(command, capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)  # in a pipe no row is folded, no name broken
    names = [row["name"] for row in listed(capsys, command)]
    assert main([command]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert all(name in line for name, line in zip(names, lines, strict=True))


def test_a_build_makes_the_tasks_that_are_named(tmp_path, capsys):
    out = tmp_path / "shards"
    words = [
        "build",
        "--source",
        "phantom",
        "--limit",
        "2",
        "--tasks",
        "view_classification,local_findings_generation",
    ]
    assert main([*words, "--out", str(out), "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert card["tasks"] == ["view_classification", "local_findings_generation"]
    made = {one.task for split in Split for one in Shards(out).conversations(split)}
    assert made == {Task.VIEW, Task.LOCAL_FINDINGS}


def test_an_unknown_task_is_misuse_before_anything_is_read(tmp_path, capsys):
    out = tmp_path / "shards"
    assert main(["build", "--source", "phantom", "--tasks", "view_match", "--out", str(out)]) == 2
    assert "did you mean view_matching" in capsys.readouterr().err
    assert not out.exists()
