import json
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import DataError, UsageError
from hilum.files import Problems, atomic_path, write_json, write_text


def everything_in(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*")}


def test_a_file_appears_only_when_the_block_ends_well(tmp_path):
    target = tmp_path / "deep" / "table.csv"
    with atomic_path(target) as tmp:
        tmp.write_text("a,b")
        assert not target.exists()
        assert tmp.suffix == ".csv"
    assert target.read_text() == "a,b"
    assert everything_in(tmp_path) == {"deep", "deep/table.csv"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError, SystemExit])
def test_when_the_block_raises_the_old_file_still_stands_and_nothing_else(tmp_path, error):
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(error), atomic_path(target) as tmp:
        tmp.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert everything_in(tmp_path) == {"table.csv"}


def test_when_the_block_writes_nothing_the_old_file_still_stands(tmp_path):
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(FileNotFoundError), atomic_path(target):
        pass
    assert target.read_text() == "old"
    assert everything_in(tmp_path) == {"table.csv"}


def test_a_folder_is_replaced_whole(tmp_path):
    target = tmp_path / "run"
    target.mkdir()
    (target / "stale").write_text("old")
    with atomic_path(target) as tmp:
        tmp.mkdir()
        (tmp / "fresh").write_text("new")
    assert everything_in(tmp_path) == {"run", "run/fresh"}


def test_when_the_block_raises_the_old_folder_still_stands(tmp_path):
    target = tmp_path / "run"
    target.mkdir()
    (target / "kept").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_path(target) as tmp:
        tmp.mkdir()
        (tmp / "half").write_text("new")
        raise KeyboardInterrupt
    assert everything_in(tmp_path) == {"run", "run/kept"}


def test_an_interrupt_between_the_two_moves_puts_the_old_folder_back(tmp_path, monkeypatch):
    target = tmp_path / "run"
    target.mkdir()
    (target / "kept").write_text("old")
    move = Path.replace

    def interrupted(self, where):
        if Path(where) == target and self.name == "run":
            raise KeyboardInterrupt
        return move(self, where)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), atomic_path(target) as tmp:
        tmp.mkdir()
    assert everything_in(tmp_path) == {"run", "run/kept"}


def test_writers_at_the_same_time_leave_one_whole_file(tmp_path):
    target = tmp_path / "value.json"
    threads = [threading.Thread(target=write_json, args=(target, [i] * 5000)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(json.loads(target.read_text()))) == 1
    assert everything_in(tmp_path) == {"value.json"}


def test_the_systems_errors_name_what_the_user_named(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        write_text(tmp_path / "folder", "x")
    assert caught.value.filename == str(tmp_path / "folder")
    with pytest.raises(FileNotFoundError) as caught, atomic_path(tmp_path / "run") as tmp:
        (tmp / "inside" / "a.txt").write_text("the folder was never made")
    assert caught.value.filename == str(tmp_path / "run" / "inside" / "a.txt")
    with pytest.raises(FileNotFoundError) as caught, atomic_path(tmp_path / "run") as tmp:
        (tmp_path / "elsewhere").read_text()
    assert caught.value.filename == str(tmp_path / "elsewhere")


def test_text_is_utf8(tmp_path):
    write_text(tmp_path / "a.txt", "Größe ≥ 5 mm")
    assert (tmp_path / "a.txt").read_bytes() == "Größe ≥ 5 mm".encode()


def test_json_keeps_the_order_of_keys_and_refuses_nan(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"z": 1, "a": "ü"})
    assert list(json.loads(path.read_text())) == ["z", "a"]
    assert "ü" in path.read_text()
    with pytest.raises(ValueError, match="Out of range"):
        write_json(path, float("nan"))
    assert json.loads(path.read_text()) == {"z": 1, "a": "ü"}


def test_a_parent_that_is_a_file_is_an_error_and_stays(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match="file"):
        write_text(tmp_path / "file" / "inside.txt", "y")
    assert (tmp_path / "file").read_text() == "x"


@given(st.lists(st.sampled_from(["is truncated", "has no age", "is a duplicate"])), st.integers(0, 10))
def test_problems_are_all_counted_and_the_first_kept(kinds, keep):
    problems = Problems(keep=keep)
    for number, kind in enumerate(kinds):
        problems.add(DataError(f"row {number}", kind))
    assert len(problems) == len(kinds)
    assert [e.thing for e in problems.kept] == [f"row {i}" for i in range(min(keep, len(kinds)))]
    assert {k: problems.counts[k] for k in set(kinds)} == {k: kinds.count(k) for k in set(kinds)}


def test_problems_of_any_kind_are_taken():
    problems = Problems()
    problems.add(UsageError("source", "is unknown"))
    assert len(problems) == 1
