"""The image tokenizer: shapes, codes there and back, files, and that it learns."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode

from devices import put_on
from hilum.errors import DataError, UsageError
from hilum.tokenizer import ImageTokenizer, TokenizerConfig, VqganSizes

SMALL = TokenizerConfig(image_size=32, grid=2, levels=(4, 4, 4), width=16, blocks=1, fold=8)
SIZES = VqganSizes(colours=1, base=32, multipliers=(1, 1, 1, 2, 1), blocks=1, attention=(3,), latent=16)
VQGAN = TokenizerConfig(image_size=32, grid=2, quantizer="vq", n_codes=64, code_width=8, vqgan=SIZES)


@pytest.fixture(scope="module", params=[SMALL, VQGAN], ids=["own", "vqgan"])
def tokenizer(request) -> ImageTokenizer:
    torch.manual_seed(0)
    return ImageTokenizer(request.param).eval()


def images(count: int, size: int = 32) -> torch.Tensor:
    return torch.rand(count, size, size, generator=torch.Generator().manual_seed(count))


@settings(max_examples=6)
@given(
    grid=st.sampled_from([2, 4]),
    halvings=st.integers(0, 1),
    fold=st.sampled_from([2, 4]),
    levels=st.lists(st.integers(2, 5), min_size=1, max_size=3).map(tuple),
    count=st.integers(1, 3),
)
def test_shapes_follow_from_the_configuration(grid, halvings, fold, levels, count) -> None:
    size = grid * fold * 2**halvings
    config = TokenizerConfig(image_size=size, grid=grid, levels=levels, width=8, blocks=1, fold=fold)
    tokenizer = ImageTokenizer(config)
    assert config.scales == halvings
    restored, found = tokenizer(images(count, size))
    codes = found.codes.flatten(1)
    assert restored.shape == (count, size, size)
    assert found.codes.shape == (count, grid, grid)
    assert tokenizer.codes_per_image == grid**2
    assert 0 <= codes.min() <= codes.max() < tokenizer.n_codes
    assert tokenizer.decode(codes).shape == restored.shape


def test_vectors_of_all_codes_are_read_off_a_device_that_the_tokenizer_is_on() -> None:
    tokenizer = ImageTokenizer(SMALL)
    vectors = tokenizer.code_vectors
    assert torch.equal(tokenizer.quantizer.vectors(torch.arange(64)), vectors)
    mode = FakeTensorMode()
    put_on(mode, tokenizer, "meta")
    with mode:
        assert (tokenizer.code_vectors.shape, tokenizer.code_vectors.device.type) == (vectors.shape, "cpu")


def test_decoding_codes_is_the_reconstruction(tokenizer) -> None:
    with torch.inference_mode():
        restored, found = tokenizer(images(3))
    codes = found.codes.flatten(1)
    assert torch.equal(codes, tokenizer.encode(images(3)))
    torch.testing.assert_close(tokenizer.decode(codes), restored.clamp(0, 1))
    assert tokenizer.decode(codes).min() >= 0
    assert tokenizer.decode(codes).max() <= 1


def test_an_image_s_codes_do_not_depend_on_its_neighbours(tokenizer) -> None:
    together = tokenizer.encode(images(4))
    alone = torch.cat([tokenizer.encode(image[None]) for image in images(4)])
    assert torch.equal(together, alone)


def test_codes_lie_in_raster_order() -> None:
    torch.manual_seed(0)
    tokenizer = ImageTokenizer(SMALL)
    flat = torch.zeros(1, 32, 32)
    corner = flat.clone()
    corner[:, :4, 28:] = 1.0
    scores = []
    with torch.inference_mode():
        for image in (flat, corner):
            scores.append(tokenizer.encoder(image[:, None] * 2 - 1)[0])
    changed = (scores[0] - scores[1]).abs().sum(0)
    assert changed.flatten().argmax() == 1  # top right is the second of four


def test_every_weight_learns() -> None:
    torch.manual_seed(0)
    tokenizer = ImageTokenizer(SMALL)
    for name, p in tokenizer.named_parameters():
        if name.endswith("second.weight"):
            torch.nn.init.normal_(p, std=0.02)  # zero at the start, which hides what lies before it
    restored, _ = tokenizer(images(4))
    (restored - images(4)).square().mean().backward()
    dead = [name for name, p in tokenizer.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert not dead


def test_a_folder_gives_the_same_codes_back(tokenizer, tmp_path) -> None:
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    again = ImageTokenizer.from_pretrained(tmp_path / "tokenizer")
    assert again.config == tokenizer.config
    assert not again.training
    assert torch.equal(again.encode(images(3)), tokenizer.encode(images(3)))


def _cut(path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _rewrite(path, **changes) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    "damage",
    [
        lambda f: (f / "config.json").unlink(),
        lambda f: (f / "model.safetensors").unlink(),
        lambda f: _cut(f / "config.json"),
        lambda f: _cut(f / "model.safetensors"),
        lambda f: (f / "config.json").write_text("[]"),
        lambda f: (f / "config.json").write_bytes(b"\xff\xfe\x00"),
        lambda f: _rewrite(f / "config.json", width=24),
        lambda f: _rewrite(f / "config.json", grid=3),
        lambda f: _rewrite(f / "config.json", width=20),
        lambda f: _rewrite(f / "config.json", levels=[1]),
        lambda f: _rewrite(f / "config.json", depth=2),
        lambda f: _rewrite(f / "config.json", kind="vqgan"),
        lambda f: _rewrite(f / "config.json", vqgan={}),
        lambda f: _rewrite(f / "config.json", vqgan="f16"),
        lambda f: _rewrite(f / "config.json", grid=2, vqgan={"multipliers": [1] * 5, "attention": [7]}),
        lambda f: _rewrite(f / "config.json", grid=2, vqgan={"multipliers": [1] * 5, "attention": [4]}),
    ],
)
def test_a_damaged_folder_is_one_error_that_names_it(tmp_path, damage) -> None:
    folder = tmp_path / "tokenizer"
    ImageTokenizer(SMALL).save_pretrained(folder)
    damage(folder)
    with pytest.raises(DataError, match="tokenizer"):
        ImageTokenizer.from_pretrained(folder)


def test_wrong_sizes_are_refused(tokenizer) -> None:
    with pytest.raises(UsageError, match="fit them to 32×32"):
        tokenizer.encode(images(1, 64))
    with pytest.raises(UsageError, match="give 4"):
        tokenizer.decode(torch.zeros(1, 5, dtype=torch.long))


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"image_size": 96, "grid": 4}, "grid: image_size 96 / grid 4 / fold 8 is not a power of two"),
        ({"image_size": 32, "grid": 8}, "grid: image_size 32 / grid 8 / fold 8 is not a power of two"),
        ({"image_size": 32, "grid": 4, "vqgan": SIZES}, "grid: image_size 32 / grid 4 is not 16"),
        ({"width": 20}, "width: is 20; give a multiple of 8"),
        ({"width": 0}, "width: is 0"),
        ({"paint": 3}, "paint: is 3; halve fold, which is 8, evenly"),
        ({"paint": 16}, "paint: is 16"),
        ({"quantizer": "rvq"}, "quantizer: is 'rvq'; choose from fsq, vq, ibq, lfq"),
        ({"n_codes": 0}, "n_codes: or code_width is below 1"),
        ({"code_width": 0}, "n_codes: or code_width is below 1"),
        ({"n_codes": 0, "image_size": 32, "grid": 2, "vqgan": SIZES}, "n_codes: or code_width is below 1"),
    ],
)
def test_sizes_that_do_not_fit_are_refused_by_name(sizes, said) -> None:
    with pytest.raises(UsageError, match=said):
        TokenizerConfig(**sizes)


@pytest.mark.parametrize(
    ("sizes", "scales", "finer"),
    [
        ({}, 1, 0),
        ({"image_size": 64}, 0, 0),
        ({"width": 8}, 1, 0),
        ({"paint": 8}, 1, 0),
        ({"paint": 4, "image_size": 256}, 2, 1),
        ({"paint": 1, "fold": 4}, 2, 2),
        ({"n_codes": 1, "code_width": 1}, 1, 0),
    ],
)
def test_sizes_say_how_often_a_picture_is_halved_and_doubled(sizes, scales, finer) -> None:
    config = TokenizerConfig(**sizes)
    assert (config.scales, config.finer) == (scales, finer)


def test_channels_double_with_each_halving_and_halve_with_each_doubling() -> None:
    assert [TokenizerConfig(width=64).channels(s) for s in range(-3, 5)] == [
        16,
        16,
        32,
        64,
        128,
        256,
        256,
        256,
    ]
    assert [TokenizerConfig(width=88).channels(s) for s in (-2, -1, 0)] == [16, 40, 88]


def test_a_tokenizer_described_by_nothing_has_the_documented_sizes(tmp_path) -> None:
    assert asdict(TokenizerConfig()) == {
        "image_size": 128,
        "grid": 8,
        "levels": (8, 5, 5, 5),
        "width": 64,
        "blocks": 2,
        "fold": 8,
        "paint": 0,
        "quantizer": "fsq",
        "n_codes": 1024,
        "code_width": 16,
        "vqgan": None,
    }
    assert (TokenizerConfig().code_count, TokenizerConfig(quantizer="vq").code_count) == (1000, 1024)
    assert (TokenizerConfig().colours, VQGAN.colours) == (1, 1)
    ImageTokenizer(SMALL).save_pretrained(tmp_path / "tokenizer")
    card = json.loads((tmp_path / "tokenizer" / "config.json").read_text())
    assert card == {"kind": "hilum-image-tokenizer", **asdict(SMALL), "levels": [4, 4, 4]}
    # What was written while FSQ was the only quantiser is read still.
    _rewrite(tmp_path / "tokenizer" / "config.json", kind="hilum-fsq")
    assert ImageTokenizer.from_pretrained(tmp_path / "tokenizer").config == SMALL


def test_layers_follow_from_the_sizes() -> None:
    """Of a network that halves once and doubles once: each convolution's channels out, in, and its side."""
    sizes = {"width": 32, "blocks": 1, "fold": 4, "paint": 2, "levels": (4, 4)}
    made = ImageTokenizer(TokenizerConfig(image_size=32, grid=4, **sizes))

    def convolutions(part: torch.nn.Module) -> list[tuple[int, ...]]:
        weights = (p for name, p in part.named_parameters() if p.ndim == 4)
        return [tuple(w.shape[:3]) for w in weights]

    assert convolutions(made.encoder) == [
        (32, 16, 3),
        *[(32, 32, 3)] * 2,
        (64, 32, 4),
        *[(64, 64, 3)] * 2,
        (2, 64, 1),
    ]
    assert convolutions(made.decoder) == [
        (64, 2, 3),
        *[(64, 64, 3)] * 2,
        (128, 64, 3),
        *[(32, 32, 3)] * 2,
        (64, 32, 3),
        *[(16, 16, 3)] * 2,
        (4, 16, 3),
    ]
    assert made.last_layer.shape == (4, 16, 3, 3)
    vectors = torch.randn(2, 4, 4, 2)
    painted = (made.decoder(vectors.movedim(-1, 1))[:, 0] + 1) / 2
    torch.testing.assert_close(made.paint(vectors), painted)
    assert made.pooled(images(3)).shape == (3, 64)
    hidden = made.encoder[:-1](images(3)[:, None] * 2 - 1)
    torch.testing.assert_close(made.pooled(images(3)), hidden.mean((2, 3)))


@pytest.mark.parametrize(
    ("quantizer", "codes", "width"), [("fsq", 64, 3), ("vq", 32, 6), ("ibq", 32, 6), ("lfq", 32, 5)]
)
def test_a_quantizer_has_the_codes_and_the_width_that_are_asked_for(quantizer, codes, width) -> None:
    made = ImageTokenizer(replace(SMALL, quantizer=quantizer, n_codes=32, code_width=6))
    assert (made.n_codes, made.quantizer.width, made.config.code_count) == (codes, width, codes)


def test_a_residual_block_begins_as_its_shortcut_but_for_a_shift() -> None:
    made = ImageTokenizer(SMALL)
    block = next(m for m in made.encoder if hasattr(m, "second"))
    x = torch.randn(2, 16, 4, 4)
    torch.testing.assert_close(block(x), x + block.second.bias[:, None, None])


def test_numbers_of_a_float_image_and_of_bytes_agree(tokenizer) -> None:
    from hilum.tokenizer.codes import as_pixels

    bytes_ = np.random.default_rng(0).integers(0, 256, (2, 32, 32), dtype=np.uint8)
    floats = (bytes_ / np.float32(255)).astype(np.float32)
    assert torch.equal(tokenizer.encode(as_pixels(bytes_)), tokenizer.encode(as_pixels(floats)))
