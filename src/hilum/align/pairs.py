"""Third step: from answers and their verdicts to what a loss compares: pairs, single answers, or groups.

table = examples(samples, verdicts, AlignConfig(), folder)

Every row is a prompt with its answers, the form that `hilum.align.answers` runs: of a pair the chosen and the
rejected one (DPO, IPO, ORPO, R-DPO); of a single answer itself and an answer to another prompt, by which KTO
estimates the KL divergence; of a group all answers that have a score (GRPO).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from hilum.align.config import AlignConfig, Pairing
from hilum.align.objective import Algorithm
from hilum.align.sample import TOKENS
from hilum.align.table import Row, Table, derive

EXAMPLES = pa.schema(
    [
        ("id", pa.string()),
        ("images", pa.list_(pa.string())),
        ("reference", pa.string()),
        ("prompt", TOKENS),
        ("answers", pa.list_(TOKENS)),
        ("texts", pa.list_(pa.string())),
        ("values", pa.list_(pa.float64())),
        ("draws", pa.list_(pa.int32())),
        ("desirable", pa.bool_()),
    ]
)
"""A row for each pair, answer or group: the better answer first. `desirable` is KTO's label."""

_OF_ANSWERS = ("answers", "texts", "values", "draws")
"""Columns with a value for each answer."""


class Scored(NamedTuple):
    """An answer with its score; ordered by score, then by text, so that draws' order decides nothing."""

    value: float
    text: str
    answer: tuple[int, ...]
    draws: int


def pair(
    scored: Sequence[Scored],
    *,
    pairing: Pairing = Pairing.BEST_WORST,
    threshold: float = 1e-8,
    max_length_ratio: float | None = None,
) -> list[tuple[Scored, Scored]]:
    """Pairs of a prompt's answers, the better first.

    Where several share the best or the worst score, the two whose lengths differ least are paired, so that
    the pair is about facts: whatever the rest of the pairs have in common, brevity too, is learned as well.

    Args:
        threshold: two answers whose scores differ by no more are no pair.
        max_length_ratio: nor are two of which one has over this many times the other one's words.
    """
    if pairing is Pairing.ALL:
        ordered = sorted(scored, reverse=True)
        found = list(itertools.combinations(ordered, 2))
    else:
        best, worst = (extreme((s.value for s in scored), default=0.0) for extreme in (max, min))
        lefts, rights = (sorted(s for s in scored if s.value == value) for value in (best, worst))
        found = sorted(itertools.product(lefts, rights), key=lambda two: _length_ratio(*two))[:1]
    return [
        (chosen, rejected)
        for chosen, rejected in found
        if chosen.value - rejected.value > threshold
        and (max_length_ratio is None or _length_ratio(chosen, rejected) <= max_length_ratio)
    ]


def examples(samples: Table, verdicts: Table, config: AlignConfig, folder: Path) -> Table:
    """What the algorithm learns from, as `EXAMPLES` has it; a prompt whose answers all tie gives no row."""

    def rows_of(sampled: Sequence[Row], judged: Sequence[Row]) -> list[Row]:
        if config.algorithm is Algorithm.GRPO:
            return list(_groups(sampled, judged))
        pairs = list(_pairs(sampled, judged, config))
        return list(_unpaired(pairs)) if config.algorithm is Algorithm.KTO else pairs

    return derive(folder, EXAMPLES, [samples, verdicts], rows_of, "pairing")


def scored_answers(sample: Row, verdict: Row) -> list[Scored]:
    """The answers of a prompt that have a score: a judge's failure says nothing about them."""
    columns = zip(verdict["values"], sample["texts"], sample["answers"], sample["draws"], strict=True)
    return [Scored(v, text, tuple(ids), draws) for v, text, ids, draws in columns if v is not None]


def _pairs(sampled: Sequence[Row], judged: Sequence[Row], config: AlignConfig) -> Iterator[Row]:
    for sample, verdict in zip(sampled, judged, strict=True):
        for two in pair(
            scored_answers(sample, verdict),
            pairing=config.pairing,
            threshold=config.threshold,
            max_length_ratio=None if sample["draw"] else config.max_length_ratio,
        ):
            yield _row(sample, two)


def _unpaired(pairs: Sequence[Row]) -> Iterator[Row]:
    """The answers of the pairs by themselves, each once, beside an answer to the next prompt.

    With one pair of a prompt, as CheXalign turns pairs into KTO's form.
    """
    prompts = [_labelled(list(some)) for _, some in itertools.groupby(pairs, key=itemgetter("id"))]
    for answers, others in zip(prompts, [*prompts[1:], *prompts[:1]], strict=True):
        for number, one in enumerate(answers):
            two = (one, others[number % len(others)])
            yield {**one, **{name: [each[name] for each in two] for name in _OF_ANSWERS}}


def _labelled(pairs: Sequence[Row]) -> list[Row]:
    """The different answers of a prompt's pairs, with KTO's label.

    KTO learns from examples (x, y) of which each is either desirable or not (arXiv 2402.01306): an answer is
    desirable that is the better one in more of its pairs than the worse one; as often, it is left out.
    """
    found: dict[str, Row] = {}
    wins: Counter[str] = Counter()
    for row in pairs:
        for place, won in enumerate((1, -1)):
            one = {**row, **{name: row[name][place] for name in _OF_ANSWERS}}
            name = str(one["answers"])
            found.setdefault(name, one)
            wins[name] += won
    return [{**one, "desirable": wins[name] > 0} for name, one in found.items() if wins[name]]


def _groups(sampled: Sequence[Row], judged: Sequence[Row]) -> Iterator[Row]:
    for sample, verdict in zip(sampled, judged, strict=True):
        scored = scored_answers(sample, verdict)
        if len({one.value for one in scored}) > 1:
            yield _row(sample, sorted(scored, reverse=True))


def _row(sample: Row, answers: Sequence[Scored]) -> Row:
    kept = {name: sample[name] for name in ("id", "images", "reference", "prompt")}
    return {
        **kept,
        "answers": [list(one.answer) for one in answers],
        "texts": [one.text for one in answers],
        "values": [one.value for one in answers],
        "draws": [one.draws for one in answers],
        "desirable": None,
    }


def _length_ratio(one: Scored, other: Scored) -> float:
    """How many times the words of the shorter text the longer one has."""
    few, many = sorted(max(1, len(each.text.split())) for each in (one, other))
    return many / few
