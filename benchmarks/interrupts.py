"""Ctrl-C and SIGTERM at random moments of `hilum phantom`: is each obeyed, and nothing left behind?

python benchmarks/interrupts.py --n 300 --json

A run is timed first; then each of N runs is sent SIGINT or SIGTERM at a moment drawn between its start and
its end. Obeyed: it ends within three seconds, by the signal's own exit status (also the one of Python before
Hilum was asked for anything, or 0 when all was written), without a traceback and with nothing half-written.
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
from collections import Counter
from pathlib import Path

import hilum
from result import Result, print_result

BAR_S = 3.0
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def start(folder: Path) -> subprocess.Popen[str]:
    """A run that takes a second or two, half of it to load what it needs."""
    words = ["phantom", "--n", "24", "--size", "256", "--out", "out"]
    return subprocess.Popen(
        [sys.executable, "-m", "hilum", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(hilum.__file__).parents[1])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def whole_run_s() -> float:
    """How long a run takes that nobody interrupts; the second, when the kernels are compiled."""
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            process = start(Path(folder))
            error = process.communicate()[1]
            if process.returncode:
                raise SystemExit(f"hilum phantom failed: {error}")
            took = time.monotonic() - began
    return took


def interrupt(signum: int, after_s: float) -> tuple[str, float, str]:
    """What became of one interrupted run, the seconds from the signal to its end, and what it said."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        process = start(folder)
        time.sleep(after_s)
        if process.poll() is not None:
            return "over before", 0.0, process.communicate()[1]
        began = time.monotonic()
        process.send_signal(signum)
        try:
            error = process.communicate(timeout=20)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            return "ignored", time.monotonic() - began, process.communicate()[1]
        took = time.monotonic() - began
        left = [path.name for path in folder.iterdir()]
        return _outcome(process.returncode, signum, took, left, error), took, error


def _outcome(status: int, signum: int, took_s: float, left: list[str], error: str) -> str:
    if status == 0:  # it may have been done as the signal came, but not have gone on
        return "over before" if left == ["out"] and took_s <= 0.3 else "ignored"
    if status not in (128 + signum, -signum):
        return "crashed"
    if took_s > BAR_S:
        return "late"
    # What stands under its own name is whole: it was put there in one step.
    # Before Hilum's first line runs, Python itself answers Ctrl-C, with a traceback.
    if left not in ([], ["out"]) or ("Traceback" in error and status != -signum):
        return "untidy"
    return "obeyed"


def main() -> None:
    """Interrupt, count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    # A shell starts what runs in the background deaf to Ctrl-C, and so would be all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    rng = random.Random(arguments.seed)
    whole = whole_run_s()
    counts: Counter[str] = Counter()
    seconds: list[float] = []
    tried = 0
    while sum(counts.values()) - counts["over before"] < arguments.n and tried < 2 * arguments.n:
        tried += 1
        signum, after = rng.choice(SIGNALS), rng.uniform(0, whole)
        outcome, took, said = interrupt(signum, after)
        counts[outcome] += 1
        if outcome != "over before":
            seconds.append(took)
        if outcome not in ("obeyed", "over before"):
            line = f"{outcome}: {signal.Signals(signum).name} after {after:.3f} s, ended after {took:.2f} s"
            print(f"{line}\n{said}", file=sys.stderr)
    names = ("obeyed", "late", "ignored", "crashed", "untidy", "over before")
    details = {name.replace(" ", "_"): counts[name] for name in names}
    slowest = {"slowest_s": round(max(seconds), 2), "whole_run_s": round(whole, 2)}
    result = Result("interrupts obeyed", counts["obeyed"], len(seconds), "runs", details | slowest)
    print_result(result, as_json=arguments.json)


if __name__ == "__main__":
    main()
