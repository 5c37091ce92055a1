"""Results are compared, ranked and put on a card by the commands."""

from __future__ import annotations

import json

import pytest

from bench.saved_results import folder, right_or_wrong, scores
from hilum.cli import main


@pytest.fixture
def results(tmp_path):
    return [
        folder(tmp_path / name, name, scores("view", right_or_wrong(share, 120, number)))
        for number, (name, share) in enumerate((("weak", 0.5), ("strong", 0.9)))
    ]


def test_two_results_are_compared(results, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)  # in a pipe no row is folded
    out = tmp_path / "out"
    assert main(["compare", *map(str, results), "--out", str(out), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["figures"][0]["verdict"].startswith("B is higher")
    assert {path.name for path in out.iterdir()} == {"compare.html", "compare.md", "compare.json"}
    assert main(["compare", *map(str, results), "--out", str(out)]) == 0
    assert "B is higher" in capsys.readouterr().out


def test_results_are_ranked(results, tmp_path, capsys):
    out = tmp_path / "board"
    assert main(["leaderboard", *map(str, results), "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert shown.count("* 0.") == 1
    assert (out / "leaderboard.html").is_file()


def test_a_card_is_written_or_printed(results, tmp_path, capsys):
    card = tmp_path / "model-card.md"
    assert main(["card", str(results[0]), "--out", str(card)]) == 0
    assert card.read_text().startswith("---\n")
    capsys.readouterr()
    assert main(["card", str(results[0])]) == 0
    assert "# weak" in capsys.readouterr().out
    assert main(["card", str(results[0]), "--out", str(card)]) == 0
    card.write_text(edited := card.read_text().replace("## Caveats", "## Our own caveats"))
    other = results[0] / "report.json"
    for mine, content in ((card, edited), (other, other.read_text())):
        assert main(["card", str(results[0]), "--out", str(mine)]) == 2
        assert mine.read_text() == content
    assert main(["card", str(results[0]), "--out", str(results[0])]) == 2
    card.write_text("mine")
    assert main(["card", str(results[0]), "--out", str(card)]) == 2


def test_a_folder_that_is_no_result_is_named(tmp_path, capsys):
    assert main(["compare", str(tmp_path), str(tmp_path)]) == 1
    assert "holds no report.json" in capsys.readouterr().err
    assert main(["card", str(tmp_path)]) == 1
