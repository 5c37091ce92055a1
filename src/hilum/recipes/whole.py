"""The whole way in one call, and the benchmark of what came out.

quickstart(Path("quickstart"), seed=0)
bench_run(Path("quickstart"), [SourceSpec("nih-chestxray14", Path("data/nih"))])
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import hilum
from hilum import bench
from hilum.bench import BenchResult, Choice, Trained
from hilum.errors import UsageError
from hilum.files import only_writer, refuse_overlap
from hilum.instruct import Shards, build
from hilum.progress import headline
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
    bench.require_writable(run.out)
    started = time.monotonic()
    for name, stage in each_stage(run):
        headline(name, f"at {time.monotonic() - started:.0f} s")
        stage()
    result = run.bench
    bench.write(result, run.out, curves=run.curves)
    headline("done", f"after {time.monotonic() - started:.0f} s")
    return result


def bench_run(
    run: str | Path,
    specs: Sequence[SourceSpec] = (),
    *,
    tasks: Sequence[Task] = (),
    split: Choice | None = None,
    limit: int | None = None,
    seed: int = 0,
    command: str = "",
    keep: Callable[[BenchResult], None] | None = None,
) -> BenchResult:
    """Measure a trained model on each task, with intervals and baselines.

    Without `specs` it is measured on the studies the run was built with.

    Args:
        split: which studies; by default, without `specs` the test split, and of other sources all studies the
            run has not seen, or the test split where the run does not hold the data it was trained on.
        limit: most studies per source, or, without `specs`, most examples per task.
        command: printed in the protocol.
        keep: told of the result after every task, so that what is finished outlives what comes after.

    Raises:
        UsageError: there are no `specs`, and the run holds no data.
        DataError: no study can be read, or there is no question about any.
    """
    tasks = [member(Task, task, "task") for task in ([tasks] if isinstance(tasks, str) else tasks)]
    data = _data_of(Path(run))
    if not specs and data is None:
        remedy = "name what to measure on, for example --source phantom"
        raise UsageError("--source", f"is missing, and {run} holds no studies of its own", remedy)
    model = hilum.load(run)
    own = None if data is None else Shards(data)

    def measure(shards: Shards, choice: Choice, most: int | None) -> BenchResult:
        return bench.run(
            model,
            shards,
            tasks=tuple(tasks) or None,
            choice=choice,
            trained=Trained.of(own) if own is not None else None,
            limit=most,
            seed=seed,
            command=command,
            keep=keep,
        )

    if own is not None and not specs:
        return measure(own, split or Choice.TEST, limit)
    with tempfile.TemporaryDirectory(prefix="hilum-bench-") as scratch:
        size = model.config.image_size
        built = build(
            specs, Path(scratch) / "data", size=size, fit=model.fit, limit=limit, seed=seed, measuring=True
        )
        return measure(built, split or Choice.UNSEEN, None)


def _data_of(run: Path) -> Path | None:
    """The data a run was trained on; `run` may also be the folder of the model inside it."""
    folders = (run, run.resolve().parent)
    return next(
        (at / "data" for at in folders if (at / "recipe.json").is_file() and (at / "data").is_dir()), None
    )
