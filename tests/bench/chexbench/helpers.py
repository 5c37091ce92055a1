"""A CheXbench JSON in its exact layout with all ten tasks, and models that answer by rule."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from hilum.bench.adapters import Question, Reply
from hilum.bench.chexbench import Item
from hilum.images import write_png
from hilum.study import write_box

CHOICES = {
    "View Classification": ["PA", "AP", "lateral"],
    "Binary Disease Classification": ["yes", "no"],
    "Single Disease Identification": ["edema", "pneumothorax", "fracture", "consolidation"],
    "Multiple Disease Identification": ["edema, fracture", "edema, mass", "mass, nodule", "fracture, nodule"],
    "Temporal Classification": ["improving", "stable", "worsening"],
    "Visual Question Answering": ["left", "right", "both"],
    "Fine-Grained Reasoning": ["left pleural effusion", "right pleural effusion"],
}
REPORTS = [
    "The heart is enlarged. There is a small left pleural effusion. No pneumothorax.",
    "There is pulmonary edema. The heart is enlarged.",
    "The lungs are clear. No pleural effusion or pneumothorax.",
    "There is consolidation in the right lower lobe. There is atelectasis at the left base.",
    "Large right pneumothorax. A chest tube is in place.",
]


def document(films: int = 40, seed: int = 0) -> dict[str, list[dict[str, object]]]:
    """Ten tasks of one item a film, each written as CheXbench writes it."""
    rng = random.Random(seed)
    made: dict[str, list[dict[str, object]]] = {}
    for task, words in CHOICES.items():
        made[task] = []
        for i in range(films):
            options = rng.sample(words, len(words))
            row: dict[str, object] = {
                "data_source": ("CheXpert", "MIMIC-CXR")[i % 2],
                "slice": ("female", "male")[i // 2 % 2],
                "image_path": f"{i}.png",
                "question": f"{task}: which of these?",
            }
            row |= {f"option_{j}": option for j, option in enumerate(options)}
            row |= {f"option_{j}": float("nan") for j in range(len(options), 4)}
            row["answer"] = rng.randrange(len(options))
            if task == "Temporal Classification":
                row["image_path"] = f"{i}.png|{(i // 2) * 2}.png"
            made[task].append(row)
    made["Phrase Grounding"] = [
        {
            "image_path": [f"{i}.png"],
            "question": "Please locate the following phrase: small left pleural effusion",
            "answer": write_box((x := rng.uniform(0, 0.6), y := rng.uniform(0, 0.6), x + 0.3, y + 0.3)),
        }
        for i in range(films)
    ]
    made["Findings Generation"] = [
        {
            "data_source": "MIMIC-CXR",
            "image_path": [f"{i}.png", f"{(i // 2) * 2}.png"],
            "section_indication": f"Cough for {i} days.",
            "section_findings": rng.choice(REPORTS),
        }
        for i in range(films)
    ]
    made["Findings Summarization"] = [
        {
            "image_path": [f"{i}.png"],
            "section_findings": f"{REPORTS[i % len(REPORTS)]} Film {i}.",
            "section_impression": rng.choice(REPORTS),
        }
        for i in range(films)
    ]
    return made


def write_bench(folder: Path, made: object, films: int = 40) -> tuple[Path, Path]:
    """The JSON and the folder of its images."""
    images = folder / "images"
    for i in range(films):
        write_png(images / f"{i}.png", np.full((8, 8), i / films, np.float32))
    path = folder / "data.json"
    path.write_text(json.dumps(made), encoding="utf-8")
    return path, images


class Rule:
    """A model that answers each question by a function of it, and gives the likelihoods of another."""

    def __init__(
        self,
        answer: Callable[[Question], Reply | str],
        likelihood: Callable[[Question], tuple[float, ...]] | None = None,
    ) -> None:
        self._answer, self._likelihood = answer, likelihood
        self.asked: list[Question] = []

    def answer(self, questions: Sequence[Question]) -> list[Reply]:
        self.asked += questions
        given = [self._answer(question) for question in questions]
        return [Reply(some) if isinstance(some, str) else some for some in given]

    def loglikelihood(self, questions: Sequence[Question]) -> list[tuple[float, ...]]:
        from hilum.errors import UsageError

        if self._likelihood is None:
            raise UsageError("rule", "gives no likelihoods", "ask by generation")
        return [self._likelihood(question) for question in questions]

    def describe(self) -> dict[str, str]:
        return {"name": "rule"}


def letter(place: int) -> str:
    return f"({chr(ord('A') + place)})"


def perfect(items: Sequence[Item]) -> Rule:
    """Knows every answer, wherever it stands among the options, and needs no image."""
    known = {item.question.id: item for item in items}

    def place(question: Question) -> int:
        return question.options.index(known[question.id.partition("#")[0]].reference)

    def answer(question: Question) -> Reply:
        item = known[question.id.partition("#")[0]]
        if question.options:
            return Reply(letter(place(question)))
        return Reply(item.reference, item.boxes)

    return Rule(answer, lambda q: tuple(0.0 if i == place(q) else -1.0 for i in range(len(q.options))))


def guessing(items: Sequence[Item], seed: int) -> Rule:
    """A random option, or the answer of a random item of the task."""
    rng = random.Random(seed)
    of_task: dict[str, list[Item]] = {}
    for item in items:
        of_task.setdefault(item.task, []).append(item)

    def answer(question: Question) -> Reply:
        if question.options:
            return Reply(letter(rng.randrange(len(question.options))))
        other = rng.choice(of_task[question.task])
        return Reply(other.reference, other.boxes)

    return Rule(answer, lambda q: tuple(rng.random() for _ in q.options))
