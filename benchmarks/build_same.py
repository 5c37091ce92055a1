"""The same bytes from one process, two, a Ray cluster of two, and after SIGKILL at random moments?

    python benchmarks/build_same.py --json

The rows are those of `build.py`. `ours` is how many of the other builds equal that of one process byte for
byte, `peer` how many there were. The last one is killed at five moments and given again each time.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from result import Result, print_result

SCRIPT = Path(__file__).with_name("build.py")


def command(out: Path, rows: int, workers: int, ray: str | None = None) -> list[str]:
    """A build in a process of its own."""
    words = [sys.executable, str(SCRIPT), "--run", str(out), "--rows", str(rows), "--workers", str(workers)]
    return words + (["--ray", ray] if ray else [])


def digest(folder: Path) -> str:
    """Of the names and bytes of all files."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(f"{path.relative_to(folder).as_posix()}\0".encode() + path.read_bytes())
    return found.hexdigest()


def killed(words: list[str], moments: list[float]) -> int:
    """Kill a build some seconds after its start, and let it end at last; how often it was still running."""
    interrupted = 0
    for moment in moments:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, start_new_session=True)
        time.sleep(moment)
        interrupted += process.poll() is None
        with contextlib.suppress(ProcessLookupError):  # it had ended
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
    return interrupted


def main() -> None:
    """Build, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        started = time.perf_counter()
        subprocess.run(command(folder / "one", options.rows, 1), stdout=subprocess.DEVNULL, check=True)
        whole = time.perf_counter() - started
        wanted = digest(folder / "one")
        shutil.rmtree(folder / "one")
        equal = {}
        for name, words in {
            "two workers": command(folder / "two", options.rows, 2),
            "ray": command(folder / "ray", options.rows, 2, "local"),
        }.items():
            subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
            equal[name] = digest(folder / words[3]) == wanted
        moments = [rng.uniform(1, 0.9 * whole) for _ in range(options.kills)]
        hit = killed(command(folder / "killed", options.rows, 2), moments)
        equal["killed and resumed"] = digest(folder / "killed") == wanted
    details = {"rows": options.rows, "equal": equal, "killed_while_running": hit, "seconds": round(whole, 1)}
    print_result(
        Result("build, same bytes", sum(equal.values()), len(equal), "builds", details), as_json=options.json
    )


if __name__ == "__main__":
    main()
