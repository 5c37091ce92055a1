"""Four quantisers, with and without the clinical and the adversarial term, at equal processor time.

    python benchmarks/image_tokenizers.py tokenizers --json
    python benchmarks/image_tokenizers.py tokenizers-real --source phantom --source nih-chestxray14=nih --json

Each of the 16 tokenizers has the nano recipe's network and learns for `--seconds` of processor time: its
steps are that time over what a step takes, measured just before. The clinical encoder is trained once,
before, and is not counted. All are measured on held-out patients, 95 % intervals over them: PSNR, SSIM,
Fréchet and kernel distance in the features of the classifier's trunk, codes used over the set, macro AUROC
of the classifier on reconstructions beside films and each finding's, side markers that can be read. The
classifier is trained on films of the training patients, and no tokenizer learns from it.

The rule by which a default is chosen, written down before the first run: by validation films alone, among the
tokenizers whose macro AUROC on reconstructions is within 0.01 of the best, the one with the lowest Fréchet
distance. `ours` is its macro AUROC on test films' reconstructions, `peer` that of the films themselves.

The folder keeps the run, each tokenizer, `table.json`, `table.md` and pictures (films above, a row for each
tokenizer); killed, it goes on. About 40 minutes on one core by default.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from hilum.bench.classifier import Classifier, train_classifier
from hilum.bench.labels import Labelled, classifier_data
from hilum.bench.reconstruction import Reconstruction, reconstructed
from hilum.files import atomic_path, write_json
from hilum.instruct import Shards
from hilum.recipes import Recipe, nano, with_settings
from hilum.recipes.run import CLASSIFIED, Run
from hilum.sources.catalog import specs_of
from hilum.study import Split
from hilum.tokenizer import ImageTokenizer, TokenizerConfig
from hilum.training import FitConfig, LossWeights, TokenizerStage, train_tokenizer
from result import Result, print_result

CLOSE = 0.01
"""Of the best macro AUROC, within which the Fréchet distance decides."""
SHOWN = 8
CLINICAL, ADVERSARIAL = 1.5, 0.3
"""The terms' weights where they are switched on: nano's, and a third of the other terms' pull."""

Configuration = tuple[str, TokenizerConfig, LossWeights]


def films_of(shards: Shards, split: Split, most: int) -> Labelled:
    """Frontal films of a split, of every source alike, `most` of them by chance."""
    films = classifier_data(shards, split, source=None)
    rows = np.sort(np.random.default_rng(0).permutation(len(films.images))[:most])
    patients = tuple(films.patients[row] for row in rows)
    return Labelled(*(values[rows] for values in films[:-1]), patients=patients)


def fit_config(steps: int, seed: int) -> FitConfig:
    """Nano's schedule, over as many steps as there is time for."""
    fit = nano(seed).tokenizer_stage.fit
    return replace(fit, steps=steps, warmup=min(fit.warmup, max(1, steps // 10)), final_lr=0.02)


class Bench:
    """What all tokenizers share."""

    def __init__(self, run: Run, recipe: Recipe, folder: Path, seconds: float, most: int) -> None:
        self.run, self.recipe, self.folder, self.seconds = run, recipe, folder, seconds
        self.seen = run.clinical
        seen = films_of(run.shards, Split.TRAIN, CLASSIFIED)
        self.classifier: Classifier = train_classifier(
            seen.images,
            seen.labels,
            folder / "classifier",
            sides=seen.sides,
            grades=seen.grades,
            steps=recipe.classifier_steps,
        )
        self.validation, self.test = (films_of(run.shards, s, most) for s in (Split.VAL, Split.TEST))

    def train(self, config: TokenizerConfig, loss: LossWeights, folder: Path) -> tuple[ImageTokenizer, int]:
        """The tokenizer, and how many steps it had time for."""
        noted = folder / "steps.json"
        if noted.is_file():
            steps = json.loads(noted.read_text(encoding="utf-8"))["steps"]
        else:
            steps = max(20, int(self.seconds / self._step_time(config, loss)))
            write_json(noted, {"steps": steps, "made_by": "hilum"})
        # The adversary comes in for the second half: before, it would judge noise.
        loss = replace(loss, start=steps // 2)
        stage = TokenizerStage(fit_config(steps, self.recipe.seed), loss, self.recipe.tokenizer_stage.batch)
        made = train_tokenizer(self.run.pixels, config, stage, folder / "training", clinical=self.seen)
        return made, steps

    def _step_time(self, config: TokenizerConfig, loss: LossWeights) -> float:
        """Processor seconds of a step, the mean of one without the adversary and one with it."""
        return float(np.mean([self._measured(config, replace(loss, start=start)) for start in (10**9, 0)]))

    def _measured(self, config: TokenizerConfig, loss: LossWeights) -> float:
        spent = []
        for steps in (3, 13):  # the first steps of a run prepare what later ones find
            stage = TokenizerStage(fit_config(steps, 0), loss, self.recipe.tokenizer_stage.batch)
            with TemporaryDirectory() as scratch:
                started = time.process_time()
                train_tokenizer(self.run.pixels, config, stage, Path(scratch) / "run", clinical=self.seen)
                spent.append(time.process_time() - started)
        return max(1e-3, (spent[1] - spent[0]) / 10)

    def measure(self, tokenizer: ImageTokenizer, films: Labelled) -> tuple[Reconstruction, Any]:
        """All figures of one set of films."""
        about = {"classifier": self.classifier, "labels": films.labels}
        return reconstructed(tokenizer, films.images, films.patients, **about)


def configurations(base: TokenizerConfig, quantizers: list[str]) -> list[Configuration]:
    """Name, network and loss of each."""
    found = []
    for quantizer, clinical, adversarial in product(quantizers, (True, False), (False, True)):
        name = quantizer + "-clinical" * clinical + "-adversarial" * adversarial
        config = replace(base, quantizer=quantizer, n_codes=1024)
        loss = LossWeights(clinical=CLINICAL * clinical, adversarial=ADVERSARIAL * adversarial)
        found.append((name, config, loss))
    return found


def chosen(rows: dict[str, Any]) -> str:
    """The default, by the rule above."""
    macro = {name: row["validation"]["macro"]["value"] for name, row in rows.items()}
    close = [name for name, value in macro.items() if value >= max(macro.values()) - CLOSE]
    return min(close, key=lambda name: rows[name]["validation"]["fd"])


def write_table(rows: dict[str, Any], path: Path) -> None:
    """A Markdown table of the test figures."""
    head = ("tokenizer", "steps", "PSNR dB", "SSIM", "FD", "KD", "codes", "macro AUROC", "lost", "markers")
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, row in rows.items():
        test = row["test"]
        cells = [name, str(row["steps"]), _cell(test["psnr_db"], 1), _cell(test["ssim"]), f"{test['fd']:.2f}"]
        cells += [f"{test['kd']:.4f}", f"{test['codes_used']} of {test['n_codes']}"]
        cells += [_cell(test[key]) for key in ("macro", "lost", "markers")]
        lines.append("| " + " | ".join(cells) + " |")
    with atomic_path(path) as tmp:
        tmp.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _cell(estimate: dict[str, Any], digits: int = 3) -> str:
    if estimate["value"] is None:
        return "–"
    ends = (
        "" if estimate["low"] is None else f" [{estimate['low']:.{digits}f}, {estimate['high']:.{digits}f}]"
    )
    return f"{estimate['value']:.{digits}f}{ends}"


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="the folder to write")
    parser.add_argument("--source", action="append", default=[], help="NAME or NAME=PATH, repeatable")
    parser.add_argument("--quantizers", default="fsq,vq,ibq,lfq", help="which, parted by commas")
    parser.add_argument("--seconds", type=float, default=60.0, help="processor time of each tokenizer")
    parser.add_argument("--films", type=int, default=400, help="most held-out films of a split")
    parser.add_argument("--set", action="append", default=[], help="a field of the recipe")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    recipe = with_settings(nano(), args.set)
    run = Run(recipe, args.out / "run", specs_of(args.source or ["phantom"]))
    bench = Bench(run, recipe, args.out, args.seconds, args.films)
    rows: dict[str, Any] = {}
    pictures = [bench.test.images[:SHOWN] / np.float32(255)]
    for name, config, loss in configurations(recipe.tokenizer, args.quantizers.split(",")):
        folder = args.out / "tokenizers" / name
        tokenizer, steps = bench.train(config, loss, folder)
        validation, _ = bench.measure(tokenizer, bench.validation)
        test, back = bench.measure(tokenizer, bench.test)
        rows[name] = {"steps": steps, "validation": validation.to_json(), "test": test.to_json()}
        pictures.append(back[:SHOWN])
        write_json(args.out / "table.json", {"rows": rows, "made_by": "hilum"})
    write_table(rows, args.out / "table.md")
    sheet = np.concatenate([np.concatenate(list(row), 1) for row in pictures])
    with atomic_path(args.out / "pictures.png") as tmp:
        Image.fromarray((sheet * 255).round().astype(np.uint8)).save(tmp, "png")
    best = chosen(rows)
    macro = {key: rows[best]["test"][key]["value"] for key in ("macro", "macro_films")}
    details = {"chosen": best, "seconds": args.seconds, "rows": rows}
    result = Result("image_tokenizers", macro["macro"], macro["macro_films"], "macro AUROC", details)
    print_result(result, as_json=args.json)


if __name__ == "__main__":
    main()
