"""Questions, answers and results made by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hilum.bench.answers import Item
from hilum.bench.intervals import Estimate
from hilum.bench.population import Choice, SourceCount
from hilum.bench.result import Baseline, BenchResult, Figure, Gallery, Measured
from hilum.instruct import StudyRecord
from hilum.model.answer import Answer, Prompt
from hilum.study import Fact, Finding, ImageIn, Message, Pixels, Position, Severity, Side, Split, Task, Text

EFFUSION = Fact(Finding.PLEURAL_EFFUSION, side=Side.LEFT, severity=Severity.MILD)
BOX = (0.1, 0.1, 0.5, 0.5)


def item(
    task: Task,
    reference: str = "",
    *,
    name: str = "c",
    study: str = "s",
    patient: str = "p",
    question: str = "?",
    boxes=(),
    truth=(),
    images: Sequence[str] = (),
    drawn: Sequence[str] = (),
) -> Item:
    parts = (*(ImageIn(image) for image in images), Text(question))
    asked = (Message("user", parts),)
    where = tuple(images), tuple(drawn)
    return Item(name, study, patient, "phantom", task, asked, reference, boxes, truth, *where)


def record(study: str, position: Position = Position.PA, **fields) -> StudyRecord:
    given = {"image_ids": (f"{study}-image",), "positions": (position,), "source": "phantom"}
    return StudyRecord(study, **({"patient": f"patient of {study}"} | given | fields))


def pixels_of(image: str) -> Pixels:
    """Grey noise that is always the same for one name."""
    return np.random.default_rng(list(image.encode())).random((16, 16)).astype(np.float32)


class Echo:
    """Answers with the question, what it was shown, and where in its call the prompt stood."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.seeds: list[int] = []

    def answer(self, prompts: Sequence[Prompt], *, seed: int = 0, **_: object) -> list[list[Answer]]:
        self.sizes.append(len(prompts))
        self.seeds.append(seed)
        return [
            [Answer(f"{_words(p)} {' '.join(f'{image.mean():.6f}' for image in p.images)}".strip())]
            for p in prompts
        ]


def _words(prompt: Prompt) -> str:
    return " ".join(part.text for part in prompt.messages[-1].parts if isinstance(part, Text))


def figure(
    name: str, value: float, low: float, high: float, **baselines: tuple[float, float, float]
) -> Figure:
    found = {
        kind: Baseline(Estimate(*bounds, 10), Estimate(value - bounds[0], 0.01, 0.02, 10))
        for kind, bounds in baselines.items()
    }
    return Figure(name, 1, name.title(), f"metric of {name}", Estimate(value, low, high, 10), found)


def result(figures: Sequence[Figure] = (), *, sources: Sequence[str] = ("phantom",), **fields) -> BenchResult:
    counts = tuple(SourceCount(source, 3, patients={"a", "b"}) for source in sources)
    measured = fields.pop("measured", Measured(Choice.TEST, "the test split", counts))
    protocol = {"model": "tiny", "weights": "abc", "interval_of_sensitivity_and_specificity": "Wilson"}
    return BenchResult(tuple(figures), protocol, measured, **({"gallery": Gallery()} | fields))


class Films:
    """Shards of the given studies, all of one split."""

    def __init__(self, *records, split: Split = Split.TRAIN) -> None:
        self.given, self.split = records, split
        self.asked: list[str] = []
        self.problems: dict[str, dict[str, int]] = {}

    def records(self, split):
        return iter(self.given if split is self.split else ())

    def columns(self, table, split, names):
        assert table == "studies"
        return (tuple(getattr(record, name) for name in names) for record in self.records(split))

    def patients(self, split):
        return {}

    def pixels_many(self, ids):
        self.asked = list(ids)
        return np.stack([(255 * pixels_of(image)).astype(np.uint8) for image in ids])
