"""Some studies of each source to look at: images with boxes, report, questions and answers, in one file.

write_gallery(Path("gallery.html"), choices, shards, card)

The page opens offline; every text in it is escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from hilum.files import write_text
from hilum.images import encode_png, shrink
from hilum.instruct.pages import render
from hilum.instruct.records import RegionRecord, StudyRecord, records_of
from hilum.instruct.rows import conversations_of
from hilum.instruct.shards import Shards
from hilum.instruct.task_chunks import TaskResult
from hilum.study import BoxPart, Conversation, ImageIn, ImageOut, Message, Part, Task

STUDIES = 6
"""Studies shown of each source."""
OFFERED = 96
"""Studies these are chosen from: the first ones of the source."""
TURNS = 14
"""Most questions shown of a study."""
TILE = 256
"""Most pixels of a picture's short side."""


@dataclass(frozen=True)
class Exhibit:
    """A study with its conversations."""

    record: StudyRecord
    conversations: tuple[Conversation, ...]


@dataclass
class Choice:
    """The studies shown of one source: of the first, those with images, boxes and report before others."""

    source: str
    offered: int = 0
    exhibits: list[Exhibit] = field(default_factory=list)

    def offer(self, written: TaskResult) -> None:
        """Look at a chunk's studies; after the first few chunks nothing is looked at any more."""
        if self.offered >= OFFERED:
            return
        for split, batch in written.studies.items():
            first = records_of(batch.slice(0, max(0, OFFERED - self.offered)))
            self.offered += len(first)
            said = written.conversations[split]
            ids = pa.array([record.id for record in first], pa.string())
            own = conversations_of(said.filter(pc.is_in(said["study"], ids)))
            for record in first:
                self.exhibits.append(Exhibit(record, tuple(c for c in own if c.study == record.id)))
        self.exhibits = sorted(self.exhibits, key=_worth, reverse=True)[:STUDIES]


def _worth(exhibit: Exhibit) -> tuple[bool, bool, bool, int]:
    record = exhibit.record
    return (
        bool(record.image_ids),
        bool(record.regions),
        record.report is not None,
        min(len({c.task for c in exhibit.conversations}), 8),
    )


@dataclass(frozen=True)
class Picture:
    """An image of the page; boxes are in percent of it, each with its number and what it shows.

    Args:
        height: in percent of the width.
    """

    url: str
    height: float
    caption: str
    boxes: tuple[tuple[int, str, float, float, float, float], ...]


@dataclass(frozen=True)
class Turn:
    """A question and its answer as the page writes them."""

    task: str
    question: str
    answer: str


def write_gallery(path: Path, choices: Sequence[Choice], shards: Shards, card: Mapping[str, Any]) -> None:
    """Write the page.

    Args:
        shards: where the images lie.
        card: as `card.json` holds it.
    """
    sources = [
        (choice.source, [(e.record, _pictures(e.record, shards), _turns(e)) for e in choice.exhibits])
        for choice in choices
    ]
    write_text(path, render("gallery.html.j2", sources=sources, card=card))


def _pictures(record: StudyRecord, shards: Shards) -> list[Picture]:
    pictures = []
    numbered = list(enumerate(record.regions, start=1))
    for view, (image, position) in enumerate(zip(record.image_ids, record.positions, strict=True)):
        boxes = tuple(_drawn(number, region) for number, region in numbered if region.view == view)
        pictures.append(Picture(*_tile(image, shards), position.value, boxes))
    pictures += [Picture(*_tile(image, shards), "the study before", ()) for image in record.prior_image_ids]
    return pictures


def _tile(image: str, shards: Shards) -> tuple[str, float]:
    """A small copy as a URL, and its height in percent of its width."""
    pixels = shrink(shards.pixels(image), TILE)
    url = "data:image/png;base64," + base64.b64encode(encode_png(pixels)).decode("ascii")
    return url, round(100 * pixels.shape[0] / pixels.shape[1], 2)


def _drawn(number: int, region: RegionRecord) -> tuple[int, str, float, float, float, float]:
    x1, y1, x2, y2 = (round(100 * value, 2) for value in region.box)
    name = region.phrase or (region.finding.value.lower() if region.finding else "")
    return number, name, x1, y1, round(x2 - x1, 2), round(y2 - y1, 2)


def _turns(exhibit: Exhibit) -> list[Turn]:
    turns = []
    for conversation in sorted(exhibit.conversations, key=lambda c: list(Task).index(c.task)):
        asked = conversation.messages[0::2]
        for question, answer in zip(asked, conversation.messages[1::2], strict=True):
            name = conversation.task.value.replace("_", " ")
            turns.append(Turn(name, *(_said(message, exhibit.record) for message in (question, answer))))
    return turns[:TURNS]


def _said(message: Message, record: StudyRecord) -> str:
    return " ".join(_words(part, record) for part in message.parts)


def _words(part: Part, record: StudyRecord) -> str:
    match part:
        case ImageIn():
            return f"{part.role}[image]"
        case ImageOut():
            return "[the image is drawn]"
        case BoxPart():
            return _box(part, record)
        case _:
            return part.text


def _box(part: BoxPart, record: StudyRecord) -> str:
    """The number that the box has in the picture; a box of no region is told by its corners."""
    numbers = [number for number, region in enumerate(record.regions, start=1) if region.box == part.box]
    if numbers:
        return f"[box {numbers[0]}]"
    x1, y1, x2, y2 = (round(100 * value) for value in part.box)
    return f"[box from {x1} %, {y1} % to {x2} %, {y2} %]"
