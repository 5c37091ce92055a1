"""Codes of a data set, made once; how many are used; how faithful pictures come back."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from hilum.tokenizer import ImageTokenizer, TokenizerConfig, code_usage, encode_images, fidelity
from hilum.tokenizer.codes import as_pixels, weights_hash

SMALL = TokenizerConfig(image_size=32, grid=2, levels=(4, 4), width=16, blocks=1, fold=8)
IMAGES = np.random.default_rng(0).integers(0, 256, (7, 32, 32), dtype=np.uint8)
IDS = [f"image-{i}" for i in range(7)]


def new(seed: int) -> ImageTokenizer:
    torch.manual_seed(seed)
    return ImageTokenizer(SMALL).eval()


class Pixels:
    """Reads images and remembers which were asked for."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, ids):
        self.read += ids
        return IMAGES[[IDS.index(i) for i in ids]]


def test_codes_are_made_once(tmp_path) -> None:
    tokenizer, pixels = new(0), Pixels()
    codes = encode_images(tokenizer, IDS[:4] + IDS[:1], pixels, tmp_path, batch=3)
    assert pixels.read == IDS[:4]
    assert list(codes) == IDS[:4]
    wanted = tokenizer.encode(as_pixels(IMAGES[:4])).numpy()
    assert all(np.array_equal(codes[i], row) for i, row in zip(IDS[:4], wanted, strict=True))

    again = encode_images(tokenizer, IDS, pixels, tmp_path)
    assert pixels.read == IDS
    assert all(np.array_equal(again[i], codes[i]) for i in codes)
    assert list(encode_images(tokenizer, [IDS[5]], pixels, tmp_path)) == [IDS[5]]
    assert len(pixels.read) == 7


def test_other_weights_have_codes_of_their_own(tmp_path) -> None:
    pixels = Pixels()
    encode_images(new(0), IDS, pixels, tmp_path)
    encode_images(new(1), IDS, pixels, tmp_path)
    assert len(pixels.read) == 14
    assert len(list(tmp_path.glob("codes-*.parquet"))) == 2
    assert weights_hash(new(0)) == weights_hash(new(0)) != weights_hash(new(1))


@pytest.mark.parametrize(("part", "same_codes"), [("decoder", True), ("encoder", False)])
def test_codes_are_named_by_all_but_the_decoder(part, same_codes) -> None:
    taught = new(0)
    with torch.no_grad():
        next(getattr(taught, part).parameters()).add_(1)
    assert weights_hash(taught) != weights_hash(new(0))
    assert (weights_hash(taught, decoder=False) == weights_hash(new(0), decoder=False)) is same_codes


def test_a_damaged_cache_is_made_anew(tmp_path) -> None:
    tokenizer, pixels = new(0), Pixels()
    codes = encode_images(tokenizer, IDS, pixels, tmp_path)
    [cache] = tmp_path.glob("codes-*.parquet")
    cache.write_bytes(cache.read_bytes()[:50])
    with pytest.warns(UserWarning, match="cannot be read"):
        again = encode_images(tokenizer, IDS, pixels, tmp_path)
    assert all(np.array_equal(again[i], codes[i]) for i in IDS)
    assert len(pixels.read) == 14


@given(st.lists(st.lists(st.integers(0, 15), min_size=4, max_size=4), min_size=1, max_size=9))
def test_usage_counts_the_whole_set(rows) -> None:
    used, perplexity = code_usage([np.asarray(row) for row in rows], 16)
    flat = [code for row in rows for code in row]
    assert used == len(set(flat))
    entropy = -sum(flat.count(c) / len(flat) * math.log(flat.count(c) / len(flat)) for c in set(flat))
    assert perplexity == pytest.approx(math.exp(entropy))
    assert 1 - 1e-9 <= perplexity <= used + 1e-9


def test_fidelity_is_scikit_image_s() -> None:
    tokenizer = new(0)
    back = tokenizer.decode(tokenizer.encode(as_pixels(IMAGES))).numpy()
    real = IMAGES / np.float32(255)
    result = fidelity(real, back)
    for i in range(7):
        assert result.psnr[i] == pytest.approx(
            peak_signal_noise_ratio(real[i], back[i], data_range=1.0), rel=1e-5
        )
        assert result.ssim[i] == pytest.approx(
            structural_similarity(real[i], back[i], data_range=1.0), rel=1e-4
        )
    error = ((real - back).astype(np.float64) ** 2).mean((1, 2))
    np.testing.assert_allclose(result.psnr, -10 * np.log10(error), rtol=1e-5)
