"""The over-optimisation study of a run: several alignments from one start, measured along the way.

align_study("quickstart/supervised", "study", [Cell(Algorithm.DPO, "matches", 0.05)], config, limit=400)

The new folder: study.html, study.json and work/ (every step's results; what was finished is not done again).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from hilum.align import AlignConfig, Reports
from hilum.bench import Choice, Trained
from hilum.bench.alignment import Cell, Evaluation, StudyResult, TaxRow, study, write_study
from hilum.bench.alignment.study_page import FILES
from hilum.bench.alignment.tax import compared, measure
from hilum.bench.answers import gather
from hilum.bench.population import Population
from hilum.bench.saved import SavedResult
from hilum.errors import DataError, UsageError
from hilum.files import only_writer, refuse_overlap, require_ours, sweep
from hilum.instruct import Shards
from hilum.judge import named_judge
from hilum.model import Model
from hilum.recipes.align import open_source
from hilum.recipes.whole import data_of
from hilum.study import Task

JUDGES = ("facts", "matches")
"""The default judge, and one that is made to be gamed."""


def align_study(
    run: str | Path,
    out: str | Path,
    cells: Sequence[Cell],
    config: AlignConfig,
    *,
    data: str | Path | None = None,
    limit: int | None = None,
    items: int | None = 300,
    tax: bool = False,
    command: str = "",
) -> StudyResult:
    """Align a run in every cell and write the study into `out`; killed, it goes on when called again.

    Args:
        run: a run folder with a trained model; best the supervised one.
        cells: what to align.
        config: what all cells share.
        data: shards to align and to evaluate on, see `hilum.recipes.align.align_run`.
        limit: most prompts to align on.
        items: most questions to evaluate on, drawn at random from the validation split.
        tax: also measure six other tasks before and after.

    Raises:
        UsageError: `out` holds the study of another model; the run has kept no patients for alignment.
        DataError: the validation split holds no report, or no two answers differ in score.
    """
    out = Path(out)
    source = open_source(run, data, limit)
    refuse_overlap(out, [source.run, source.data.folder])
    start = source.model
    population = _validation(source.data, None if data is None else data_of(Path(run)))
    asked = gather(population, Task.FINDINGS, limit=items, seed=config.seed)
    if not asked:
        problem = "has no report of a validation patient new to the run"
        raise DataError(source.data.folder, problem, "add a source with reports")
    exact = {item.id for item in asked if population.records[item.source, item.study].facts_complete}
    judges = {name: Reports(named_judge(name)) for name in dict.fromkeys(cell.judge for cell in cells)}
    protocol: dict[str, Any] = {
        "model": start.name,
        "start": start.weights_hash(),
        "steps": config.fit.steps,
        "learning_rate": config.fit.lr,
        "answers_per_prompt": config.n,
        "sft_weight": config.sft_weight,
        "judges": {name: judge.identity for name, judge in judges.items()},
        "seed": config.seed,
    }
    with only_writer(out):
        _guard(out, protocol["start"])
        sweep(out)
        pixels_of = population.shards.pixels_many
        store = out / "work"
        evaluation = Evaluation(start, asked, exact, pixels_of, store, seed=config.seed)
        cost = _tax(start, population.shards, items, config.seed) if tax else None
        result = study(source.prompts, evaluation, cells, judges, config, store, tax=cost, protocol=protocol)
        write_study(result, out, command=command)
    return result


def _validation(shards: Shards, learned: Path | None) -> Population:
    """The validation patients; of shards that are not the run's own, those that the run has not seen."""
    population = Population.choose(shards, Choice.VALIDATION)
    if learned is None:
        return population
    seen = Trained.of(Shards(learned))
    new = {key: record for key, record in population.records.items() if not seen.saw(record)}
    return replace(population, records=new)


def _tax(start: Model, shards: Shards, limit: int | None, seed: int) -> Any:
    """What measures an aligned model in other tasks; the start is measured once, when it is first needed."""

    @cache
    def before() -> SavedResult:
        return measure(start, shards, limit=limit, seed=seed)

    def rows(policy: Model) -> tuple[TaxRow, ...]:
        return compared(before(), measure(policy, shards, limit=limit, seed=seed), seed=seed)

    return rows


def _guard(out: Path, start: str) -> None:
    """Refuse to write over what is no study, or the study of another model."""
    for name in FILES:
        require_ours(out / name)
    document = out / FILES[1]
    if document.is_file():
        held = json.loads(document.read_text(encoding="utf-8"))
        if held.get("protocol", {}).get("start") != start:
            raise UsageError(out, "holds the study of another model", "choose another --out")
    elif out.is_dir() and any(path.name != "work" for path in out.iterdir()):
        raise UsageError(out, "is not empty and holds no study", "choose another --out")
