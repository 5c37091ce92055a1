"""A checkpoint in taming's layout: codes and reconstructions are the reference implementation's."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from hilum.errors import DataError, UsageError
from hilum.tokenizer import ImageTokenizer
from hilum.tokenizer.taming import import_taming, read_taming
from tokenizer.vqgan import GOLDEN, SIDE, checkpoint, drawn


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return checkpoint(GOLDEN["lowest"]["weights"])


@pytest.fixture
def saved(tmp_path):
    def save(state: dict[str, Tensor]) -> Path:
        save_file(state, tmp_path / "vqgan.safetensors")
        return tmp_path / "vqgan.safetensors"

    return save


@pytest.mark.parametrize("name", GOLDEN)
def test_codes_and_reconstructions_are_the_reference_s(name, saved) -> None:
    golden = GOLDEN[name]
    tokenizer = read_taming(saved(checkpoint(golden["weights"])), side=SIDE)
    pixels = drawn("picture", golden["picture"])
    with torch.inference_mode():
        found = tokenizer.quantizer(tokenizer.encoder(pixels).movedim(1, -1))
        restored = tokenizer.decoder(found.vectors.movedim(-1, 1).contiguous())
    assert found.codes.flatten(1).tolist() == golden["codes"]
    wanted = torch.tensor(golden["reconstruction"]).reshape(golden["picture"])
    torch.testing.assert_close(restored, wanted, atol=1e-5, rtol=0)
    assert wanted.std() > 0.1  # it is of pictures, not of a constant
    assert len(found.codes.unique()) > 8


def test_a_grey_network_takes_and_gives_them_as_any_image_tokenizer(saved) -> None:
    golden = GOLDEN["middle"]
    tokenizer = read_taming(saved(checkpoint(golden["weights"])), side=SIDE)
    pixels = (drawn("picture", golden["picture"])[:, 0] + 1) / 2
    wanted = torch.tensor(golden["reconstruction"]).reshape(pixels.shape)
    codes = tokenizer.encode(pixels)
    assert codes.tolist() == golden["codes"]
    torch.testing.assert_close(tokenizer.decode(codes), ((wanted + 1) / 2).clamp(0, 1), atol=1e-5, rtol=0)


def test_a_colour_network_sees_grey_three_times_and_gives_the_mean(state, saved) -> None:
    tokenizer = read_taming(saved(state), side=SIDE)
    pixels = drawn("grey", (2, SIDE, SIDE)) / 2 + 0.5
    with torch.inference_mode():
        restored, found = tokenizer(pixels)
        colours = tokenizer.decoder(found.vectors.movedim(-1, 1).contiguous())
        z = tokenizer.encoder((pixels * 2 - 1)[:, None].repeat(1, 3, 1, 1))
    assert torch.equal(found.codes, tokenizer.quantizer(z.movedim(1, -1)).codes)
    assert (colours[:, 0] - colours[:, 1]).abs().max() > 0.1
    torch.testing.assert_close(restored, (colours.mean(1) + 1) / 2)


@pytest.mark.parametrize("form", ["lightning", "bare", "safetensors", "half"])
def test_every_form_of_file_gives_the_same_folder(state, form, saved, tmp_path, monkeypatch) -> None:
    path = tmp_path / "vqgan.ckpt"
    if form == "lightning":
        # What Lightning keeps beside the weights: training's own, and the class of a callback as a key.
        kept = ModuleType("pytorch_lightning.callbacks.model_checkpoint")
        kept.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": kept.__name__})
        for name in ("pytorch_lightning", "pytorch_lightning.callbacks", kept.__name__):
            monkeypatch.setitem(sys.modules, name, kept)
        loss = {"loss.discriminator.main.0.weight": torch.ones(1), "loss.perceptual_loss.lin0": torch.ones(1)}
        callbacks = {kept.ModelCheckpoint: {"best_model_score": torch.ones(())}}
        torch.save({"state_dict": state | loss, "epoch": 3, "callbacks": callbacks}, path)
        for name in ("pytorch_lightning", "pytorch_lightning.callbacks", kept.__name__):
            monkeypatch.delitem(sys.modules, name)
    elif form == "half":
        state = {name: tensor.half() for name, tensor in state.items()}
        torch.save(state, path)
    else:
        torch.save(state, path)
    plain = read_taming(saved({name: tensor.float() for name, tensor in state.items()}), side=SIDE)
    source = saved(state) if form == "safetensors" else path
    import_taming(source, tmp_path / "tokenizer", side=SIDE)
    tokenizer = ImageTokenizer.from_pretrained(tmp_path / "tokenizer")
    assert tokenizer.config == plain.config
    assert (tokenizer.n_codes, tokenizer.codes_per_image) == (64, 256)
    pixels = drawn("grey", (2, SIDE, SIDE)) / 2 + 0.5
    codes = tokenizer.encode(pixels)
    assert torch.equal(codes, plain.encode(pixels))
    assert torch.equal(tokenizer.decode(codes), plain.decode(codes))


def test_training_goes_on_from_the_codebook_that_was_imported(state, saved) -> None:
    tokenizer = read_taming(saved(state), side=SIDE).train()
    before = tokenizer.quantizer.codebook.clone()
    _, found = tokenizer(drawn("grey", (1, SIDE, SIDE)) / 2 + 0.5)
    moved = ((tokenizer.quantizer.codebook - before).abs() > 1e-6).any(1).nonzero().flatten()
    assert moved.tolist() == found.codes.unique().tolist()


def test_a_pickled_object_is_refused_and_not_run(state, tmp_path) -> None:
    class Sly:
        def __reduce__(self):
            return Path.touch, (tmp_path / "run",)

    path = tmp_path / "vqgan.ckpt"
    torch.save({"state_dict": state, "config": Sly()}, path)
    with pytest.raises(DataError, match="tensors alone"):
        import_taming(path, tmp_path / "tokenizer")
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "tokenizer").exists()


@pytest.mark.parametrize(
    "gone",
    [
        "encoder.conv_in.weight",
        "encoder.down.0.downsample.conv.bias",
        "encoder.down.1.block.0.norm1.weight",
        "encoder.down.1.block.0.conv2.weight",
        "quant_conv.weight",
        "decoder.up.0.block.1.conv1.weight",
        "decoder.up.1.attn.1.q.bias",
        "post_quant_conv.bias",
        "quantize.embedding.weight",
    ],
)
def test_a_missing_weight_is_named(state, gone, saved) -> None:
    path = saved({name: tensor for name, tensor in state.items() if name != gone})
    with pytest.raises(DataError, match=rf"lacks {re.escape(gone)}\b"):
        read_taming(path, side=SIDE)


@pytest.mark.parametrize(
    ("prefix", "lacks"),
    [("encoder.down.", "encoder.down.0"), ("encoder.down.0.block.", "encoder.down.0.block.0")],
)
def test_a_part_that_is_missing_altogether_is_named(state, prefix, lacks, saved) -> None:
    path = saved({name: tensor for name, tensor in state.items() if not name.startswith(prefix)})
    with pytest.raises(DataError, match=rf"lacks {re.escape(lacks)}\b"):
        read_taming(path, side=SIDE)


def test_weights_of_other_networks_are_named(state, saved) -> None:
    more = {"decoder.extra.weight": torch.ones(1), "quantize.used": torch.ones(1)}
    with pytest.raises(DataError, match=r"also holds decoder\.extra\.weight and 1 more"):
        read_taming(saved(state | more), side=SIDE)
    other = {"decoder.conv_out.weight": torch.ones(1, 32, 3, 3)}
    with pytest.raises(DataError, match=r"in another shape decoder\.conv_out\.weight"):
        read_taming(saved(state | other), side=SIDE)
    flat = {"encoder.conv_in.weight": torch.ones(1)}
    with pytest.raises(DataError, match="not in taming's layout"):
        read_taming(saved(state | flat), side=SIDE)
    empty = {"encoder.conv_in.weight": torch.ones(0, 3, 3, 3)}
    with pytest.raises(DataError, match="not in taming's layout"):
        read_taming(saved(state | empty), side=SIDE)
    narrow = {"encoder.conv_in.weight": torch.ones(16, 3, 3, 3)}
    with pytest.raises(DataError, match=r"not in taming's layout.*multiple of 32"):
        read_taming(saved(state | narrow), side=SIDE)


def test_a_kl_autoencoder_is_refused_as_one(state, saved) -> None:
    double = {
        name: torch.cat([state[name]] * 2) for name in ("encoder.conv_out.weight", "encoder.conv_out.bias")
    }
    with pytest.raises(DataError, match="double_z"):
        read_taming(saved(state | double), side=SIDE)


def test_a_file_that_is_damaged_or_missing_is_named(state, saved, tmp_path) -> None:
    path = saved(state)
    path.write_bytes(path.read_bytes()[:1000])
    torch.save({"state_dict": state}, tmp_path / "cut.ckpt")
    whole = (tmp_path / "cut.ckpt").read_bytes()
    (tmp_path / "cut.ckpt").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.ckpt").write_text("{}")
    torch.save(torch.ones(1), tmp_path / "tensor.pt")
    for damaged in (path, *map(tmp_path.joinpath, ("cut.ckpt", "text.ckpt", "tensor.pt", "missing.pt"))):
        with pytest.raises(DataError, match=rf"{damaged.name}.*cannot be read"):
            read_taming(damaged, side=SIDE)


def test_a_side_that_does_not_halve_evenly_is_refused(state, saved) -> None:
    with pytest.raises(UsageError, match="multiple of 2"):
        read_taming(saved(state), side=33)
    for side in (0, -2):
        with pytest.raises(UsageError, match=f"side: is {side}; give a multiple of 2"):
            read_taming(saved(state), side=side)
    assert read_taming(saved(state), side=2).config.grid == 1


def test_a_folder_that_hilum_did_not_write_stays(state, saved, tmp_path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError):
        import_taming(saved(state), tmp_path / "mine", side=SIDE)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
