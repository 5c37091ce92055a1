"""Studies with known content, made without a file."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from hilum.errors import DataError
from hilum.instruct.label_state import Balance, LabelState, total
from hilum.instruct.records import RegionRecord, StudyRecord
from hilum.study import (
    Change,
    Fact,
    Finding,
    Pixels,
    Position,
    Presence,
    Region,
    Report,
    Severity,
    Side,
    Site,
    Study,
    View,
)

BOX = (0.5, 0.5, 0.9, 0.9)
EFFUSION = Fact(
    Finding.PLEURAL_EFFUSION, side=Side.LEFT, site=Site.BASAL, severity=Severity.MILD, change=Change.WORSENED
)
REPORT = Report(
    "Cough.", "", "Small left pleural effusion. The heart is normal in size.", "Small left effusion."
)


class Film:
    """Loads a picture of grey noise, always the same for one number; picklable, as views must be."""

    def __init__(self, number: int, shape: tuple[int, int] = (40, 40)) -> None:
        self.number, self.shape = number, shape

    def __call__(self) -> Pixels:
        return np.random.default_rng(self.number).random(self.shape, dtype=np.float32)


class Broken:
    """A picture that cannot be read."""

    def __call__(self) -> Pixels:
        raise DataError("film.png", "is cut off", "get it again")


def view(name: str, load: Callable[[], Pixels] | None = None, position: Position = Position.PA) -> View:
    number = sum(map(ord, name))
    return View(name, load or Film(number), position)


def study(name: str = "s", patient: str = "p", **fields) -> Study:
    given = {
        "views": (view(f"{name}-pa"),),
        "report": REPORT,
        "facts": (EFFUSION,),
        "facts_complete": True,
        "regions": (Region(BOX, "small left pleural effusion", Finding.PLEURAL_EFFUSION, Side.LEFT),),
    }
    return Study(name, patient, "folder", **(given | fields))


def record(name: str = "s", *facts: Fact, complete: bool = True, **fields) -> StudyRecord:
    """A record with a PA image and the facts given; each with a box."""
    regions = tuple(
        RegionRecord(0, fact.finding, f"the {fact.finding.value.lower()}", BOX, fact.side)
        for fact in facts
        if fact.presence is Presence.PRESENT
    )
    given = {
        "image_ids": (f"{name}-image",),
        "positions": (Position.PA,),
        "facts": facts,
        "facts_complete": complete,
        "regions": regions,
        "report": REPORT,
    }
    return StudyRecord(name, f"patient of {name}", "phantom", **(given | fields))


def balance_of(*records: StudyRecord) -> Balance:
    return Balance(total(LabelState(one).tally() for one in records))


def own_process(_: int) -> int:
    """The process this runs in."""
    return os.getpid()


def fail(_: int) -> None:
    """An error of our own."""
    raise DataError("film", "is broken", "fix it")
