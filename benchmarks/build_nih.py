"""Ingest and compile of ChestX-ray14, and beside compile the published processor of CheXinstruct.

    git clone https://github.com/Stanford-AIMI/CheXagent
    python benchmarks/build_nih.py --peer CheXagent --json

The rows are made once, in the publisher's layout: as many as it has, four films a patient, random labels on
46 % of them. A film is 256² of a grey slope with noise, which packs about as well as a real one (some 40 kB).
`--folder` keeps them with their parts, 10 GB in all; without it they are made in a temporary one.

`ours` is conversations a second of processor time of compile, with one worker, from parts that are there:
identities, splits, the tasks of `core`, shards and card, without the search for copies. `peer` is the same
of `dataset_processors/chestxray14.py` of a checkout of CheXagent (`--peer`; nothing of it is kept here),
which makes one sample of a row, reads no image and writes nothing; for a conversation it counts a sample,
which holds five to eight questions. Both run by turns, each in a process of its own, and the best of
`--repeats` counts. Without `--peer` ours is measured alone.

The details say which share of ingest's processor time is spent on decoding, resizing and encoding pictures,
and how many seconds it takes with one and with two workers, on the first `--ingest-rows` rows.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from hilum.sources.nih_chestxray14 import LABELS as WORDS

LABELS = tuple(word for word in WORDS if word != "Infiltrate")  # by which the box list names one of them
SIDE, NOISE, VISITS, SEED = 256, 6.0, 4, 0
HEAD = [
    "Image Index",
    "Finding Labels",
    "Follow-up #",
    "Patient ID",
    "Patient Age",
    "Patient Gender",
    "View Position",
]
SPLITS = ("test", "test", "valid", *["train"] * 7)
"""By the patient's last digit. The publisher names none to validate on; the peer's table does."""


def films(folder: Path) -> Path:
    """Where the rows lie, as the peer looks for them."""
    return folder / "data" / "chestxray14"


def make_rows(folder: Path, rows: int) -> None:
    """Write films and tables, unless they are there."""
    done = folder / "rows.json"
    if done.is_file() and json.loads(done.read_text()) == rows:
        return
    home, rng = films(folder), np.random.default_rng(SEED)
    (home / "images").mkdir(parents=True, exist_ok=True)
    drawn = film_maker(rng)
    tables: dict[str, list[Any]] = {"all": [HEAD], "peer": [("image", "split", "patient", "visit")]}
    tables["peer"][0] += tuple(label.lower() for label in LABELS)
    lists: dict[str, list[str]] = {"train_val_list.txt": [], "test_list.txt": []}
    for row in range(rows):
        patient, visit = divmod(row, VISITS)
        name, split = f"{patient + 1:08}_{visit:03}.png", SPLITS[patient % 10]
        drawn().save(home / "images" / name, compress_level=1)
        count = int(rng.integers(1, 4)) if rng.random() < 0.46 else 0
        there = sorted(rng.choice(len(LABELS), count, replace=False).tolist())
        said = "|".join(LABELS[k] for k in there) or "No Finding"
        person = (patient + 1, 20 + patient % 70, "MF"[patient % 2], ("PA", "AP")[int(rng.integers(2))])
        tables["all"].append((name, said, visit, *person))
        tables["peer"].append((name, split, patient, visit, *(int(k in there) for k in range(len(LABELS)))))
        lists["test_list.txt" if split == "test" else "train_val_list.txt"].append(name)
    for name, table in (("Data_Entry_2017.csv", tables["all"]), ("split_by_image.csv", tables["peer"])):
        with (home / name).open("w", newline="") as file:
            csv.writer(file).writerows(table)
    for name, listed in lists.items():
        (home / name).write_text("".join(f"{image}\n" for image in listed))
    done.write_text(json.dumps(rows))


def film_maker(rng: np.random.Generator) -> Callable[[], Image.Image]:
    """Draws films, no two alike: a slope of grey, and a piece of a sheet of noise."""
    sheet = rng.normal(0, NOISE, (4 * SIDE, 4 * SIDE)).astype(np.float32)
    across, down = np.meshgrid(*2 * [np.linspace(-1, 1, SIDE, dtype=np.float32)])

    def draw() -> Image.Image:
        x, y = rng.integers(0, 3 * SIDE, 2)
        level, right, below = rng.uniform((90, -60, -60), (160, 60, 60)).astype(np.float32)
        grey = level + right * across + below * down + sheet[y : y + SIDE, x : x + SIDE]
        return Image.fromarray(grey.clip(0, 255).astype(np.uint8))

    return draw


@contextmanager
def counted(*places: tuple[ModuleType, str]) -> Iterator[list[float]]:
    """Processor seconds spent in some functions, as the only item of a list."""
    spent, originals = [0.0], [getattr(*place) for place in places]

    def timed(function: Callable[..., Any], *given: Any, **named: Any) -> Any:
        started = time.process_time()
        try:
            return function(*given, **named)
        finally:
            spent[0] += time.process_time() - started

    for (module, name), original in zip(places, originals, strict=True):
        setattr(module, name, partial(timed, original))
    yield spent
    for (module, name), original in zip(places, originals, strict=True):
        setattr(module, name, original)


def ingest_rows(folder: Path, parts: Path, workers: int, limit: int | None) -> tuple[Any, dict[str, float]]:
    """Ingest; the source with its parts, and what it took."""
    from hilum.images import read
    from hilum.instruct import ingest
    from hilum.instruct.compile import IngestedSource
    from hilum.instruct.parts import code_version, ingest_part, open_folder
    from hilum.instruct.pool import Workers
    from hilum.instruct.streams import open_streams
    from hilum.sources import SourceSpec

    started, clock = time.perf_counter(), time.process_time()
    work = partial(ingest_part, folder=parts, size=SIDE, code=code_version())
    pictures = ((read, "read_image"), (ingest, "shrink"), (ingest, "encode_png"))
    with counted(*pictures) as spent, Workers(workers, preload="hilum.instruct.ingest") as pool:
        [stream] = open_streams([SourceSpec("nih-chestxray14", films(folder))], limit=limit, size=SIDE)
        open_folder(parts)
        source = IngestedSource(stream)
        for ingested in pool.map(work, stream):
            source.add(ingested)
    share = spent[0] / (time.process_time() - clock)
    return source, {"seconds": round(time.perf_counter() - started, 2), "pictures": round(share, 4)}


def run_ingest(options: argparse.Namespace) -> dict[str, float]:
    """Seconds of ingest, and with one worker the share of pictures in its processor time."""
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        parts = Path(scratch) / "parts"
        return ingest_rows(options.folder, parts, options.workers, options.ingest_rows)[1]


def run_compile(options: argparse.Namespace) -> dict[str, float]:
    """Processor seconds and conversations of compile, from parts that are made first where they are not."""
    from hilum.instruct.card import Plan
    from hilum.instruct.compile import Compile
    from hilum.instruct.pool import Workers
    from hilum.instruct.tasks.registry import chosen
    from hilum.progress import Progress

    parts, out = options.folder / "parts", options.folder / "shards"
    source, _ = ingest_rows(options.folder, parts, options.workers, None)
    if source.studies != options.rows:
        raise SystemExit(f"{options.rows - source.studies} rows are missing")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    plan = Plan(SIDE, None, SEED, views=3, tasks=chosen("core"))
    with Workers(1) as pool, Progress(False) as bars:
        started = time.process_time()
        compiling = Compile(out, parts, [source], copies=False, bars=bars)
        compiling.write(plan, False, pool, bars)
        compiling.describe(plan)
        seconds = time.process_time() - started
    counts = json.loads((out / "card.json").read_text())["counts"]
    shutil.rmtree(out)
    return {
        "seconds": seconds,
        "conversations": sum(count["conversations"] for count in counts),
        "questions": sum(count["questions"] for count in counts),
    }


def run_peer(options: argparse.Namespace) -> dict[str, float]:
    """The same of the published processor; its package is loaded without what its other datasets import."""
    package = ModuleType("dataset_processors")
    package.__path__ = [str(options.peer.resolve() / "data_chexinstruct" / "dataset_processors")]
    sys.modules[package.__name__] = package
    os.chdir(options.folder)
    random.seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002, it is what the peer draws with
    published = importlib.import_module("dataset_processors.chestxray14")
    started = time.process_time()
    made = published.ChestXray14Processor().create_image_classification()
    seconds = time.process_time() - started
    samples = [sample for split in ("train", "val", "test") for sample in made[split]]
    questions = sum(len(sample["qa_pair"]) for sample in samples)
    return {"seconds": seconds, "conversations": len(samples), "questions": questions}


RUNS = {"ingest": run_ingest, "compile": run_compile, "peer": run_peer}


def measure(options: argparse.Namespace, what: str, workers: int = 1) -> dict[str, float]:
    """One of `RUNS` in a process of its own, whose last line is its answer."""
    command = [sys.executable, __file__, "--run", what, "--workers", str(workers)]
    command += ["--folder", str(options.folder), "--rows", str(options.rows)]
    command += ["--ingest-rows", str(options.ingest_rows)]
    command += ["--peer", str(options.peer)] if options.peer else []
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def fastest(runs: list[dict[str, float]]) -> dict[str, float]:
    """The run of the highest rate, with it."""
    rated = [{**run, "rate": run["conversations"] / run["seconds"]} for run in runs]
    return max(rated, key=lambda run: run["rate"])


def compare(options: argparse.Namespace) -> None:
    """Measure everything and print."""
    from result import Result, print_result  # here, because it imports torch, which no build needs

    make_rows(options.folder, options.rows)
    walls = [measure(options, "ingest", workers) for workers in (1, 2)]
    measure(options, "compile", os.cpu_count() or 1)  # makes the parts
    ours, peer = [], []
    for _ in range(options.repeats):
        ours.append(measure(options, "compile"))
        peer += [measure(options, "peer")] if options.peer else []
    details: dict[str, Any] = {
        "rows": options.rows,
        "ours_details": fastest(ours),
        "peer_details": fastest(peer) if peer else "not measured: no --peer was given",
        "ingest_rows": options.ingest_rows,
        "ingest_pictures_share": walls[0]["pictures"],
        "ingest_seconds": [wall["seconds"] for wall in walls],
        "ingest_two_workers": round(walls[0]["seconds"] / walls[1]["seconds"], 2),
    }
    rates = fastest(ours)["rate"], fastest(peer)["rate"] if peer else None
    print_result(Result("build, NIH rows", *rates, "conversations/s", details), as_json=options.json)


def main() -> None:
    """Read the options; without a folder all is done in a temporary one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rows", type=int, default=112_120)
    parser.add_argument("--ingest-rows", type=int, default=8192)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="keeps the rows and their parts for the next time")
    parser.add_argument("--peer", type=Path, help="a checkout of Stanford-AIMI/CheXagent")
    parser.add_argument("--run", choices=RUNS, help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(RUNS[options.run](options)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        options.folder = options.folder or Path(scratch)
        compare(options)


if __name__ == "__main__":
    main()
