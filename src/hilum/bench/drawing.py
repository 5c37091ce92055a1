"""Drawn pictures measured: do they show what was asked?

drawing, answers = draw(model, items, records, pixels_of, codes_per_image=64, classifier=classifier)

Shape suffixes: N items, K findings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hilum.bench.answers import BATCH, Item, ask, sample
from hilum.bench.asked_shown import asked_and_shown, asked_of
from hilum.bench.classifier import Classifier
from hilum.bench.image_metrics import (
    Encoder,
    Pictures,
    SetScores,
    alignment,
    compare_sets,
    copies_of,
    features,
)
from hilum.bench.image_metrics.sets import K
from hilum.bench.intervals import Array, Bootstrap, Estimate
from hilum.bench.labels import FRONTAL, asked_labels
from hilum.bench.metrics import FINDINGS, Counts, auroc, fact_counts, macro_auroc, scorable
from hilum.bench.population import LEARNED, Records, Trained
from hilum.bench.result import Drawing, FindingScore
from hilum.bench.shown import AskedShown
from hilum.images.duplicates import signature
from hilum.instruct import Shards, StudyRecord
from hilum.model.answer import Answer, Answerer
from hilum.model.model import TEMPERATURE, Model
from hilum.reports import extract_facts
from hilum.study import Pixels
from hilum.tokenizer.codes import as_pixels

ROUND_TRIPS = 100
"""Most drawings that the model reports again: each costs a report."""
FILMS = 1000
"""Most training films that drawn pictures are compared with."""


def training_films(
    shards: Shards, trained: Trained | None, *, limit: int = FILMS, seed: int = 0
) -> npt.NDArray[np.uint8]:
    """Frontal images (N, H, W) of these shards that the model was trained on, drawn at random.

    None of them where nobody knows what it was trained on.
    """
    known = trained.images if trained is not None else frozenset()
    ids = sorted(
        {
            image
            for split in LEARNED
            for record in shards.records(split)
            for image, position in zip(record.image_ids, record.positions, strict=True)
            if position in FRONTAL and image in known
        }
    )
    ids = sample(ids, limit, seed)
    return shards.pixels_many(ids) if ids else np.zeros((0, 0, 0), np.uint8)


@dataclass(frozen=True)
class _Frontal:
    """Drawn and real frontal pictures of the same items."""

    items: list[Item]
    drawn: list[Pixels]
    real: list[Pixels]

    @property
    def patients(self) -> list[str]:
        return [item.cluster for item in self.items]


@dataclass(frozen=True)
class _Seen:
    """Classifier scores of drawn and real pictures of the same items, and what was asked of them."""

    drawn_NK: Array
    real_NK: Array
    asked_NK: Array
    boot: Bootstrap


def draw(
    model: Answerer,
    items: Sequence[Item],
    records: Records,
    pixels_of: Callable[[str], Pixels],
    *,
    codes_per_image: int,
    classifier: Classifier | None = None,
    encoder: Encoder | None = None,
    training: npt.NDArray[np.uint8] | None = None,
    temperature: float = TEMPERATURE,
    seed: int = 0,
    tick: Callable[[int], None] | None = None,
) -> tuple[Drawing, list[Answer]]:
    """Draw every item's report once and measure the pictures.

    Pictures are compared with real ones in frontal views alone: a lateral one does not show which side a
    finding is on, and no set is to differ from another by its views.

    Args:
        encoder: in whose features the drawn and the real pictures are compared as sets.
        training: films that the model was trained on, to tell memorisation by; see `training_films`.
    """
    answers = ask(model, items, pixels_of, temperature=temperature, seed=seed, tick=tick)
    right = [float(len(answer.codes) == codes_per_image) for answer in answers]
    codes = Bootstrap([item.cluster for item in items], seed=seed).mean(right)
    frontal = _frontal(items, answers, records, pixels_of)
    sets = None if encoder is None else _as_sets(frontal, encoder, training, seed)
    drawing = Drawing(codes, sets=sets)
    if classifier is not None and frontal.items:
        drawing = _compare(_look(frontal, records, classifier, seed), drawing)
        drawing = replace(drawing, shown=_shown(model, frontal, records, classifier, seed))
    return drawing, answers


def is_frontal(item: Item, records: Records) -> bool:
    """Whether the picture an item asks for is a frontal view of a known study."""
    record = records.get((item.source, item.study))
    if record is None or not item.images_out or item.images_out[0] not in record.image_ids:
        return False
    return record.positions[record.image_ids.index(item.images_out[0])] in FRONTAL


def _frontal(
    items: Sequence[Item],
    answers: Sequence[Answer],
    records: Records,
    pixels_of: Callable[[str], Pixels],
) -> _Frontal:
    found = _Frontal([], [], [])
    for item, answer in zip(items, answers, strict=True):
        if answer.image is not None and is_frontal(item, records):
            found.items.append(item)
            found.drawn.append(answer.image)
            found.real.append(pixels_of(item.images_out[0]))
    return found


def _as_sets(
    frontal: _Frontal, encoder: Encoder, training: npt.NDArray[np.uint8] | None, seed: int
) -> SetScores | None:
    """The drawn pictures as a set beside the real ones; None where there are too few."""
    if len(frontal.items) <= K:
        return None
    known = copied = None
    if training is not None and len(training):
        films = as_pixels(training).numpy()
        known = features(films, encoder)
        copied = copies_of(*(np.stack([signature(one) for one in side]) for side in (frontal.drawn, films)))
    real, drawn = (
        Pictures(features(side, encoder), frontal.patients) for side in (frontal.real, frontal.drawn)
    )
    return compare_sets(real, drawn, encoder=encoder.name, training=known, copied=copied, seed=seed)


def _look(frontal: _Frontal, records: Records, classifier: Classifier, seed: int) -> _Seen:
    asked = np.stack([asked_labels(records[item.source, item.study]) for item in frontal.items])
    drawn, real = (classifier.scores(np.stack(side)) for side in (frontal.drawn, frontal.real))
    return _Seen(drawn, real, asked.astype(float), Bootstrap(frontal.patients, seed=seed))


def _shown(
    model: Answerer, frontal: _Frontal, records: Records, classifier: Classifier, seed: int
) -> AskedShown:
    """Side, severity and absence of what was asked, and what the model reports of its own drawings."""
    studies = [records[item.source, item.study] for item in frontal.items]
    drawn, films = np.stack(frontal.drawn), np.stack(frontal.real)
    found = asked_and_shown(classifier, drawn, films, asked_of(studies), frontal.patients, seed=seed)
    if not isinstance(model, Model):
        return found
    few = slice(0, ROUND_TRIPS)
    boot = Bootstrap(frontal.patients[few], seed=seed)
    drawings, real = (_reported(model, side[few], studies[few], boot) for side in (drawn, films))
    return replace(found, round_trip=drawings, round_trip_films=real)


def _reported(
    model: Model, pictures: npt.NDArray[np.float32], studies: Sequence[StudyRecord], boot: Bootstrap
) -> Estimate:
    """Fact F1 of the model's reports of pictures (N, H, W) against what was asked for."""
    counts = []
    for start in range(0, len(pictures), BATCH):
        some = slice(start, start + BATCH)
        written = model.reports([([picture], None) for picture in pictures[some]])
        for study, report in zip(studies[some], written, strict=True):
            said = extract_facts(f"{report.findings} {report.impression}")
            counts.append(fact_counts(study.facts, said))
    return boot.estimate(Counts.of(counts).micro_f1, share=True)


def _compare(seen: _Seen, drawing: Drawing) -> Drawing:
    columns = [int(k) for k in scorable(seen.asked_NK)]
    boot = seen.boot

    def macro(scores_NK: Array) -> Callable[[Array], Array]:
        return lambda w: macro_auroc(w, scores_NK, seen.asked_NK, columns)

    drawn, real = macro(seen.drawn_NK), macro(seen.real_NK)
    return replace(
        drawing,
        drawn=boot.estimate(drawn),
        real=boot.estimate(real),
        gap=boot.estimate(lambda w: drawn(w) - real(w)),
        findings=tuple(_finding(seen, k) for k in columns),
        aligned=boot.mean(alignment(seen.drawn_NK, seen.asked_NK)),
        aligned_real=boot.mean(alignment(seen.real_NK, seen.asked_NK)),
    )


def _finding(seen: _Seen, k: int) -> FindingScore:
    labels = seen.asked_NK[:, k]
    known = int(np.isfinite(labels).sum())

    def alone(scores_NK: Array) -> Callable[[Array], Array]:
        return lambda w: auroc(w, scores_NK[:, k], labels)

    drawn, real = (seen.boot.estimate(alone(scores), known) for scores in (seen.drawn_NK, seen.real_NK))
    return FindingScore(FINDINGS[k].value, int((labels == 1).sum()), drawn, real)
