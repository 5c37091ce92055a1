"""Progress is shown on a terminal, and nowhere else."""

from __future__ import annotations

import pytest

from hilum.instruct.meter import Meter


@pytest.mark.parametrize("total", [6, None])
def test_a_terminal_is_told_how_far_each_source_is(monkeypatch, capsys, total):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with Meter() as meter:
        assert list(meter.follow("read phantom", ["ab", "cd", "ef"], total, len)) == ["ab", "cd", "ef"]
    out, err = capsys.readouterr()
    assert out == ""
    assert "read phantom" in err
    assert "6/6" in err


@pytest.mark.parametrize(("terminal", "shown"), [(False, True), (True, False)])
def test_nothing_is_shown_where_nobody_watches_or_nobody_wants_it(monkeypatch, capsys, terminal, shown):
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    else:
        monkeypatch.delenv("FORCE_COLOR", raising=False)
        monkeypatch.delenv("TTY_COMPATIBLE", raising=False)
    with Meter(shown) as meter:
        assert list(meter.follow("read phantom", [1, 2], 2, int)) == [1, 2]
    assert capsys.readouterr() == ("", "")
