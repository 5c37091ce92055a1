"""A checkpoint is whole or not there, whoever wrote it; see test_resume for the runs that use them."""

from __future__ import annotations

import errno
import hashlib
import json
import platform

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError

from hilum.errors import DataError, UsageError
from hilum.training import checkpoint as store
from hilum.training.checkpoint import Checkpoint


def checkpoint(step: int, seed: int = 0) -> Checkpoint:
    generator = torch.Generator().manual_seed(seed)
    model = {"a.weight": torch.randn(3, 2, generator=generator), "count": torch.tensor(step)}
    moments = {"a.weight/exp_avg": torch.randn(3, 2, generator=generator), "a.weight/step": torch.tensor(2.0)}
    return Checkpoint(step, model, moments, {"binding": {"lr": 1e-3, "betas": [0.9, 0.95], "data": None}})


@settings(max_examples=20)
@given(step=st.integers(0, 10**8 - 1), seed=st.integers(0, 99))
def test_what_is_read_is_what_was_written(tmp_path_factory, step, seed) -> None:
    folder = tmp_path_factory.mktemp("run")
    wanted = checkpoint(step, seed)
    found = store.load(store.save(folder, wanted, keep=1))
    assert found.step == step
    for mine, theirs in ((found.model, wanted.model), (found.optimizer, wanted.optimizer)):
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)
        assert all(mine[name].dtype == theirs[name].dtype for name in mine)
    assert found.state["binding"] == wanted.state["binding"]
    assert found.state["versions"]["torch"] == torch.__version__


def test_a_state_says_what_lies_beside_it(tmp_path) -> None:
    path = store.save(tmp_path, checkpoint(70), keep=1)
    assert path == tmp_path / "step-00000070"
    names = ("model.safetensors", "optimizer.safetensors")
    contents = {name: (path / name).read_bytes() for name in names}
    assert json.loads((path / "state.json").read_text()) == {
        "format": 1,
        "step": 70,
        "binding": {"lr": 1e-3, "betas": [0.9, 0.95], "data": None},
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "files": {
            name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in contents.items()
        },
    }


def test_a_checkpoint_of_a_later_format_says_which_is_read(tmp_path) -> None:
    path = store.save(tmp_path, checkpoint(3), keep=1)
    state = json.loads((path / "state.json").read_text())
    (path / "state.json").write_text(json.dumps({**state, "format": 2}))
    with pytest.raises(DataError, match="step-00000003: has format 2; this version reads format 1"):
        store.load(path)
    with pytest.warns(UserWarning, match="step-00000003: has format 2; trying the one before"):
        assert store.newest(tmp_path) is None


def test_the_newest_are_kept_and_those_beyond_the_run_go(tmp_path) -> None:
    for step in (2, 4, 6, 8):
        store.save(tmp_path, checkpoint(step), keep=2)
    assert store.steps(tmp_path) == [6, 8]
    store.save(tmp_path, checkpoint(7), keep=2)  # 8 was damaged: the run went back and passes it by
    assert store.steps(tmp_path) == [6, 7]
    assert store.newest(tmp_path).step == 7


def test_only_steps_count_as_checkpoints(tmp_path) -> None:
    assert store.newest(tmp_path) is None
    for name in ("step-x", "other", ".step-00000009.hilum"):
        (tmp_path / name).mkdir()
    assert store.steps(tmp_path) == []


def test_a_checkpoint_with_a_file_of_somebody_else_is_never_dropped(tmp_path) -> None:
    first = store.save(tmp_path, checkpoint(1), keep=1)
    (first / "notes.txt").write_text("the best so far")
    with pytest.warns(UserWarning, match=r"step-00000001: is kept, because it holds notes.txt"):
        store.save(tmp_path, checkpoint(2), keep=1)
    assert store.load(first).step == 1
    assert (first / "notes.txt").read_text() == "the best so far"
    with pytest.raises(UsageError, match=r"notes.txt, which Hilum did not write"):
        store.save(tmp_path, checkpoint(1), keep=1)


def test_a_checkpoint_behind_a_link_is_kept(tmp_path) -> None:
    store.save(tmp_path / "elsewhere", checkpoint(1), keep=1)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "step-00000001").symlink_to(tmp_path / "elsewhere" / "step-00000001")
    with pytest.warns(UserWarning, match="is kept, because it is a link"):
        store.save(tmp_path / "run", checkpoint(2), keep=1)
    assert store.steps(tmp_path / "run") == [1, 2]
    assert store.newest(tmp_path / "elsewhere").step == 1


def test_a_failed_save_leaves_nothing_and_the_older_one_whole(tmp_path, monkeypatch) -> None:
    store.save(tmp_path, checkpoint(1), keep=1)
    whole, calls = store.save_file, []

    def full(tensors, path) -> None:
        whole(tensors, path)
        calls.append(path)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store, "save_file", full)
    with pytest.raises(DataError, match="the disk is full; free space"):
        store.save(tmp_path, checkpoint(2), keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]
    assert store.newest(tmp_path).step == 1


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "x"), True),
        (OSError(errno.EDQUOT, "x"), True),
        (OSError(errno.EFBIG, "x"), True),
        (SafetensorError("IoError(Os { code: 122, kind: QuotaExceeded })"), True),
        (SafetensorError("I/O error: File too large (os error 27)"), True),
        (SafetensorError("Error while serializing: I/O error: No space left (os error 28)"), True),
        (OSError(errno.EACCES, "x"), False),
        (SafetensorError("header too large"), False),
    ],
)
def test_a_full_disk_is_told_from_other_trouble(tmp_path, error, full) -> None:
    with pytest.raises(DataError if full else type(error)), store.disk_trouble(tmp_path):
        raise error


@pytest.mark.parametrize("text", ["[]", "null", '{"files": 3}', '{"files": {}}', "\x00"])
def test_a_state_that_is_no_state_is_one_error(tmp_path, text) -> None:
    path = store.save(tmp_path, checkpoint(3), keep=1)
    (path / "state.json").write_text(text)
    with pytest.raises(DataError, match=r"step-00000003: is not a whole checkpoint"):
        store.load(path)


def test_swapped_files_are_noticed(tmp_path) -> None:
    """Two whole files of two checkpoints make no checkpoint."""
    one, two = (store.save(tmp_path, checkpoint(step, step), keep=2) for step in (1, 2))
    (two / "model.safetensors").write_bytes((one / "model.safetensors").read_bytes())
    with pytest.raises(DataError, match=r"model.safetensors is damaged; delete .* an older checkpoint$"):
        store.load(two)
    assert json.loads((two / "state.json").read_text())["step"] == 2
