"""The benchmark: a model's answers to the test split, scored, each figure with its interval and baselines.

result = run(Model.load("quickstart/model"), Shards("quickstart/data"), limit=300)
write_json("report.json", result.to_json())
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hilum.bench.answers import Item, ask, gather
from hilum.bench.baselines import Majority, Noise
from hilum.bench.classifier import Classifier
from hilum.bench.drawing import Records, draw, reconstruct
from hilum.bench.gallery import Shown, gallery
from hilum.bench.intervals import LEVEL, RESAMPLES, Bootstrap, ratio
from hilum.bench.result import Alignment, Baseline, BenchResult, Change, Drawing, Figure, Reconstruction
from hilum.bench.tasks import BenchTask, select
from hilum.errors import DataError
from hilum.instruct import Shards
from hilum.model import Model
from hilum.model.answer import NOTICE, Answer
from hilum.model.model import DRAFTS, TEMPERATURE
from hilum.study import Split, Task
from hilum.tokenizer import ImageTokenizer

NOISED = 200
"""Most questions per task that are asked again with noise in place of the images."""


@dataclass(frozen=True)
class Asked:
    """The questions of one task with everybody's answers.

    `noise` answers the questions `noised`, a random part of them; both are empty where no image is shown.
    """

    items: list[Item]
    answers: list[Answer]
    majority: list[Answer] = field(default_factory=list)
    noised: list[int] = field(default_factory=list)
    noise: list[Answer] = field(default_factory=list)
    before: list[Answer] = field(default_factory=list)


def run(
    model: Model,
    shards: Shards,
    *,
    tasks: Sequence[Task] | None = None,
    limit: int | None = None,
    judged_limit: int | None = None,
    seed: int = 0,
    classifier: Classifier | None = None,
    compare: Model | None = None,
    tokenizer: ImageTokenizer | None = None,
    baselines: bool = True,
    command: str = "",
    progress: bool = True,
) -> BenchResult:
    """Measure a model on the test split.

    Args:
        tasks: measure these alone; the default is all that the split holds.
        limit: most questions per task, drawn at random.
        judged_limit: the same for the reports that are compared before and after alignment, whose difference
            is small beside its spread; the default is `limit`.
        seed: of that draw, of noise, of drawing pictures and of the bootstrap.
        classifier: judges drawn pictures; without it only their codes are counted.
        compare: the model before alignment; its reports are set beside the model's own.
        tokenizer: whose reconstructions to measure; the model's own by default.
        baselines: also measure the usual answer and the model shown noise.
        command: printed in the protocol.
        progress: show bars on stderr.

    Raises:
        UsageError: a task has no figure.
        DataError: the test split holds no question of the chosen tasks.
    """
    entries = select(tasks)
    wanted = list(dict.fromkeys(task for entry in entries for task in entry.tasks))
    records: Records = {(record.source, record.id): record for record in shards.records(Split.TEST)}
    asked: dict[Task, Asked] = {}
    with _bars(progress) as bar:
        for task in wanted:
            judged = any(entry.judged and task in entry.tasks for entry in entries)
            most = judged_limit if judged and judged_limit else limit
            items = gather(shards, task, records, limit=most, seed=seed)
            if items:
                before = compare if judged else None
                asked[task] = _ask_all(model, shards, items, task, seed, before, baselines, bar)
        drawn = _draw(model, shards, records, tasks, limit, seed, classifier, bar)
    if not asked and drawn is None:
        raise DataError("test split", "holds no question of the chosen tasks", "add studies or other tasks")
    figures = tuple(
        _figure(entry, _join([asked[t] for t in entry.tasks if t in asked]), seed) for entry in entries
    )
    painter = tokenizer or model.image_tokenizer
    rebuilt: tuple[Reconstruction | None, Any] = (None, ())
    if painter is not None and (tasks is None or Task.DRAW in tasks):
        rebuilt = reconstruct(painter, shards, seed=seed)
    reports = asked.get(Task.FINDINGS)
    shown = Shown(
        {task: (a.items, a.answers, a.before) for task, a in asked.items()},
        (drawn[1], drawn[2]) if drawn else ([], []),
        rebuilt[1],
    )
    return BenchResult(
        tuple(figure for figure in figures if figure.estimate.n),
        _protocol(model, compare, shards, limit, judged_limit, seed, command, records),
        _alignment(entries, reports, seed) if reports and reports.before else None,
        drawn[0] if drawn else None,
        rebuilt[0],
        gallery(shown, shards.pixels, records),
    )


Bar = Callable[[str, int], Callable[[int], None]]
"""Opens a bar (what, how many) and gives the function that moves it on."""


def _ask_all(
    model: Model,
    shards: Shards,
    items: list[Item],
    task: Task,
    seed: int,
    compare: Model | None,
    baselines: bool,
    bar: Bar,
) -> Asked:
    name = task.value.replace("_", " ")
    answers = ask(model, items, shards.pixels, tick=bar(name, len(items)))
    before: list[Answer] = []
    if compare is not None:
        before = ask(compare, items, shards.pixels, tick=bar(f"{name}, before alignment", len(items)))
    if not baselines:
        return Asked(items, answers, before=before)
    usual = Majority.learn(shards.conversations(Split.TRAIN, tasks=[task]), task)
    seeing = [i for i, item in enumerate(items) if item.images_in]
    noised = sorted(np.random.default_rng(seed).permutation(seeing)[:NOISED].tolist()) if seeing else []
    some = [items[int(i)] for i in noised]
    noise = Noise(shards.pixels, [image for item in some for image in item.images_in], seed=seed)
    blind = ask(model, some, noise, tick=bar(f"{name}, shown noise", len(some))) if some else []
    return Asked(items, answers, [usual.answer(item) for item in items], noised, blind, before)


def _join(parts: Sequence[Asked]) -> Asked:
    """Several tasks' questions as one list; positions of the noised ones move along."""
    whole = Asked([], [])
    for part in parts:
        whole.noised.extend(len(whole.items) + i for i in part.noised)
        for name in ("items", "answers", "majority", "noise", "before"):
            getattr(whole, name).extend(getattr(part, name))
    return whole


def _figure(entry: BenchTask, asked: Asked, seed: int) -> Figure:
    boot = Bootstrap([item.patient for item in asked.items], seed=seed)
    own = entry.score(asked.items, asked.answers)
    found: dict[str, Baseline] = {}
    if asked.majority:
        usual = entry.score(asked.items, asked.majority)
        found["majority"] = Baseline(usual.estimate(boot), own.gain(usual, boot))
    if asked.noise:
        some = [asked.items[i] for i in asked.noised]
        part = Bootstrap([item.patient for item in some], seed=seed)
        seeing = entry.score(some, [asked.answers[i] for i in asked.noised])
        blind = entry.score(some, asked.noise)
        found["no_image"] = Baseline(blind.estimate(part), seeing.gain(blind, part))
    return Figure(entry.name, entry.version, entry.metric, own.estimate(boot), found)


def _alignment(entries: Sequence[BenchTask], asked: Asked, seed: int) -> Alignment:
    """Judge and truth, before and after, on the same questions."""
    boot = Bootstrap([item.patient for item in asked.items], seed=seed)
    changes = []
    for entry in entries:
        if entry.judged:
            before, after = (entry.score(asked.items, side) for side in (asked.before, asked.answers))
            changes.append(
                Change(
                    entry.name,
                    entry.metric,
                    before.estimate(boot),
                    after.estimate(boot),
                    after.gain(before, boot),
                )
            )
    written, were = (
        np.array([float(len(answer.text.split())) for answer in side])
        for side in (asked.answers, asked.before)
    )
    return Alignment(tuple(changes), boot.estimate(lambda w: ratio(w, written, were)))


def _draw(
    model: Model,
    shards: Shards,
    records: Records,
    tasks: Sequence[Task] | None,
    limit: int | None,
    seed: int,
    classifier: Classifier | None,
    bar: Bar,
) -> tuple[Drawing, list[Item], list[Answer]] | None:
    writes = model.image_tokenizer is not None and model.config.writes.value == "codes"
    if not writes or (tasks is not None and Task.DRAW not in tasks):
        return None
    items = gather(shards, Task.DRAW, records, limit=limit, seed=seed)
    if not items:
        return None
    assert model.image_tokenizer is not None
    drawing, answers = draw(
        model,
        items,
        records,
        shards.pixels,
        codes_per_image=model.image_tokenizer.codes_per_image,
        classifier=classifier,
        seed=seed,
        tick=bar("report to image", len(items)),
    )
    return drawing, items, answers


def _protocol(
    model: Model,
    compare: Model | None,
    shards: Shards,
    limit: int | None,
    judged_limit: int | None,
    seed: int,
    command: str,
    records: Records,
) -> dict[str, Any]:
    sources: dict[str, int] = {}
    for source, _ in records:
        sources[source] = sources.get(source, 0) + 1
    return {
        "model": model.name,
        "weights": model.weights_hash(),
        "before_alignment": compare.weights_hash() if compare is not None else None,
        "command": command,
        "seed": seed,
        "limit_per_task": limit,
        "limit_of_judged_reports": judged_limit or limit,
        "split": Split.TEST.value,
        "studies": sources,
        "patients": len({record.patient for record in records.values()}),
        "decoding": (
            f"greedy; a picture is the best of {DRAFTS} drafts sampled at temperature {TEMPERATURE}, "
            "by how well the model reads the asked words from it"
        ),
        "interval": f"{LEVEL:.0%} percentile bootstrap over patients, {RESAMPLES} resamples",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seen": model.caveats().seen_in_words,
        "notice": NOTICE,
    }


@contextmanager
def _bars(show: bool) -> Iterator[Bar]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not show) as progress:

        def bar(name: str, total: int) -> Callable[[int], None]:
            number = progress.add_task(name, total=total)
            return lambda more: progress.advance(number, more)

        yield bar
