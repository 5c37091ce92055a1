"""Images a second of the encoder's training under `precision="auto"`, against float32 throughout.

python benchmarks/precision.py --json

The quickstart's encoder, 24 images of 128×128 to a step, by turns in one process; the median of `--rounds`
counts. Where a processor has no instructions for bfloat16, "auto" is float32 and the ratio is 1.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from hilum.recipes import nano
from hilum.training import FitConfig, fit
from hilum.training.config import Precision
from hilum.training.encoder import Clinical, Encoder, ImageBatch
from result import Result, print_result

BATCH = 24


def images_per_second(precision: Precision, steps: int) -> float:
    """Of one run of the training loop from fresh weights."""
    torch.manual_seed(0)
    objective = Clinical(Encoder(nano().model, 26, 64))
    labels, cells = torch.rand(BATCH, 26).round(), torch.rand(BATCH, 64, 26).round()
    batch = ImageBatch(torch.rand(BATCH, 128, 128), labels, labels, torch.zeros(BATCH).long(), cells)
    config = FitConfig(steps=steps, lr=1e-3, precision=precision)
    with tempfile.TemporaryDirectory() as folder:
        fit(objective, lambda step: batch, replace(config, steps=5), Path(folder) / "warm", progress=False)
        done = fit(objective, lambda step: batch, config, Path(folder) / "timed", progress=False)
    return BATCH * steps / done.seconds


def main() -> None:
    """Measure by turns and print the median of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    rates: dict[Precision, list[float]] = {"auto": [], "float32": []}
    for _ in range(arguments.rounds):
        for precision, found in rates.items():
            found.append(images_per_second(precision, arguments.steps))
    ours, peer = (sorted(found)[len(found) // 2] for found in rates.values())
    result = Result("encoder training, bfloat16 where it is faster", ours, peer, "images/s")
    print_result(result, as_json=arguments.json)


if __name__ == "__main__":
    main()
