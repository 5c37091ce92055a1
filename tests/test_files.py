import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from hilum import files
from hilum.errors import DataError, UsageError
from hilum.files import (
    MANIFEST,
    MARK,
    Problems,
    atomic_folder,
    atomic_path,
    only_writer,
    refuse_overlap,
    remove_folder,
    require_ours,
    sweep,
    write_json,
    write_text,
)


def everything_in(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*")}


def make_folder(path: Path, **contents: str) -> Path:
    """A folder as Hilum writes it; `a__b` is file b in folder a."""
    with atomic_folder(path) as tmp:
        for name, text in contents.items():
            file = tmp / name.replace("__", "/")
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
    return path


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
    target.write_text(MARK)
    with pytest.raises(error), atomic_path(target) as tmp:
        tmp.write_text("half")
        raise error
    assert target.read_text() == MARK
    assert everything_in(tmp_path) == {"table.csv"}


def test_when_the_block_writes_nothing_the_old_file_still_stands(tmp_path):
    target = tmp_path / "table.csv"
    target.write_text(MARK)
    with pytest.raises(FileNotFoundError), atomic_path(target):
        pass
    assert target.read_text() == MARK
    assert everything_in(tmp_path) == {"table.csv"}


@pytest.mark.parametrize("content", ["", "mine", "x" * 5000 + MARK + "x" * 5000])
def test_a_file_without_the_mark_at_an_end_is_refused_before_any_work(tmp_path, content):
    target = tmp_path / "page.html"
    target.write_text(content)
    with (
        pytest.raises(UsageError, match=r"page.html: exists, and nothing in it says .* choose another path"),
        atomic_path(target),
    ):
        pytest.fail("work was begun")
    assert target.read_text() == content
    assert everything_in(tmp_path) == {"page.html"}


@pytest.mark.parametrize("content", [MARK, MARK + "x" * 9000, "x" * 9000 + MARK])
def test_a_file_with_the_mark_is_replaced(tmp_path, content):
    (tmp_path / "page.html").write_text(content)
    write_text(tmp_path / "page.html", "new")
    assert (tmp_path / "page.html").read_text() == "new"


def test_a_file_that_comes_while_another_is_made_is_not_lost(tmp_path):
    with pytest.raises(UsageError, match=r"a.txt: exists"), atomic_path(tmp_path / "a.txt") as tmp:
        tmp.write_text("new")
        (tmp_path / "a.txt").write_text("mine")
    assert (tmp_path / "a.txt").read_text() == "mine"
    assert everything_in(tmp_path) == {"a.txt"}


def test_through_a_link_the_file_it_leads_to_is_meant(tmp_path):
    (tmp_path / "film.png").write_bytes(b"film")
    (tmp_path / "link.png").symlink_to("film.png")
    with pytest.raises(UsageError, match=r"link.png: exists"):
        write_text(tmp_path / "link.png", "x")
    assert (tmp_path / "film.png").read_bytes() == b"film"
    (tmp_path / "dangling").symlink_to("there.txt")
    write_text(tmp_path / "dangling", "x")
    assert (tmp_path / "there.txt").read_text() == "x"
    assert (tmp_path / "dangling").is_symlink()


def test_what_is_neither_file_nor_folder_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="pipe: exists"):
        write_text(tmp_path / "pipe", "x")


def test_a_folder_is_replaced_whole(tmp_path):
    make_folder(tmp_path / "run", stale="old", deep__er="old")
    with atomic_path(tmp_path / "run") as tmp:  # a folder may be made in place of a file's temporary
        tmp.mkdir()
        (tmp / "fresh").write_text("new")
    assert everything_in(tmp_path) == {"run", "run/fresh", f"run/{MANIFEST}"}
    make_folder(tmp_path / "run", again="new")
    assert everything_in(tmp_path) == {"run", "run/again", f"run/{MANIFEST}"}


def test_an_empty_folder_is_as_good_as_none(tmp_path):
    (tmp_path / "run").mkdir()
    make_folder(tmp_path / "run", a="a")
    (tmp_path / "run" / "a").unlink()  # what is missing cannot be lost
    make_folder(tmp_path / "run", b="b")
    assert everything_in(tmp_path) == {"run", "run/b", f"run/{MANIFEST}"}


def test_a_folder_without_a_record_is_refused_and_told_what_to_do(tmp_path):
    (tmp_path / "run" / "deep").mkdir(parents=True)
    (tmp_path / "run" / "deep" / "thesis.tex").write_text("years")
    says = r"run: holds deep, and no record .* delete this one if nothing in it is yours .*earlier versions"
    with pytest.raises(UsageError, match=says), atomic_folder(tmp_path / "run"):
        pytest.fail("work was begun")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="file: is a file; name a folder"), atomic_folder(tmp_path / "file"):
        pytest.fail("work was begun")
    assert everything_in(tmp_path) == {"run", "run/deep", "run/deep/thesis.tex", "file"}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"made_by": "Hilum", "entries": []}', "[" * 100_000]
)
def test_a_record_of_somebody_else_is_none(tmp_path, text):
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(UsageError, match=r"holds \.hilum\.json, and no record"):
        require_ours(tmp_path)


def own_file(folder):
    (folder / "notes.txt").write_text("mine")


def own_hidden(folder):
    (folder / "deep" / ".notes.txt").write_text("mine")


def own_empty_folder(folder):
    (folder / "notes.txt").mkdir()


def own_link(folder):
    (folder / "notes.txt").symlink_to("nowhere")


def link_in_place_of_a_file(folder):
    (folder / "card").unlink()
    (folder / "card").symlink_to("nowhere")


def folder_in_place_of_a_file(folder):
    (folder / "card").unlink()
    (folder / "card").mkdir()


def edited(folder):
    (folder / "card").write_text("old and mine")


def edited_to_the_same_size(folder):
    (folder / "card").write_text("OLD")


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (own_file, "notes.txt"),
        (own_hidden, "deep/.notes.txt"),
        (own_empty_folder, "notes.txt"),
        (own_link, "notes.txt"),
        (link_in_place_of_a_file, "card"),
        (folder_in_place_of_a_file, "card"),
        (edited, "card"),
        (edited_to_the_same_size, "card"),
    ],
)
def test_what_the_user_did_to_a_folder_of_hilums_is_never_undone(tmp_path, change, names):
    folder = make_folder(tmp_path / "run", card="old", deep__er="old")
    time.sleep(0.02)  # the system's clock for files ticks slowly
    change(folder)
    before = everything_in(tmp_path)
    with pytest.raises(UsageError, match=rf"run: holds {names}, which .*; move it elsewhere"):
        make_folder(folder, card="new")
    remove = pytest.warns(UserWarning, match=rf"run: is kept, because it holds {names}, which")
    with remove:
        remove_folder(folder)
    assert everything_in(tmp_path) == before


def test_what_is_put_into_a_folder_while_it_is_made_anew_is_not_lost(tmp_path):
    folder = make_folder(tmp_path / "run", card="old")
    with pytest.raises(UsageError, match=r"run: holds notes.txt"), atomic_folder(folder) as tmp:
        (tmp / "card").write_text("new")
        (folder / "notes.txt").write_text("mine")
    assert (folder / "card").read_text() == "old"
    assert everything_in(tmp_path) == {"run", "run/card", "run/notes.txt", f"run/{MANIFEST}"}


def test_damage_is_no_change_where_only_names_count(tmp_path):
    folder = make_folder(tmp_path / "run", card="old")
    (folder / "card").write_text("damaged")
    with atomic_folder(folder, names_only=True) as tmp:
        (tmp / "card").write_text("new")
    (folder / "card").write_text("damaged")
    remove_folder(folder, names_only=True)
    assert everything_in(tmp_path) == set()


def test_when_the_block_raises_the_old_folder_still_stands(tmp_path):
    target = make_folder(tmp_path / "run", kept="old")
    with pytest.raises(KeyboardInterrupt), atomic_folder(target) as tmp:
        (tmp / "half").write_text("new")
        raise KeyboardInterrupt
    assert everything_in(tmp_path) == {"run", "run/kept", f"run/{MANIFEST}"}


def test_an_interrupt_between_the_two_moves_puts_the_old_folder_back(tmp_path, monkeypatch):
    target = make_folder(tmp_path / "run", kept="old")
    move = Path.replace

    def interrupted(self, where):
        if Path(where) == target and self.name == "run":
            raise KeyboardInterrupt
        return move(self, where)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_folder(target, new="new")
    assert everything_in(tmp_path) == {"run", "run/kept", f"run/{MANIFEST}"}


def left_by_a_kill(tmp_path, *, moved_aside: bool) -> Path:
    """What a process leaves that is killed while it writes the folder `run`."""
    target = make_folder(tmp_path / "run", kept="old")
    scratch = tmp_path / ".run.hilum"
    (scratch / "run").mkdir(parents=True)
    (scratch / "run" / "half").write_text("new")
    (scratch / ".hilum-lock").touch()
    if moved_aside:
        target.rename(scratch / ".hilum-replaced")
    return target


@pytest.mark.parametrize("moved_aside", [False, True])
def test_what_a_killed_process_left_is_cleared_up_and_the_old_folder_put_back(tmp_path, moved_aside):
    target = left_by_a_kill(tmp_path, moved_aside=moved_aside)
    sweep(tmp_path)
    assert everything_in(tmp_path) == {"run", "run/kept", f"run/{MANIFEST}"}
    left_by_a_kill(tmp_path, moved_aside=moved_aside)
    with pytest.raises(ZeroDivisionError), atomic_folder(target):
        raise ZeroDivisionError
    assert everything_in(tmp_path) == {"run", "run/kept", f"run/{MANIFEST}"}
    left_by_a_kill(tmp_path, moved_aside=moved_aside)
    make_folder(target, new="new")
    assert everything_in(tmp_path) == {"run", "run/new", f"run/{MANIFEST}"}


def test_a_folder_moved_aside_whose_place_was_taken_is_deleted_only_if_it_is_hilums(tmp_path):
    target = left_by_a_kill(tmp_path, moved_aside=True)
    aside = tmp_path / ".run.hilum" / ".hilum-replaced"
    (aside / "notes.txt").write_text("mine")
    target.mkdir()
    with pytest.raises(UsageError, match=r"holds notes.txt"):
        make_folder(target, new="new")
    assert (aside / "notes.txt").read_text() == "mine"
    (aside / "notes.txt").unlink()
    make_folder(target, new="new")
    assert everything_in(tmp_path) == {"run", "run/new", f"run/{MANIFEST}"}


def test_a_scratch_folder_that_hilum_did_not_make_is_left_alone(tmp_path):
    (tmp_path / ".run.hilum").mkdir()
    (tmp_path / ".run.hilum" / "notes.txt").write_text("mine")
    (tmp_path / ".other.1234").mkdir()
    sweep(tmp_path)
    with pytest.raises(UsageError, match=r"run: is made in the folder \.run\.hilum .* holds notes\.txt"):
        make_folder(tmp_path / "run", a="a")
    assert everything_in(tmp_path) == {".run.hilum", ".run.hilum/notes.txt", ".other.1234"}
    (tmp_path / ".run.hilum" / "notes.txt").unlink()
    make_folder(tmp_path / "run", a="a")  # an empty one is what a kill leaves before all else
    assert everything_in(tmp_path) == {"run", "run/a", f"run/{MANIFEST}", ".other.1234"}


def test_a_second_writer_of_a_folder_is_refused_until_the_first_is_killed(tmp_path):
    script = "import sys, time\nfrom hilum.files import atomic_folder\n"
    script += "with atomic_folder(sys.argv[1]) as tmp:\n"
    script += "    (tmp / 'a').touch(); print('in', flush=True); time.sleep(60)"
    command = [sys.executable, "-c", script, tmp_path / "run"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "in\n"
        with pytest.raises(UsageError, match=r"run: is being written by another process; wait"):
            make_folder(tmp_path / "run", b="b")
        with pytest.raises(UsageError, match="is being written"), only_writer(tmp_path / "run"):
            pass
        sweep(tmp_path)
        assert (tmp_path / ".run.hilum" / "run" / "a").exists()
        first.send_signal(signal.SIGKILL)
        first.wait()
    make_folder(tmp_path / "run", b="b")
    assert everything_in(tmp_path) == {"run", "run/b", f"run/{MANIFEST}"}


def test_a_scratch_folder_cleared_up_by_the_writer_before_is_made_again(tmp_path, monkeypatch):
    """Another writer ends between our opening of its lock and our holding it."""
    lock, scratch, ended = fcntl.flock, tmp_path / ".a.txt.hilum", []

    def late(file, how):
        if not ended:
            ended.append(True)
            (scratch / ".hilum-lock").unlink()
            (scratch / ".hilum-lock").touch()
        elif len(ended) == 1:
            ended.append(True)
            (scratch / ".hilum-lock").unlink()
            scratch.rmdir()
        lock(file, how)

    monkeypatch.setattr(files.fcntl, "flock", late)
    write_text(tmp_path / "a.txt", "x")
    assert len(ended) == 2
    assert everything_in(tmp_path) == {"a.txt"}


def test_writers_at_the_same_time_leave_one_whole_file(tmp_path):
    target = tmp_path / "value.json"
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda i: write_json(target, [i] * 500), range(200)))
    assert len(set(json.loads(target.read_text()))) == 1
    assert everything_in(tmp_path) == {"value.json"}


def test_a_folder_that_is_removed_is_gone_and_one_behind_a_link_is_kept(tmp_path):
    make_folder(tmp_path / "run", a="a")
    (tmp_path / "link").symlink_to("run")
    with pytest.warns(UserWarning, match="link: is kept, because it is a link"):
        remove_folder(tmp_path / "link")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        remove_folder(tmp_path / "run")
    assert everything_in(tmp_path) == {"link"}


def test_errors_name_what_the_user_named(tmp_path):
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
    with pytest.raises(DataError) as caught, atomic_folder(tmp_path / "run") as tmp:
        try:
            raise ValueError(f"bad header in {tmp}/a.bin", 3)
        except ValueError as error:
            raise DataError(tmp / "a.bin", f"is damaged: {tmp}/a.bin") from error
    path = tmp_path / "run" / "a.bin"
    assert str(caught.value) == f"{path}: is damaged: {path}"
    assert (caught.value.thing, caught.value.problem) == (str(path), f"is damaged: {path}")
    assert caught.value.__cause__.args == (f"bad header in {path}", 3)


def test_a_place_that_cannot_be_written_to_is_named_and_no_temporary(tmp_path, monkeypatch):
    def refused(self, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(PermissionError) as caught:
        write_text(tmp_path / "a.txt", "x")
    assert caught.value.filename == str(tmp_path)
    monkeypatch.setattr(Path, "mkdir", lambda self, **_: refused(self) if self.name.startswith(".") else None)
    with pytest.raises(PermissionError) as caught:
        write_text(tmp_path / "a.txt", "x")
    assert caught.value.filename == str(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("films", "is the input"),
        ("FILMS", "is the input"),
        ("link", "is the input"),
        ("films/new", "lies inside the input"),
        ("link/deep/new", "lies inside the input"),
        (".", "holds the input"),
        ("films/deep/..", "is the input"),
        ("linked", "is the input"),
        ("linked/new", "lies inside the input"),
        ("twice/new", "lies inside the input"),
        ("home", "holds the input"),
        ("pictures", "holds the input"),
    ],
)
def test_an_output_that_touches_an_input_is_refused(tmp_path, out, says):
    for name in ("films/deep", "linked", "twice", "home/far/folder", "pictures"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "FILMS").symlink_to("films")
    (tmp_path / "link").symlink_to("films")
    (tmp_path / "films" / "deep" / "more").symlink_to(tmp_path / "linked")
    (tmp_path / "linked" / "more").symlink_to(tmp_path / "twice")
    (tmp_path / "twice" / "round").symlink_to(tmp_path / "films")
    (tmp_path / "twice" / "up").symlink_to(tmp_path)
    (tmp_path / "twice" / "again").symlink_to(tmp_path / "linked")
    (tmp_path / "films" / "far").symlink_to(tmp_path / "home" / "far" / "folder")
    (tmp_path / "pictures" / "1.png").write_bytes(b"film")
    (tmp_path / "films" / "1.png").symlink_to(tmp_path / "pictures" / "1.png")
    with pytest.raises(UsageError, match=rf"{says} .*films; choose a path away"):
        refuse_overlap(tmp_path / out, [tmp_path / "films"])
    refuse_overlap(tmp_path / "new", [tmp_path / "films", tmp_path / "not there"])
    refuse_overlap(tmp_path / "pictures" / "new", [tmp_path / "films"])  # beside a film is not over it


def test_a_film_is_never_its_own_output_by_whatever_name(tmp_path):
    film = tmp_path / "film.png"
    film.write_bytes(b"film")
    (tmp_path / "link.png").symlink_to(film)
    os.link(film, tmp_path / "hard.png")
    for name in ("film.png", "link.png", "hard.png"):
        with pytest.raises(UsageError, match=rf"{name}: is the input"):
            refuse_overlap(tmp_path / name, [film])
    refuse_overlap(tmp_path / "boxed.png", [film])


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


@pytest.mark.parametrize(
    ("old", "new", "replaced"),
    [
        ({"z": 1, "a": 2}, {"a": 3, "z": None}, True),
        ({"z": 1}, {"a": 3, "z": None}, False),
        ({"file": MARK, "more": 1}, {"a": 3}, True),
        ([{"a": 1}], [{"a": 2}, {"a": 3}], True),
        ([{"b": 1}], [{"a": 2}], False),
        ([], [{"a": 2}], False),
        ({"a": 1}, [{"a": 2}], False),
        ("text", {"a": 2}, False),
    ],
)
def test_json_takes_the_place_of_json_of_its_own_form_alone(tmp_path, old, new, replaced):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(old))
    if replaced:
        write_json(path, new)
    else:
        with pytest.raises(UsageError, match=r"a.json: exists"):
            write_json(path, new)
    assert json.loads(path.read_text()) == (new if replaced else old)


def test_json_takes_no_place_of_what_is_no_json(tmp_path):
    for content in (b"mine", b"\xff\xfe", b"[" * 100_000):
        (tmp_path / "a.json").write_bytes(content)
        with pytest.raises(UsageError, match=r"a.json: exists"):
            write_json(tmp_path / "a.json", {"a": 1})
        assert (tmp_path / "a.json").read_bytes() == content


def test_a_parent_that_is_a_file_is_an_error_and_stays(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="which is a file"):
        write_text(tmp_path / "file" / "inside.txt", "y")
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.slow
def test_no_writer_ever_loses_a_file_that_is_not_hilums(tmp_path):
    """HILUM_TRIALS=1000 for the whole bar; see `trials.py`."""
    trials = int(os.environ.get("HILUM_TRIALS", "100"))
    command = [sys.executable, Path(__file__).with_name("trials.py"), "--trials", str(trials)]
    here = Path(__file__).parent
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},
            "PYTHONPATH": f"{here.parent / 'src'}{os.pathsep}{here}",
            "OMP_NUM_THREADS": "1",
            "TMPDIR": str(tmp_path),
        },
    )
    assert done.returncode == 0, done.stderr[-3000:]
    ends = json.loads(done.stdout)["first"]
    assert sum(ends.values()) == trials
    assert all(ends[kind] > trials / 10 for kind in ("done", "refused", "killed")), ends


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


def test_the_folder_one_stands_in_is_not_replaced(tmp_path, monkeypatch):
    here = tmp_path / "here"
    (here / "deeper").mkdir(parents=True)
    for place in (here, here / "deeper"):
        monkeypatch.chdir(place)
        with pytest.raises(UsageError, match="holds the folder you are in"), atomic_folder(here):
            pytest.fail("work was begun")


def test_what_a_library_was_writing_when_it_was_killed_goes_with_the_next_write(tmp_path):
    scratch = tmp_path / ".weights.safetensors.hilum"
    scratch.mkdir()
    (scratch / ".hilum-lock").touch()
    (scratch / ".tmpvrI1y9").write_bytes(b"half of the weights")
    with atomic_path(tmp_path / "weights.safetensors") as tmp:
        assert [path.name for path in scratch.iterdir()] == [".hilum-lock"]
        save_file({"a": torch.zeros(1)}, tmp, {"made_by": MARK})
    assert [path.name for path in tmp_path.iterdir()] == ["weights.safetensors"]


def test_what_cannot_be_written_is_refused_before_any_work(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for path in ("notes.txt/audit.json", "notes.txt/deeper/audit.json"):
        with pytest.raises(UsageError, match="which is a file"):
            require_ours(tmp_path / path)
    require_ours(tmp_path / "new" / "folder" / "audit.json")


def test_a_folder_that_may_not_be_written_is_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    with pytest.raises(UsageError, match="may not write"):
        require_ours(tmp_path / "audit.json")


def test_a_mount_point_is_refused_before_any_work():
    with pytest.raises(UsageError, match="mount point"), atomic_folder("/proc"):
        pass


def test_what_a_killed_process_left_of_patients_is_deleted_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(files.tempfile, "tempdir", str(tmp_path))
    left, fresh, held, strange = (tmp_path / f"hilum-private-{name}" for name in "abcd")
    for folder in (left, fresh, held, strange):
        folder.mkdir()
        (folder / "film.png").write_bytes(b"film")
    for folder in (left, fresh, held):
        (folder / ".hilum-lock").touch()
    for folder in (left, held):
        os.utime(folder / ".hilum-lock", (0, 0))
    with (held / ".hilum-lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with files.private_folder() as mine:
            assert set(tmp_path.iterdir()) == {fresh, held, strange, mine}
            assert mine.stat().st_mode & 0o77 == 0
    assert sorted(tmp_path.iterdir()) == [fresh, held, strange]
