"""What a run folder holds, written and read in one place.

write_run_folder(saved, Path("runs/mine"))
saved = read_run_folder(Path("runs/mine"))

It is a plain Hugging Face directory (config.json, model.safetensors, tokenizer.json with its chat template,
the processor) plus `hilum.json` (the two switches, how images are fitted, checksums) and `image_tokenizer/`.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from hilum.errors import DataError, UsageError
from hilum.files import atomic_folder, write_json
from hilum.images import Fit
from hilum.model.config import ModelConfig, Reads, Writes
from hilum.model.intact import checksums, refuse_broken, refuse_changed, refuse_code
from hilum.model.limits import Limits
from hilum.model.network import Network, load_network
from hilum.model.processor import save_processor
from hilum.model.vocabulary import Vocabulary
from hilum.tokenizer import ImageTokenizer


class Saved(NamedTuple):
    """The parts of a saved model, in the order of `Model`'s fields.

    Args:
        weights: the hash of the network's weights; None where an earlier version saved none.
    """

    network: Network
    vocabulary: Vocabulary
    config: ModelConfig
    image_tokenizer: ImageTokenizer | None
    fit: Fit
    name: str
    limits: Limits
    weights: str | None


def write_run_folder(saved: Saved, folder: str | Path) -> Path:
    """Write a run folder in one step; one that Hilum wrote before is replaced.

    Raises:
        UsageError: the folder holds something that Hilum did not write.
    """
    with atomic_folder(folder) as tmp:
        saved.network.save_pretrained(tmp)
        save_processor(tmp, saved.vocabulary, saved.config, saved.fit)
        if saved.image_tokenizer is not None:
            saved.image_tokenizer.save_pretrained(tmp / "image_tokenizer")
        card = {
            "name": saved.name,
            "fit": saved.fit.value,
            "config": asdict(saved.config),
            "weights": saved.weights,
            **saved.limits.save(tmp),
        }
        write_json(tmp / "hilum.json", {**card, "sha256": checksums(tmp)})
    return Path(folder)


def read_run_folder(folder: str | Path) -> Saved:
    """Read a run folder, or the `model/` inside a quickstart folder.

    Raises:
        UsageError: it is no path.
        DataError: the folder is missing, unfinished or damaged.
    """
    if not isinstance(folder, str | os.PathLike):
        raise UsageError("folder", f"is a {type(folder).__name__}, not a path", "name a run folder")
    folder = find_model(Path(folder))
    refuse_code(folder)
    card = _read_card(folder)
    vocabulary = Vocabulary.load(folder)
    tokenizer = None
    if card["config"].needs_codes:
        tokenizer = ImageTokenizer.from_pretrained(folder / "image_tokenizer")
    network = load_network(folder, joined=card["config"].sees_features)
    refuse_broken(folder / "model.safetensors", network)
    if tokenizer is not None:
        refuse_broken(folder / "image_tokenizer" / "model.safetensors", tokenizer)
    return Saved(network=network, vocabulary=vocabulary, image_tokenizer=tokenizer, **card)


def read_image_tokenizer(folder: Path) -> tuple[ImageTokenizer, Fit] | None:
    """The image tokenizer of a run folder and how its films are fitted, without the network.

    None where there is no model, or one without codes.

    Raises:
        DataError: it is damaged.
    """
    places = [place for place in (folder, folder / "model") if (place / "hilum.json").is_file()]
    if not places:
        return None
    card = _read_card(places[0])
    if not card["config"].needs_codes:
        return None
    return ImageTokenizer.from_pretrained(places[0] / "image_tokenizer"), card["fit"]


def find_model(folder: Path) -> Path:
    """The folder itself, or the `model/` inside a quickstart folder, whichever holds a model.

    Raises:
        DataError: neither does.
    """
    for candidate in (folder, folder / "model"):
        if (candidate / "hilum.json").is_file():
            return candidate
    problem = "holds no hilum model" if folder.is_dir() else "is not a folder"
    raise DataError(folder, problem, "name the folder `hilum quickstart --out` wrote")


def _read_card(folder: Path) -> dict[str, Any]:
    """What `hilum.json` says, after its checksums have been compared with the weights."""
    path = folder / "hilum.json"
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        refuse_changed(folder, card.get("sha256", {}))
        switches = {"reads": Reads(card["config"]["reads"]), "writes": Writes(card["config"]["writes"])}
        return {
            # A model saved without views learned from shards of which `Shards.views` is 0.
            "config": ModelConfig(**{"views": 0, **card["config"], **switches}),
            "fit": Fit(card["fit"]),
            "name": str(card["name"]),
            "limits": Limits.load(folder, card),
            "weights": None if card.get("weights") is None else str(card["weights"]),
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, UsageError) as error:
        raise DataError(path, f"is damaged ({type(error).__name__})", "save the model anew") from error
