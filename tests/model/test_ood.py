"""Distances of features are Mahalanobis's, whatever the features' scales, and are read back as they were."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.covariance import ledoit_wolf
from torch import Tensor

from hilum.errors import DataError
from hilum.model.ood import FeatureStatistics


def features(count: int, seed: int, width: int = 5) -> Tensor:
    """Features that hang together, each of a scale and a mean of its own."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(width, width, generator=torch.Generator().manual_seed(99))
    own = torch.randn(count, width, generator=generator) @ mixing
    return own * torch.tensor([1.0, 1e-3, 50.0, 2.0, 0.1]) + torch.arange(width)


def test_a_distance_is_mahalanobis_s_over_the_root_of_the_width() -> None:
    training, others = features(60, 0), features(9, 1)
    found = FeatureStatistics.fit(training, features(20, 2))
    known = training.double().numpy()
    mean, scale = known.mean(0), known.std(0, ddof=1) + 1e-6
    covariance, _ = ledoit_wolf((known - mean) / scale, assume_centered=True)
    away = (others.double().numpy() - mean) / scale
    wanted = np.sqrt(np.einsum("bd,de,be->b", away, np.linalg.inv(covariance), away) / 5)
    np.testing.assert_allclose(found.distance(others).numpy(), wanted, rtol=1e-6)
    assert float(found.distance(torch.from_numpy(mean)[None])) == 0


def test_one_unseen_image_in_a_hundred_is_beyond_the_threshold() -> None:
    unseen = features(1001, 1)
    found = FeatureStatistics.fit(features(500, 0), unseen)
    assert int((found.distance(unseen) > found.threshold).sum()) == 10


def test_a_feature_that_never_varies_leaves_a_finite_distance() -> None:
    training = features(30, 0)
    training[:, 3] = 7.0
    found = FeatureStatistics.fit(training, training)
    assert torch.isfinite(found.distance(training)).all()
    odd = training[:1].clone()
    odd[:, 3] = 7.5
    assert float(found.distance(odd)) > 1000


def test_what_is_read_is_what_was_saved_or_one_error(tmp_path) -> None:
    path = tmp_path / "statistics.safetensors"
    assert FeatureStatistics.load(path) is None
    saved = FeatureStatistics.fit(features(60, 0), features(20, 2))
    saved.save(path)
    found = FeatureStatistics.load(path)
    assert torch.equal(found.mean_D, saved.mean_D)
    assert torch.equal(found.precision_DD, saved.precision_DD)
    assert found.threshold == saved.threshold
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(
        DataError, match=r"holds no feature statistics \(SafetensorError\); copy the run folder"
    ):
        FeatureStatistics.load(path)
    save_file({"mean": saved.mean_D}, path)
    with pytest.raises(DataError, match=r"statistics.safetensors: holds no feature statistics \(KeyError\)"):
        FeatureStatistics.load(path)
