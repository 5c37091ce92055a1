"""Boxes: as text, written and read in one place, and how much two of them share.

As CheXagent writes them, corners are in whole percent.

write_box((0.1, 0.2, 0.35, 1.0))                       # "<|box|>(10,20),(35,100)<|/box|>"
parse_boxes("Here: <|box|>(10,20),(35,100)<|/box|>")   # ((0.1, 0.2, 0.35, 1.0),)
"""

from __future__ import annotations

import re

from hilum.study.visits import Box

OPEN, CLOSE = "<|box|>", "<|/box|>"
"""The control tokens around a box."""

_WRITTEN = re.compile(rf"{re.escape(OPEN)}\((\d+),(\d+)\),\((\d+),(\d+)\){re.escape(CLOSE)}")


def write_box(box: Box) -> str:
    """A box as text; the second corner stays beyond the first."""
    x1, y1, x2, y2 = (min(100, max(0, round(100 * v))) for v in box)
    x1, y1 = min(x1, 99), min(y1, 99)
    return f"{OPEN}({x1},{y1}),({max(x2, x1 + 1)},{max(y2, y1 + 1)}){CLOSE}"


def iou(one: Box, other: Box) -> float:
    """Intersection over union of two boxes in the same unit; 0 where they do not meet."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = ((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / (sum(areas) - width * height)


def cut_at_boxes(text: str) -> tuple[str | Box, ...]:
    """A text in pieces: each box that is written in it, and the words before, between and after."""
    if OPEN not in text:
        return (text,) if text else ()
    pieces: list[str | Box] = []
    start = 0
    for match in _WRITTEN.finditer(text):
        x1, y1, x2, y2 = (int(value) / 100 for value in match.groups())
        pieces += [text[start : match.start()], (x1, y1, x2, y2)]
        start = match.end()
    return tuple(piece for piece in (*pieces, text[start:]) if piece)


def parse_boxes(text: str) -> tuple[Box, ...]:
    """The boxes written in a text, as fractions; one without an area or off the image is none."""
    numbers = (tuple(int(v) / 100 for v in found) for found in _WRITTEN.findall(text))
    return tuple((x1, y1, x2, y2) for x1, y1, x2, y2 in numbers if 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1)
