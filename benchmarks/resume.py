"""Does a training run survive being killed? Five SIGKILLs at random moments, then the weights compared.

    python benchmarks/resume.py --json

Trains the quickstart's image tokenizer (128×128, 64 codes) in a process of its own, once undisturbed and
once killed five times at random and resumed, two of the kills aimed into the writing of a checkpoint.
`ours` is the time of the killed run in seconds, `peer` that of the undisturbed one: the ratio is what five
kills cost. `identical` says whether both ended in the same bytes. `--steps` and `--seed` vary it.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from result import Result, print_result

KILLS = 5


def train(run_dir: Path, steps: int) -> None:
    """The run itself; executed in the process that is killed."""
    from hilum.tokenizer import TokenizerConfig
    from hilum.training import FitConfig, TokenizerStage, train_tokenizer

    rng = np.random.default_rng(0)
    blurred = gaussian_filter(rng.random((32, 128, 128)), (0, 4, 4))
    images = np.uint8(255 * (blurred - blurred.min()) / np.ptp(blurred))
    config = FitConfig(steps=steps, lr=1.5e-3, warmup=10, checkpoint_every=5, log_every=1)
    tokenizer = train_tokenizer(images, TokenizerConfig(), TokenizerStage(config, batch=4), run_dir)
    tokenizer.save_pretrained(run_dir / "tokenizer")


class Sitting:
    """One process that trains until it is done or killed."""

    def __init__(self, run_dir: Path, steps: int) -> None:
        self.checkpoints = run_dir / "checkpoints"
        self.history = run_dir / "history.jsonl"
        command = [sys.executable, __file__, "--train", str(run_dir), "--steps", str(steps)]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def step(self) -> int:
        """Steps logged so far."""
        return self.history.read_text().count("\n") if self.history.exists() else 0

    def wait_until(self, step: int, *, writing: bool) -> None:
        """Return once `step` is done, and with `writing` while the next checkpoint is being written."""
        while self.process.poll() is None and self.step() < step:
            time.sleep(0.002)
        while writing and self.process.poll() is None and not any(self.checkpoints.glob(".step-*")):
            time.sleep(0.0005)

    def kill(self, after: float) -> dict[str, object]:
        """SIGKILL after a delay in seconds; says where that was."""
        time.sleep(after)
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        writing = any(self.checkpoints.glob(".step-*"))
        return {"step": self.step(), "delay_ms": round(1000 * after, 1), "inside_a_checkpoint": writing}


def killed_run(run_dir: Path, steps: int, seed: int) -> list[dict[str, object]]:
    """Run with five kills; returns their moments."""
    rng = random.Random(seed)
    moments = sorted(rng.sample(range(1, steps - 6), KILLS))
    kills = []
    for number, moment in enumerate(moments):
        sitting = Sitting(run_dir, steps)
        writing = number % 2 == 1
        sitting.wait_until(moment, writing=writing)
        kills.append(sitting.kill(rng.uniform(0, 0.02 if writing else 0.3)))
    if Sitting(run_dir, steps).process.wait():
        raise SystemExit("the resumed run failed")
    return kills


def main() -> None:
    """Run both, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        train(options.train, options.steps)
        return
    with tempfile.TemporaryDirectory() as scratch:
        whole, pieces = Path(scratch, "whole"), Path(scratch, "pieces")
        started = time.perf_counter()
        if Sitting(whole, options.steps).process.wait():
            raise SystemExit("the undisturbed run failed")
        between = time.perf_counter()
        kills = killed_run(pieces, options.steps, options.seed)
        ended = time.perf_counter()
        weights = "tokenizer/model.safetensors"
        identical = (whole / weights).read_bytes() == (pieces / weights).read_bytes()
    details = {"identical": identical, "kills": kills, "steps": options.steps, "seed": options.seed}
    print_result(
        Result("resume", round(ended - between, 2), round(between - started, 2), "s", details),
        as_json=options.json,
    )
    if not identical:
        raise SystemExit("the weights differ")


if __name__ == "__main__":
    main()
