"""What alignment costs elsewhere: nothing where nothing has changed, and told where it has."""

from __future__ import annotations

import json

import pytest

from bench.test_run import tiny
from hilum.bench.alignment.tax import FIGURES, TASKS, TaxRow, compared, tax
from hilum.bench.items import ItemScore
from hilum.bench.saved import gathered
from hilum.bench.tasks import select
from hilum.instruct import Shards, build
from hilum.sources import SourceSpec
from hilum.study import Split


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Shards:
    folder = tmp_path_factory.mktemp("tax") / "data"
    return build([SourceSpec("phantom")], folder, size=64, limit=60, workers=1, progress=False)


def test_six_figures_of_the_benchmark_are_compared() -> None:
    assert set(FIGURES) <= {entry.name for entry in select(TASKS)}
    assert len(FIGURES) == 6


def test_a_model_against_itself_shows_no_difference(shards) -> None:
    model = tiny()
    rows = tax(model, model, shards, limit=6)
    asked = {c.task for c in shards.conversations(Split.VAL)}
    there = [entry.name for entry in select(TASKS) if set(entry.tasks) & asked and entry.name in FIGURES]
    assert sorted(row.figure for row in rows) == sorted(there)
    assert len(rows) > 3
    assert {row.verdict for row in rows} == {"no difference shown"}
    assert all(row.difference.value == 0 and row.detectable is None for row in rows)
    assert [TaxRow.from_json(json.loads(json.dumps(row.to_json()))) for row in rows] == list(rows)


def saved(name: str, values: list[float]):
    items = [ItemScore("view", 1, f"q{i}", f"p{i}", "phantom", value=value) for i, value in enumerate(values)]
    return gathered(name, {}, items)


def test_a_task_that_changed_is_told_with_what_could_be_seen() -> None:
    low, high = saved("a", [0.0] * 20 + [1.0] * 10), saved("b", [1.0] * 30)
    [worse], [better] = compared(high, low), compared(low, high)
    assert (worse.verdict, better.verdict) == ("worse", "better")
    assert worse.difference.value == pytest.approx(-20 / 30)
    mixed = saved("c", [1.0] + [0.0] * 19 + [1.0] * 10)
    [still] = compared(low, mixed)
    assert still.verdict == "no difference shown"
    assert 0 < still.detectable < 1
