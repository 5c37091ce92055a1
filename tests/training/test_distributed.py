"""Two processes that share out a network and the batches of a step learn what one learns alone."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hilum.errors import UsageError
from hilum.training import fit
from hilum.training.distributed import World
from hilum.training.log import read_history
from hilum.training.loop import whole_tensors
from training import processes
from training.helpers import equal, torchrun, without_times


@pytest.fixture(scope="module")
def together(tmp_path_factory) -> Path:
    """What two processes left."""
    folder = tmp_path_factory.mktemp("together")
    done = torchrun("-m", "training.processes", str(folder), where=folder)
    assert done.returncode == 0, done.stderr
    return folder


def assert_alike(together: Path, name: str, alone: dict[str, torch.Tensor], atol: float = 1e-6) -> None:
    for rank in (0, 1):
        found = load_file(together / f"{name}-{rank}.safetensors")
        assert found.keys() == alone.keys()
        for key, weight in alone.items():
            torch.testing.assert_close(found[key], weight, rtol=0, atol=atol, msg=f"{name} {key} {rank}")


def test_two_processes_learn_what_one_learns(together, tmp_path) -> None:
    """Unlike numbers of targets, and a batch without an image in one of them alone."""
    alone = processes.trained(tmp_path / "alone")
    assert_alike(together, "float32", alone)
    told = [read_history(folder / "history.jsonl") for folder in (together / "float32", tmp_path / "alone")]
    for one, other in zip(*told, strict=True):
        assert without_times(one) == pytest.approx(without_times(other), rel=1e-4, abs=1e-5)


def test_muon_takes_whole_matrices(together, tmp_path) -> None:
    assert_alike(together, "muon", processes.trained(tmp_path / "alone", processes.MUON), atol=1e-4)


def test_a_step_goes_on_where_the_processes_broke_off(together, tmp_path) -> None:
    assert_alike(together, "resumed", processes.trained(tmp_path / "alone"))


def test_a_run_of_two_processes_is_gone_on_with_by_one(together, tmp_path) -> None:
    """A checkpoint holds the whole of what was shared out."""
    checkpoints = tmp_path / "run" / "checkpoints"
    shutil.copytree(together / "float32" / "checkpoints", checkpoints)
    shutil.rmtree(checkpoints / "step-00000004")
    assert_alike(together, "float32", processes.trained(tmp_path / "run"))


def test_an_adapter_learns_the_same(together, tmp_path) -> None:
    assert_alike(together, "adapted", processes.adapted(tmp_path / "alone"))
    ours, theirs = (
        load_file(folder / "adapter" / "adapter_model.safetensors")
        for folder in (tmp_path / "alone", together / "adapted")
    )
    for name, matrix in ours.items():
        torch.testing.assert_close(theirs[name], matrix, rtol=0, atol=1e-6)


def test_weights_held_in_bfloat16_learn_nearly_the_same(together, tmp_path) -> None:
    processes.trained(tmp_path / "alone")
    half, full = (
        read_history(folder / "history.jsonl") for folder in (together / "bfloat16", tmp_path / "alone")
    )
    assert [row["loss"] for row in half] == pytest.approx([row["loss"] for row in full], rel=0.02)


def test_each_process_holds_half(together) -> None:
    held = [json.loads((together / f"share-{rank}.json").read_text()) for rank in (0, 1)]
    (first, total), (second, _) = held
    assert first + second == total
    assert abs(first - second) < 0.05 * total


def test_the_first_process_alone_keeps_what_a_checkpoint_holds() -> None:
    named = {"weight": torch.ones(2, 3), "buffer": torch.zeros(())}
    assert whole_tensors(named.items(), World(1, 2)) == {}
    kept = whole_tensors(named.items(), World(0, 2))
    assert equal(kept, named)
    assert not any(kept[name].data_ptr() == tensor.data_ptr() for name, tensor in named.items())


def test_a_step_is_shared_out_evenly_or_not_at_all(tmp_path) -> None:
    config = replace(processes.CONFIG, accumulate=6)
    problem = "accumulate: is 6, and 4 processes share the batches of a step; give a multiple, such as 8"
    with pytest.raises(UsageError, match=problem):
        fit(processes.objective(), lambda _: None, config, tmp_path, world=World(1, 4))


@pytest.mark.parametrize("size", [1, 2, 4])
def test_every_batch_of_a_step_is_one_processs(size) -> None:
    parts = [World(rank, size).parts(8) for rank in range(size)]
    assert sorted(k for part in parts for k in part) == list(range(8))
    assert {len(part) for part in parts} == {8 // size}
