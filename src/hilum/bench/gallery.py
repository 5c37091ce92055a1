"""What a person looks at beside the numbers: a few questions of every kind with what the model made of them.

gallery(Shown(asked, (items, answers), pairs), shards.pixels, records, large=films(shards))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hilum.bench.answers import Item
from hilum.bench.drawing import is_frontal
from hilum.bench.metrics import matched_iou, stated
from hilum.bench.population import Records
from hilum.bench.result import BoxShown, DrawnShown, Gallery, QuestionShown, ReportShown
from hilum.bench.tasks import same_answer
from hilum.bench.training_films import TrainingFilms
from hilum.images import fit
from hilum.instruct import Shards
from hilum.model.answer import Answer
from hilum.study import Pixels, Task

_QUESTIONS = (Task.VQA_CLOSED, Task.VQA_OPEN, Task.BINARY, Task.PROGRESSION, Task.DISEASES)

SHOWN = 384
"""Pixels a side of a film that a person looks at, where the shards keep as many."""

Answers = tuple[Sequence[Item], Sequence[Answer], Sequence[Answer]]
"""Questions, answers, and the answers before alignment where there are any."""


@dataclass(frozen=True)
class Shown:
    """All that can be shown: answers by task, drawn pictures, reconstructed images, films of the training."""

    asked: Mapping[Task, Answers]
    drawn: tuple[Sequence[Item], Sequence[Answer]] = ((), ())
    reconstructed: tuple[tuple[Pixels, Pixels], ...] = ()
    training: TrainingFilms | None = None


def films(shards: Shards) -> Callable[[str], Pixels]:
    """The model's view of an image at a size a person can read, or as large as the shards keep it."""
    frame, whole = shards.frame, Shards(shards.folder)
    assert frame is not None

    def film(image: str) -> Pixels:
        kept = whole.pixels(image)
        return fit(kept, max(frame.size, min(SHOWN, *kept.shape)), frame.fit)

    return film


def gallery(
    shown: Shown,
    pixels_of: Callable[[str], Pixels],
    records: Records,
    *,
    few: int = 8,
    large: Callable[[str], Pixels] | None = None,
) -> Gallery:
    """Choose what to show: the first of each kind in the order of the split, never the best.

    Studies with a finding come before normal ones, which all look alike.

    Args:
        few: of each kind.
        large: pixels of films that stand alone; a real one beside a drawn one is as large as that one.
    """
    film = large or pixels_of
    none: Answers = ((), (), ())
    return Gallery(
        _reports(shown.asked.get(Task.FINDINGS, none), film, few),
        _boxes(shown.asked.get(Task.GROUND, none), film, few),
        _drawn(shown, pixels_of, records, few),
        tuple(q for task in _QUESTIONS for q in _questions(shown.asked.get(task, none), film, 3)),
        shown.reconstructed,
    )


def _telling(items: Sequence[Item], few: int) -> list[int]:
    """Positions of the items to show, those with findings first."""
    order = sorted(range(len(items)), key=lambda i: (not stated(items[i].truth), i))
    return sorted(order[:few])


def _reports(answers: Answers, pixels_of: Callable[[str], Pixels], few: int) -> tuple[ReportShown, ...]:
    items, given, before = answers
    return tuple(
        ReportShown(
            items[i].study,
            tuple(pixels_of(image) for image in items[i].images_in),
            items[i].truth,
            items[i].reference,
            given[i].text,
            before[i].text if before else None,
        )
        for i in _telling(items, few)
    )


def _boxes(answers: Answers, pixels_of: Callable[[str], Pixels], few: int) -> tuple[BoxShown, ...]:
    items, given, _ = answers
    pairs = zip(items[:few], given[:few], strict=True)
    return tuple(
        BoxShown(
            item.study,
            pixels_of(item.images_in[0]),
            item.question,
            item.boxes,
            answer.boxes,
            matched_iou(item.boxes, answer.boxes),
        )
        for item, answer in pairs
    )


def _drawn(
    shown: Shown, pixels_of: Callable[[str], Pixels], records: Records, few: int
) -> tuple[DrawnShown, ...]:
    items, answers = shown.drawn
    fit = [i for i in range(len(items)) if answers[i].image is not None and is_frontal(items[i], records)]
    chosen = [fit[i] for i in _telling([items[i] for i in fit], few)]
    pictures = [picture for i in chosen if (picture := answers[i].image) is not None]
    near = shown.training.nearest(pictures) if shown.training and pictures else [None] * len(pictures)
    return tuple(
        DrawnShown(items[i].study, items[i].question, pixels_of(items[i].images_out[0]), picture, nearest)
        for i, picture, nearest in zip(chosen, pictures, near, strict=True)
    )


def _questions(answers: Answers, pixels_of: Callable[[str], Pixels], few: int) -> tuple[QuestionShown, ...]:
    items, given, _ = answers
    return tuple(
        QuestionShown(
            item.study,
            item.task.value.replace("_", " "),
            pixels_of(item.images_in[-1]) if item.images_in else None,
            item.question,
            item.reference,
            answer.text,
            bool(same_answer(item, answer)),
        )
        for item, answer in zip(items[:few], given[:few], strict=True)
    )
