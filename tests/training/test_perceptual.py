"""Perceptual errors: 0 between equal pictures, growing with what differs, gradients for pixels alone."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
import torch
from transformers import Dinov2Config, Dinov2Model, ResNetConfig, ResNetModel

from hilum.errors import DataError, UsageError
from hilum.model import VisionEncoder
from hilum.model.network import pixel_values
from hilum.tokenizer.losses import FeatureError
from hilum.training.perceptual import DenseFeatures, EncoderFeatures, LPIPSError, perceptual_error


def pictures(count: int = 3, side: int = 40) -> torch.Tensor:
    return torch.rand(count, side, side, generator=torch.Generator().manual_seed(count))


@pytest.fixture(params=["dino", "resnet"])
def encoder(request, tmp_path) -> str:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if request.param == "dino":
            sizes = {"hidden_size": 16, "num_attention_heads": 2, "image_size": 28, "patch_size": 14}
            network = Dinov2Model(Dinov2Config(num_hidden_layers=4, **sizes))
        else:
            network = ResNetModel(ResNetConfig(embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1]))
    network.save_pretrained(tmp_path / request.param)
    (tmp_path / request.param / "preprocessor_config.json").write_text(
        '{"size": {"height": 28, "width": 28}}'
    )
    return str(tmp_path / request.param)


def test_an_encoder_of_any_kind_is_a_perceptual_error(encoder) -> None:
    error = perceptual_error(encoder)
    films = pictures()
    assert float(error(films, films)) == 0
    noise = torch.randn(films.shape, generator=torch.Generator().manual_seed(0))
    little, much = (error((films + size * noise).clamp(0, 1), films) for size in (0.01, 0.2))
    assert 0 < float(little) < float(much) < 4
    restored = (films * 0.9).requires_grad_()
    error(restored, films).backward()
    assert restored.grad.abs().sum() > 0
    assert all(p.grad is None for p in error.features._tower.parameters())


def test_places_weigh_alike_however_strong_their_features_are() -> None:
    class Scaled(torch.nn.Module):
        def features(self, values):
            assert values.shape == (3, 1, 224, 224)
            assert -1024 <= values.min() <= values.max() <= 1024
            return torch.cat([values, -values.abs(), values.square()], 1)

    features = DenseFeatures(Scaled())(pictures())[0]
    lengths = features.square().sum(1)
    torch.testing.assert_close(lengths, torch.full_like(lengths, 3.0), rtol=1e-3, atol=1e-3)


def test_lpips_is_given_grey_pictures_of_three_channels() -> None:
    class Distance(torch.nn.Module):
        def forward(self, restored, films):
            assert restored.shape == films.shape == (3, 3, 40, 40)
            assert torch.equal(films[:, 0], films[:, 2])
            return (restored - films).square().mean((1, 2, 3), keepdim=True)

    films = pictures()
    wanted = 4 * (films - films.flip(2)).square().mean()
    assert float(LPIPSError(Distance())(films.flip(2), films)) == pytest.approx(float(wanted), rel=1e-5)


@pytest.mark.parametrize(("name", "extra"), [("lpips", "lpips"), ("torchxrayvision", r"'hilum\[metrics\]'")])
def test_networks_of_other_packages_are_asked_for_by_name_and_frozen(name, extra, monkeypatch) -> None:
    """The packages themselves download weights, so that these stand in for them."""
    asked = []

    class Network(torch.nn.Linear):
        def __init__(self, **settings) -> None:
            super().__init__(1, 1)
            asked.append(settings)

    library = SimpleNamespace(LPIPS=Network, models=SimpleNamespace(DenseNet=Network))
    monkeypatch.setitem(sys.modules, name, library)
    error = perceptual_error(name)
    if name == "lpips":
        assert isinstance(error, LPIPSError)
        assert asked == [{"net": "vgg", "verbose": False}]
        network = error.network
    else:
        assert isinstance(error, FeatureError)
        assert asked == [{"weights": "densenet121-res224-all"}]
        network = error.features.network
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=f"{name}: is not installed; pip install {extra}$"):
        perceptual_error(name)


@pytest.mark.parametrize("side", [28, 40])
def test_evenly_spaced_layers_are_compared_the_last_among_them(side) -> None:
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "image_size": 28, "patch_size": 14}
    dino = Dinov2Model(Dinov2Config(num_hidden_layers=6, **sizes)).eval()
    mean, std = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    films = pictures(side=side)
    found = EncoderFeatures(VisionEncoder(dino, 28, mean, std), stages=3)(films)
    fitted = films
    if side != 28:
        resized = torch.nn.functional.interpolate(films[:, None], (28, 28), mode="bilinear", antialias=True)
        fitted = resized[:, 0]
    layers = dino(pixel_values(fitted, mean, std), output_hidden_states=True).hidden_states
    assert len(found) == 3
    for features, layer in zip(found, (layers[2], layers[4], layers[6]), strict=True):
        torch.testing.assert_close(features, layer / layer.norm(dim=-1, keepdim=True) * 4)
    whole = EncoderFeatures(VisionEncoder(dino, 28, mean, std))(films)
    assert len(whole) == 4
    torch.testing.assert_close(whole[1], layers[3] / layers[3].norm(dim=-1, keepdim=True) * 4)


def test_a_densenet_reads_what_its_kind_was_trained_on() -> None:
    class Plain(torch.nn.Module):
        def features(self, values):
            return torch.cat([values, torch.ones_like(values)], 1)

    flat = torch.tensor([0.0, 0.5, 1.0])[:, None, None].expand(3, 224, 224)
    [found] = DenseFeatures(Plain())(flat)
    # Channels v and 1 at length √2: their ratio is the value that was read.
    ratio = (found[:, 0] / found[:, 1])[:, 0, 0]
    torch.testing.assert_close(ratio, torch.tensor([-1024.0, 0.0, 1024.0]))


@pytest.mark.parametrize("name", ["lpips", "torchxrayvision"])
def test_a_missing_package_is_named(name) -> None:
    if find_spec(name) is not None:
        pytest.skip(f"{name} is installed")
    with pytest.raises(UsageError, match=f"{name}: is not installed"):
        perceptual_error(name)


def test_an_encoder_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(DataError, match="nothing"):
        perceptual_error(str(tmp_path / "nothing"))
