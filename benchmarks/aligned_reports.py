"""Six alignment algorithms on one run: what each does to the exact facts of its reports.

    hilum quickstart --out quickstart
    python benchmarks/aligned_reports.py quickstart/supervised --out aligned-reports --json

Prompts are the training patients of a phantom of another seed, whom the run has never seen. Each algorithm is
trained at three values of β; the one with the highest mean judge's score on a second phantom is taken, and
alone measured on a third: fact F1 (finding, side, site and severity against what was drawn),
finding F1, the judge's score, words after over words before, each paired with the supervised model, 95 %
intervals over patients. Nothing is chosen by the third. `ours` is the best gain in fact F1, `peer` 0. Samples
and verdicts are made once; killed, it goes on. About an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import hilum
from hilum import bench
from hilum.align import Algorithm, AlignConfig, Reports, align
from hilum.bench import BenchResult, Choice
from hilum.files import write_json
from hilum.images import Frame
from hilum.instruct import Shards, build
from hilum.judge import named_judge
from hilum.model import Model
from hilum.recipes.align import default_config, open_source
from hilum.sources import SourceSpec
from hilum.study import Task
from result import Result, print_result

PROMPT_SEED, CHOICE_SEED, TEST_SEED = 91, 93, 95
BETAS = {
    Algorithm.DPO: (0.03, 0.1, 0.3),
    Algorithm.IPO: (0.1, 0.3, 1.0),
    Algorithm.KTO: (0.03, 0.1, 0.3),
    Algorithm.ORPO: (0.1, 0.3, 1.0),
    Algorithm.RDPO: (0.03, 0.1, 0.3),
    Algorithm.GRPO: (0.0, 0.1, 1.0),
}
ROUNDS = 6
"""Of GRPO, each with a share of the prompts, so that as many answers are generated as for the others."""


def shards_of(folder: Path, seed: int, studies: int, model: Model) -> Shards:
    """Synthetic patients that the run has not seen."""
    if not folder.is_dir():
        build([SourceSpec("phantom")], folder, size=model.config.image_size, limit=studies, seed=seed)
    return Shards(folder, Frame(model.config.image_size, model.fit))


def measured(model: Model, shards: Shards, before: Model, limit: int | None) -> BenchResult:
    """Reports of the model beside those of the supervised one."""
    return bench.run(
        model,
        shards,
        tasks=(Task.FINDINGS,),
        choice=Choice.ALL,
        compare=before,
        judged_limit=limit,
        limit=limit,
        baselines=False,
        progress=False,
    )


def gains(result: BenchResult) -> dict[str, Any]:
    """The paired gains, and the words after over the words before."""
    assert result.alignment is not None
    changes = {change.name: change.to_json() for change in result.alignment.changes}
    return {**changes, "length_ratio": result.alignment.length_ratio.to_json()}


def config_of(
    run: Path, algorithm: Algorithm, beta: float, steps: int, lr: float, prompts: int
) -> AlignConfig:
    """One cell's settings."""
    config = replace(default_config(run, algorithm), beta=beta, n=6)
    config = replace(config, fit=replace(config.fit, steps=steps, lr=lr, warmup=10))
    if algorithm is Algorithm.GRPO:
        each = -(-prompts // ROUNDS)
        fit = replace(config.fit, steps=-(-steps // ROUNDS))
        return replace(config, fit=fit, rounds=ROUNDS, prompts_per_round=each)
    return config


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--prompts", type=int, default=2400, help="studies of the phantom for further prompts"
    )
    parser.add_argument("--steps", type=int, default=240)
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--choose", type=int, default=400, help="reports that β is chosen by")
    parser.add_argument("--test", type=int, default=1600, help="reports that are measured")
    parser.add_argument("--algorithm", action="append", choices=[str(a) for a in Algorithm])
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()

    supervised = hilum.load(args.run)
    shards_of(args.out / "prompts", PROMPT_SEED, args.prompts, supervised)
    prompts = open_source(args.run, args.out / "prompts").prompts
    choice = shards_of(args.out / "choice", CHOICE_SEED, args.choose + 100, supervised)
    test = shards_of(args.out / "test", TEST_SEED, args.test + 200, supervised)
    table = {}
    for algorithm in map(Algorithm, args.algorithm or Algorithm):
        cells = {}
        for beta in BETAS[algorithm]:
            path = args.out / f"{algorithm}-{beta}-{args.steps}-{args.lr}.json"
            folder = args.out / f"{algorithm}-{beta}-{args.steps}-{args.lr}"
            if not path.is_file():
                model = deepcopy(supervised)
                config = config_of(args.run, algorithm, beta, args.steps, args.lr, len(prompts))
                seen = align(model, prompts, config, args.out / "work", Reports(named_judge("facts")))
                model.save(folder)
                found = gains(measured(model, choice, supervised, args.choose))
                write_json(path, {"beta": beta, "choice": found, "align": seen.to_json()})
            cells[beta] = json.loads(path.read_text())["choice"]
        best = max(cells, key=lambda beta: cells[beta]["judge_score"]["after"]["value"])
        path = args.out / f"{algorithm}-{args.steps}-{args.lr}-test.json"
        if not path.is_file():
            model = hilum.load(args.out / f"{algorithm}-{best}-{args.steps}-{args.lr}")
            write_json(path, {"beta": best, **gains(measured(model, test, supervised, args.test))})
        table[str(algorithm)] = json.loads(path.read_text())
        print(json.dumps({str(algorithm): table[str(algorithm)]}), flush=True) if not args.json else None
    best_gain = max(row["fact_f1"]["gain"]["value"] for row in table.values())
    details = {"prompts": len(prompts), "table": table}
    print_result(Result("aligned reports", best_gain, 0.0, "gain in fact F1", details), as_json=args.json)


if __name__ == "__main__":
    main()
