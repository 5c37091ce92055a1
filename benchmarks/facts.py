"""Facts read from real reports against hand-coded terms: Open-i, micro-F1 over the mapped findings.

    HILUM_DATA=../shared/data python benchmarks/facts.py --json

Truth are the coders' `MeSH/major` terms as `hilum.sources.mesh` maps them. Documents that nobody coded ("No
Indexing") are left out, documents without any mapped term count as negatives. A hedged finding counts as
stated, since the coders are not consistent in this; the figure with hedged findings left out stands beside.
Only the errors in half 0 of the documents (by a hash of their id) were looked at when the rules were
revised; the word tables were begun before the halves were drawn, so half 1 is not wholly unseen. The peer
(`plain_patterns.py`) is a page of regular expressions with a negation window. Rates are reports a processor
second on one core, each report once, with nothing remembered before: of the collection's, and of 5,000
different ones of 60 words, made of the collection's sentences. Without Open-i it is skipped (status 77).
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import plain_patterns
from hilum.bench.intervals import Bootstrap
from hilum.bench.metrics import Counts
from hilum.reports import extract_facts, parse_sections, sentences
from hilum.sources import open_source
from hilum.sources.base import SourceSpec
from hilum.sources.mesh import MAPPED, as_coded
from hilum.study import Finding, Presence
from result import Result, print_result, skip

Reader = Callable[[str], frozenset[Finding]]
_MADE = 5000
"""Reports of `_WORDS` words that the second rate is measured on."""
_WORDS = 60


@dataclass(frozen=True)
class Document:
    """A coded report: its id in the collection, its findings and impression, what the coders saw."""

    id: str
    text: str
    truth: frozenset[Finding]

    @property
    def half(self) -> int:
        """0 for the documents whose errors were looked at, 1 for the others."""
        return sha256(self.id.encode()).digest()[0] % 2


def documents(folder: Path) -> list[Document]:
    """The coded documents of Open-i."""
    studies = open_source(SourceSpec("open-i", folder))
    return [
        Document(
            study.id.rpartition("/")[2],
            f"FINDINGS: {study.report.findings}\nIMPRESSION: {study.report.impression}"
            if study.report
            else "",
            frozenset(fact.finding for fact in study.facts),
        )
        for study in studies
        if study.labels
    ]


def ours(text: str) -> frozenset[Finding]:
    """The findings that the extractor says are there, as the coders can name them."""
    return as_coded(fact.finding for fact in extract_facts(text) if fact.presence is not Presence.ABSENT)


def stated(text: str) -> frozenset[Finding]:
    """The same without what the extractor calls uncertain."""
    return as_coded(fact.finding for fact in extract_facts(text) if fact.presence is Presence.PRESENT)


def counts(read: Sequence[Document], said: Sequence[frozenset[Finding]]) -> Counts:
    """Right, wrong and missed of each document and mapped finding."""
    return Counts.of(
        [
            np.array([[f in part for f in MAPPED] for part in (d.truth & s, s - d.truth, d.truth - s)])
            for d, s in zip(read, said, strict=True)
        ]
    )


def reports_of_60_words(texts: Sequence[str]) -> list[str]:
    """Different reports, each of different real sentences drawn at random until there are 60 words."""
    reports = [parse_sections(text) for text in texts]
    parts = [part for report in reports for part in (report.findings, report.impression)]
    pool = list(dict.fromkeys(part[start:end] for part in parts for start, end in sentences(part)))
    rng = random.Random(0)
    made = []
    for _ in range(_MADE):
        drawn: list[str] = []
        for sentence in rng.sample(pool, min(len(pool), _WORDS)):
            drawn += sentence.split()
            if len(drawn) >= _WORDS:
                break
        made.append(" ".join(drawn))
    return made


def timed(reader: Reader, texts: Sequence[str]) -> tuple[list[frozenset[Finding]], float]:
    """What a reader says of each text, and the texts it reads in a processor second.

    It reads them in a process of its own, that has seen none of their sentences.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_timed, reader, texts).result()


def _timed(reader: Reader, texts: Sequence[str]) -> tuple[list[frozenset[Finding]], float]:
    reader("Small pnuemothorax.")  # the list of English words is loaded once, and is no part of the rate
    start = time.process_time()
    said = [reader(text) for text in texts]
    return said, len(texts) / (time.process_time() - start)


def micro(found: Counts, read: Sequence[Document]) -> str:
    """Micro-F1 with its 95 % interval over documents."""
    return str(Bootstrap([d.id for d in read]).estimate(found.micro_f1))


def halved(read: Sequence[Document], said: Sequence[frozenset[Finding]]) -> dict[str, str]:
    """Micro-F1 of all documents and of either half."""
    parts = {"all": (0, 1), "half 0": (0,), "half 1": (1,)}
    figures = {}
    for name, halves in parts.items():
        rows = [(d, s) for d, s in zip(read, said, strict=True) if d.half in halves]
        some = [d for d, _ in rows]
        figures[f"{name}, n = {len(some)}"] = micro(counts(some, [s for _, s in rows]), some)
    return figures


def by_finding(mine: Counts, peer: Counts) -> list[dict[str, Any]]:
    """The table per finding, commonest first."""
    everything = np.ones((1, len(mine)))
    f1, peer_f1 = mine.f1_each(everything)[0], peer.f1_each(everything)[0]
    columns = zip(MAPPED, mine.right.sum(0), mine.wrong.sum(0), mine.missed.sum(0), f1, peer_f1, strict=True)
    rows = [
        {
            "finding": finding.value,
            "coded": int(right + missed),
            "right": int(right),
            "wrong": int(wrong),
            "missed": int(missed),
            "f1": round(float(own), 3),
            "peer_f1": round(float(other), 3),
        }
        for finding, right, wrong, missed, own, other in columns
    ]
    return sorted(rows, key=lambda row: -row["coded"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    root = os.environ.get("HILUM_DATA", Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--open-i", type=Path, default=Path(root) / "open-i")
    options = parser.parse_args()
    if not options.open_i.exists():
        where = "set HILUM_DATA to the folder that holds open-i, or name that with --open-i"
        skip(f"{options.open_i} does not exist; {where} (its reports: openi.nlm.nih.gov)")
    read = documents(options.open_i)
    texts = [document.text for document in read]
    made = reports_of_60_words(texts)
    said, rate = timed(ours, texts)
    peer_said, peer_rate = timed(plain_patterns.findings, texts)
    mine, peer = counts(read, said), counts(read, peer_said)
    everything = np.ones((1, len(read)))
    table = by_finding(mine, peer)
    if not options.json:
        print("| Finding | Coded | Right | Wrong | Missed | F1 | Peer |\n|---|---|---|---|---|---|---|")
        for row in table:
            print(f"| {' | '.join(map(str, row.values()))} |")
    details: dict[str, Any] = {
        "micro_f1": halved(read, said),
        "micro_f1_hedged_left_out": halved(read, [stated(text) for text in texts]),
        "peer_micro_f1": halved(read, peer_said),
        "reports_per_s": round(rate),
        "peer_reports_per_s": round(peer_rate),
        "reports_of_60_words_per_s": round(timed(ours, made)[1]),
        "peer_reports_of_60_words_per_s": round(timed(plain_patterns.findings, made)[1]),
    }
    if options.json:
        details["findings"] = table
    ours_f1, peer_f1 = (float(found.micro_f1(everything)[0]) for found in (mine, peer))
    print_result(Result("facts", ours_f1, peer_f1, "micro-F1", details), as_json=options.json)


if __name__ == "__main__":
    main()
