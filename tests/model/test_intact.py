"""A run folder that was changed, is broken or asks for code is refused, and nothing in it is run."""

from __future__ import annotations

import contextlib
import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from hilum.errors import DataError
from hilum.model import Model
from model.helpers import tiny


@pytest.mark.parametrize("name", ["model.safetensors", "image_tokenizer/model.safetensors"])
def test_changed_weights_are_refused_and_broken_ones_named(tmp_path, name) -> None:
    folder = tiny().save(tmp_path / "run")
    path = folder / name
    weights = load_file(path)
    broken = next(key for key, tensor in weights.items() if tensor.is_floating_point())
    weights[broken].view(-1)[0] = torch.inf
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(DataError, match=r"model\.safetensors: is damaged or changed"):
        Model.load(folder)
    card = json.loads((folder / "hilum.json").read_text())
    del card["sha256"]
    (folder / "hilum.json").write_text(json.dumps(card))
    with pytest.raises(DataError, match="NaN or infinite weights in"):
        Model.load(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "generation_config.json"])
@pytest.mark.parametrize("inner", [False, True])
def test_a_malicious_run_folder_runs_nothing(tmp_path, monkeypatch, name, inner) -> None:
    folder = tiny().save(tmp_path / "run")
    ran = tmp_path / "ran"
    (folder / "evil.py").write_text(f"open({str(ran)!r}, 'w').close()\nclass Evil: pass\n")
    path = folder / name
    settings = json.loads(path.read_text()) if path.exists() else {}
    code = {"auto_map": dict.fromkeys(("AutoConfig", "AutoModel", "AutoTokenizer"), "evil.Evil")}
    settings |= {"model_type": "evil", "tokenizer_class": "Evil", **({"list": [code]} if inner else code)}
    path.write_text(json.dumps(settings))
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    with pytest.raises(DataError, match=f"{name}: asks to run code"):
        Model.load(folder)
    monkeypatch.setattr("hilum.model.run_folder.refuse_code", lambda _: None)
    with contextlib.suppress(DataError):  # and without that check nothing runs either
        Model.load(folder)
    assert not ran.exists()
