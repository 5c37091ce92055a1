"""What is kept on disk by key: added to, read again, and never in place of anything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from hilum.errors import DataError, UsageError
from hilum.kept import Kept


def test_what_was_added_is_there_when_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    Kept(path).add({"a": [1, "x"]})
    Kept(path).add({"b": None})
    again = Kept(path)
    assert (again["a"], again["b"]) == ([1, "x"], None)
    assert "c" not in again


@pytest.mark.parametrize("torn", ['{"key": "b", "giv', "x" * (3 << 20)])
def test_a_line_that_was_never_finished_is_replaced_by_the_next(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "kept.jsonl"
    Kept(path).add({"a": 1})
    whole = path.read_text()
    path.write_text(whole + torn)
    kept = Kept(path)
    assert "b" not in kept
    kept.add({"c": 3})
    assert path.read_text().startswith(whole)
    assert [Kept(path)[key] for key in "ac"] == [1, 3]


def test_what_stands_in_the_way_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder; name a file"):
        Kept(tmp_path)
    (tmp_path / "mine.jsonl").write_text('{"key": "a", "given": 1}\n')
    with pytest.raises(UsageError, match=r"mine\.jsonl"):
        Kept(tmp_path / "mine.jsonl")
    Kept(tmp_path / "kept.jsonl").add({"a": 1})
    with (tmp_path / "kept.jsonl").open("a") as file:
        file.write("no json\n")
    with pytest.raises(DataError, match=r"kept\.jsonl"):
        Kept(tmp_path / "kept.jsonl")


def test_a_disk_that_is_full_is_one_clear_error(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    kept = Kept(tmp_path / "kept.jsonl")
    kept.path = Path("/dev/full")
    with pytest.raises(UsageError, match="cannot be written"):
        kept.add({"a": 1})
