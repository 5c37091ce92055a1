"""Images per second of the encoder's training with freed memory kept, against glibc's own ways.

python benchmarks/memory.py --json

The quickstart's encoder, 24 images of 128×128 to a step, in a process of its own each time, by turns.
`--steps` and `--rounds` vary it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from result import Result, print_result

BATCH = 24


def measure(keep: bool, steps: int) -> None:
    """Train and print images per second; the allocator is set for a whole process, so this is one."""
    import torch

    from hilum.recipes import nano
    from hilum.training.encoder import Clinical, Encoder, ImageBatch
    from hilum.training.memory import keep_memory

    if keep:
        keep_memory()
    torch.manual_seed(0)
    objective = Clinical(Encoder(nano().model, 26, 64))
    optimizer = torch.optim.AdamW(objective.module.parameters(), fused=True)
    labels, cells = torch.rand(BATCH, 26).round(), torch.rand(BATCH, 64, 26).round()
    batch = ImageBatch(torch.rand(BATCH, 128, 128), labels, labels, torch.zeros(BATCH).long(), cells)
    for step in range(steps + 5):
        if step == 5:
            started = time.perf_counter()
        optimizer.zero_grad()
        objective.loss(batch).mean().backward()
        optimizer.step()
    print(BATCH * steps / (time.perf_counter() - started))


def main() -> None:
    """Measure by turns and print the median of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--run", choices=("keep", "default"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        measure(arguments.run == "keep", arguments.steps)
        return
    rates: dict[str, list[float]] = {"keep": [], "default": []}
    for _ in range(arguments.rounds):
        for way, found in rates.items():
            command = [sys.executable, __file__, "--run", way, "--steps", str(arguments.steps)]
            found.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    ours, peer = (sorted(found)[len(found) // 2] for found in rates.values())
    print_result(Result("encoder training, memory kept", ours, peer, "images/s"), as_json=arguments.json)


if __name__ == "__main__":
    main()
