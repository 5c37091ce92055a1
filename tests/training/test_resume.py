"""A run that is killed, at whatever moment, ends in the weights of a run that was not."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.errors import DataError, UsageError
from hilum.training import FitConfig, fit
from hilum.training import checkpoint as store
from training.helpers import Squares, equal, points, train_tokenizer, weights

KILLS = 5
STEPS = 60


class Sitting:
    """One process that trains until it is done or killed."""

    def __init__(self, context, run_dir: Path, out: Path) -> None:
        self.folder = run_dir / "checkpoints"
        self.pipe, far = context.Pipe(duplex=False)
        self.process = context.Process(target=train_tokenizer, args=(run_dir, out, far, STEPS))
        self.process.start()
        far.close()
        self.first = self.pipe.recv()
        self.step = self.first

    def wait_for(self, step: int) -> None:
        while self.step < step:
            self.step = self.pipe.recv()

    def freeze_in_write(self, rng: random.Random) -> None:
        """Stop the process at a random moment of the writing of a checkpoint."""
        while True:
            while not any(self.folder.glob(".step-*")):
                assert self.process.is_alive()
                time.sleep(0.0005)
            time.sleep(rng.uniform(0, 0.01))
            os.kill(self.process.pid, signal.SIGSTOP)
            time.sleep(0.01)  # the signal takes a moment to arrive
            if any(self.folder.glob(".step-*")):
                return
            os.kill(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()
        assert self.process.exitcode == -signal.SIGKILL


def test_killed_five_times_ends_in_the_same_bytes(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    # The optimiser imports torch._dynamo at its first step, which takes seconds a sitting.
    context.set_forkserver_preload(["hilum.training", "torch._dynamo"])
    whole, pieces = tmp_path / "whole.safetensors", tmp_path / "pieces.safetensors"
    undisturbed = Sitting(context, tmp_path / "whole", whole)
    undisturbed.process.join()
    assert undisturbed.process.exitcode == 0

    rng = random.Random(20)
    moments = sorted(rng.sample(range(2, STEPS - 6), KILLS))
    inside, resumed_at = 0, []
    for number, moment in enumerate(moments):
        sitting = Sitting(context, tmp_path / "pieces", pieces)
        resumed_at.append(sitting.first)
        sitting.wait_for(moment)
        if number % 2:
            sitting.freeze_in_write(rng)
        else:
            time.sleep(rng.uniform(0, 0.02))
        sitting.kill()
        inside += any(sitting.folder.glob(".step-*"))
        assert not pieces.exists()
    last = Sitting(context, tmp_path / "pieces", pieces)
    resumed_at.append(last.first)
    last.process.join()

    assert last.process.exitcode == 0
    assert inside >= KILLS // 2, "two kills are aimed inside the writing of a checkpoint"
    assert resumed_at[-1] > 0
    assert resumed_at == sorted(resumed_at)
    assert not any((tmp_path / "pieces" / "checkpoints").glob(".step-*"))
    assert pieces.read_bytes() == whole.read_bytes()
    newest = f"checkpoints/step-{STEPS:08d}/model.safetensors"
    assert (tmp_path / "pieces" / newest).read_bytes() == (tmp_path / "whole" / newest).read_bytes()
    steps = [row["step"] for row in _rows(tmp_path / "pieces")]
    assert steps == list(range(1, STEPS + 1))


def _rows(run_dir: Path) -> list[dict]:
    from hilum.training.log import read_history

    return read_history(run_dir / "history.jsonl")


CONFIG = FitConfig(steps=12, lr=1e-2, warmup=2, checkpoint_every=4, keep=3, log_every=1)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, dict]:
    """A run folder with checkpoints at 4, 8 and 12, and the weights it ended in."""
    run_dir = tmp_path_factory.mktemp("finished")
    objective = Squares(dropout=0.3)
    fit(objective, points, CONFIG, run_dir, progress=False)
    return run_dir, weights(objective.module)


def _copy(run_dir: Path, to: Path) -> Path:
    import shutil

    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(run_dir, to)
    return to / "checkpoints"


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["model.safetensors", "optimizer.safetensors", "state.json"]),
    share=st.floats(0, 0.999),
    flip=st.booleans(),
)
def test_a_damaged_checkpoint_is_passed_over(finished, tmp_path, name, share, flip) -> None:
    run_dir, wanted = finished
    folder = _copy(run_dir, tmp_path / "copy")
    file = folder / "step-00000012" / name
    data = bytearray(file.read_bytes())
    place = int(share * len(data))
    if flip and name != "state.json":
        data[place] ^= 0xFF
    else:
        del data[place:]
    file.write_bytes(bytes(data))
    objective = Squares(dropout=0.3)
    with pytest.warns(UserWarning, match="step-00000012.*trying the one before"):
        fit(objective, points, CONFIG, folder.parent, progress=False)
    assert objective.calls == 4
    assert equal(weights(objective.module), wanted)
    assert store.load(folder / "step-00000012").step == 12


def test_a_folder_without_its_files_is_no_checkpoint(finished, tmp_path) -> None:
    folder = _copy(finished[0], tmp_path / "copy")
    (folder / "step-00000012" / "state.json").unlink()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert store.newest(folder).step == 8
    assert len(seen) == 1


def test_a_checkpoint_of_another_format_is_named(finished, tmp_path) -> None:
    folder = _copy(finished[0], tmp_path / "copy")
    state = folder / "step-00000012" / "state.json"
    state.write_text(state.read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(DataError, match="format 99"):
        store.load(folder / "step-00000012")


def test_only_damaged_checkpoints_are_an_error_not_a_fresh_start(finished, tmp_path) -> None:
    folder = _copy(finished[0], tmp_path / "copy")
    for state in folder.glob("step-*/state.json"):
        state.write_text("{")
    with (
        pytest.warns(UserWarning, match="trying the one before"),
        pytest.raises(DataError, match="only damaged checkpoints"),
    ):
        fit(Squares(), points, CONFIG, folder.parent, progress=False)


def test_a_finished_run_is_not_trained_again(finished, tmp_path) -> None:
    folder = _copy(finished[0], tmp_path / "copy")
    objective = Squares(dropout=0.3)
    fit(objective, points, CONFIG, folder.parent, progress=False)
    assert objective.calls == 0
    assert equal(weights(objective.module), finished[1])


@pytest.mark.parametrize("change", [{"lr": 2e-2}, {"seed": 1}, {"steps": 20}, {"trainable": ("last.*",)}])
def test_other_settings_do_not_resume(finished, tmp_path, change) -> None:
    from dataclasses import replace

    folder = _copy(finished[0], tmp_path / "copy")
    with pytest.raises(UsageError, match=next(iter(change))):
        fit(Squares(0.3), points, replace(CONFIG, **change), folder.parent, progress=False)


def test_other_data_do_not_resume(tmp_path) -> None:
    class Marked:
        def __init__(self, fingerprint: str) -> None:
            self.fingerprint = fingerprint

        def __call__(self, step: int):
            return points(step)

    config = FitConfig(steps=2, lr=1e-2)
    fit(Squares(), Marked("a"), config, tmp_path, progress=False)
    with pytest.raises(UsageError, match="data='a'"):
        fit(Squares(), Marked("b"), config, tmp_path, progress=False)


def test_another_network_does_not_resume(finished, tmp_path) -> None:
    from torch import nn

    folder = _copy(finished[0], tmp_path / "copy")
    objective = Squares()
    objective.module = nn.Sequential(nn.Linear(4, 1), nn.Flatten(0))
    with pytest.raises(UsageError, match="another network"):
        fit(objective, points, CONFIG, folder.parent, progress=False)
    wider = Squares()
    wider.module.first = nn.Linear(4, 9)
    with pytest.raises(UsageError, match="another network"):
        fit(wider, points, CONFIG, folder.parent, progress=False)


def test_interrupted_between_steps_keeps_the_work(tmp_path) -> None:
    def until_seven(step: int):
        if step == 7:
            raise KeyboardInterrupt
        return points(step)

    config = FitConfig(steps=12, lr=1e-2, checkpoint_every=0)
    whole, pieces = Squares(0.3), Squares(0.3)
    fit(whole, points, config, tmp_path / "whole", progress=False)
    with pytest.raises(KeyboardInterrupt):
        fit(pieces, until_seven, config, tmp_path / "pieces", progress=False)
    assert store.steps(tmp_path / "pieces" / "checkpoints") == [7]
    resumed = Squares(0.3)
    fit(resumed, points, config, tmp_path / "pieces", progress=False)
    assert resumed.calls == 5
    assert equal(weights(resumed.module), weights(whole.module))


def test_only_the_newest_checkpoints_are_kept(finished) -> None:
    assert store.steps(finished[0] / "checkpoints") == [4, 8, 12]


def test_a_full_disk_is_named_and_leaves_the_older_checkpoint(tmp_path) -> None:
    full = Path("/dev/full")
    with pytest.raises(DataError, match="disk is full"), store.disk_trouble(tmp_path):
        full.write_bytes(b"x")
    with pytest.raises(ValueError, match="mine"), store.disk_trouble(tmp_path):
        raise ValueError("mine")
