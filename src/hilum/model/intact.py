"""Whether a run folder is what was saved, and runs nothing: checked before anything in it is used.

refuse_code(folder)                      # settings that ask to run code from the folder
refuse_changed(folder, card["sha256"])   # weights that are not those that were saved
refuse_broken(path, network)             # NaN or infinite weights
Fingerprint.of(network).digits           # the name of the weights in every answer
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hilum.errors import DataError

_CODE = ("auto_map", "custom_pipelines")
"""Settings by which `transformers` is told to run Python files of a folder or of a hub."""


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of weights below a folder, by its path in it."""
    return {path.relative_to(folder).as_posix(): _sha256(path) for path in _weights(folder)}


def refuse_changed(folder: Path, sums: Mapping[str, str]) -> None:
    """Compare weights with the checksums taken when they were saved; one without a checksum passes.

    Raises:
        DataError: a file is not the one that was saved.
    """
    for path in _weights(folder):
        expected = sums.get(path.relative_to(folder).as_posix())
        if expected is not None and expected != _sha256(path):
            problem = "is damaged or changed: its SHA-256 is not the one in hilum.json"
            raise DataError(path, problem, "copy the run folder anew, or save the model again")


def _weights(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.safetensors"))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_broken(path: Path, network: nn.Module) -> None:
    """Refuse weights with which every answer would be noise.

    Raises:
        DataError: a tensor holds NaN or infinity.
    """
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise DataError(path, f"holds NaN or infinite weights in {name}", "train the model again")


def refuse_code(folder: Path) -> None:
    """Refuse a folder whose settings ask for its own code: a model is data, and nothing of it is run.

    Raises:
        DataError: one of its JSON files does.
    """
    for path in sorted(folder.rglob("*.json")):
        if path.name in ("tokenizer.json", "vocab.json"):  # words of a vocabulary are no settings
            continue
        try:
            asked = _asks(json.loads(path.read_bytes()))
        except (OSError, ValueError, RecursionError):
            continue  # whoever needs the file says what is wrong with it
        if asked:
            remedy = "Hilum runs no code from a run folder: take the model from someone you trust, without it"
            raise DataError(path, f"asks to run code that comes with the model ({asked})", remedy)


def _asks(value: Any) -> str | None:
    """The first setting, however deep, that names code."""
    if isinstance(value, dict):
        named = next((key for key in _CODE if value.get(key)), None)
        return named or next((found for found in map(_asks, value.values()) if found), None)
    if isinstance(value, list):
        return next((found for found in map(_asks, value) if found), None)
    return None


@dataclass(frozen=True)
class Fingerprint:
    """The hash of a network's weights, and how to tell without reading them that they are the same still.

    Args:
        digits: twelve hex digits that name the weights.
        versions: where each tensor lies and how often it was written to, as PyTorch counts it for autograd.
            What is written past autograd, through `.data`, is not counted. None where nothing is.
    """

    digits: str
    versions: tuple[tuple[int, int], ...] | None

    @classmethod
    def of(cls, network: nn.Module) -> Fingerprint:
        """Read every weight."""
        digest = hashlib.sha256()
        for name, tensor in sorted(network.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().float().numpy().tobytes())
        return cls(digest.hexdigest()[:12], _versions(network))

    @classmethod
    def saved(cls, digits: str, network: nn.Module) -> Fingerprint:
        """The hash that was computed when the network just read was saved."""
        return cls(digits, _versions(network))

    def holds(self, network: nn.Module) -> bool:
        """Whether the network has these weights, unchanged since."""
        return self.versions is not None and self.versions == _versions(network)


def _versions(network: nn.Module) -> tuple[tuple[int, int], ...] | None:
    tensors = list(chain(network.parameters(), network.buffers()))
    if any(tensor.is_inference() for tensor in tensors):
        return None
    return tuple((tensor.data_ptr(), tensor._version) for tensor in tensors)
