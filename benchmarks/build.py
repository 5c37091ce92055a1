"""Rows a second and memory of `hilum build` on studies with labels alone, a million against a tenth of them.

    python benchmarks/build.py --json

Each study is a row of fourteen labels, as in CheXpert's table, of a patient with four; no image, no report.
They are made by a generator, so that what is measured is ingest, parts, splits, tasks and shards. Each build
runs in a process of its own with its workers. `ours` is rows a second at N, `peer` at N/10: where time grows
with the rows, the ratio is near 1, or above it by what it takes to start. The details give seconds,
microseconds a row and the peak of memory: PSS, which counts shared pages once, summed over all processes and
sampled five times a second. `--rows` and `--workers` vary it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

NAME, SEED, VISITS = "labels", 0, 4


def build_rows(rows: int, workers: int, out: Path, ray: str | None = None) -> None:
    """Build; prints the seconds and what was written."""
    from hilum.instruct import build
    from hilum.sources import SOURCES, Source, SourceSpec
    from hilum.study import Finding, Presence, Study

    findings = list(Finding)[:14]
    presences = [*Presence]

    def read(_: Any) -> Iterator[Study]:
        rng = np.random.default_rng(SEED)
        for start in range(0, rows, 1024):
            block = rng.integers(0, 8, (1024, len(findings))).tolist()
            for k, drawn in enumerate(block[: rows - start], start):
                # One in eight each is present and uncertain, two absent; the others were not mentioned.
                said = {f: presences[d % 3] for f, d in zip(findings, drawn, strict=True) if d < 4}
                yield Study(f"{NAME}/{k}", f"{NAME}/{k // VISITS}", NAME, (), labels=said)

    SOURCES[NAME] = Source(NAME, "made up", "none", "free", "none", read, embedded=True)  # type: ignore[index]
    started = time.perf_counter()
    build([SourceSpec(NAME)], out, workers=workers, progress=False, ray=ray)
    seconds = time.perf_counter() - started
    splits = json.loads((out / "card.json").read_text())["splits"]
    if sum(counts["studies"] for counts in splits.values()) != rows:
        raise SystemExit("rows are missing")
    print(json.dumps({"seconds": round(seconds, 1)}))


def family(process: int) -> Iterator[int]:
    """A process and all that it started."""
    yield process
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from family(int(child))


def memory_kib(process: int) -> int:
    """The PSS of a process and of all that it started; one that has just ended counts nothing."""
    total = 0
    try:
        for one in family(process):
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    except (OSError, StopIteration):
        pass
    return total


def measure(rows: int, workers: int) -> dict[str, float]:
    """Build in a process of its own, and watch its memory."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, __file__, "--run", str(Path(scratch) / "out")]
        command += ["--rows", str(rows), "--workers", str(workers)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        peak = 0
        while process.poll() is None:
            peak = max(peak, memory_kib(process.pid))
            time.sleep(0.2)
        answer, _ = process.communicate()
    if process.returncode:
        raise SystemExit(process.returncode)
    seconds = json.loads(answer)["seconds"]
    return {
        "rows": rows,
        "seconds": seconds,
        "us_per_row": round(1e6 * seconds / rows, 1),
        "peak_mib": round(peak / 1024),
    }


def main() -> None:
    """Measure both and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--ray", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        build_rows(options.rows, options.workers, options.run, options.ray)
        return
    from result import Result, print_result  # here, because it imports torch, which no build needs

    tenth, whole = (measure(rows, options.workers) for rows in (options.rows // 10, options.rows))
    rates = (one["rows"] / one["seconds"] for one in (whole, tenth))
    details = {"workers": options.workers, "ours_details": whole, "peer_details": tenth}
    print_result(Result("build, labels alone", *rates, "rows/s", details), as_json=options.json)


if __name__ == "__main__":
    main()
