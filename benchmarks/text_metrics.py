"""Report pairs scored by the metrics that RadEval computes without networks: BLEU-1 to 4, ROUGE-1, -2 and -L.

    python -m venv /tmp/radeval && /tmp/radeval/bin/pip install radeval
    HILUM_DATA=../shared/data python benchmarks/text_metrics.py --radeval /tmp/radeval/bin/python --json

Times are processor seconds of the scoring alone, in one process each, one after the other: imports and
constructors are done before. RadEval runs in an environment of its own, since it pulls torchvision. The pairs
are 10,000 reports of Open-i, each beside the report of another study or a disturbed copy of itself. The
greatest difference between the two is measured pair by pair on the first 500 of them. Skipped (status 77)
without Open-i or RadEval.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hilum.bench.text_metrics import METRICS, bleu, rouge
from hilum.sources import open_source
from hilum.sources.base import SourceSpec
from result import Result, print_result, skip

NAMES = {
    "bleu": "bleu_4",
    "bleu_1": "bleu_1",
    "bleu_2": "bleu_2",
    "bleu_3": "bleu_3",
    "rouge1": "rouge_1",
    "rouge2": "rouge_2",
    "rougeL": "rouge_l",
}
"""RadEval's names of the values to ours."""
CHECKED = 500
"""Pairs that are compared one by one."""

PEER = f"""
import json, sys, time
from radeval import RadEval
with open(sys.argv[1], encoding="utf-8") as file:
    references, candidates = json.load(file)
RadEval(metrics=["bleu", "rouge"], show_progress=False)(refs=["a b"], hyps=["a b"])
whole = RadEval(metrics=["bleu", "rouge"], detailed=True, show_progress=False)
start = time.process_time()
corpus = whole(refs=references, hyps=candidates)
seconds = time.process_time() - start
single = RadEval(metrics=["bleu", "rouge"], per_sample=True, show_progress=False)
each = single(refs=references[:{CHECKED}], hyps=candidates[:{CHECKED}])
with open(sys.argv[2], "w", encoding="utf-8") as file:
    json.dump({{"seconds": seconds, "corpus": corpus, "each": each}}, file)
"""


def pairs(folder: Path, count: int) -> tuple[list[str], list[str]]:
    """References and candidates: half another study's report, half with words dropped and swapped."""
    studies = open_source(SourceSpec("open-i", folder))
    texts = [study.report.text for study in studies if study.report and study.report.text]
    rng = random.Random(0)
    references = rng.choices(texts, k=count)
    return references, [
        rng.choice(texts) if rng.random() < 0.5 else disturbed(text, rng) for text in references
    ]


def disturbed(text: str, rng: random.Random) -> str:
    """One word in ten dropped, one in ten moved by a place."""
    words = [word for word in text.split() if rng.random() > 0.1]
    for i in range(1, len(words)):
        if rng.random() < 0.1:
            words[i - 1], words[i] = words[i], words[i - 1]
    return " ".join(words)


def ours(references: Sequence[str], candidates: Sequence[str]) -> tuple[float, dict[str, Any]]:
    """Processor seconds, and the values."""
    rouge(["lungs"], ["lungs"])  # NLTK is loaded once, and is no part of the time
    start = time.process_time()
    found = [*bleu(references, candidates).values, *rouge(references, candidates).values]
    return time.process_time() - start, {value.name: value for value in found}


def radeval(python: Path, references: Sequence[str], candidates: Sequence[str]) -> dict[str, Any]:
    """The same by RadEval."""
    with tempfile.TemporaryDirectory() as folder:
        given, taken = (Path(folder) / name for name in ("pairs.json", "result.json"))
        given.write_text(json.dumps([references, candidates]), encoding="utf-8")
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"HF_HUB_OFFLINE": "1"}
        command = [str(python), "-W", "ignore", "-c", PEER, str(given), str(taken)]
        subprocess.run(command, check=True, env=environment, cwd=folder, stderr=subprocess.DEVNULL)
        return dict(json.loads(taken.read_text(encoding="utf-8")))


def by_metric(references: Sequence[str], candidates: Sequence[str]) -> dict[str, float]:
    """Processor seconds of each of Hilum's metrics that need no networks."""
    seconds = {}
    for name, metric in METRICS.items():
        start = time.process_time()
        metric(references, candidates)
        seconds[name] = round(time.process_time() - start, 3)
    return seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--n", type=int, default=10_000, help="pairs of reports")
    parser.add_argument("--radeval", type=Path, default=os.environ.get("HILUM_RADEVAL"), help="its Python")
    root = os.environ.get("HILUM_DATA", Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--open-i", type=Path, default=Path(root) / "open-i")
    options = parser.parse_args()
    if not options.open_i.exists():
        skip(f"{options.open_i} does not exist; set HILUM_DATA to the folder that holds open-i")
    if options.radeval is None or not options.radeval.exists():
        skip("RadEval is not there; install it on its own, and name its Python with --radeval")
    references, candidates = pairs(options.open_i, options.n)
    seconds, values = ours(references, candidates)
    peer = radeval(options.radeval, references, candidates)
    apart = {
        name: float(np.abs(values[mine].pairs[:CHECKED] - peer["each"][name]).max())
        for name, mine in NAMES.items()
        if name in peer["each"]
    }
    corpus = {mine: [round(values[mine].corpus, 4), peer["corpus"][name]] for name, mine in NAMES.items()}
    details = {
        "pairs": len(references),
        "words_each": round(float(np.mean([len(text.split()) for text in references])), 1),
        "greatest_difference": apart,
        "corpus_ours_and_peer": corpus,
        "seconds_by_metric": by_metric(references, candidates),
    }
    print_result(Result("text_metrics", seconds, peer["seconds"], "s", details), as_json=options.json)


if __name__ == "__main__":
    main()
