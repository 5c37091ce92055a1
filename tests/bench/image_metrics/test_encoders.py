"""Pictures of any size become features, by encoders that are named; what is not installed says so."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from transformers import Dinov2Config, Dinov2Model, ResNetConfig, ResNetModel

from hilum.bench.image_metrics import (
    Encoder,
    compare_folders,
    features,
    inception_encoder,
    pretrained_encoder,
    torchxrayvision_encoder,
)
from hilum.errors import DataError, UsageError
from hilum.images import write_png
from hilum.model.network import pixel_values


def films(count: int, side: int = 40, seed: int = 0):
    rng = np.random.default_rng(seed)
    return [rng.random((side, side + i % 3)).astype(np.float32) for i in range(count)]


def mean_and_spread(pictures):
    return np.array([[p.mean(), p.std(), p[:8].mean()] for p in pictures])


def test_features_are_those_of_each_picture_whatever_the_batch():
    sizes = []

    def encode(pictures):
        sizes.append(len(pictures))
        return mean_and_spread(pictures)

    found = features(iter(films(7)), Encoder("x", encode), batch=3)
    np.testing.assert_array_equal(found, mean_and_spread(films(7)))
    assert sizes == [3, 3, 1]
    assert features([], Encoder("x", encode)).shape == (0, 0)


def test_a_transformers_encoder_gives_its_pooled_output(tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = Dinov2Config(
            hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14
        )
        dino = Dinov2Model(config).eval()
        resnet = ResNetModel(ResNetConfig(embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1])).eval()
    dino.save_pretrained(tmp_path / "dino")
    found = features([np.full((28, 28), 0.3, np.float32)] * 2, pretrained_encoder(str(tmp_path / "dino")))
    with torch.inference_mode():
        expected = dino(pixel_values(torch.full((1, 28, 28), 0.3))).pooler_output
    np.testing.assert_allclose(found, expected.numpy().repeat(2, 0), atol=1e-5)
    resnet.save_pretrained(tmp_path / "resnet")
    (tmp_path / "resnet" / "preprocessor_config.json").write_text('{"size": {"height": 32, "width": 32}}')
    encoder = pretrained_encoder(str(tmp_path / "resnet"))
    assert features(films(3), encoder).shape == (3, 12)
    assert encoder.name == str(tmp_path / "resnet")


@pytest.mark.parametrize(
    ("encoder", "package"),
    [(torchxrayvision_encoder, "torchxrayvision"), (inception_encoder, "torch-fidelity")],
)
def test_an_encoder_that_is_not_installed_names_the_extra(encoder, package):
    if find_spec(package.replace("-", "_")):
        pytest.skip(f"{package} is installed")
    with pytest.raises(UsageError, match=rf"{package}: is not installed; pip install 'hilum\[metrics\]'"):
        encoder()


def test_two_folders_are_compared(tmp_path):
    for name, seed in (("real", 0), ("drawn", 1), ("train", 2)):
        for i, film in enumerate(films(12, seed=seed)):
            write_png(tmp_path / name / f"{i}.png", film)
    write_png(tmp_path / "drawn" / "copy.png", films(12, seed=2)[0])
    found = compare_folders(
        tmp_path / "real",
        tmp_path / "drawn",
        Encoder("means", mean_and_spread),
        training=tmp_path / "train",
    )
    assert (found.encoder, found.real, found.drawn, found.training) == ("means", 12, 13, 12)
    assert found.copied.value == pytest.approx(1 / 13)
    assert found.copied_real.value == 0
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        compare_folders(tmp_path / "real", tmp_path / "empty", Encoder("means", mean_and_spread))
