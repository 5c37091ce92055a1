"""What stands in a run folder, and its image tokenizer read without the network."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
import torch

from hilum.errors import DataError, UsageError
from hilum.images import Fit
from hilum.model import Model, Reads, Writes
from hilum.model.intact import checksums
from hilum.model.run_folder import read_image_tokenizer
from model.helpers import image_tokenizer, tiny


def test_the_card_says_all_that_the_weights_do_not(tmp_path) -> None:
    model = tiny()
    folder = model.save(tmp_path / "run")
    assert json.loads((folder / "hilum.json").read_text()) == {
        "name": model.name,
        "fit": model.fit.value,
        "config": json.loads(json.dumps(asdict(model.config))),
        "weights": model.weights_hash(),
        "seen": {},
        "sha256": checksums(folder),
    }
    assert sorted(checksums(folder)) == ["image_tokenizer/model.safetensors", "model.safetensors"]


@pytest.mark.parametrize("inner", [False, True])
def test_an_image_tokenizer_is_read_without_the_network(tmp_path, inner) -> None:
    model = replace(tiny(), fit=Fit.PAD)
    folder = model.save(tmp_path / "model" if inner else tmp_path)
    (folder / "tokenizer.json").unlink()
    tokenizer, fit = read_image_tokenizer(tmp_path)
    assert fit is Fit.PAD
    pixels = torch.rand(2, 32, 32)
    assert torch.equal(tokenizer.encode(pixels), image_tokenizer().encode(pixels))
    (folder / "image_tokenizer" / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(DataError, match="is damaged or changed"):
        read_image_tokenizer(tmp_path)


def test_a_folder_without_codes_has_no_image_tokenizer(tmp_path) -> None:
    assert read_image_tokenizer(tmp_path) is None
    assert read_image_tokenizer(tiny(Reads.FEATURES, Writes.NOTHING).save(tmp_path / "run")) is None


def test_what_is_no_run_folder_is_named(tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: holds no hilum model"):
        Model.load(tmp_path / "empty")
    with pytest.raises(DataError, match="absent: is not a folder"):
        Model.load(tmp_path / "absent")
    with pytest.raises(UsageError, match="folder: is a int, not a path"):
        Model.load(3)
