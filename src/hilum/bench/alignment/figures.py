"""Inline SVG for the pages of alignment: how scores are spread, lengths against lengths, curves side by side.

svg = histogram([0.1, 0.5, 0.5], "score")
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from hilum.bench.plots import svg, text

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 360, 220, 46, 34, 12
_BINS = 20
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf")
"""One for each line; the legend names them too, so that no line is known by its colour alone."""


def histogram(values: Sequence[float], label: str) -> Markup:
    """How often values in [0, 1] occur, in twentieths."""
    counts = [0] * _BINS
    for value in values:
        counts[min(_BINS - 1, int(value * _BINS))] += 1
    most, wide = max(counts) or 1, (_WIDTH - _LEFT - 8) / _BINS
    bar = Markup(
        '<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
    )
    parts = []
    for number, count in enumerate(counts):
        high = (_HEIGHT - _BOTTOM - _TOP) * count / most
        x, y = _LEFT + number * wide, _HEIGHT - _BOTTOM - high
        parts.append(bar.format(x, y, wide - 1, high, count))
    ends = (0.0, 1.0)
    return svg(
        _WIDTH, _HEIGHT, [*parts, *_axes(ends, (0, most), label, "answers")], f"{label} of the answers"
    )


def scatter(points: Sequence[tuple[float, float]], across: str, up: str) -> Markup:
    """Points on equal scales with the diagonal."""
    most = max((max(point) for point in points), default=1.0) or 1.0
    dot = Markup('<circle class="point" cx="{:.1f}" cy="{:.1f}" r="3"/>')
    parts = [dot.format(*_place(x, y, (0, most), (0, most))) for x, y in points]
    (x1, y1), (x2, y2) = (_place(end, end, (0, most), (0, most)) for end in (0.0, most))
    diagonal = Markup('<line class="diagonal" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>')
    parts.append(diagonal.format(x1, y1, x2, y2))
    return svg(_WIDTH, _HEIGHT, [*parts, *_axes((0, most), (0, most), across, up)], f"{up} over {across}")


def curves(lines: Mapping[str, Sequence[tuple[float, float]]], across: str, up: str) -> Markup:
    """Several curves on one pair of axes, named in a legend."""
    known = {
        name: [point for point in points if all(map(math.isfinite, point))] for name, points in lines.items()
    }
    points = [point for some in known.values() for point in some]
    if not points:
        return Markup("")
    xs, ys = ((min(values), max(values)) for values in zip(*points, strict=True))
    ys = ys if ys[1] > ys[0] else (ys[0] - 0.5, ys[1] + 0.5)
    line = Markup('<polyline fill="none" stroke="{}" stroke-width="2" stroke-dasharray="{}" points="{}"/>')
    parts = []
    for number, (name, some) in enumerate(known.items()):
        colour, dashes = COLOURS[number % len(COLOURS)], "none" if number < len(COLOURS) else "5 3"
        at = " ".join("{:.1f},{:.1f}".format(*_place(x, y, xs, ys)) for x, y in some)
        parts.append(line.format(colour, dashes, at))
        y = _HEIGHT + 14 * (number + 1)
        parts.append(line.format(colour, dashes, f"{_LEFT},{y - 4} {_LEFT + 22},{y - 4}"))
        parts.append(text(_LEFT + 28, y, name, "start"))
    height = _HEIGHT + 14 * len(known) + 8
    return svg(_WIDTH, height, [*_axes(xs, ys, across, up), *parts], f"{up} over {across}")


def _place(x: float, y: float, xs: tuple[float, float], ys: tuple[float, float]) -> tuple[float, float]:
    """A point of the plot in pixels."""
    right, high = _WIDTH - _LEFT - 8, _HEIGHT - _BOTTOM - _TOP
    over = (x - xs[0]) / ((xs[1] - xs[0]) or 1)
    return _LEFT + right * over, _TOP + high * (1 - (y - ys[0]) / ((ys[1] - ys[0]) or 1))


def _axes(xs: tuple[float, float], ys: tuple[float, float], across: str, up: str) -> list[Markup]:
    line = Markup('<line class="grid" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>')
    parts = []
    for share in (0.0, 0.5, 1.0):
        x, y = (low + share * (high - low) for low, high in (xs, ys))
        at, level = _place(x, y, xs, ys)
        parts += [line.format(at, at, _TOP, _HEIGHT - _BOTTOM), line.format(_LEFT, _WIDTH - 8, level, level)]
        anchor = "end" if share == 1 else "middle"  # the last would reach beyond the edge
        parts.append(text(at, _HEIGHT - _BOTTOM + 14, f"{x:.3g}", anchor))
        parts.append(text(_LEFT - 5, level + 4, f"{y:.3g}", "end"))
    parts.append(text(_WIDTH - 8, _HEIGHT - 4, across, "end"))
    return [*parts, text(_LEFT + 4, _TOP + 8, up, "start")]
