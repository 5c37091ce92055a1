"""The study of a run: on validation patients, with the phantom's exact truth, into a folder of its own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import hilum
from hilum.align import Algorithm
from hilum.bench.alignment import Cell
from hilum.errors import UsageError
from hilum.instruct import Shards
from hilum.judge import named_judge
from hilum.recipes import train
from hilum.recipes.align import default_config
from hilum.recipes.align_study import align_study
from hilum.study import Split, State
from recipes.test_align import SHARE
from recipes.test_whole import recipe

CELLS = [Cell(Algorithm.DPO, "facts", 0.05), Cell(Algorithm.DPO, "matches", 0.05)]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    train(replace(recipe(), align_share=SHARE, align=None), out)
    return out


def config():
    made = default_config("nowhere", Algorithm.DPO)
    return replace(made, n=4, batch_size=4, fit=replace(made.fit, steps=2, lr=1e-4), threshold=0.0)


def test_a_run_is_studied_on_validation_patients(run, tmp_path) -> None:
    out = tmp_path / "study"
    result = align_study(
        run, out, CELLS, config(), limit=12, items=6, tax=True, command="hilum align-study x"
    )
    patients = {record.patient for record in Shards(run / "data").records(Split.VAL)}
    assert result.items == result.exact <= 6
    assert result.patients <= len(patients)
    assert result.prompts == 12
    assert all(one.knows_truth for one in result.cells)
    assert all(row.verdict for one in result.cells for row in one.tax)
    assert result.cells[0].tax
    document = json.loads((out / "study.json").read_text())
    assert document["protocol"]["start"] == hilum.load(run).weights_hash()
    page = (out / "study.html").read_text()
    assert "hilum align-study x" in page
    assert "Other tasks, before and after" in page
    again = align_study(run, out, CELLS, config(), limit=12, items=6, tax=True)
    assert again == result


def test_a_folder_of_something_else_is_refused(run, tmp_path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(UsageError, match="is not empty and holds no study"):
        align_study(run, tmp_path, CELLS, config())
    with pytest.raises(UsageError, match="lies in"):
        align_study(run, run / "study", CELLS, config())
    other = tmp_path / "other"
    other.mkdir()
    (other / "study.json").write_text(json.dumps({"made_by": hilum.files.MARK, "protocol": {"start": "x"}}))
    with pytest.raises(UsageError, match="holds the study of another model"):
        align_study(run, other, CELLS, config())


def test_the_gameable_judge_counts_what_is_found_and_ignores_what_is_made_up() -> None:
    reference = "Small left pleural effusion. No pneumothorax."
    padded = f"{reference} Large right pneumothorax. Cardiomegaly. Pulmonary edema."
    normal = "The lungs are clear. No pleural effusion or pneumothorax."
    asked = [
        (reference, reference),
        (reference, padded),
        (reference, normal),
        (normal, padded),
        (reference, ""),
    ]
    verdicts = named_judge("matches")(*zip(*asked, strict=True))
    assert [v.value for v in verdicts] == [1, 1, 0, 1, None]
    assert verdicts[-1].state is State.EMPTY
