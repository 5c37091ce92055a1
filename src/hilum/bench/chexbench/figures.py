"""From a task's answers to its figures: intervals, baselines, controls, sources and slices.

measure(TASKS["View Classification"], "generation", asked, seed=0)      # TaskResult
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from hilum.bench.adapters import Kind, Reply
from hilum.bench.answers import normal
from hilum.bench.chexbench import no_skill, score
from hilum.bench.chexbench.ask import Asked, Task
from hilum.bench.chexbench.position import FEWEST, position_bias
from hilum.bench.chexbench.protocol import drawn, published_pick
from hilum.bench.chexbench.read import Item
from hilum.bench.chexbench.result import Choices, Figure, Pooled, TaskResult
from hilum.bench.chexbench.tasks import ChexbenchTask
from hilum.bench.intervals import Array, Bootstrap, Estimate, mean
from hilum.bench.items import ItemScore
from hilum.bench.result import Baseline
from hilum.bench.scored import Scored

MOST_TOLD = 5
"""Most reasons of failures that are told of a task."""

Set = Mapping[str, Scored]
"""The scores of one set of answers, by the figure's short name."""


def measure(task: ChexbenchTask, protocol: str, asked: Task, seed: int) -> TaskResult:
    """All figures of one task by one protocol."""
    items = asked.items
    measured = not all(asked.plain.failed)
    own = _score(task, items, asked.plain)
    controls = {
        name: _control(task, items, places, answers)
        for name, (places, answers) in asked.controls.items()
        if any(_answered(task, answers))
    }
    usual, chance = no_skill.usual(task, items), no_skill.chance(task, items)
    figures = tuple(
        _figure(f"chexbench/{task.slug}/{protocol}/{name}", name, own, items, usual, controls, chance, seed)
        if measured
        else Figure(f"chexbench/{task.slug}/{protocol}/{name}", score.METRICS[name], _none(items))
        for name in own
    )
    clusters = len({item.cluster for item in items})
    failures = dict(asked.plain.failures)
    if task.kind is Kind.TEXT:
        foreign = sum(
            not failed and not score.readable(reply.text)
            for failed, reply in zip(asked.plain.failed, asked.plain.replies, strict=True)
        )
        failures |= {"not_english": foreign} if foreign else {}
    words = task.kind is Kind.CHOICE and protocol == "generation"
    return TaskResult(
        task.name,
        task.version,
        protocol,
        clusters,
        figures,
        failures,
        tuple(_notes(task, asked, clusters)),
        measured,
        _choices(asked, seed) if words and measured else None,
        tuple(_items(task, protocol, own, items, measured)),
        dict(Counter(asked.plain.details).most_common(MOST_TOLD)),
    )


def pool(protocol: str, results: Sequence[tuple[TaskResult, Task]], seed: int) -> Pooled | None:
    """Accuracy over several multiple-choice tasks; None where there is none."""
    known = [(result, asked) for result, asked in results if result.measured]
    if not known:
        return None
    values = [score.of_picks(asked.plain.picks, asked.items).values for _, asked in known]
    boot = Bootstrap([item.cluster for _, asked in known for item in asked.items], seed=seed)
    ends = np.cumsum([0, *(len(asked.items) for _, asked in known)])
    parts = list(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))
    every = np.concatenate([some for some in values if some is not None])

    def over_tasks(weights_RN: Array) -> Array:
        means: Array = np.stack([mean(weights_RN[:, a:b], every[a:b]) for a, b in parts])
        pooled: Array = means.mean(0)
        return pooled

    left_out = tuple(result.task for result, _ in results if not result.measured)
    names = tuple(result.task for result, _ in known)
    return Pooled(protocol, boot.mean(every), boot.estimate(over_tasks, share=True), names, left_out)


def _score(task: ChexbenchTask, items: Sequence[Item], asked: Asked) -> dict[str, Scored]:
    if task.kind is Kind.CHOICE:
        return {"accuracy": score.of_picks(asked.picks, items)}
    usable = [
        Reply("") if failed else reply for reply, failed in zip(asked.replies, asked.failed, strict=True)
    ]
    if task.kind is Kind.BOX:
        return score.of_boxes(items, [reply.boxes for reply in usable])
    return score.of_texts(items, [reply.text for reply in usable])


def _control(
    task: ChexbenchTask, items: Sequence[Item], places: Sequence[int], asked: Asked
) -> tuple[list[int], Set]:
    """The positions that were answered under a control, and their scores.

    No answer is no sign that the images are used: a model that says that it cannot see would gain by it.
    """
    known = [k for k, usable in enumerate(_answered(task, asked)) if usable]
    scores = _score(task, [items[i] for i in places], asked)
    return [places[k] for k in known], {name: some.of(known) for name, some in scores.items()}


def _answered(task: ChexbenchTask, asked: Asked) -> list[bool]:
    """Whether each answer says anything that can be scored."""
    if task.kind is Kind.CHOICE:
        return [chosen is not None for chosen in asked.picks]
    told = zip(asked.replies, asked.failed, strict=True)
    return [not failed and (task.kind is Kind.TEXT or bool(reply.boxes)) for reply, failed in told]


def _figure(
    full_name: str,
    name: str,
    own: Set,
    items: Sequence[Item],
    usual: Mapping[str, Set],
    controls: Mapping[str, tuple[list[int], Set]],
    chance: Mapping[str, float],
    seed: int,
) -> Figure:
    mine, boot = own[name], _boot(items, range(len(items)), seed)
    baselines = {
        kind: Baseline(some[name].estimate(boot), mine.gain(some[name], boot))
        for kind, some in usual.items()
        if name in some
    }
    for kind, (places, some) in controls.items():
        part = _boot(items, places, seed)
        baselines[kind] = Baseline(some[name].estimate(part), mine.of(places).gain(some[name], part))
    groups: tuple[dict[str, list[int]], dict[str, list[int]]] = {}, {}
    for i, item in enumerate(items):
        if item.source:
            groups[0].setdefault(item.source, []).append(i)
        if item.part:
            groups[1].setdefault(f"{item.source}/{item.part}", []).append(i)
    by_source, by_slice = (
        {key: mine.of(places).estimate(_boot(items, places, seed)) for key, places in sorted(some.items())}
        for some in groups
    )
    estimate = mine.estimate(boot)
    return Figure(full_name, score.METRICS[name], estimate, chance.get(name), baselines, by_source, by_slice)


def _boot(items: Sequence[Item], places: Sequence[int], seed: int) -> Bootstrap:
    return Bootstrap([items[i].cluster for i in places], seed=seed)


def _none(items: Sequence[Item]) -> Estimate:
    return Estimate(None, None, None, len(items))


def _choices(asked: Task, seed: int) -> Choices:
    items, plain = asked.items, asked.plain
    boot = _boot(items, range(len(items)), seed)
    picks, expected = [], []
    for item, reply in zip(items, plain.replies, strict=True):
        options = item.question.options
        chosen = published_pick(reply.text)
        expected.append(1 / len(options) if chosen is None else float(chosen == item.answer))
        if chosen is None:
            chosen = drawn(seed, f"letter of {item.question.id}", len(options))
        picks.append(float(chosen == item.answer))
    parsed = boot.mean([float(chosen is not None) for chosen in plain.picks])
    return Choices(parsed, boot.mean(picks), float(np.mean(expected)), position_bias(asked, seed))


def _notes(task: ChexbenchTask, asked: Task, clusters: int) -> list[str]:
    """What keeps the figures from meaning what they seem to."""
    plain, items = asked.plain, asked.items
    found = []
    if all(plain.failed):
        kinds = ", ".join(f"{kind} {count}" for kind, count in plain.failures.items())
        found.append(f"the model gave no answer at all ({kinds}): nothing is measured")
    elif len(items) > 1 and len(set(_given(task, plain))) == 1:
        found.append("every answer is the same, whatever the image and the question")
    if task.kind is Kind.CHOICE and len({normal(item.reference) for item in items}) == 1:
        found.append("every right answer is the same: this does not measure telling one from another")
    for name, (places, answers) in asked.controls.items():
        if all(plain.failed):
            break
        silent = _answered(task, answers).count(False)
        if silent:
            of = f"{silent} of {len(places)} questions under the control {name}"
            found.append(f"the model gave no answer to {of}: on these it is not compared")
        if silent < len(places) and _given(task, answers) == [_given(task, plain)[i] for i in places]:
            found.append(f"every answer is the same under the control {name}: the images change nothing")
    if clusters < 2:
        found.append("all items are of one patient or film: there is no interval")
    elif clusters < FEWEST:
        found.append(f"only {clusters} patients or films: the interval is a rough one")
    return found


def _given(task: ChexbenchTask, asked: Asked) -> list[str]:
    """What was answered, in a form that can be compared."""
    if task.kind is Kind.CHOICE:
        return [str(chosen) for chosen in asked.picks]
    return [f"{reply.text} {reply.boxes}" for reply in asked.replies]


def _items(
    task: ChexbenchTask, protocol: str, own: Set, items: Sequence[Item], measured: bool
) -> list[ItemScore]:
    """Each item's scores; of F1 the sums over the labels, of which a macro F1 cannot be made again."""
    found = []
    for name, scores in own.items():
        if scores.macro:
            continue
        figure = f"chexbench/{task.slug}/{protocol}/{name}"
        for item, (value, counts) in zip(items, scores.each(), strict=True):
            whose = item.question.id, item.cluster, item.source, item.part
            row = ItemScore(figure, task.version, *whose, value, counts)
            found.append(row if measured else replace(row, value=None, counts=None))
    return found
