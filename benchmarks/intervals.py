"""Bootstrap intervals of a micro F1: ours against `scipy.stats.bootstrap`, the same numbers from both.

python benchmarks/intervals.py --json

400 studies of as many patients, 1000 resamples, BCa interval with tails of Student's t. Ours turns each
resample into weights and takes one matrix product; scipy gathers the resampled items. With the same generator
both draw the same studies, so the intervals must be equal to the last bits, which is checked.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable

import numpy as np
from scipy.special import ndtr, stdtrit
from scipy.stats import bootstrap

from hilum.bench.intervals import LEVEL, RESAMPLES, Bootstrap
from hilum.bench.metrics import Counts
from result import Result, print_result

STUDIES, FINDINGS, SEED = 400, 22, 0


def made_up() -> np.ndarray:
    """Right, wrong and missed of each study and finding: (N, 3, K)."""
    rng = np.random.default_rng(SEED)
    return rng.random((STUDIES, 3, FINDINGS)) < np.array([0.06, 0.02, 0.03])[None, :, None]


def ours(triples: np.ndarray) -> tuple[float, float]:
    """The interval as the benchmark takes it."""
    found = Bootstrap([f"p{i:04}" for i in range(STUDIES)], seed=SEED).estimate(Counts.of(triples).micro_f1)
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


def peer(triples: np.ndarray) -> tuple[float, float]:
    """The interval as scipy takes it, vectorised."""
    right, wrong, missed = triples.sum(2).astype(float).T

    def micro_f1(r: np.ndarray, w: np.ndarray, m: np.ndarray, axis: int = -1) -> np.ndarray:
        r, w, m = r.sum(axis), w.sum(axis), m.sum(axis)
        return 2 * r / (2 * r + w + m)

    tail = math.sqrt(STUDIES / (STUDIES - 1)) * float(stdtrit(STUDIES - 1, (1 + LEVEL) / 2))
    found = bootstrap(
        (right, wrong, missed),
        micro_f1,
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        method="BCa",
        confidence_level=1 - 2 * float(ndtr(-tail)),
        rng=np.random.default_rng((SEED, 0)),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def best(call: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of several calls."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    triples = made_up()
    assert np.allclose(ours(triples), peer(triples), rtol=0, atol=1e-12), "the intervals differ"
    mine, theirs = (best(lambda f=f: f(triples), arguments.repeats) for f in (ours, peer))
    name = f"bootstrap interval of a micro F1, {STUDIES} studies, {RESAMPLES} resamples"
    print_result(Result(name, ours=1 / mine, peer=1 / theirs, unit="intervals/s"), as_json=arguments.json)


if __name__ == "__main__":
    main()
