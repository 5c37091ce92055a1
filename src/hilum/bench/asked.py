"""The questions of one task with everybody's answers: the model's, the usual one, the model's shown noise.

asked = ask_all(model, population, gather(population, Task.VIEW), Task.VIEW, seed=0, bars=bars)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from hilum.bench.answers import Item, ask
from hilum.bench.baselines import Majority, Noise
from hilum.bench.population import Population
from hilum.model import Model
from hilum.model.answer import Answer
from hilum.progress import Progress
from hilum.study import Task

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


def ask_all(
    model: Model,
    population: Population,
    items: list[Item],
    task: Task,
    seed: int,
    compare: Model | None,
    baselines: bool,
    bars: Progress,
) -> Asked:
    """Put the questions of one task to the model and to what it is compared with.

    Args:
        compare: the model before alignment, asked as well.
        baselines: also give the usual answer, and ask the model shown noise.
    """
    name, pixels_of = task.value.replace("_", " "), population.shards.pixels
    answers = ask(model, items, pixels_of, tick=bars.bar(name, len(items)).advance)
    before: list[Answer] = []
    if compare is not None:
        bar = bars.bar(f"{name}, before alignment", len(items))
        before = ask(compare, items, pixels_of, tick=bar.advance)
    if not baselines:
        return Asked(items, answers, before=before)
    usual = Majority.learn(population.usual(task), task)
    seeing = [i for i, item in enumerate(items) if item.images_in]
    noised = sorted(np.random.default_rng(seed).permutation(seeing)[:NOISED].tolist()) if seeing else []
    some = [items[int(i)] for i in noised]
    noise = Noise(pixels_of, [image for item in some for image in item.images_in], seed=seed)
    blind: list[Answer] = []
    if some:
        blind = ask(model, some, noise, tick=bars.bar(f"{name}, shown noise", len(some)).advance)
    return Asked(items, answers, [usual.answer(item) for item in items], noised, blind, before)


def join(parts: Sequence[Asked]) -> Asked:
    """Several tasks' questions as one list; positions of the noised ones move along."""
    whole = Asked([], [])
    for part in parts:
        whole.noised.extend(len(whole.items) + i for i in part.noised)
        for name in ("items", "answers", "majority", "noise", "before"):
            getattr(whole, name).extend(getattr(part, name))
    return whole
