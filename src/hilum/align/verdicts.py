"""Second step: every different answer judged, once.

table = judge_samples(samples, Reports(named_judge("facts")), folder)

A chunk of verdicts is written when it is whole and final: what `FAILED`, because the judge was out of reach
for example, may be judged at the next try, and so is an error. What a judge that costs money was asked within
a chunk it keeps in a cache of its own, see `hilum.judge`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from hilum.align.table import Row, Table, derive
from hilum.errors import DataError
from hilum.judge import Judge
from hilum.study import State, Verdict

VERDICTS = pa.schema(
    [
        ("id", pa.string()),
        ("values", pa.list_(pa.float64())),
        ("states", pa.list_(pa.string())),
    ]
)
"""A row for each prompt: the value of each of its answers, null for a failure, and its state."""


class Grader(Protocol):
    """Says how good the answers of samples are."""

    @property
    def identity(self) -> str:
        """What its verdicts depend on, beside the answers."""
        ...

    def __call__(self, rows: Sequence[Row]) -> list[list[Verdict]]:
        """A verdict for each answer of each row, see `hilum.align.sample.SAMPLES`."""
        ...


@dataclass(frozen=True)
class Reports:
    """Grades answers in words by a judge of reports."""

    judge: Judge

    @property
    def identity(self) -> str:
        """The judge's own."""
        return json.dumps(self.judge.identity, sort_keys=True)

    def __call__(self, rows: Sequence[Row]) -> list[list[Verdict]]:
        """All answers in one call."""
        references = [row["reference"] for row in rows for _ in row["texts"]]
        verdicts = iter(self.judge(references, [text for row in rows for text in row["texts"]]))
        return [[next(verdicts) for _ in row["texts"]] for row in rows]


def judge_samples(samples: Table, grader: Grader, folder: Path) -> Table:
    """Verdicts on the samples, as `VERDICTS` has them, row by row.

    Raises:
        DataError: the judge failed on some; called again, judging goes on with their chunk.
    """

    def rows_of(rows: Sequence[Row]) -> list[Row]:
        found = grader(rows)
        _require_final([verdict for verdicts in found for verdict in verdicts])
        return [_row(row, verdicts) for row, verdicts in zip(rows, found, strict=True)]

    return derive(folder, VERDICTS, [samples], rows_of, "judging")


def _require_final(verdicts: Sequence[Verdict]) -> None:
    """Refuse verdicts that another try may change: once written, they would never be asked for again."""
    failed = [verdict.detail or "no reason given" for verdict in verdicts if verdict.state is State.FAILED]
    if failed:
        why = "; ".join(list(dict.fromkeys(failed))[:3])
        problem = f"failed on {len(failed):,} of {len(verdicts):,} answers ({why})"
        raise DataError(
            "the judge", problem, "see that it can be reached and run this again: it goes on from here"
        )


def _row(sample: Row, verdicts: Sequence[Verdict]) -> Row:
    scored = [v.value if v.state is State.SCORED else None for v in verdicts]
    return {"id": sample["id"], "values": scored, "states": [v.state.value for v in verdicts]}
