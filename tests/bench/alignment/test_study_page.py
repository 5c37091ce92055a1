"""The page opens offline, escapes what it is told, and leaves truth out where nobody knows it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hilum.align import Algorithm
from hilum.bench.alignment import Cell, CellResult, Point, StudyResult, TaxRow, write_study
from hilum.bench.alignment.study_page import html
from hilum.bench.alignment.study_result import Word
from hilum.bench.intervals import Estimate
from hilum.errors import UsageError

NONE = Estimate(None, None, None, 0)


def estimate(value: float) -> Estimate:
    return Estimate(value, value - 0.01, value + 0.01, 9)


def cell(judge: str = "matches", algorithm: Algorithm = Algorithm.DPO, *, truth: bool = True) -> CellResult:
    def figures(step: int) -> dict[str, Estimate]:
        values = {"reward": 0.5, "lc_reward": 0.4, "length_ratio": 1.0, "kl": 0.0, "truth": 0.6}
        moved = {
            name: estimate(value + (-step if name == "truth" else step)) for name, value in values.items()
        }
        return moved if truth else {**moved, "truth": NONE}

    points = tuple(Point(step, figures(step), 0) for step in (0, 1, 2))
    changes = {name: estimate(2) for name in ("reward", "lc_reward", "length_ratio", "kl", "gap")}
    if not truth:
        changes["gap"] = NONE
    changes["truth"] = estimate(-2) if truth else NONE
    tax = (TaxRow("view", 9, 9, *[estimate(0.5)] * 3, 1.0, 0.1234, "no difference shown"),)
    return CellResult(Cell(algorithm, judge, 0.05), points, changes, (Word("<b>opacity", 1, 2),), 7, tax)


def result(*cells: CellResult, exact: int = 9) -> StudyResult:
    return StudyResult(cells, 9, 5, exact, 12, {"model": "<i>nano"})


def test_the_page_is_whole_offline_and_escaped() -> None:
    page = html(result(cell(), cell("facts"), cell("facts", Algorithm.IPO)), command="hilum <align-study>")
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "<script" not in page
    assert "&lt;b&gt;opacity 1 → 2" in page
    assert "&lt;i&gt;nano" in page
    assert "hilum &lt;align-study&gt;" in page
    assert page.count("<svg") == 3 * 4
    assert page.count("reward up, truth down: the judge was gamed") == 2 * 3
    assert "0.123" in page
    assert "no truth is measured here" not in page


def test_truth_is_left_out_where_nobody_knows_it() -> None:
    page = html(result(cell(truth=False), exact=0), command="")
    assert "no truth is measured here" in page
    assert "<th>truth</th>" not in page
    assert "<th>gap</th>" not in page
    assert "truth, β" not in page


def test_both_files_are_written_and_nobody_else_s(tmp_path) -> None:
    whole = result(cell())
    write_study(whole, tmp_path, command="hilum align-study run")
    document = json.loads((tmp_path / "study.json").read_text())
    assert StudyResult.from_json(document) == whole
    assert document["cells"][0]["sentence"] == whole.cells[0].sentence
    write_study(replace(whole, items=8), tmp_path, command="")
    (tmp_path / "study.html").write_text("mine")
    with pytest.raises(UsageError, match="nothing in it says that Hilum wrote it"):
        write_study(whole, tmp_path, command="")
