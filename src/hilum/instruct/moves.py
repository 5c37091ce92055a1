"""What the leak guard moved and why: another study of the patient, the same pixels, or a copy of a film.

moves_of(guard.settle())[-1].studies                # how many studies a copy moved
overlap_of(splits, np.ones(studies, bool)).copies   # test images that have a copy in train, had none moved

Both speak of studies by their rows, in the order in which the guard noted them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from hilum.instruct.splits import STRICT, Ranks, Rows, Splits
from hilum.study import Split

EXAMPLES = 10
"""Most moves of a reason that are told one by one."""

TRAIN, TEST = STRICT.index(Split.TRAIN), STRICT.index(Split.TEST)


class Reason(StrEnum):
    """Why a study left the split it asks for, in the order in which the reasons are gone through."""

    PATIENT = "shared patient"
    PIXELS = "same pixels"
    COPY = "copy"


@dataclass(frozen=True)
class Move:
    """One study that moved, and a study for whose sake."""

    study: int
    cause: int
    before: Split
    after: Split


@dataclass(frozen=True)
class Moves:
    """What moved for one reason.

    Args:
        studies: how many.
        examples: the first ones that share the patient or the image with their cause; these may have drawn
            others along.
    """

    reason: Reason
    studies: int
    examples: tuple[Move, ...]


@dataclass(frozen=True)
class Overlap:
    """How many images are asked about in test, and how many of them are in train too.

    Args:
        same: the very image.
        copies: only a copy of it.
    """

    tested: int
    same: int
    copies: int


def moves_of(splits: Splits) -> list[Moves]:
    """What moved, for each reason."""
    study, image = splits.shown
    one, other = splits.copies
    patient = splits.patients.place(splits.owners)
    of_study, of_patient, of_pixels = splits.asked
    first = _first_study(splits)
    pairs = np.arange(len(one))
    # Of each reason: studies, what joins them, and how many such things there are.
    joined = (
        (np.arange(len(patient)), patient, len(splits.patients.keys)),
        (study, image, len(splits.images.keys)),
        (first[np.concatenate([one, other])], np.concatenate([pairs, pairs]), len(pairs)),
    )
    steps = ((of_study, of_patient), (of_patient, of_pixels), (of_pixels, splits.studies))
    return [
        Moves(reason, int((before != after).sum()), _examples(*link, before, after))
        for reason, link, (before, after) in zip(Reason, joined, steps, strict=True)
    ]


def _first_study(splits: Splits) -> Rows:
    """Of each image the first study that names it."""
    first = np.zeros(len(splits.images.keys), np.intp)
    study, image = splits.shown
    first[image[::-1]] = study[::-1]  # of several values for one place the last stays
    return first


def _examples(study: Rows, link: Rows, links: int, before: Ranks, after: Ranks) -> tuple[Move, ...]:
    """Studies that moved, each with one that it is joined to by a link and that was there already."""
    there = before[study] == after[study]
    # Only the strictest before stay; what is joined goes together.
    cause = np.full(links, -1, np.intp)
    cause[link[there][::-1]] = study[there][::-1]
    found: dict[int, int] = {}
    for place in np.flatnonzero(~there & (cause[link] >= 0)):
        found.setdefault(int(study[place]), int(cause[link[place]]))
        if len(found) == EXAMPLES:
            break
    return tuple(Move(row, by, STRICT[before[row]], STRICT[after[row]]) for row, by in found.items())


def overlap_of(splits: Splits, rows: npt.NDArray[np.bool_]) -> Overlap:
    """Images that some studies (by row) ask to be tested on, and that any study asks to be learned from.

    It speaks of what every study asks for by itself, before anything is moved.
    """
    (study, image), (one, other) = splits.shown, splits.copies
    asked = splits.asked[0][study]
    learned = np.zeros(len(splits.images.keys), np.bool_)
    learned[image[asked == TRAIN]] = True
    copied = np.zeros_like(learned)
    copied[one[learned[other]]] = True
    copied[other[learned[one]]] = True
    tested = np.unique(image[(asked == TEST) & rows[study]])
    same = learned[tested]
    return Overlap(len(tested), int(same.sum()), int((copied[tested] & ~same).sum()))


def copies_between_patients(splits: Splits) -> int:
    """How many pairs of copies are of different patients."""
    owner = splits.owners[_first_study(splits)]
    one, other = splits.copies
    return int((owner[one] != owner[other]).sum())


def to_json(
    splits: Splits,
    compared: int | None,
    sources: Mapping[str, npt.NDArray[np.bool_]],
    ids: Callable[[Sequence[int]], Mapping[int, str]],
) -> dict[str, Any]:
    """What `card.json` says of the leak guard.

    Args:
        compared: images among which copies were looked for; None when none were.
        sources: which studies, by row, are of each.
        ids: rows of studies → their ids.
    """
    moves = moves_of(splits)
    names = ids(sorted({row for own in moves for move in own.examples for row in (move.study, move.cause)}))
    found = {name: overlap_of(splits, rows) for name, rows in sources.items()}
    return {
        "compared": compared,
        "copies": None if compared is None else copies_between_patients(splits),
        "moved": [
            {
                "reason": own.reason.value,
                "studies": own.studies,
                "examples": [
                    {
                        "study": names[move.study],
                        "with": names[move.cause],
                        "from": move.before.value,
                        "to": move.after.value,
                    }
                    for move in own.examples
                ],
            }
            for own in moves
        ],
        "test_images_in_train": [
            {"source": name, "test_images": own.tested, "same_pixels": own.same, "copies": own.copies}
            for name, own in found.items()
            if own.same or own.copies
        ],
    }
