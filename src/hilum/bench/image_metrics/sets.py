"""A set of drawn pictures beside a set of real ones: how far apart, how true, how varied, how much copied.

found = compare_sets(real, drawn, training=films)         # each a `Pictures`, see `encoders.pictures_of`
found.fd, found.precision, found.nearer

Shape suffixes: N real pictures, M drawn ones, T training ones, D features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hilum.bench.image_metrics.distances import (
    Features,
    Moments,
    Neighbourhoods,
    frechet_distance,
    frechet_infinity,
    kernel_distance,
    nearest,
)
from hilum.bench.intervals import Array, Bootstrap, Estimate
from hilum.bench.metrics import auroc
from hilum.errors import UsageError
from hilum.images.duplicates import Signature, copies_by_block

K = 5
"""Neighbours that precision, recall, density and coverage reach to, as in their papers."""


@dataclass(frozen=True)
class Pictures:
    """One set.

    Args:
        features: (N, D).
        patients: whose each picture is, or of whose report it was drawn, (N,).
        signatures: perceptual ones (N, 576), by `hilum.images.duplicates.signature`, to tell copies by.
    """

    features: Features
    patients: Sequence[str]
    signatures: Signature | None = None

    def __post_init__(self) -> None:
        if len(self.features) != len(self.patients):
            problem = f"are {len(self.patients)} for {len(self.features)} pictures"
            raise UsageError("patients", problem, "give one for each picture")


@dataclass(frozen=True)
class SetScores:
    """Two sets compared; intervals of means over pictures are over patients, neighbourhoods held fixed.

    Args:
        encoder: whose features they are in; figures of two encoders are not comparable.
        real, drawn, training: pictures in each set; `training` 0 where none were given.
        fd: Fréchet distance at these numbers of pictures, and `fd_infinity` extrapolated to infinitely many.
        kd: kernel distance, and `kd_deviation` of its random subsets.
        precision: share of drawn pictures that look like real ones; `density` counts how many real ones.
        recall: share of real pictures that drawn ones look like; `coverage` the same by the real ones' reach.
        nearer: chance that a drawn picture lies nearer to its nearest training film than a real film that
            training has not seen does; one half where nothing is memorised, 1 where all is.
        nearest_ratio: median distance to the nearest training film, drawn over real.
        copied: share of drawn pictures that are copies of a training film, by their perceptual signatures;
            `copied_real` of the real ones, which training has not seen: what looks a copy by chance.
    """

    encoder: str
    real: int
    drawn: int
    training: int
    fd: float
    fd_infinity: float
    kd: float
    kd_deviation: float
    precision: Estimate
    recall: Estimate
    density: Estimate
    coverage: Estimate
    nearer: Estimate | None = None
    nearest_ratio: float | None = None
    copied: Estimate | None = None
    copied_real: Estimate | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return asdict(self)

    def rows(self) -> list[tuple[str, str, Estimate | None]]:
        """Name, meaning and value of each figure; the distances have no interval."""
        distances = (
            ("drawn_fd", "Fréchet distance to real pictures", self.fd),
            ("drawn_fd_infinity", "the same, extrapolated to infinitely many", self.fd_infinity),
            ("drawn_kd", "kernel distance to real pictures", self.kd),
        )
        return [
            *((name, words, Estimate(value, None, None, self.drawn)) for name, words, value in distances),
            ("drawn_precision", "share of drawn pictures that look like real ones", self.precision),
            ("drawn_recall", "share of real pictures that drawn ones look like", self.recall),
            ("drawn_density", "real pictures near a drawn one, over k", self.density),
            ("drawn_coverage", "share of real pictures with a drawn one near", self.coverage),
            ("drawn_nearer", "chance to lie nearer to training films than real ones do", self.nearer),
            ("drawn_copied", "share that copies a training film", self.copied),
            ("real_copied", "the same of real pictures", self.copied_real),
        ]


def compare_sets(
    real: Pictures,
    drawn: Pictures,
    *,
    encoder: str = "",
    training: Pictures | None = None,
    k: int = K,
    seed: int = 0,
) -> SetScores:
    """Compare drawn pictures with real ones that training has not seen.

    Args:
        encoder: the name of what made the features.
        training: films the drawing model was trained on, to tell memorisation by; copies are counted
            where all three sets have signatures.
        k: neighbours that precision, recall, density and coverage reach to.

    Raises:
        UsageError: a set has no more than k pictures, or the features are of different widths.
    """
    near = Neighbourhoods.of(real.features, drawn.features, k)
    of_real, of_drawn = (Bootstrap(side.patients, seed=seed) for side in (real, drawn))
    kd, deviation = kernel_distance(real.features, drawn.features, seed=seed)
    nearer = ratio = None
    if training is not None and len(training.features):
        nearer, ratio = _memorised(real, drawn, training.features, seed)
    return SetScores(
        encoder,
        len(real.features),
        len(drawn.features),
        0 if training is None else len(training.features),
        frechet_distance(Moments.of(real.features), Moments.of(drawn.features)),
        frechet_infinity(real.features, drawn.features, seed=seed),
        kd,
        deviation,
        of_drawn.mean(near.precision_M),
        of_real.mean(near.recall_N),
        of_drawn.estimate(lambda w: w @ near.density_M / w.sum(1)),
        of_real.mean(near.coverage_N),
        nearer,
        ratio,
        _copied(drawn, training, of_drawn),
        _copied(real, training, of_real),
    )


def _copied(side: Pictures, training: Pictures | None, boot: Bootstrap) -> Estimate | None:
    if training is None or training.signatures is None or side.signatures is None:
        return None
    return boot.mean([float(one) for one in copies_of(side.signatures, training.signatures)])


def _memorised(
    real: Pictures, drawn: Pictures, training: Features, seed: int
) -> tuple[Estimate, float | None]:
    of_real, of_drawn = (nearest(side.features, training) for side in (real, drawn))
    boot = Bootstrap([*real.patients, *drawn.patients], seed=seed)
    # The chance that one is nearer than the other is the area under an ROC curve.
    closeness = -np.concatenate([of_real, of_drawn])
    is_drawn = np.repeat([0.0, 1.0], [len(of_real), len(of_drawn)])
    typical = float(np.median(of_real))
    ratio = float(np.median(of_drawn)) / typical if typical > 0 else None
    return boot.estimate(lambda w: auroc(w, closeness, is_drawn)), ratio


def copies_of(drawn: Signature, training: Signature) -> list[bool]:
    """Whether each drawn picture is a training film again, resized, brightened or compressed: M values.

    Args:
        drawn: signatures (M, 576) by `hilum.images.duplicates.signature`.
        training: signatures of the training films, (T, 576).
    """
    found = np.zeros(len(drawn), bool)
    for rows, _, _ in copies_by_block(drawn, training):
        found[rows] = True
    return [bool(one) for one in found]


def alignment(scores_NK: Array, asked_NK: Array) -> Array:
    """How often each picture fits what was asked of it better than what was asked of another one, (N,).

    A classifier's log odds of the findings in which two requests differ are added up, those that must be
    there less those that must not; a positive sum is a win, 0 half of one. Log odds are centred finding by
    finding, so that what the classifier sees everywhere or nowhere decides nothing. One half is chance; NaN
    for a picture whose request differs from no other in a known finding.

    Args:
        scores_NK: chance of each finding in each picture, in [0, 1].
        asked_NK: 1 must be there, 0 must not, NaN unknown.
    """
    chances = np.clip(scores_NK, 1e-6, 1 - 1e-6)
    odds_NK = np.log(chances) - np.log1p(-chances)
    odds_NK = odds_NK - odds_NK.mean(0)
    sign_NK = np.nan_to_num(2 * asked_NK - 1)
    found = np.full(len(asked_NK), np.nan)
    for i, sign_K in enumerate(sign_NK):
        differs_NK = sign_K * sign_NK < 0
        others = differs_NK.any(1)
        if others.any():
            # What only rounding tells from 0 is a tie.
            sums = (differs_NK[others] @ (sign_K * odds_NK[i])).round(9)
            found[i] = np.mean((sums > 0) + (sums == 0) / 2)
    return found
