"""What a model knows of its own limits, and what it therefore says of the images it is given.

limits = Limits(seen={"phantom": 5685}, statistics=FeatureStatistics.fit(training_ND, validation_MD))
model = replace(model, limits=limits)
model.caveats([pixels]).flags
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from hilum.errors import UsageError
from hilum.images import Radiograph
from hilum.model.answer import Caveats, Concern, Flag
from hilum.model.asking import views_of
from hilum.model.config import ModelConfig
from hilum.model.ood import FeatureStatistics
from hilum.study import Pixels

STATISTICS = "statistics.safetensors"
BATCH = 64


@dataclass(frozen=True)
class Limits:
    """What is known of a model's training; a model without any of it still answers, and says so.

    Args:
        seen: source → number of studies the model was trained on.
        statistics: of the training images' features.
    """

    seen: Mapping[str, int] = field(default_factory=dict)
    statistics: FeatureStatistics | None = None

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the statistics; what is left for the model's card is returned."""
        if self.statistics is not None:
            self.statistics.save(folder / STATISTICS)
        return {"seen": dict(self.seen)}

    @classmethod
    def load(cls, folder: Path, card: Mapping[str, Any]) -> Limits:
        """Read what `save` wrote; a card of an older version says nothing.

        Raises:
            ValueError, TypeError: the card is damaged.
            DataError: the statistics are.
        """
        seen = {str(source): int(count) for source, count in dict(card.get("seen", {})).items()}
        return cls(seen, FeatureStatistics.load(folder / STATISTICS))


class FeatureModel(Protocol):
    """What is needed of a model to look at images: `hilum.model.Model` has it."""

    config: ModelConfig
    limits: Limits

    def prepare(self, pixels: Pixels) -> Tensor:
        """Pixels fitted to the model's square."""
        ...

    def pooled_features(self, pixels_BHW: Tensor) -> Tensor:
        """What the model makes of images, averaged over their places: (B, D)."""
        ...


def caveats(model: FeatureModel, images: Sequence[Pixels]) -> Caveats:
    """What a reader must know before believing what the model says of these images.

    Args:
        images: (H, W) each, of any size, as they were given.

    Raises:
        UsageError: an image is no plane of numbers, or holds NaN or infinity.
    """
    return Caveats(dict(model.limits.seen), tuple(_flags(model, images)))


def study_caveats(model: FeatureModel, study: Sequence[Radiograph]) -> Caveats:
    """The same for the images of a study that is reported, and which of them the model is not shown."""
    known = caveats(model, [image.pixels for image in study])
    shown = {int(image.image_id) for image in views_of(study, model.config.views)}
    most = max(1, model.config.views)
    why = f"not shown to the model: it has learned from at most {most} of a study's images at once"
    left = (Flag(number, Concern.NOT_SHOWN, why) for number in range(len(study)) if number not in shown)
    return replace(known, flags=(*known.flags, *left))


def _flags(model: FeatureModel, images: Sequence[Pixels]) -> Iterator[Flag]:
    least = model.config.image_size // 2
    for number, image in enumerate(images):
        if not np.isfinite(image).all():
            raise UsageError(f"image {number + 1}", "holds NaN or infinity", "give finite pixels in [0, 1]")
        low, high = float(image.min()), float(image.max())
        if low == high:
            yield Flag(number, Concern.CONSTANT, f"blank: all pixels are {low:.3g}")
        if low < 0 or high > 1:
            why = f"pixels from {low:.3g} to {high:.3g} instead of 0 to 1"
            yield Flag(number, Concern.OUT_OF_RANGE, why)
        if min(image.shape) < least:
            height, width = image.shape
            why = f"{width} × {height} pixels are too few: the model reads {model.config.image_size} × "
            yield Flag(number, Concern.SMALL, f"{why}{model.config.image_size}")
    yield from _unlike(model, images)


def _unlike(model: FeatureModel, images: Sequence[Pixels]) -> Iterator[Flag]:
    statistics = model.limits.statistics
    if statistics is None:
        why = "the model was saved without statistics of its training images: whether it knows such images "
        yield from (Flag(i, Concern.UNKNOWN, f"{why}cannot be said") for i in range(len(images)))
        return
    for start in range(0, len(images), BATCH):
        squares = torch.stack([model.prepare(image) for image in images[start : start + BATCH]])
        for number, distance in enumerate(statistics.distance(model.pooled_features(squares)).tolist()):
            if distance > statistics.threshold:
                why = f"unlike the images the model was trained on (distance {distance:.3g}, usual up to "
                yield Flag(start + number, Concern.UNLIKE, f"{why}{statistics.threshold:.3g})")
