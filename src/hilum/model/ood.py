"""Out-of-distribution detection: whether an image is like those a model was trained on, by its own features.

statistics = FeatureStatistics.fit(features_ND, validation_MD)
statistics.distance(features_BD) > statistics.threshold      # (B,) True: unlike

The Mahalanobis distance to the training images' features from all stages of the encoder, each averaged over
its places (Lee et al., NeurIPS 2018, arXiv 1807.03888). One Gaussian stands for all classes, as an image has
many labels here or none; that loses little (Kamoi & Kobayashi, arXiv 2003.00402). The covariance is shrunk
as Ledoit and Wolf have it. Shape suffixes: N training images, M validation images, B images, D features.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from hilum.errors import DataError

LEVEL = 0.99
"""The share of validation images that pass as like the training images; the rest are false alarms."""


@dataclass(frozen=True)
class FeatureStatistics:
    """Mean (D,) and precision (D, D) of training features in double precision, and the greatest distance that
    still counts as usual.
    """

    mean_D: Tensor
    precision_DD: Tensor
    threshold: float

    @classmethod
    def fit(cls, training_ND: Tensor, validation_MD: Tensor) -> FeatureStatistics:
        """Mean and covariance of training features; the threshold is a quantile of validation distances.

        Args:
            training_ND: features of training images.
            validation_MD: features of images that training has not seen, at least one.
        """
        from sklearn.covariance import LedoitWolf

        features = training_ND.double()
        mean, scale = features.mean(0), features.std(0) + 1e-6
        # Shrinkage pulls towards equal variances, which holds for standardised features alone.
        shrunk = LedoitWolf(assume_centered=True).fit(((features - mean) / scale).numpy())
        precision = torch.from_numpy(np.asarray(shrunk.precision_)) / scale[:, None] / scale
        unset = cls(mean, precision, 0.0)
        return cls(mean, precision, float(unset.distance(validation_MD).quantile(LEVEL)))

    def distance(self, features_BD: Tensor) -> Tensor:
        """Mahalanobis distance over the root of D, (B,): about 1 for images like the training images."""
        centred = features_BD.double().cpu() - self.mean_D
        squared = ((centred @ self.precision_DD) * centred).sum(1).clamp(min=0)
        return (squared / len(self.mean_D)).sqrt()

    def save(self, path: Path) -> None:
        """Write a safetensors file."""
        threshold = torch.tensor(self.threshold, dtype=torch.float64)
        save_file({"mean": self.mean_D, "precision": self.precision_DD, "threshold": threshold}, path)

    @classmethod
    def load(cls, path: Path) -> FeatureStatistics | None:
        """Read what `save` wrote; None where there is no such file.

        Raises:
            DataError: it is damaged.
        """
        if not path.is_file():
            return None
        try:
            held = load_file(path)
            return cls(held["mean"], held["precision"], float(held["threshold"]))
        except (SafetensorError, OSError, KeyError, RuntimeError) as error:
            problem = f"holds no feature statistics ({type(error).__name__})"
            raise DataError(path, problem, "copy the run folder anew, or delete this file") from error
