"""The benchmark: a model's answers about studies, scored, each figure with its interval and baselines.

result = run(Model.load("quickstart/model"), Shards("quickstart/data"), limit=300)
write_json("report.json", result.to_json())
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from hilum.bench.answers import Item, gather
from hilum.bench.asked import Asked, ask_all, join
from hilum.bench.classifier import Classifier
from hilum.bench.drawing import draw
from hilum.bench.findings import INTERVAL, FindingAccuracy, by_finding
from hilum.bench.gallery import Shown, films, gallery
from hilum.bench.image_metrics import own_encoder
from hilum.bench.intervals import LEVEL, RESAMPLES, Bootstrap, ratio
from hilum.bench.items import ItemScore, pseudonym
from hilum.bench.kept import Reconstruction
from hilum.bench.population import Choice, Population, Trained
from hilum.bench.probability import Probabilities, ask_yes, evaluate
from hilum.bench.reconstruction import reconstruct
from hilum.bench.result import (
    Alignment,
    Baseline,
    BenchResult,
    Change,
    Drawing,
    Figure,
    Measured,
    Skipped,
)
from hilum.bench.scored import Scored
from hilum.bench.sides import SideTable, by_side
from hilum.bench.software import machine, versions
from hilum.bench.tasks import BenchTask, select
from hilum.bench.training_films import TrainingFilms
from hilum.images import Frame
from hilum.instruct import Shards
from hilum.model import Model, Writes
from hilum.model.answer import NOTICE, Answer
from hilum.model.model import CANDIDATES, TEMPERATURE
from hilum.progress import Progress
from hilum.study import Pixels, Task
from hilum.tokenizer import ImageTokenizer

Keep = Callable[[BenchResult], None]
"""Told what has been found so far whenever a task is finished."""


def run(
    model: Model,
    shards: Shards,
    *,
    tasks: Sequence[Task] | None = None,
    choice: Choice = Choice.TEST,
    trained: Trained | None = None,
    limit: int | None = None,
    judged_limit: int | None = None,
    seed: int = 0,
    classifier: Classifier | None = None,
    compare: Model | None = None,
    tokenizer: ImageTokenizer | None = None,
    baselines: bool = True,
    base_model: Sequence[str] = (),
    command: str = "",
    keep: Keep | None = None,
    progress: bool = True,
) -> BenchResult:
    """Measure a model.

    Args:
        tasks: measure these alone; the default is all that there are questions of.
        choice: which studies of the shards to measure.
        trained: what the model was trained on, as far as it is known.
        limit: most questions per task, drawn at random.
        judged_limit: the same for the reports that are compared before and after alignment, whose difference
            is small beside its spread; the default is `limit`.
        seed: of that draw, of noise, of drawing pictures and of the bootstrap.
        classifier: judges drawn pictures; without it only their codes are counted.
        compare: the model before alignment; its reports are set beside the model's own.
        tokenizer: whose reconstructions to measure; the model's own by default.
        baselines: also measure the usual answer and the model shown noise.
        base_model: the pretrained parts the model was made from, printed in the protocol.
        command: printed in the protocol.
        keep: told of the result after every task, so that what is finished outlives what comes after.
        progress: show bars on stderr.

    Raises:
        UsageError: a task has no figure.
        DataError: there is no question of the chosen tasks.
    """
    seen = shards.framed(Frame(model.config.image_size, model.fit))
    bench = _Bench(model, Population.choose(seen, choice, trained), select(tasks), seed, base_model)
    with Progress(progress) as bars:
        for task in bench.tasks:
            judged = any(entry.judged and task in entry.tasks for entry in bench.entries)
            most = judged_limit if judged and judged_limit else limit
            items = gather(bench.population, task, limit=most, seed=seed)
            if items:
                before = compare if judged else None
                asked = ask_all(model, bench.population, items, task, seed, before, baselines, bars)
                bench.add(task, asked)
                if task is Task.BINARY:
                    bench.ask_yes(bars)
                if keep is not None:
                    keep(bench.result(limit, judged_limit, command, compare, complete=False))
        if tasks is None or Task.DRAW in tasks:
            bench.draw(classifier, trained, limit, bars)
            bench.reconstruct(tokenizer or model.image_tokenizer, classifier)
    if not bench.asked and bench.drawn is None:
        raise bench.population.without_questions()
    result = bench.result(limit, judged_limit, command, compare, complete=True)
    if keep is not None:
        keep(result)
    return result


class _Bench:
    """What has been measured so far."""

    def __init__(
        self,
        model: Model,
        population: Population,
        entries: Sequence[BenchTask],
        seed: int,
        base_model: Sequence[str] = (),
    ) -> None:
        self.model, self.population, self.entries, self.seed = model, population, entries, seed
        self.base_model = base_model
        self.tasks = list(dict.fromkeys(task for entry in entries for task in entry.tasks))
        self.asked: dict[Task, Asked] = {}
        self.drawn: tuple[Drawing, list[Item], list[Answer]] | None = None
        self._weights = model.weights_hash()
        self._figures: dict[str, Figure] = {}
        self._items: dict[str, list[ItemScore]] = {}
        self._findings: list[FindingAccuracy] = []
        self._sides: list[SideTable] = []
        self._probabilities: Probabilities | None = None
        self._alignment: Alignment | None = None
        self._training: TrainingFilms | None = None
        self._skipped: list[Skipped] = []
        self._rebuilt: tuple[Reconstruction | None, tuple[tuple[Pixels, Pixels], ...]] = (None, ())

    def add(self, task: Task, asked: Asked) -> None:
        """Take in the answers of one task, and work out the figures that rest on it alone."""
        self.asked[task] = asked
        for entry in self.entries:
            if entry.tasks == (task,):
                self._measure(entry, asked)
        self._findings.extend(by_finding(task, asked.items, asked.answers))
        self._sides.extend(by_side(task, asked.items, asked.answers))
        if task is Task.FINDINGS and asked.before:
            self._alignment = _alignment(self.entries, asked, self.seed)

    def _measure(self, entry: BenchTask, asked: Asked) -> None:
        """One figure, and what each answer scored in it."""
        own = entry.score(asked.items, asked.answers)
        self._figures[entry.name] = _figure(entry, asked, own, self.seed)
        self._items[entry.name] = _item_scores(entry, asked.items, own)

    def ask_yes(self, bars: Progress) -> None:
        """Ask how likely yes and no are as answers to the questions for single diseases."""
        items = self.asked[Task.BINARY].items
        tick = bars.bar("how sure of a disease", len(items)).advance
        found = ask_yes(self.model, Task.BINARY, items, self.population.shards.pixels, tick=tick)
        if found is not None:
            whose = [items[i].cluster for i in found.items]
            self._probabilities = evaluate(found.yes, found.truth, whose, seed=self.seed)

    def draw(
        self, classifier: Classifier | None, trained: Trained | None, limit: int | None, bars: Progress
    ) -> None:
        """Draw a picture of every report and measure it."""
        painter = self.model.image_tokenizer
        items = gather(self.population, Task.DRAW, limit=limit, seed=self.seed)
        reason = ""
        if painter is None or self.model.config.writes is not Writes.CODES:
            reason = "the model draws no pictures"
        elif not items:
            reason = _no_question((Task.DRAW,))
        if painter is None or reason:
            self._skipped.append(Skipped("drawing", "Drawn pictures", reason))
            return
        encoder = own_encoder(self.model)
        self._training = TrainingFilms.of(self.population.shards, trained, encoder, seed=self.seed)
        drawing, answers = draw(
            self.model,
            items,
            self.population.records,
            self.population.shards.pixels,
            tokenizer=painter,
            classifier=classifier,
            encoder=encoder,
            training=None if self._training is None else self._training.seen,
            seed=self.seed,
            tick=bars.bar("report to image", len(items)).advance,
        )
        self.drawn = drawing, items, answers

    def reconstruct(self, tokenizer: ImageTokenizer | None, classifier: Classifier | None) -> None:
        """Measure how faithfully images come back from their codes."""
        if tokenizer is not None:
            self._rebuilt = reconstruct(tokenizer, self.population, classifier, seed=self.seed)
        if self._rebuilt[0] is None:
            reason = "the model has no image tokenizer" if tokenizer is None else "there is no image"
            self._skipped.append(Skipped("reconstruction", "Images to codes and back", reason))

    def result(
        self,
        limit: int | None,
        judged_limit: int | None,
        command: str,
        compare: Model | None,
        *,
        complete: bool,
    ) -> BenchResult:
        """All of it as one value; figures of several tasks are worked out when the last task is done."""
        figures, skipped = [], []
        for entry in self.entries:
            there = [self.asked[task] for task in entry.tasks if task in self.asked]
            if len(entry.tasks) > 1 and complete and there:
                self._measure(entry, join(there))
            figure = self._figures.get(entry.name)
            if figure is not None and figure.estimate.n:
                figures.append(figure)
            elif complete:
                reason = (
                    "no question has a true answer to compare with" if figure else _no_question(entry.tasks)
                )
                skipped.append(Skipped(entry.name, entry.title, reason))
        shown = Shown(
            {task: (a.items, a.answers, a.before) for task, a in self.asked.items()},
            (self.drawn[1], self.drawn[2]) if self.drawn else ([], []),
            self._rebuilt[1],
            self._training,
        )
        records, shards = self.population.records, self.population.shards
        return BenchResult(
            tuple(figures),
            self._protocol(limit, judged_limit, command, compare),
            Measured(self.population.choice, self.population.why, self.population.counts),
            tuple(self._findings),
            (*skipped, *self._skipped),
            complete,
            self._alignment,
            self.drawn[0] if self.drawn else None,
            self._rebuilt[0],
            gallery(shown, shards.pixels, records, large=films(shards)),
            tuple(item for figure in figures for item in self._items[figure.name]),
            tuple(self._sides),
            self._probabilities,
        )

    def _protocol(
        self, limit: int | None, judged_limit: int | None, command: str, compare: Model | None
    ) -> dict[str, Any]:
        counts = self.population.counts
        return {
            "model": self.model.name,
            "weights": self._weights,
            "before_alignment": compare.weights_hash() if compare is not None else None,
            "command": command,
            "seed": self.seed,
            "limit_per_task": limit,
            "limit_of_judged_reports": judged_limit or limit,
            "split": self.population.choice.value,
            "split_meaning": self.population.why,
            "studies": {count.source: count.studies for count in counts},
            "patients": sum(len(count.patients) for count in counts),
            "decoding": (
                f"greedy; a picture is the best of {CANDIDATES} candidates sampled at temperature "
                f"{TEMPERATURE}, by how well the model reads the asked words from it"
            ),
            "usual_answer": "the most frequent one in the train split of the same sources",
            "interval": f"{LEVEL:.0%} bootstrap over patients (BCa), {RESAMPLES} resamples",
            "interval_of_sensitivity_and_specificity": INTERVAL,
            "tasks": {entry.name: entry.version for entry in self.entries if entry.name in self._figures},
            "versions": versions(),
            "machine": machine(),
            "trained_on": self.model.caveats().seen,
            "base_model": list(self.base_model),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "seen": self.model.caveats().seen_in_words,
            "notice": NOTICE,
        }


def _no_question(tasks: Sequence[Task]) -> str:
    return f"no question of {' or '.join(task.value for task in tasks)} about these studies"


def _figure(entry: BenchTask, asked: Asked, own: Scored, seed: int) -> Figure:
    boot = Bootstrap([item.cluster for item in asked.items], seed=seed)
    found: dict[str, Baseline] = {}
    if asked.majority:
        usual = entry.score(asked.items, asked.majority)
        found["majority"] = Baseline(usual.estimate(boot), own.gain(usual, boot))
    if asked.noise:
        some = [asked.items[i] for i in asked.noised]
        part = Bootstrap([item.cluster for item in some], seed=seed)
        seeing = entry.score(some, [asked.answers[i] for i in asked.noised])
        blind = entry.score(some, asked.noise)
        found["no_image"] = Baseline(blind.estimate(part), seeing.gain(blind, part))
    return Figure(
        entry.name, entry.version, entry.title, entry.metric, own.estimate(boot), found, own.unusable
    )


def _item_scores(entry: BenchTask, items: Sequence[Item], own: Scored) -> list[ItemScore]:
    """What each answer scored, under names that disclose no patient."""
    found = []
    for item, (value, counts) in zip(items, own.each(), strict=True):
        question, patient = (pseudonym(item.source, name) for name in (item.id, item.patient))
        head = entry.name, entry.version, question, patient, item.source
        found.append(ItemScore(*head, value=value, counts=counts))
    return found


def _alignment(entries: Sequence[BenchTask], asked: Asked, seed: int) -> Alignment:
    """Judge and truth, before and after, on the same questions."""
    boot = Bootstrap([item.cluster for item in asked.items], seed=seed)
    changes = []
    for entry in entries:
        if entry.judged:
            before, after = (entry.score(asked.items, side) for side in (asked.before, asked.answers))
            changes.append(
                Change(
                    entry.name,
                    entry.title,
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
