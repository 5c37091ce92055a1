"""Pictures measured: do drawn ones show what was asked, and how faithful are reconstructed ones.

images, labels = classifier_data(shards, Split.TRAIN)
classifier = train_classifier(images, labels, run_dir)
drawing, answers = draw(model, items, records, pixels_of, codes_per_image=64, classifier=classifier)

Shape suffixes: N items, K findings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hilum.bench.answers import Item, ask
from hilum.bench.classifier import Classifier
from hilum.bench.intervals import Array, Bootstrap
from hilum.bench.metrics import FINDINGS, auroc, macro_auroc, scorable, stated
from hilum.bench.population import Population, Records
from hilum.bench.result import Drawing, FindingScore, Reconstruction
from hilum.instruct import Shards, StudyRecord
from hilum.model.answer import Answer, Answerer
from hilum.model.model import TEMPERATURE
from hilum.study import Pixels, Position, Presence, Split
from hilum.tokenizer import ImageTokenizer, fidelity
from hilum.tokenizer.codes import as_pixels

FRONTAL = (Position.PA, Position.AP)


def asked_labels(record: StudyRecord) -> npt.NDArray[np.float32]:
    """What a picture of this study must show, a value for each of `FINDINGS`, (K,).

    1 where the report states the finding, 0 where it is known to be absent, NaN where neither: nobody
    knows, or it is there but too faint for a report to state, and a picture of the report need not show it.
    """
    present = {fact.finding for fact in stated(record.facts)}
    absent = {finding for finding, there in record.labels.items() if there is Presence.ABSENT}
    if not record.facts:
        present = {finding for finding, there in record.labels.items() if there is Presence.PRESENT}
    row = [1.0 if f in present else 0.0 if f in absent else np.nan for f in FINDINGS]
    return np.array(row, dtype=np.float32)


def classifier_data(
    shards: Shards, split: Split, *, source: str | None = "phantom", limit: int | None = None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Frontal images (N, H, W) of a split and what each shows (N, K), for `train_classifier`.

    Args:
        source: take this source alone; None takes all.
        limit: most images.
    """
    labels: dict[str, npt.NDArray[np.float32]] = {}
    for record in shards.records(split):
        if source is not None and record.source != source:
            continue
        for image, position in zip(record.image_ids, record.positions, strict=True):
            if position in FRONTAL and len(labels) != limit:
                labels.setdefault(image, asked_labels(record))
    if not labels:
        return np.zeros((0, 0, 0), np.uint8), np.zeros((0, len(FINDINGS)), np.float32)
    return shards.pixels_many(list(labels)), np.stack(list(labels.values()))


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
    temperature: float = TEMPERATURE,
    seed: int = 0,
    tick: Callable[[int], None] | None = None,
) -> tuple[Drawing, list[Answer]]:
    """Draw every item's report once and measure the pictures.

    The classifier sees frontal pictures alone: a lateral one does not show which side a finding is on.
    """
    answers = ask(model, items, pixels_of, temperature=temperature, seed=seed, tick=tick)
    right = [float(len(answer.codes) == codes_per_image) for answer in answers]
    codes = Bootstrap([item.patient for item in items], seed=seed).mean(right)
    seen = None if classifier is None else _look(items, answers, records, pixels_of, classifier, seed)
    if seen is None:
        return Drawing(codes), answers
    return _compare(seen, Drawing(codes)), answers


def is_frontal(item: Item, records: Records) -> bool:
    """Whether the picture an item asks for is a frontal view of a known study."""
    record = records.get((item.source, item.study))
    if record is None or not item.images_out or item.images_out[0] not in record.image_ids:
        return False
    return record.positions[record.image_ids.index(item.images_out[0])] in FRONTAL


def _look(
    items: Sequence[Item],
    answers: Sequence[Answer],
    records: Records,
    pixels_of: Callable[[str], Pixels],
    classifier: Classifier,
    seed: int,
) -> _Seen | None:
    drawn: list[Pixels] = []
    real: list[Pixels] = []
    chosen: list[Item] = []
    for item, answer in zip(items, answers, strict=True):
        if answer.image is not None and is_frontal(item, records):
            chosen.append(item)
            drawn.append(answer.image)
            real.append(pixels_of(item.images_out[0]))
    if not chosen:
        return None
    asked = np.stack([asked_labels(records[item.source, item.study]) for item in chosen])
    boot = Bootstrap([item.patient for item in chosen], seed=seed)
    return _Seen(
        classifier.scores(np.stack(drawn)), classifier.scores(np.stack(real)), asked.astype(float), boot
    )


def _compare(seen: _Seen, drawing: Drawing) -> Drawing:
    columns = [int(k) for k in scorable(seen.asked_NK)]
    boot = seen.boot

    def macro(scores_NK: Array) -> Callable[[Array], Array]:
        return lambda w: macro_auroc(w, scores_NK, seen.asked_NK, columns)

    drawn, real = macro(seen.drawn_NK), macro(seen.real_NK)
    return Drawing(
        drawing.right_codes,
        boot.estimate(drawn),
        boot.estimate(real),
        boot.estimate(lambda w: drawn(w) - real(w)),
        tuple(_finding(seen, k) for k in columns),
    )


def _finding(seen: _Seen, k: int) -> FindingScore:
    labels = seen.asked_NK[:, k]
    known = int(np.isfinite(labels).sum())

    def alone(scores_NK: Array) -> Callable[[Array], Array]:
        return lambda w: auroc(w, scores_NK[:, k], labels)

    drawn, real = (seen.boot.estimate(alone(scores), known) for scores in (seen.drawn_NK, seen.real_NK))
    return FindingScore(FINDINGS[k].value, int((labels == 1).sum()), drawn, real)


def reconstruct(
    tokenizer: ImageTokenizer, population: Population, *, limit: int = 200, seed: int = 0
) -> tuple[Reconstruction | None, tuple[tuple[Pixels, Pixels], ...]]:
    """PSNR and SSIM of the measured images through the tokenizer, and a few pairs to look at.

    Args:
        limit: most images, drawn at random.
    """
    patients = {image: r.patient for r in population.records.values() for image in r.image_ids}
    ids = sorted(patients)
    if not ids:
        return None, ()
    if len(ids) > limit:
        ids = [ids[i] for i in sorted(np.random.default_rng(seed).choice(len(ids), limit, replace=False))]
    images: Any = population.shards.pixels_many(ids)
    found = fidelity(tokenizer, images)
    boot = Bootstrap([patients[image] for image in ids], seed=seed)
    few = as_pixels(images[:6])
    back = tokenizer.decode(tokenizer.encode(few)).cpu().numpy()
    pairs = tuple(zip(few.numpy(), back, strict=True))
    return Reconstruction(boot.mean(found.psnr), boot.mean(found.ssim)), pairs
