"""The whole way in one call, and the benchmark of what came out.

quickstart(Path("quickstart"), seed=0)
bench_run(Path("quickstart"), [SourceSpec("nih-chestxray14", Path("data/nih"))])
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import hilum
from hilum import bench
from hilum.bench import Audit, BenchResult, Choice, Trained
from hilum.bench.audit.compare import MIN_N
from hilum.errors import UsageError, did_you_mean
from hilum.files import only_writer, private_folder, refuse_overlap
from hilum.instruct import Shards, build
from hilum.instruct.text_only import TextOnly
from hilum.model import Model
from hilum.model.run_folder import find_model
from hilum.progress import headline
from hilum.recipes.config import Recipe
from hilum.recipes.nano import nano
from hilum.recipes.run import Run, each_stage
from hilum.sources import SourceSpec, specs_of
from hilum.study import Task, member
from hilum.training.distributed import ALONE, World, join

PHANTOM = SourceSpec("phantom")

TOGETHER = "train"
"""The stage that several processes run together; the others the first runs, and the rest find done."""


def quickstart(
    out: str | Path,
    *,
    seed: int = 0,
    sources: Sequence[SourceSpec] = (),
    data: str | Path | None = None,
    recipe: Recipe | None = None,
    command: str = "",
) -> BenchResult:
    """Build, tokenize, train, align and benchmark; write `report.html` and `report.json` into `out`.

    A run that was interrupted goes on where it stopped when it is called again.

    Args:
        out: the run folder.
        seed: of the data and of training.
        sources: studies to learn from beside the embedded phantom, which is always there: it is what
            the drawn pictures, the boxes and the exact truth are measured by.
        data: shards that `hilum build` wrote, instead of sources; of images no smaller than the recipe's.
        recipe: another recipe than `nano`.
        command: printed in the benchmark's protocol.

    Raises:
        UsageError: `out` holds something else, or a run with other settings; it is, holds or lies in a
            source; or another process is at work in it.
    """
    out = Path(out)
    specs, given = _studies(sources, data)
    if given is None and PHANTOM.name not in {spec.name for spec in specs}:
        specs = (PHANTOM, *specs)
    refuse_overlap(out, _paths(specs, given))
    with only_writer(out):
        return _stages(Run(recipe or nano(seed), out, specs, given, command=command))


def train(
    recipe: Recipe,
    out: str | Path,
    *,
    sources: Sequence[SourceSpec] = (),
    data: str | Path | None = None,
    until: str | None = None,
    store: str | Path | None = None,
) -> Path:
    """Run a recipe's stages and return the folder of its model; `hilum bench` measures it.

    A run that was interrupted goes on where it stopped when it is called again.

    Args:
        recipe: what to run.
        out: the run folder.
        sources: studies to learn from; the embedded phantom when there are none and no `data`.
        data: shards that `hilum build` wrote, instead of sources.
        until: the last stage to run.
        store: where the stages' results are kept, `out/work` when None; runs that share one make what they
            have in common once.

    Raises:
        UsageError: `out` holds something else, or a run with other settings; a part does not fit the others;
            there is no stage `until`; or another process is at work in the folder.
    """
    out = Path(out)
    specs, given = _studies(sources, data)
    inputs = _paths(specs, given)
    if recipe.text_only is not None:
        inputs.append(TextOnly.named(recipe.text_only).path)
    for written in (out, *([Path(store)] if store is not None else [])):
        refuse_overlap(written, inputs)
    with join() as world, only_writer(out) if world.first else nullcontext():
        with world.in_turn():
            run = Run(recipe, out, specs, given, None if store is None else Path(store), world)
        stages = [(name, stage) for name, stage in each_stage(run) if name != "bench"]
        names = [name for name, _ in stages]
        if until is not None and until not in names:
            remedy = f"{did_you_mean(until, names)}choose from {', '.join(names)}"
            raise UsageError(until, "is no stage of this recipe", remedy)
        _run_stages(stages[: names.index(until) + 1] if until else stages, world)
    return out / "model"


def _studies(
    sources: Sequence[SourceSpec], data: str | Path | None
) -> tuple[tuple[SourceSpec, ...], Path | None]:
    """The sources to build from, or the shards that are there: read before anything is written."""
    if data is None:
        return tuple(specs_of(sources)) or (PHANTOM,), None
    if sources:
        raise UsageError("sources", "and data were both given", "give shards, or sources to build them from")
    return (), Shards(data).folder


def _paths(specs: Sequence[SourceSpec], given: Path | None) -> list[Path]:
    """Where the studies lie."""
    return [spec.path for spec in specs if spec.path is not None] + ([given] if given else [])


def _stages(run: Run) -> BenchResult:
    bench.require_writable(run.out)
    _run_stages(each_stage(run))
    result = run.bench
    bench.write(result, run.out, curves=run.curves)
    return result


def _run_stages(stages: Iterable[tuple[str, Callable[[], object]]], world: World = ALONE) -> None:
    started = time.monotonic()
    for name, stage in stages:
        headline(name, f"at {time.monotonic() - started:.0f} s")
        with world.in_turn() if name != TOGETHER else nullcontext():
            stage()
    headline("done", f"after {time.monotonic() - started:.0f} s")


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
    chosen = _chosen(tasks)
    with _measured(Path(run), specs, split, limit, seed) as (model, shards, choice, trained, most):
        return bench.run(
            model,
            shards,
            tasks=chosen,
            choice=choice,
            trained=trained,
            limit=most,
            seed=seed,
            base_model=_pretrained(Path(run)),
            command=command,
            keep=keep,
        )


def audit_run(
    run: str | Path,
    specs: Sequence[SourceSpec] = (),
    *,
    tasks: Sequence[Task] = (),
    split: Choice | None = None,
    limit: int | None = None,
    min_n: int = MIN_N,
    seed: int = 0,
    command: str = "",
) -> Audit:
    """Audit a trained model's fairness on each task; see `bench_run` for whom it is measured on.

    Args:
        min_n: fewest patients of a group that a figure is printed of.

    Raises:
        UsageError: there are no `specs`, and the run holds no data.
        DataError: no study can be read, or there is no question about any.
    """
    chosen = _chosen(tasks)
    with _measured(Path(run), specs, split, limit, seed) as (model, shards, choice, trained, most):
        return bench.audit(
            model,
            shards,
            tasks=chosen,
            choice=choice,
            trained=trained,
            limit=most,
            min_n=min_n,
            seed=seed,
            command=command,
        )


def _chosen(tasks: Sequence[Task]) -> tuple[Task, ...] | None:
    """The tasks by name, None for all."""
    return tuple(member(Task, t, "task") for t in ([tasks] if isinstance(tasks, str) else tasks)) or None


@contextmanager
def _measured(
    run: Path, specs: Sequence[SourceSpec], split: Choice | None, limit: int | None, seed: int
) -> Iterator[tuple[Model, Shards, Choice, Trained | None, int | None]]:
    """A run's model with the studies to measure it on, and the most questions to ask of each task."""
    find_model(run)
    data = data_of(run)
    if not specs and data is None:
        remedy = "name what to measure on, for example --source phantom"
        raise UsageError("--source", f"is missing, and {run} holds no studies of its own", remedy)
    model = hilum.load(run)
    own = None if data is None else Shards(data)
    trained = Trained.of(own) if own is not None else None
    if own is not None and not specs:
        yield model, own, split or Choice.TEST, trained, limit
        return
    with private_folder() as scratch:
        built = build(
            specs,
            scratch / "data",
            size=model.config.image_size,
            limit=limit,
            seed=seed,
            measuring=True,
            views=model.config.views,
        )
        yield model, built, split or Choice.UNSEEN, trained, None


def _pretrained(run: Path) -> list[str]:
    """The pretrained parts that a run's model was made from, as its recipe names them."""
    recipe = recipe_of(run)
    return [recipe[part] for part in ("text", "vision") if isinstance(recipe.get(part), str)]


def recipe_of(run: Path) -> dict[str, Any]:
    """The recipe that made a run, as far as its folder tells; `run` may also be the model inside it."""
    for at in (run, run.resolve().parent):
        try:
            held = json.loads((at / "recipe.json").read_text(encoding="utf-8"))["recipe"]
        except (OSError, ValueError, LookupError, TypeError):
            continue  # another folder, or none that tells
        if isinstance(held, dict):
            return held
    return {}


def data_of(run: Path) -> Path | None:
    """The data a run was trained on; `run` may also be the folder of the model inside it."""
    for at in (run, run.resolve().parent):
        if (at / "recipe.json").is_file():
            given = _given(at / "recipe.json")
            found = [folder for folder in (at / "data", given) if folder is not None and folder.is_dir()]
            if found:
                return found[0]
    return None


def _given(recipe: Path) -> Path | None:
    """The shards that a run was given, by its `recipe.json`."""
    try:
        data = json.loads(recipe.read_text(encoding="utf-8")).get("data")
    except (OSError, ValueError, AttributeError):
        return None
    return Path(data) if isinstance(data, str) else None
