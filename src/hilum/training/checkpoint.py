"""Checkpoints that are either whole or not there, and that prove which of the two they are.

`run/checkpoints/step-00000500/` holds `model.safetensors` (trained weights and buffers),
`optimizer.safetensors` (Adam's moments) and `state.json` (step, settings, size and hash of the others).

    save(folder, Checkpoint(step, model, optimizer, state), keep=2)
    checkpoint = newest(folder)
"""

from __future__ import annotations

import errno
import hashlib
import json
import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from hilum.errors import DataError
from hilum.files import atomic_folder, remove_folder, write_json

FORMAT = 1
_MODEL = "model.safetensors"
_OPTIMIZER = "optimizer.safetensors"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class Checkpoint:
    """Everything a run needs to go on as if it had never stopped.

    Args:
        step: steps done.
        model: parameter or buffer name → tensor.
        optimizer: "name/quantity" → tensor.
        state: what else must be known; JSON.
    """

    step: int
    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    state: dict[str, Any] = field(default_factory=dict)


@contextmanager
def disk_trouble(folder: Path) -> Iterator[None]:
    """Turn a full disk into an error that names the folder; safetensors hides it in a message."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        if _says_full(error):
            raise DataError(
                folder, "the disk is full", "free space or choose another folder, then run again to resume"
            ) from error
        raise


def _says_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in _FULL
    return any(f"code: {code}" in str(error) or f"os error {code}" in str(error) for code in _FULL)


def save(folder: Path, checkpoint: Checkpoint, *, keep: int) -> Path:
    """Write a checkpoint in one step, then drop all but the newest `keep`; one that holds something Hilum
    did not write stays.

    Raises:
        DataError: the disk is full; the checkpoints that were there still are.
    """
    path = folder / f"step-{checkpoint.step:08d}"
    # A damaged checkpoint is written again when the run passes by it.
    with disk_trouble(folder), atomic_folder(path, names_only=True) as tmp:
        save_file(checkpoint.model, tmp / _MODEL)
        save_file(checkpoint.optimizer, tmp / _OPTIMIZER)
        state = {
            "format": FORMAT,
            "step": checkpoint.step,
            **checkpoint.state,
            "versions": {"torch": torch.__version__, "python": platform.python_version()},
            "files": {name: _seal(tmp / name) for name in (_MODEL, _OPTIMIZER)},
        }
        write_json(tmp / "state.json", state)
    _prune(folder, checkpoint.step, keep)
    return path


def _seal(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"size": path.stat().st_size, "sha256": digest}


def _prune(folder: Path, step: int, keep: int) -> None:
    """Keep the newest; a checkpoint beyond `step` is a damaged one that the run has passed by."""
    found = steps(folder)
    stale = [s for s in found if s > step] + [s for s in found if s <= step][:-keep]
    for s in stale:
        remove_folder(folder / f"step-{s:08d}", names_only=True)


def steps(folder: Path) -> list[int]:
    """Steps that have a checkpoint, whole or not, ascending."""
    names = (path.name.removeprefix("step-") for path in folder.glob("step-*"))
    return sorted(int(name) for name in names if name.isdigit())


def newest(folder: Path) -> Checkpoint | None:
    """The newest checkpoint that is whole; warns about each damaged one it passes over."""
    for step in reversed(steps(folder)):
        path = folder / f"step-{step:08d}"
        try:
            return load(path)
        except DataError as error:
            warnings.warn(f"{error.thing}: {error.problem}; trying the one before", stacklevel=2)
    return None


def load(path: Path) -> Checkpoint:
    """Read a checkpoint after checking sizes and hashes.

    Raises:
        DataError: a part is missing, cut or changed, or of a newer format.
    """
    remedy = "delete the folder; the run goes on from an older checkpoint"
    try:
        state = json.loads((path / "state.json").read_text(encoding="utf-8"))
        files = state["files"]
        for name in (_MODEL, _OPTIMIZER):
            if _seal(path / name) != files[name]:
                raise DataError(path, f"{name} is damaged", remedy)
        if state["format"] != FORMAT:
            raise DataError(path, f"has format {state['format']}", f"this version reads format {FORMAT}")
        return Checkpoint(state["step"], load_file(path / _MODEL), load_file(path / _OPTIMIZER), state)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise DataError(path, f"is not a whole checkpoint ({type(error).__name__})", remedy) from error
