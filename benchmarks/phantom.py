"""Synthetic images a second on one core: the compiled projector against the same one in plain NumPy.

    python benchmarks/phantom.py --json

Each study of a cohort is made whole (course, facts, masks, boxes, report) and all of its views are rendered,
one after another in one thread; the best of three rounds counts. The peer (`numpy_phantom.py`) renders the
first few of the same studies and must come to the same pictures, which is checked. `compile_s` is what a
first run after installation waits for, measured in a process with an empty cache; `start_s` is a later
process, up to its first picture.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
from threadpoolctl import threadpool_limits

from hilum.phantom import PhantomConfig, cohort
from numpy_phantom import plain_numpy
from result import Result, print_result

FIRST_PICTURE = "from hilum.phantom import cohort; cohort(1)[0].views[0].load()"


def rate(size: int, studies: int, seed: int) -> tuple[float, list[np.ndarray]]:
    """Images a second over a cohort, best of three, and its pictures."""
    best = 0.0
    for _ in range(3):
        start = time.perf_counter()
        made = cohort(studies, seed=seed, config=PhantomConfig(size=size))
        pictures = [view.load() for study in made for view in study.views]
        best = max(best, len(pictures) / (time.perf_counter() - start))
    return best, pictures


def first_picture(cache: str) -> float:
    """Seconds a new process takes to its first picture, with compiled code kept in the folder `cache`."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", FIRST_PICTURE], env={**os.environ, "NUMBA_CACHE_DIR": cache}, check=True
    )
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--studies", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        cold, warm = first_picture(cache), first_picture(cache)
    rate(128, 4, options.seed)
    figures: dict[str, float] = {"compile_s": round(cold - warm, 2), "start_s": round(warm, 2)}
    for size in (128, 256):
        with threadpool_limits(1):
            ours, pictures = rate(size, options.studies, options.seed)
            with plain_numpy():
                peer, same = rate(size, 6, options.seed)
        furthest = max(float(np.abs(a - b).max()) for a, b in zip(pictures, same, strict=False))
        # Pictures come in steps of 1/255; rounding may fall either way.
        if furthest > 2.5 / 255:
            raise SystemExit(f"the peer's pictures differ by {furthest}")
        figures |= {f"images_per_s_{size}": round(ours, 1), f"peer_images_per_s_{size}": round(peer, 2)}
        figures[f"greatest_difference_{size}"] = round(furthest, 5)
    print_result(
        Result("phantom", figures["images_per_s_256"], figures["peer_images_per_s_256"], "images/s", figures),
        as_json=options.json,
    )


if __name__ == "__main__":
    main()
