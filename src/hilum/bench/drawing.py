"""Drawn pictures measured: do they show what was asked?

drawing, answers = draw(model, items, records, pixels_of, tokenizer=tokenizer, classifier=classifier)

Shape suffixes: N items, K findings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from hilum.bench.answers import BATCH, Item, ask
from hilum.bench.asked_shown import asked_and_shown, asked_of
from hilum.bench.classifier import Classifier
from hilum.bench.image_metrics import (
    Encoder,
    Pictures,
    alignment,
    compare_sets,
    pictures_of,
)
from hilum.bench.image_metrics.sets import K
from hilum.bench.intervals import Bootstrap, Estimate
from hilum.bench.labels import FRONTAL
from hilum.bench.metrics import Counts, fact_counts
from hilum.bench.population import Records
from hilum.bench.readings import compare_readings
from hilum.bench.reconstruction import restore
from hilum.bench.result import Drawing
from hilum.instruct import StudyRecord
from hilum.model.answer import Answer, Answerer
from hilum.model.model import TEMPERATURE, Model
from hilum.reports import extract_facts
from hilum.study import Pixels
from hilum.tokenizer import ImageTokenizer

ROUND_TRIPS = 100
"""Most drawings that the model reports again: each costs a report."""


@dataclass(frozen=True)
class _Frontal:
    """Drawn and real frontal pictures of the same items."""

    items: list[Item]
    drawn: list[Pixels]
    real: list[Pixels]

    @property
    def patients(self) -> list[str]:
        return [item.cluster for item in self.items]


def draw(
    model: Answerer,
    items: Sequence[Item],
    records: Records,
    pixels_of: Callable[[str], Pixels],
    *,
    tokenizer: ImageTokenizer,
    classifier: Classifier | None = None,
    encoder: Encoder | None = None,
    training: Pictures | None = None,
    temperature: float = TEMPERATURE,
    seed: int = 0,
    tick: Callable[[int], None] | None = None,
) -> tuple[Drawing, list[Answer]]:
    """Draw every item's report once and measure the pictures.

    Pictures are compared with real ones in frontal views alone: a lateral one does not show which side a
    finding is on, and no set is to differ from another by its views.

    Args:
        tokenizer: the model's own.
        encoder: in whose features the drawn and the real pictures are compared as sets, and the real ones'
            reconstructions, which show what of the drawings' distance the codes alone account for.
        training: films that the model was trained on, to tell memorisation by.
    """
    answers = ask(model, items, pixels_of, temperature=temperature, seed=seed, tick=tick)
    right = [float(len(answer.codes) == tokenizer.codes_per_image) for answer in answers]
    codes = Bootstrap([item.cluster for item in items], seed=seed).mean(right)
    frontal = _frontal(items, answers, records, pixels_of)
    drawing = Drawing(codes)
    if encoder is not None and len(frontal.items) > K:
        drawing = _as_sets(drawing, frontal, encoder, training, tokenizer, seed)
    if classifier is not None and frontal.items:
        drawing = _read(drawing, model, frontal, records, classifier, seed)
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
    drawing: Drawing,
    frontal: _Frontal,
    encoder: Encoder,
    training: Pictures | None,
    tokenizer: ImageTokenizer,
    seed: int,
) -> Drawing:
    """The drawn pictures as a set beside the real ones, and the real ones' reconstructions."""
    back = restore(tokenizer, np.stack(frontal.real))[1]
    real, drawn, rebuilt = (
        pictures_of(side, frontal.patients, encoder) for side in (frontal.real, frontal.drawn, back)
    )
    compare = partial(compare_sets, real, encoder=encoder.name, seed=seed)
    return replace(drawing, sets=compare(drawn, training=training), rebuilt_sets=compare(rebuilt))


def _read(
    drawing: Drawing,
    model: Answerer,
    frontal: _Frontal,
    records: Records,
    classifier: Classifier,
    seed: int,
) -> Drawing:
    """What the classifier reads off the drawings and the films, and the model off both."""
    studies = [records[item.source, item.study] for item in frontal.items]
    asked, boot = asked_of(studies), Bootstrap(frontal.patients, seed=seed)
    pictures = np.stack(frontal.drawn), np.stack(frontal.real)
    drawn, real = (classifier.read(side) for side in pictures)
    scores = compare_readings(drawn.present, real.present, asked.present, boot)
    shown = asked_and_shown(drawn, real, asked, boot)
    if isinstance(model, Model):
        few = slice(0, ROUND_TRIPS)
        of_few = Bootstrap(frontal.patients[few], seed=seed)
        trips = [_reported(model, side[few], studies[few], of_few) for side in pictures]
        shown = replace(shown, round_trip=trips[0], round_trip_films=trips[1])
    return replace(
        drawing,
        drawn=scores.drawn,
        real=scores.real,
        gap=scores.gap,
        findings=scores.findings,
        aligned=boot.mean(alignment(drawn.present, asked.present)),
        aligned_real=boot.mean(alignment(real.present, asked.present)),
        shown=shown,
    )


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
    facts = Counts.of(counts)
    return boot.estimate(facts.micro_f1, share=True, on=facts.counted)
