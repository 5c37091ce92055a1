"""A VQ-GAN in taming's layout: its names, its sizes off the weights, the nearest code at every place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from hilum.errors import DataError
from hilum.tokenizer.taming import TamingEncoder
from tokenizer.vqgan import CODES, SIDE, Taming


@pytest.fixture(scope="module")
def taming() -> Taming:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Taming().eval()


@pytest.mark.parametrize("form", ["ckpt", "pt", "safetensors"])
def test_codes_are_those_of_the_network_written_out(taming, form, tmp_path) -> None:
    path = tmp_path / f"vqgan.{form}"
    state = taming.state_dict()
    if form == "safetensors":
        save_file(state, path)
    else:
        torch.save({"state_dict": state, "epoch": 3} if form == "ckpt" else state, path)
    encoder = TamingEncoder.load(path, side=SIDE)
    assert (encoder.n_codes, encoder.codes_per_image) == (CODES, 64)
    pixels = torch.rand(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)) * 2 - 1
    codes = encoder.encode(pixels)
    with torch.inference_mode():
        assert torch.equal(codes, taming.codes(pixels))
    assert len(codes.unique()) > 1
    assert torch.equal(encoder.encode(pixels[1:2])[0], codes[1])


def test_a_pickled_object_is_refused_and_not_run(taming, tmp_path) -> None:
    class Sly:
        def __reduce__(self):
            return Path.touch, (tmp_path / "run",)

    path = tmp_path / "vqgan.ckpt"
    torch.save({"state_dict": taming.state_dict(), "config": Sly()}, path)
    with pytest.raises(DataError, match="tensors alone"):
        TamingEncoder.load(path)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("gone", "problem"),
    [
        ("encoder.down.1.block.1.norm2.bias", "lacks"),
        ("encoder.conv_in.weight", "not in taming's layout"),
        ("quantize.embedding.weight", "not in taming's layout"),
    ],
)
def test_other_networks_are_refused(taming, gone, problem) -> None:
    state = {name: tensor for name, tensor in taming.state_dict().items() if name != gone}
    with pytest.raises(DataError, match=problem):
        TamingEncoder(state, side=SIDE)


def test_what_is_not_taming_s_is_refused(taming, tmp_path) -> None:
    with pytest.raises(DataError, match="not in taming's layout"):
        TamingEncoder({})
    state = {**taming.state_dict(), "encoder.extra.weight": torch.ones(1)}
    with pytest.raises(DataError, match=r"holds encoder\.extra\.weight"):
        TamingEncoder(state, side=SIDE)
    (tmp_path / "vqgan.ckpt").write_text(json.dumps({}))
    for path in (tmp_path / "vqgan.ckpt", tmp_path / "missing.safetensors"):
        with pytest.raises(DataError, match="cannot be read"):
            TamingEncoder.load(path)
