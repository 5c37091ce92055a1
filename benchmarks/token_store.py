"""Memory and time to open a million encoded conversations and draw the first batch, against `datasets`.

    python benchmarks/token_store.py --json

The same rows (about 100 tokens, eight tasks of four sources, an image in two rows of three) are written by
ours and as a Hugging Face `datasets` Arrow dataset. Each is opened in a process of its own, the mixture of
tasks is planned by the same code, and its first batch collated; both batches must be equal. `ours` and
`peer` are the peak growth of resident memory in MiB, pages of the mapped file that were touched included.
The details tell these apart at the end (`anonymous` is what the process holds, `mapped` the file's pages
that it touched) and give seconds, and the peak growth while writing. The files are in the page cache.
`--rows` varies it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from result import Result, print_result

TOKENS_PER_BATCH, SEED = 8192, 0
TASKS, SOURCES = [f"task_{k}" for k in range(8)], [f"source_{k}" for k in range(4)]


def rows(count: int) -> Iterator[dict[str, Any]]:
    """Rows as both stores take them, the same at every call."""
    rng = np.random.default_rng(SEED)
    for k in range(count):
        length = int(rng.integers(60, 141))
        ids = rng.integers(0, 49152, length, dtype=np.int32)
        yield {
            "id": f"study-{k}/findings",
            "task": TASKS[int(rng.integers(8) ** 2 // 8)],
            "source": SOURCES[int(rng.integers(4))],
            "ids": ids,
            "targets": np.arange(length) > length // 2,
            "images": [f"{k:016x}"] if k % 3 else [],
        }


def write(which: str, path: Path, count: int) -> None:
    """Write the rows; prints the seconds and the peak of resident memory while writing."""
    if which == "ours":
        from hilum.training.examples import TokenFile, TokenRow

        before, started = status()["VmRSS"], time.perf_counter()
        TokenFile.write_rows(path, (TokenRow(**row) for row in rows(count)))
    else:
        from datasets import Dataset, Features, List, Value

        before, started = status()["VmRSS"], time.perf_counter()
        text = Value("string")
        lists = {"ids": List(Value("int32")), "targets": List(Value("bool")), "images": List(text)}
        features = Features({"id": text, "task": text, "source": text, **lists})
        made = Dataset.from_generator(
            rows, features=features, gen_kwargs={"count": count}, cache_dir=str(path.with_suffix(".cache"))
        )
        made.save_to_disk(path)
    grown = (status()["VmHWM"] - before) / 1024
    print(json.dumps({"write_mib": round(grown), "write_seconds": round(time.perf_counter() - started, 1)}))


def status() -> dict[str, int]:
    """This process's memory in KiB, by the names of /proc."""
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines if words[-1] == "kB"}


def first_batch(which: str, path: Path) -> None:
    """Open, plan, draw; prints what that took."""
    import pyarrow.compute as pc
    from datasets import load_from_disk

    from hilum.training import BucketedMixture
    from hilum.training.examples import TextBatches, TokenFile, collate, mixture

    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before, started = status(), time.perf_counter()
    if which == "ours":
        examples = TokenFile(path)
        plan = mixture(examples, {}, tokens_per_batch=TOKENS_PER_BATCH, seed=SEED)
        batch = TextBatches(examples, None, plan, 0)(0)
    else:
        data = load_from_disk(str(path))
        lengths = pc.list_value_length(data.data.table["ids"]).to_numpy()
        pairs = list(zip(data["task"][:], data["source"][:], strict=True))
        roots = {pair: count**0.5 for pair, count in Counter(pairs).items()}
        whole = {task: sum(root for (t, _), root in roots.items() if t == task) for task, _ in roots}
        shares = {f"{task} of {source}": root / whole[task] for (task, source), root in roots.items()}
        names = [f"{task} of {source}" for task, source in pairs]
        plan = BucketedMixture.of(
            lengths.astype(np.int64), names, shares, tokens_per_batch=TOKENS_PER_BATCH, seed=SEED
        )
        drawn = data.with_format("numpy")[plan(0)]
        batch = collate(list(zip(drawn["ids"], drawn["targets"], strict=True)), None, 0)
    seconds, after = time.perf_counter() - started, status()
    digest = hashlib.sha256(batch.ids_BT.numpy().tobytes() + batch.labels_BT.numpy().tobytes())
    found = {
        "peak_mib": (after["VmHWM"] - before["VmRSS"]) / 1024,
        "anonymous_mib": (after["RssAnon"] - before["RssAnon"]) / 1024,
        "mapped_mib": (after["RssFile"] - before["RssFile"]) / 1024,
        "seconds": seconds,
    }
    print(
        json.dumps({name: round(value, 2) for name, value in found.items()} | {"batch": digest.hexdigest()})
    )


def main() -> None:
    """Write both, open each in a fresh process, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        act, which, path = options.run
        if act == "write":
            write(which, Path(path), options.rows)
        else:
            first_batch(which, Path(path))
        return
    found: dict[str, dict[str, Any]] = {}
    quiet = {**os.environ, "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    with tempfile.TemporaryDirectory() as scratch:
        for which in ("ours", "peer"):
            path = Path(scratch, f"{which}.arrow")
            found[which] = {}
            for act in ("write", "open"):
                command = [sys.executable, __file__, "--run", act, which, str(path)]
                command += ["--rows", str(options.rows)]
                done = subprocess.run(command, env=quiet, check=True, stdout=subprocess.PIPE, text=True)
                found[which] |= json.loads(done.stdout.splitlines()[-1])
    if found["ours"].pop("batch") != found["peer"].pop("batch"):
        raise SystemExit("the batches differ")
    peaks = (found[which].pop("peak_mib") for which in ("ours", "peer"))
    details = {"rows": options.rows, "ours_details": found["ours"], "peer_details": found["peer"]}
    print_result(Result("token store, first batch", *peaks, "MiB", details), as_json=options.json)


if __name__ == "__main__":
    main()
