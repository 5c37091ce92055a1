"""Bars on a terminal, sparse lines in a log, and never a control character from what is named."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from hilum.progress import Progress, headline


@pytest.fixture(params=[True, False])
def terminal(request, monkeypatch) -> bool:
    monkeypatch.setenv("COLUMNS", "120")
    if request.param:
        monkeypatch.setenv("FORCE_COLOR", "1")
    else:
        for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
            monkeypatch.delenv(name, raising=False)
    return request.param


def follow(total: int | None, shown: bool = True, name: str = "read phantom") -> None:
    with Progress(shown) as progress:
        assert list(progress.follow(name, ["ab", "cd", "ef"], total, len)) == ["ab", "cd", "ef"]


@pytest.mark.parametrize("total", [6, None])
def test_a_terminal_is_told_how_far_each_piece_is(terminal, capsys, total) -> None:
    follow(total)
    out, err = capsys.readouterr()
    assert out == ""
    assert ("read phantom" in err and "6/6" in err) == terminal


def test_nothing_is_shown_where_nobody_wants_it(terminal, capsys, monkeypatch) -> None:
    monkeypatch.setattr("hilum.progress.PAUSE", 0.0)
    follow(6, shown=False)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("total", "done", "lines"),
    [
        (1000, 0, [f"train: {100 * k}/1000 · loss 0.5" for k in range(1, 11)]),
        (1000, 850, ["train: 900/1000 · loss 0.5", "train: 1000/1000 · loss 0.5"]),
        (4, 0, [f"train: {k}/4 · loss 0.5" for k in range(1, 5)]),
        (None, 0, [f"train: {2**k} · loss 0.5" for k in range(10)]),
        (0, 0, []),
    ],
)
def test_a_log_gets_a_line_for_every_tenth_or_doubling(monkeypatch, capsys, total, done, lines) -> None:
    monkeypatch.setattr("hilum.progress.PAUSE", 0.0)
    with Progress() as progress:
        bar = progress.bar("train", total, done)
        for _ in range(done, 1000 if total is None else total):
            bar.advance(note="loss 0.5")
    assert [line for line in capsys.readouterr().err.splitlines() if line] == lines


def test_a_log_hears_from_a_bar_only_now_and_then(monkeypatch, capsys) -> None:
    clock = SimpleNamespace(now=0, monotonic=lambda: clock.now / 5)
    monkeypatch.setattr("hilum.progress.time", clock)
    with Progress() as progress:
        bar = progress.bar("train", 100)
        for clock.now in range(1, 101):
            bar.advance()
    lines = [line for line in capsys.readouterr().err.splitlines() if line]
    assert lines == ["train: 50/100", "train: 100/100"]


def test_names_and_notes_command_no_terminal(terminal, monkeypatch, capsys) -> None:
    monkeypatch.setattr("hilum.progress.PAUSE", 0.0)
    with Progress() as progress:
        progress.bar("a\x1b]0;title\x07b [bold]", 2).update(2, note="n\x1b[2Jo\u202e")
    headline("c\x1b[2Jd [bold]", "at 3 s")
    err = capsys.readouterr().err
    assert "ab [bold]" in err
    assert "cd [bold]" in err
    assert not [text for text in ("title", "[2J", "\u202e") if text in err]
