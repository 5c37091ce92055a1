"""The open bench from the command line: the same as from Python, and refused before any work is done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hilum.cli import main


def test_it_writes_the_bench_and_says_how_to_ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "bench"
    words = [
        "openbench",
        "--out",
        str(out),
        "--limit",
        "60",
        "--items",
        "8",
        "--size",
        "64",
        "--workers",
        "1",
    ]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "hilum bench RUN --chexbench" in " ".join(printed.split())
    assert {path.name for path in out.iterdir()} == {".hilum.json", "card.json", "data.json", "images"}
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((out / "card.json").read_text())


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--items", "1"], "--items: is 1"),
        (["--limit", "0"], "--limit: is 0"),
        (["--source", "nih-chestxray14=nowhere"], "nowhere: does not exist"),
        (["--source", "nih"], "nih"),
    ],
)
def test_a_slip_is_named_before_any_work(
    words: list[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["openbench", *words]) in (1, 2)
    assert complaint in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
