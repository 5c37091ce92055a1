"""What the judge must and must not notice: one error in a report, and other words for the same.

    HILUM_DATA=../shared/data python benchmarks/judge.py --json

Reports come from the phantom's signs and from Open-i; an error is put into a report's facts and these are
written out again (`hilum.judge.perturb`). Counted are the perturbed reports that score less than the same
facts without the error. Paraphrases are hand-written pairs by kind and must score 1 both ways; order is that
of a report's sentences; identity is a report against itself. The peer (`plain_patterns.py`) calls two reports
equal when a page of regular expressions finds the same findings in both.
"""

from __future__ import annotations

import argparse
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import plain_patterns
from hilum.judge import score
from hilum.judge.perturb import PERTURBATIONS
from hilum.phantom import DEFAULT_PREVALENCE, PhantomConfig
from hilum.phantom.course import GRADED, admit
from hilum.phantom.details import details_of
from hilum.reports import extract_facts, is_english, sentences, write_report
from hilum.sources import open_source
from hilum.sources.base import SourceSpec
from hilum.study import DEVICES, Fact
from result import Result, print_result

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Case:
    """A report and the facts that it is written out from again."""

    text: str
    facts: list[Fact]


def phantoms(count: int) -> Iterator[Case]:
    """Reports of the phantom's signs as they would be if all of them were plain to see."""
    # Devices are oftener there than in a cohort, for enough of them to be misplaced.
    chances = {f: min(0.9, (4 if f in DEVICES else 2) * p) for f, p in DEFAULT_PREVALENCE.items()}
    config = PhantomConfig(size=64, prevalence=chances)
    for patient in range(count):
        visit = admit(20, patient, 1, config)[0]
        facts = [
            Fact(
                s.finding,
                side=s.side,
                site=s.site,
                severity=s.severity if s.finding in GRADED else None,
                **details_of(s),
            )
            for s in visit.signs
        ]
        yield Case(write_report(facts, rng=np.random.default_rng([visit.seed, 30])).findings, facts)


def collected(folder: Path) -> list[Case]:
    """Open-i's reports and the facts that are read from them."""
    cases = []
    for study in open_source(SourceSpec("open-i", folder)):
        if study.report and study.report.text and is_english(study.report.text):
            facts = extract_facts(study.report.text)
            cases += [Case(study.report.text, facts)] if facts else []
    return cases


def value(reference: str, candidate: str) -> float:
    """The judge's score; what cannot be read scores 0."""
    return score([reference], [candidate]).scores[0].value or 0.0


def noticed(cases: Sequence[Case], kind: str, count: int) -> dict[str, Any]:
    """Share of the reports with one error of a kind that the judge, and its peer, rate lower than without."""
    seen = seen_by_peer = tried = 0
    missed: list[tuple[str, str]] = []
    for number, case in enumerate(cases):
        rng = np.random.default_rng([number, list(PERTURBATIONS).index(kind)])
        worse = PERTURBATIONS[kind](case.facts, rng)
        if worse is None or tried == count:
            continue
        right, wrong = (
            write_report(facts, rng=np.random.default_rng(number), prior=True, complete=False).findings
            for facts in (case.facts, worse)
        )
        right = right or case.text  # of a normal chest nothing is written
        found = value(case.text, wrong) < value(case.text, right)
        tried, seen = tried + 1, seen + found
        seen_by_peer += plain_patterns.findings(right) != plain_patterns.findings(wrong)
        missed += [] if found else [(case.text, wrong)]
    share = {"n": tried, "noticed": seen / max(1, tried), "peer": seen_by_peer / max(1, tried)}
    return share | {"missed": missed[:3]}


def shuffled(cases: Sequence[Case], count: int) -> dict[str, Any]:
    """Share of shuffles of a report's sentences that change nothing."""
    same = tried = 0
    moved: list[tuple[str, str]] = []
    for number, case in enumerate(cases):
        spans = sentences(case.text)
        if len(spans) < 2 or tried == count:
            continue
        order = np.random.default_rng(number).permutation(len(spans))
        pieces = [case.text[start:end] for start, end in spans]
        # A sentence whose stop ended the report, or a list's item, takes one along.
        other = " ".join(pieces[i] if pieces[i].endswith((".", "!", "?")) else f"{pieces[i]}." for i in order)
        equal = value(case.text, other) == value(other, case.text) == 1
        tried, same = tried + 1, same + equal
        moved += [] if equal else [(case.text, other)]
    return {"n": tried, "same": same / max(1, tried), "changed": moved[:3]}


def paraphrased() -> dict[str, Any]:
    """Share of the hand-written pairs that score 1 both ways, by the judge and by its peer."""
    table = tomllib.loads((ROOT / "tests/judge/paraphrases.toml").read_text(encoding="utf-8"))
    pairs = [(kind, *pair) for kind, rows in table.items() for pair in rows.items()]
    failed = [(kind, a, b) for kind, a, b in pairs if value(a, b) < 1 or value(b, a) < 1]
    peer = sum(plain_patterns.findings(a) == plain_patterns.findings(b) for _, a, b in pairs)
    return {"n": len(pairs), "one": 1 - len(failed) / len(pairs), "peer": peer / len(pairs), "failed": failed}


def identical(cases: Sequence[Case]) -> dict[str, Any]:
    """Share of the reports that are perfect against themselves."""
    return {"n": len(cases), "one": sum(value(c.text, c.text) == 1 for c in cases) / max(1, len(cases))}


def measured(sources: Mapping[str, Sequence[Case]], count: int) -> dict[str, Any]:
    """Every figure, by source."""
    figures: dict[str, Any] = {"paraphrases": paraphrased()}
    figures["identity"] = {name: identical(cases) for name, cases in sources.items()}
    figures["order"] = {name: shuffled(cases, count) for name, cases in sources.items()}
    for kind in PERTURBATIONS:
        figures[kind] = {name: noticed(cases, kind, count) for name, cases in sources.items()}
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--n", type=int, default=1000, help="reports of each kind and source")
    root = os.environ.get("HILUM_DATA", ROOT.parent / "shared" / "data")
    parser.add_argument("--open-i", type=Path, default=Path(root) / "open-i")
    options = parser.parse_args()
    sources = {"phantom": list(phantoms(4 * options.n))}
    if options.open_i.is_dir():
        sources["open-i"] = collected(options.open_i)
    found = measured(sources, options.n)
    rates = [found[kind]["phantom"] for kind in PERTURBATIONS]
    ours, peer = (sum(rate[who] for rate in rates) / len(rates) for who in ("noticed", "peer"))
    print_result(Result("judge", ours, peer, "share of errors noticed", found), as_json=options.json)


if __name__ == "__main__":
    main()
