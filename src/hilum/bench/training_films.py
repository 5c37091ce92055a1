"""Films that a model was trained on, to tell by whether its drawings are new or learned by heart.

films = TrainingFilms.of(shards, Trained.of(shards), own_encoder(model))
[(by_features, by_pixels)] = films.nearest([drawn])

Shape suffixes: T training films, N pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from hilum.bench.answers import sample
from hilum.bench.image_metrics import Encoder, Pictures, features, pictures_of
from hilum.bench.labels import FRONTAL
from hilum.bench.population import LEARNED, Trained
from hilum.instruct import Shards
from hilum.study import Pixels
from hilum.tokenizer.codes import as_pixels

FILMS = 1000
"""Most training films that pictures are compared with."""


@dataclass(frozen=True)
class TrainingFilms:
    """Frontal films that a model was trained on, and what pictures are compared with them by.

    Args:
        films: grey levels (T, H, W).
        seen: their features of `encoder`, and signatures.
    """

    encoder: Encoder
    films: npt.NDArray[np.uint8]
    seen: Pictures

    @classmethod
    def of(
        cls, shards: Shards, trained: Trained | None, encoder: Encoder, *, limit: int = FILMS, seed: int = 0
    ) -> TrainingFilms | None:
        """Films of these shards, drawn at random; None where none of them is known to be of the training."""
        known = trained.images if trained is not None else frozenset()
        ids = {
            image
            for split in LEARNED
            for shown, positions in shards.columns("studies", split, ("image_ids", "positions"))
            for image, position in zip(shown, positions, strict=True)
            if position in FRONTAL and image in known
        }
        if not ids:
            return None
        return cls.made(shards.pixels_many(sample(sorted(ids), limit, seed)), encoder)

    @classmethod
    def made(cls, films: npt.NDArray[np.uint8], encoder: Encoder) -> TrainingFilms:
        """From films (T, H, W)."""
        names = [str(row) for row in range(len(films))]
        return cls(encoder, films, pictures_of(map(_shown, films), names, encoder))

    def nearest(self, pictures: Sequence[Pixels]) -> list[tuple[Pixels, Pixels]]:
        """The film nearest to each picture, in the encoder's features and pixel by pixel."""
        by_features = cdist(features(pictures, self.encoder), self.seen.features).argmin(1)
        apart_TN = [[np.square(_shown(film) - one).sum() for one in pictures] for film in self.films]
        by_pixels = np.argmin(apart_TN, 0)
        return [
            (_shown(self.films[i]), _shown(self.films[j]))
            for i, j in zip(by_features, by_pixels, strict=True)
        ]


def _shown(film: npt.NDArray[np.uint8]) -> Pixels:
    pixels: Pixels = as_pixels(film).numpy()
    return pixels
