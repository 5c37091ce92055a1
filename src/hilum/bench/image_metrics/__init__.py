"""Metrics of drawn pictures against real ones, in the features of an encoder of the user's choice.

from hilum.bench.image_metrics import compare_folders, own_encoder
compare_folders("real", "drawn", own_encoder(model)).to_json()

What each number means and does not say: docs/metrics.md.
"""

from hilum.bench.image_metrics.distances import (
    Moments,
    Neighbourhoods,
    frechet_distance,
    frechet_infinity,
    kernel_distance,
    nearest,
)
from hilum.bench.image_metrics.encoders import (
    Encoder,
    features,
    inception_encoder,
    own_encoder,
    pictures_of,
    pretrained_encoder,
    torchxrayvision_encoder,
)
from hilum.bench.image_metrics.folders import compare_folders
from hilum.bench.image_metrics.sets import Pictures, SetScores, alignment, compare_sets

__all__ = [
    "Encoder",
    "Moments",
    "Neighbourhoods",
    "Pictures",
    "SetScores",
    "alignment",
    "compare_folders",
    "compare_sets",
    "features",
    "frechet_distance",
    "frechet_infinity",
    "inception_encoder",
    "kernel_distance",
    "nearest",
    "own_encoder",
    "pictures_of",
    "pretrained_encoder",
    "torchxrayvision_encoder",
]
