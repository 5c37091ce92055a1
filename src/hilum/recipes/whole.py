"""The whole way in one call, and the benchmark of what came out.

quickstart(Path("quickstart"), seed=0)
bench_run(Path("quickstart"), [SourceSpec("nih-chestxray14", Path("data/nih"))])
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

import hilum
from hilum import bench
from hilum.bench import BenchResult
from hilum.files import MARK, only_writer, refuse_overlap, require_ours, write_json
from hilum.instruct import Shards, build
from hilum.model import Model
from hilum.recipes.config import Recipe
from hilum.recipes.nano import nano
from hilum.recipes.run import Run, each_stage
from hilum.sources import SourceSpec, specs_of
from hilum.study import Task, member

PHANTOM = SourceSpec("phantom")


def quickstart(
    out: str | Path, *, seed: int = 0, sources: Sequence[SourceSpec] = (), recipe: Recipe | None = None
) -> BenchResult:
    """Build, tokenize, train, align and benchmark; write `report.html` and `report.json` into `out`.

    A run that was interrupted goes on where it stopped when it is called again.

    Args:
        out: the run folder.
        seed: of the data and of training.
        sources: studies to learn from beside the embedded phantom, which is always there: it is what
            the drawn pictures, the boxes and the exact truth are measured by.
        recipe: another recipe than `nano`.

    Raises:
        UsageError: `out` holds something else, or a run with other settings; it is, holds or lies in a
            source; or another process is at work in it.
    """
    out = Path(out)
    sources = specs_of(sources)
    named = any(spec.name == PHANTOM.name for spec in sources)
    specs = tuple(sources) if named else (PHANTOM, *sources)
    refuse_overlap(out, [spec.path for spec in specs if spec.path is not None])
    with only_writer(out):
        return _stages(Run(recipe or nano(seed), out, specs))


def _stages(run: Run) -> BenchResult:
    document, page = run.out / "report.json", run.out / "report.html"
    for path in (document, page):
        require_ours(path)
    console, started = Console(stderr=True, highlight=False), time.monotonic()
    for name, stage in each_stage(run):
        console.print(f"[bold]{name}[/] [dim]at {time.monotonic() - started:.0f} s[/]")
        stage()
    result = run.bench
    write_json(document, {"made_by": MARK, **result.to_json()})
    bench.render(result, page, curves=run.curves)
    console.print(f"[bold]done[/] [dim]after {time.monotonic() - started:.0f} s[/]")
    return result


def bench_run(
    run: str | Path,
    specs: Sequence[SourceSpec] = (),
    *,
    tasks: Sequence[Task] = (),
    limit: int | None = None,
    seed: int = 0,
) -> BenchResult:
    """Measure a trained model on each task, with intervals and baselines.

    Without `specs` it is measured on the test split the run was built with; otherwise on the test
    patients of these sources, which by their hash are the same patients that training left out.

    Args:
        limit: most studies per source, or, without `specs`, most examples per task.
    """
    tasks = [member(Task, task, "task") for task in ([tasks] if isinstance(tasks, str) else tasks)]
    model = hilum.load(run)
    data = Path(run) / "data"
    chosen = tuple(tasks) or None
    if not specs and data.is_dir():
        return _measure(model, Shards(data), chosen, limit, seed)
    with tempfile.TemporaryDirectory(prefix="hilum-bench-") as scratch:
        size = model.config.image_size
        build(specs or (PHANTOM,), Path(scratch) / "data", size=size, fit=model.fit, limit=limit, seed=seed)
        return _measure(model, Shards(Path(scratch) / "data"), chosen, None, seed)


def _measure(
    model: Model, shards: Shards, tasks: Sequence[Task] | None, limit: int | None, seed: int
) -> BenchResult:
    return bench.run(model, shards, tasks=tasks, limit=limit, seed=seed, tokenizer=model.image_tokenizer)
