"""What an image tokenizer's codes keep: films beside what comes back from their codes.

kept, back = reconstructed(tokenizer, films, patients, classifier=classifier, labels=labels)
kept, pairs = reconstruct(tokenizer, population, classifier)         # of the films a benchmark measures
kept.psnr, kept.macro, kept.markers

PSNR alone misleads: noise sets its ceiling, and a smooth picture that has lost its nodules scores well. So
findings are read, and sets compared, by a classifier that took no part in its training.
Shape suffixes: N films, K findings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hilum.bench.answers import sample
from hilum.bench.classifier import Classifier
from hilum.bench.image_metrics import Moments, frechet_distance, kernel_distance
from hilum.bench.intervals import Array, Bootstrap
from hilum.bench.kept import Reconstruction
from hilum.bench.labels import FRONTAL, asked_labels
from hilum.bench.markers import legible_markers
from hilum.bench.metrics import FINDINGS
from hilum.bench.population import Population
from hilum.bench.readings import compare_readings
from hilum.errors import UsageError
from hilum.study import Pixels
from hilum.tokenizer import ImageTokenizer, code_usage
from hilum.tokenizer.codes import Fidelity, as_pixels, fidelity

BATCH = 64
SHOWN = 6


def restore(tokenizer: ImageTokenizer, films: npt.NDArray[Any]) -> tuple[Array, npt.NDArray[np.float32]]:
    """Codes (N, grid²) and reconstructions (N, H, H) in [0, 1] of films, uint8 or float in [0, 1]."""
    codes, back = [], []
    for start in range(0, len(films), BATCH):
        found = tokenizer.encode(as_pixels(films[start : start + BATCH]))
        codes.append(found.cpu().numpy())
        back.append(tokenizer.decode(found).cpu().numpy())
    return np.concatenate(codes), np.concatenate(back)


def reconstructed(
    tokenizer: ImageTokenizer,
    films: npt.NDArray[Any],
    patients: Sequence[str],
    *,
    classifier: Classifier | None = None,
    labels: npt.NDArray[np.floating] | None = None,
    seed: int = 0,
) -> tuple[Reconstruction, npt.NDArray[np.float32]]:
    """Measure films (N, H, H) through a tokenizer.

    Args:
        patients: whose each film is, (N,): intervals are over patients.
        classifier: reads findings, and gives the features that sets are compared in.
        labels: (N, K) 1 present, 0 absent, NaN unknown; columns are `hilum.bench.metrics.FINDINGS`.
        seed: of the bootstrap.

    Returns:
        The figures, and the reconstructions (N, H, H) in [0, 1].

    Raises:
        UsageError: there are no films.
    """
    if not len(films):
        raise UsageError("films", "are none", "give some")
    codes, back = restore(tokenizer, films)
    real = as_pixels(films).numpy()
    boot = Bootstrap(patients, seed=seed)
    likeness: Fidelity = fidelity(real, back)
    used, perplexity = code_usage(codes, tokenizer.n_codes)
    found: dict[str, Any] = {}
    if classifier is not None and labels is not None:
        chances, truth = [classifier.scores(side) for side in (back, real)], np.asarray(labels, float)
        read = compare_readings(chances[0], chances[1], truth, boot)
        found = {"macro": read.drawn, "macro_films": read.real, "lost": read.gap, "findings": read.findings}
    if classifier is not None and len(films) > 1:
        sides = [classifier.features(side) for side in (real, back)]
        found["fd"] = frechet_distance(*(Moments.of(side) for side in sides))
        found["kd"] = kernel_distance(*sides, seed=seed)[0]
    kept = Reconstruction(
        len(films),
        boot.mean(likeness.psnr),
        boot.mean(likeness.ssim),
        tokenizer.n_codes,
        used,
        perplexity,
        boot.mean(legible_markers(real, back)),
        **found,
    )
    return kept, back


def reconstruct(
    tokenizer: ImageTokenizer,
    population: Population,
    classifier: Classifier | None = None,
    *,
    limit: int = 200,
    seed: int = 0,
) -> tuple[Reconstruction | None, tuple[tuple[Pixels, Pixels], ...]]:
    """What the measured images' codes keep, and a few pairs to look at.

    Args:
        limit: most images, drawn at random.
    """
    about = {
        image: (f"{record.source}/{record.patient}", position in FRONTAL, record)
        for record in population.records.values()
        for image, position in zip(record.image_ids, record.positions, strict=True)
    }
    ids = sample(sorted(about), limit, seed)
    if not ids:
        return None, ()
    films: Any = population.shards.pixels_many(ids)
    patients = [about[image][0] for image in ids]
    # A lateral film does not show which side a finding is on, and the classifier has seen none.
    unknown = np.full(len(FINDINGS), np.nan, np.float32)
    labels = np.stack([asked_labels(about[i][2]) if about[i][1] else unknown for i in ids])
    kept, back = reconstructed(tokenizer, films, patients, classifier=classifier, labels=labels, seed=seed)
    return kept, tuple(zip(as_pixels(films[:SHOWN]).numpy(), back[:SHOWN], strict=True))
