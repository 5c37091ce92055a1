"""Inline SVG for the report: intervals side by side, curves, boxes. No script, no style of another site.

svg = forest(result.figures)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

from hilum.bench.intervals import Estimate
from hilum.bench.probability import Bin
from hilum.bench.result import Figure
from hilum.bench.tasks import UNRANKED
from hilum.study import Box

_LABEL, _PLOT, _ROW = 190, 470, 30
_MARGIN, _SIDE = 40, 300


def forest(figures: Sequence[Figure]) -> Markup:
    """Figures in [0, 1] as dots with their intervals, the baselines' hollow beneath them on the same line.

    A figure that is not a share (a length ratio) is left out.
    """
    rows = [f for f in figures if f.name not in UNRANKED and f.estimate.value is not None]
    height = _ROW * len(rows) + 34
    parts = [_axis(len(rows))]
    for number, figure in enumerate(rows):
        y = _ROW * number + 18
        parts.append(text(_LABEL - 10, y + 4, figure.title, "end"))
        for k, (kind, estimate) in enumerate(_lines(figure)):
            parts.append(_whisker(estimate, y + 6 * (k - 0.5 * (len(_lines(figure)) - 1)), kind))
    return svg(_LABEL + _PLOT + 20, height, parts, "Figures with 95 % intervals")


def _lines(figure: Figure) -> list[tuple[str, Estimate]]:
    found = [("model", figure.estimate)]
    found += [(name, baseline.estimate) for name, baseline in figure.baselines.items()]
    return [(kind, estimate) for kind, estimate in found if estimate.value is not None]


def _axis(rows: int) -> Markup:
    bottom = _ROW * rows + 8
    parts = []
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x = _LABEL + _PLOT * tick
        parts.append(Markup('<line class="grid" x1="{0}" x2="{0}" y1="4" y2="{1}"/>').format(x, bottom))
        parts.append(text(x, bottom + 16, f"{tick:g}", "middle"))
    return Markup("").join(parts)


def _whisker(estimate: Estimate, y: float, kind: str) -> Markup:
    assert estimate.value is not None
    at = [
        _LABEL + _PLOT * min(1.0, max(0.0, v))
        for v in (estimate.value, estimate.low or 0, estimate.high or 0)
    ]
    line = Markup("")
    if estimate.low is not None:
        line = Markup('<line class="{}" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>').format(
            kind, at[1], at[2], y, y
        )
    dot = Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="4"><title>{} {}</title></circle>')
    return line + dot.format(kind, at[0], y, kind.replace("_", " "), estimate)


def differences(rows: Sequence[tuple[str, Estimate, float | None]]) -> Markup:
    """Differences with their intervals about zero, and how large one must be to be seen, as a band."""
    known = [(name, e, band) for name, e, band in rows if e.value is not None]
    ends = [abs(v) for _, e, band in known for v in (e.value, e.low, e.high, band) if v is not None]
    reach = max(ends, default=0.0) or 1.0
    step = 10.0 ** math.floor(math.log10(reach))
    reach = step * math.ceil(reach / step)

    def x(value: float) -> float:
        return _LABEL + _PLOT * (value / reach + 1) / 2

    parts, bottom = [], _ROW * len(known) + 8
    for tick in (-reach, -reach / 2, 0.0, reach / 2, reach):
        line = Markup('<line class="grid" x1="{0:.1f}" x2="{0:.1f}" y1="4" y2="{1}"/>')
        parts += [line.format(x(tick), bottom), text(x(tick), bottom + 16, f"{tick:+.3g}", "middle")]
    for number, (name, estimate, band) in enumerate(known):
        y = _ROW * number + 18
        parts.append(text(_LABEL - 10, y + 4, name, "end"))
        if band is not None:
            wide = Markup('<rect class="band" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="16"/>')
            parts.append(wide.format(x(-band), y - 8, x(band) - x(-band)))
        low, high = (estimate.value if v is None else v for v in (estimate.low, estimate.high))
        line = Markup('<line class="model" x1="{0:.1f}" x2="{1:.1f}" y1="{2}" y2="{2}"/>')
        dot = Markup('<circle class="model" cx="{:.1f}" cy="{}" r="4"><title>{}</title></circle>')
        parts += [line.format(x(low or 0), x(high or 0), y), dot.format(x(estimate.value or 0), y, estimate)]
    return svg(_LABEL + _PLOT + 20, bottom + 26, parts, "Differences with 95 % intervals")


def curve(points: Sequence[tuple[float, float]], label: str) -> Markup:
    """A loss over the steps of a stage; the axis starts at the lowest loss, not at 0."""
    known = [(x, y) for x, y in points if math.isfinite(y)]
    if len(known) < 2:
        return Markup("")
    width, height, left, bottom = 330, 150, 46, 22
    xs, ys = [x for x, _ in known], [y for _, y in known]
    low, high = min(ys), max(ys)
    spread = (high - low) or 1.0

    def place(x: float, y: float) -> str:
        across = left + (width - left - 8) * (x - xs[0]) / ((xs[-1] - xs[0]) or 1)
        return f"{across:.1f},{8 + (height - bottom - 8) * (high - y) / spread:.1f}"

    line = Markup('<polyline class="curve" points="{}"/>').format(" ".join(place(x, y) for x, y in known))
    parts = [
        line,
        text(left - 6, 14, f"{high:.3g}", "end"),
        text(left - 6, height - bottom, f"{low:.3g}", "end"),
        text(width - 8, height - 5, f"step {xs[-1]:g}", "end"),
        text(left, height - 5, label, "start"),
    ]
    return svg(width, height, parts, f"loss of {label}")


def roc(points: Sequence[tuple[float, float]]) -> Markup:
    """Sensitivity over 1 - specificity at every threshold; the diagonal is chance."""
    line = Markup('<polyline class="roc" points="{}"/>').format(" ".join(_at(x, y) for x, y in points))
    return _square([line], "1 - specificity", "sensitivity")


def reliability(bins: Sequence[Bin]) -> Markup:
    """The observed share over the stated probability, with intervals; on the diagonal the two agree."""
    parts = []
    for part in bins:
        share = part.observed
        if share.value is None:
            continue
        x, y = _at(part.stated, share.value).split(",")
        if share.low is not None and share.high is not None:
            ends = (_at(part.stated, end).split(",")[1] for end in (share.low, share.high))
            whisker = Markup('<line class="model" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>')
            parts.append(whisker.format(x, *ends))
        dot = Markup('<circle class="model" cx="{}" cy="{}" r="4"><title>{} of {}</title></circle>')
        parts.append(dot.format(x, y, share, share.n))
    return _square(parts, "stated probability of yes", "share of yes")


def _at(x: float, y: float) -> str:
    return f"{_MARGIN + _SIDE * x:.1f},{10 + _SIDE * (1 - y):.1f}"


def _square(parts: Sequence[Markup], across: str, up: str) -> Markup:
    """A plot of shares against shares with its diagonal."""
    grid = []
    for tick in (0, 0.25, 0.5, 0.75, 1):
        (x, y), low, high = _at(tick, tick).split(","), 10, 10 + _SIDE
        line = Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>')
        grid += [line.format(x, x, low, high), line.format(_MARGIN, _MARGIN + _SIDE, y, y)]
        grid += [text(float(x), high + 16, f"{tick:g}", "middle")]
        grid += [text(_MARGIN - 6, float(y) + 4, f"{tick:g}", "end")] if tick else []
    (x1, y1), (x2, y2) = (_at(end, end).split(",") for end in (0, 1))
    diagonal = Markup('<line class="diagonal" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(x1, y1, x2, y2)
    names = [text(_MARGIN + _SIDE, 10 + _SIDE + 34, across, "end"), text(_MARGIN + 6, 24, up, "start")]
    size = _MARGIN + _SIDE + 12
    return svg(size, size + 6, [*grid, diagonal, *parts, *names], f"{up} over {across}")


def boxes(truth: Sequence[Box], given: Sequence[Box]) -> Markup:
    """True and given boxes to lay over a picture of any size."""
    parts = [_rectangle(box, "truth") for box in truth] + [_rectangle(box, "given") for box in given]
    return Markup('<svg viewBox="0 0 100 100" preserveAspectRatio="none" class="over">{}</svg>').format(
        Markup("").join(parts)
    )


def _rectangle(box: Box, kind: str) -> Markup:
    x1, y1, x2, y2 = (100 * v for v in box)
    return Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        kind, x1, y1, x2 - x1, y2 - y1
    )


def bars(rows: Sequence[tuple[str, Mapping[str, Estimate]]]) -> Markup:
    """Named pairs of figures in [0, 1] as dots with intervals, one line a name."""
    figures = []
    for number, (name, sides) in enumerate(rows):
        y = _ROW * number + 18
        figures.append(text(_LABEL - 10, y + 4, name, "end"))
        known = [(kind, e) for kind, e in sides.items() if e.value is not None]
        figures += [_whisker(e, y + 7 * (k - 0.5), kind) for k, (kind, e) in enumerate(known)]
    return svg(
        _LABEL + _PLOT + 20, _ROW * len(rows) + 34, [_axis(len(rows)), *figures], "AUROC of each finding"
    )


def text(x: float, y: float, words: str, anchor: str) -> Markup:
    """Words at a place."""
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(x, y, anchor, words)


def svg(width: int, height: int, parts: Sequence[Markup], label: str) -> Markup:
    """A drawing of its parts."""
    head = Markup('<svg viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" aria-label="{2}">')
    return head.format(width, height, escape(label)) + Markup("").join(parts) + Markup("</svg>")
