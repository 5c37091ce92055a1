"""What alignment on pictures does to drawn pictures: do they show more of what was asked?

    hilum align quickstart/supervised --what pictures --out drawn
    python benchmarks/aligned_pictures.py --before quickstart/supervised --after drawn --json

Both models draw every report of the split's patients (ours the aligned one, the peer the supervised one): the
same texts, the same uniform numbers, as many candidates as `Model.draw` samples, with its temperature and
guidance. Printed is the macro AUROC of the asked findings by the benchmark's independent classifier, which is
not the one that rewarded: of plain pictures, the mean over the candidates, and of those that each model keeps
when it reranks its candidates; and the paired gains with 95 % bootstrap intervals over patients. `spread` is
how much the candidates of one text differ: the standard deviation of their pixels, averaged.

Without `--classifier`, the folder that holds the one of a run (`work/classifier-…`), it is trained as the
run's benchmark trains it and kept in `--store`.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import hilum
from hilum import bench
from hilum.bench import Bootstrap, Choice, Classifier
from hilum.bench.alignment.pictures import agreement
from hilum.bench.answers import Item, gather
from hilum.bench.drawing import is_frontal
from hilum.bench.intervals import Array
from hilum.bench.labels import asked_labels
from hilum.bench.metrics import FINDINGS, auroc, macro_auroc, scorable
from hilum.bench.population import Population
from hilum.images import Frame
from hilum.instruct import Shards
from hilum.model import Model
from hilum.model.answer import Answer
from hilum.model.engine import Sampling, generate
from hilum.model.model import CANDIDATES, GUIDANCE, TEMPERATURE
from hilum.model.reranking import log_likelihoods
from hilum.progress import Progress
from hilum.recipes.run import CLASSIFIED
from hilum.recipes.whole import data_of
from hilum.study import Split, Task
from result import Result, print_result

ROWS = 320
"""Sequences that the engine holds at once."""


@dataclass(frozen=True)
class Drawn:
    """Classifier's chances of every candidate (N, C, K), which one the model keeps (N,), and the spread."""

    chances_NCK: Array
    kept_N: Array
    spread: float

    @property
    def reranked_NK(self) -> Array:
        """Of the candidate kept for each text."""
        return self.chances_NCK[np.arange(len(self.kept_N)), self.kept_N.astype(int)]


def drawn(model: Model, items: list[Item], classifier: Classifier, candidates: int, seed: int) -> Drawn:
    """Draw all items and look at the pictures."""
    prompts = [item.prompt(lambda _: np.zeros((1, 1), np.float32)) for item in items]
    ready = [replace(model.tokenize(prompt), number=i) for i, prompt in enumerate(prompts)]
    order = sorted(range(len(ready)), key=lambda i: len(ready[i].ids))
    sampling = Sampling(candidates, TEMPERATURE, 1.0, seed=seed, guidance=GUIDANCE)
    chances: dict[int, Array] = {}
    kept: dict[int, int] = {}
    spreads: list[float] = []
    painter, first, step = model.image_tokenizer, model.vocabulary.first_code, ROWS // (2 * candidates)
    assert painter is not None
    with Progress() as bars:
        bar = bars.bar("drawing", len(items))
        for start in range(0, len(order), step):
            some = order[start : start + step]
            written = generate(model.network, [ready[i] for i in some], model.masks, sampling)
            for i, sequences in zip(some, written, strict=True):
                codes = [[t - first for t in w.ids if model.vocabulary.is_code(t)] for w in sequences]
                pictures = painter.decode(torch.tensor(codes)).cpu().numpy()
                answers = [
                    Answer("", (), tuple(c), picture, len(c), True)
                    for c, picture in zip(codes, pictures, strict=True)
                ]
                chances[i] = classifier.scores(pictures)
                kept[i] = int(np.argmax(log_likelihoods(model, prompts[i], answers)))
                spreads.append(float(pictures.std(0).mean()))
            bar.advance(len(some))
    rows = range(len(items))
    return Drawn(
        np.stack([chances[i] for i in rows]), np.array([kept[i] for i in rows]), float(np.mean(spreads))
    )


def compared(before: Drawn, after: Drawn, asked_NK: Array, patients: list[str], seed: int) -> dict[str, Any]:
    """Figures of both and their paired difference, with intervals."""
    columns = [int(k) for k in scorable(asked_NK)]
    boot = Bootstrap(patients, seed=seed)

    def plain(side: Drawn, weights_RN: Array) -> Array:
        each = [
            macro_auroc(weights_RN, side.chances_NCK[:, c], asked_NK, columns)
            for c in range(side.chances_NCK.shape[1])
        ]
        found: Array = np.mean(each, axis=0)
        return found

    def reranked(side: Drawn, weights_RN: Array) -> Array:
        return macro_auroc(weights_RN, side.reranked_NK, asked_NK, columns)

    figures: dict[str, Any] = {}
    for name, measure in (("plain", plain), ("reranked", reranked)):
        figures[name] = {
            "before": boot.estimate(lambda w, m=measure: m(before, w)).to_json(),
            "after": boot.estimate(lambda w, m=measure: m(after, w)).to_json(),
            "gain": boot.estimate(lambda w, m=measure: m(after, w) - m(before, w)).to_json(),
        }
    once = np.ones((1, len(asked_NK)))
    figures["findings"] = {
        FINDINGS[k].value: [
            round(
                float(
                    np.mean(
                        [
                            auroc(once, s.chances_NCK[:, c, k], asked_NK[:, k])
                            for c in range(s.chances_NCK.shape[1])
                        ]
                    )
                ),
                4,
            )
            for s in (before, after)
        ]
        for k in columns
    }
    figures["agreement"] = [
        float(
            np.mean(
                [[agreement(c, a) for c in some] for some, a in zip(s.chances_NCK, asked_NK, strict=True)]
            )
        )
        for s in (before, after)
    ]
    figures["spread"] = [before.spread, after.spread]
    return figures


def bench_classifier(args: argparse.Namespace, shards: Shards) -> Classifier:
    """The run's own measure of pictures, or one made as the run makes it."""
    if args.classifier is not None:
        return Classifier.load(args.classifier)
    recipe = json.loads((args.before.resolve().parent / "recipe.json").read_text())["recipe"]
    images, labels, *_ = bench.classifier_data(shards, Split.TRAIN, limit=CLASSIFIED)
    seed, steps = recipe["seed"], recipe["classifier_steps"]
    return bench.train_classifier(images, labels, args.store / "measuring", seed=seed, steps=steps)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help="the supervised model, in its run folder")
    parser.add_argument("--after", type=Path, required=True, help="the aligned run")
    parser.add_argument("--split", choices=["val", "test"], default="test")
    parser.add_argument("--limit", type=int, help="most texts")
    parser.add_argument("--candidates", type=int, default=CANDIDATES)
    parser.add_argument("--classifier", type=Path, help="folder of the run's classifier")
    parser.add_argument("--store", type=Path, default=Path("aligned-pictures"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    before, after = hilum.load(args.before), hilum.load(args.after)
    folder = data_of(args.before)
    assert folder is not None
    shards = Shards(folder, Frame(before.config.image_size, before.fit))
    records = {(r.source, r.id): r for r in shards.records(Split(args.split))}
    population = replace(Population.choose(shards, Choice.ALL), records=records)
    items = [i for i in gather(population, Task.DRAW) if is_frontal(i, records)]
    items = items[: args.limit]
    asked_NK = np.stack([asked_labels(records[i.source, i.study]) for i in items]).astype(float)
    classifier = bench_classifier(args, shards)
    seen = [drawn(model, items, classifier, args.candidates, args.seed) for model in (before, after)]
    figures = compared(*seen, asked_NK, [item.cluster for item in items], args.seed)
    ours, peer = (figures["plain"][side]["value"] for side in ("after", "before"))
    details = {"texts": len(items), "candidates": args.candidates, "split": args.split, **figures}
    print_result(Result("aligned_pictures", ours, peer, "macro AUROC", details), as_json=args.json)


if __name__ == "__main__":
    main()
