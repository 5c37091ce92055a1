"""Films that a model was trained on, to tell by whether its drawings are new or learned by heart.

films = TrainingFilms.of(shards, Trained.of(shards), own_encoder(model))
[(by_features, by_pixels)] = films.nearest([drawn])

Shape suffixes: T training films, N pictures, D features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from hilum.bench.answers import sample
from hilum.bench.image_metrics import Encoder, copies_of, features
from hilum.bench.labels import FRONTAL
from hilum.bench.population import LEARNED, Trained
from hilum.images.duplicates import Signature, signature
from hilum.instruct import Shards
from hilum.study import Pixels
from hilum.tokenizer.codes import as_pixels

FILMS = 1000
"""Most training films that pictures are compared with."""


@dataclass(frozen=True)
class TrainingFilms:
    """Frontal films that a model was trained on, and what pictures are compared with them by.

    Args:
        pixels: (T, H, W) in [0, 1].
        features: of `encoder`, (T, D).
        signatures: perceptual ones, (T, 576).
    """

    encoder: Encoder
    pixels: npt.NDArray[np.float32]
    features: npt.NDArray[Any]
    signatures: Signature

    @classmethod
    def of(
        cls, shards: Shards, trained: Trained | None, encoder: Encoder, *, limit: int = FILMS, seed: int = 0
    ) -> TrainingFilms | None:
        """Films of these shards, drawn at random; None where none of them is known to be of the training."""
        known = trained.images if trained is not None else frozenset()
        ids = {
            image
            for split in LEARNED
            for record in shards.records(split)
            for image, position in zip(record.image_ids, record.positions, strict=True)
            if position in FRONTAL and image in known
        }
        if not ids:
            return None
        return cls.made(shards.pixels_many(sample(sorted(ids), limit, seed)), encoder)

    @classmethod
    def made(cls, films: npt.NDArray[np.uint8], encoder: Encoder) -> TrainingFilms:
        """From films (T, H, W)."""
        pixels = as_pixels(films).numpy()
        return cls(encoder, pixels, features(pixels, encoder), _signatures(pixels))

    def copied(self, pictures: Sequence[Pixels]) -> list[bool]:
        """Whether each picture is one of the films again, resized, brightened or compressed."""
        return copies_of(_signatures(pictures), self.signatures)

    def nearest(self, pictures: Sequence[Pixels]) -> list[tuple[Pixels, Pixels]]:
        """The film nearest to each picture, in the encoder's features and pixel by pixel."""
        flat = [np.asarray(side).reshape(len(side), -1) for side in (pictures, self.pixels)]
        by_features = cdist(features(pictures, self.encoder), self.features).argmin(1)
        by_pixels = cdist(*flat).argmin(1)
        return [(self.pixels[i], self.pixels[j]) for i, j in zip(by_features, by_pixels, strict=True)]


def _signatures(pictures: Sequence[Pixels] | npt.NDArray[np.float32]) -> Signature:
    return np.stack([signature(one) for one in pictures])
