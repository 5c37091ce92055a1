"""What is drawn lies where its value says."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from bench.helpers import figure
from hilum.bench.intervals import Estimate
from hilum.bench.plots import (
    _LABEL,
    _MARGIN,
    _PLOT,
    _SIDE,
    bars,
    boxes,
    curve,
    differences,
    forest,
    reliability,
    roc,
)
from hilum.bench.probability import Bin


def circles(svg: str) -> list[tuple[str, float, float]]:
    found = re.findall(r'<circle class="(\w+)" cx="([\d.]+)" cy="([\d.]+)"', svg)
    return [(kind, (float(x) - _LABEL) / _PLOT, float(y)) for kind, x, y in found]


def whiskers(svg: str) -> list[tuple[str, float, float]]:
    found = re.findall(r'<line class="(model|majority|no_image|real|drawn)" x1="([\d.]+)" x2="([\d.]+)"', svg)
    return [(kind, (float(a) - _LABEL) / _PLOT, (float(b) - _LABEL) / _PLOT) for kind, a, b in found]


def words(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_a_forest_has_a_line_for_each_figure_with_its_baselines_on_it():
    figures = [
        figure("view", 0.8, 0.7, 0.9, majority=(0.5, 0.4, 0.6), no_image=(0.3, 0.2, 0.4)),
        figure("vqa", 0.25, 0.2, 0.3),
    ]
    svg = str(forest(figures))
    assert {"View", "Vqa"} <= set(words(svg))
    found = circles(svg)
    assert [(kind, pytest.approx(value, abs=1e-3)) for kind, value, _ in found] == [
        ("model", 0.8),
        ("majority", 0.5),
        ("no_image", 0.3),
        ("model", 0.25),
    ]
    assert [(k, pytest.approx(a, abs=1e-3), pytest.approx(b, abs=1e-3)) for k, a, b in whiskers(svg)] == [
        ("model", 0.7, 0.9),
        ("majority", 0.4, 0.6),
        ("no_image", 0.2, 0.4),
        ("model", 0.2, 0.3),
    ]
    heights = [y for _, _, y in found]
    assert all(b - a == pytest.approx(6) for a, b in pairwise(heights[:3]))
    assert heights[3] - heights[1] == pytest.approx(30), "each figure has a line of its own"
    assert heights[1] == pytest.approx(18), "the marks of a line are centred on its name"
    height = int(re.search(r'height="(\d+)" role', svg).group(1))
    assert height == 2 * 30 + 34
    ticks = [word for word in words(svg) if re.fullmatch(r"[\d.]+", word)]
    assert ticks == ["0", "0.25", "0.5", "0.75", "1"]
    grid = re.findall(r'<line class="grid" x1="([\d.]+)" x2="([\d.]+)" y1="4" y2="68"/>', svg)
    assert [(float(a) - _LABEL) / _PLOT for a, b in grid if a == b] == [0, 0.25, 0.5, 0.75, 1]


AXIS = """\
<line class="grid" x1="190{0}" x2="190{0}" y1="4" y2="38"/>
<text x="190.0" y="54.0" text-anchor="middle">{1}</text>
<line class="grid" x1="307.5" x2="307.5" y1="4" y2="38"/>
<text x="307.5" y="54.0" text-anchor="middle">{2}</text>
<line class="grid" x1="425.0" x2="425.0" y1="4" y2="38"/>
<text x="425.0" y="54.0" text-anchor="middle">{3}</text>
<line class="grid" x1="542.5" x2="542.5" y1="4" y2="38"/>
<text x="542.5" y="54.0" text-anchor="middle">{4}</text>
<line class="grid" x1="660{0}" x2="660{0}" y1="4" y2="38"/>
<text x="660.0" y="54.0" text-anchor="middle">{5}</text>
"""
SHARES = AXIS.format("", 0, 0.25, 0.5, 0.75, 1)
"""The axis of a drawing with one line."""

FOREST = """\
<svg viewBox="0 0 680 64" width="680" height="64" role="img" aria-label="Figures with 95 % intervals">
{}<text x="180.0" y="22.0" text-anchor="end">View</text>
<line class="model" x1="519.0" x2="613.0" y1="15.0" y2="15.0"/>
<circle class="model" cx="566.0" cy="15.0" r="4"><title>model 0.800 [0.700, 0.900]</title></circle>
<line class="no_image" x1="190.0" x2="378.0" y1="21.0" y2="21.0"/>
<circle class="no_image" cx="307.5" cy="21.0" r="4"><title>no image 0.250 [0.000, 0.400]</title></circle>
</svg>"""

BARS = """\
<svg viewBox="0 0 680 64" width="680" height="64" role="img" aria-label="AUROC of each finding">
{}<text x="180.0" y="22.0" text-anchor="end">Edema &lt;1&gt;</text>
<line class="real" x1="566.0" x2="660.0" y1="14.5" y2="14.5"/>
<circle class="real" cx="613.0" cy="14.5" r="4"><title>real 0.900 [0.800, 1.000]</title></circle>
<line class="drawn" x1="425.0" x2="519.0" y1="21.5" y2="21.5"/>
<circle class="drawn" cx="472.0" cy="21.5" r="4"><title>drawn 0.600 [0.500, 0.700]</title></circle>
</svg>"""

DIFFERENCES = """\
<svg viewBox="0 0 680 64" width="680" height="64" role="img" aria-label="Differences with 95 % intervals">
{}<text x="180.0" y="22.0" text-anchor="end">view</text>
<rect class="band" x="346.7" y="10.0" width="156.7" height="16"/>
<line class="model" x1="464.2" x2="660.0" y1="18" y2="18"/>
<circle class="model" cx="581.7" cy="18" r="4"><title>0.200 [0.050, 0.300]</title></circle>
</svg>"""

SQUARE = """\
<svg viewBox="0 0 352 358" width="352" height="358" role="img" aria-label="{1} over {2}">
<line class="grid" x1="40.0" x2="40.0" y1="10" y2="310"/>
<line class="grid" x1="40" x2="340" y1="310.0" y2="310.0"/>
<text x="40.0" y="326.0" text-anchor="middle">0</text>
<line class="grid" x1="115.0" x2="115.0" y1="10" y2="310"/>
<line class="grid" x1="40" x2="340" y1="235.0" y2="235.0"/>
<text x="115.0" y="326.0" text-anchor="middle">0.25</text>
<text x="34.0" y="239.0" text-anchor="end">0.25</text>
<line class="grid" x1="190.0" x2="190.0" y1="10" y2="310"/>
<line class="grid" x1="40" x2="340" y1="160.0" y2="160.0"/>
<text x="190.0" y="326.0" text-anchor="middle">0.5</text>
<text x="34.0" y="164.0" text-anchor="end">0.5</text>
<line class="grid" x1="265.0" x2="265.0" y1="10" y2="310"/>
<line class="grid" x1="40" x2="340" y1="85.0" y2="85.0"/>
<text x="265.0" y="326.0" text-anchor="middle">0.75</text>
<text x="34.0" y="89.0" text-anchor="end">0.75</text>
<line class="grid" x1="340.0" x2="340.0" y1="10" y2="310"/>
<line class="grid" x1="40" x2="340" y1="10.0" y2="10.0"/>
<text x="340.0" y="326.0" text-anchor="middle">1</text>
<text x="34.0" y="14.0" text-anchor="end">1</text>
<line class="diagonal" x1="40.0" y1="310.0" x2="340.0" y2="10.0"/>
{0}<text x="340.0" y="344.0" text-anchor="end">{2}</text>
<text x="46.0" y="24.0" text-anchor="start">{1}</text>
</svg>"""

ROC = '<polyline class="roc" points="40.0,310.0 115.0,85.0 340.0,10.0"/>\n'
BIN = """\
<line class="model" x1="265.0" x2="265.0" y1="235.0" y2="40.0"/>
<circle class="model" cx="265.0" cy="160.0" r="4"><title>0.500 [0.250, 0.900] of 9</title></circle>
"""
HALF = Estimate(0.5, 0.25, 0.9, 9)


@pytest.mark.parametrize(
    ("svg", "expected"),
    [
        (forest([figure("view", 0.8, 0.7, 0.9, no_image=(0.25, 0.0, 0.4))]), FOREST.format(SHARES)),
        (
            bars([("Edema <1>", {"real": Estimate(0.9, 0.8, 1.0, 5), "drawn": Estimate(0.6, 0.5, 0.7, 5)})]),
            BARS.format(SHARES),
        ),
        (
            differences([("view", Estimate(0.2, 0.05, 0.3, 9), 0.1)]),
            DIFFERENCES.format(AXIS.format(".0", -0.3, -0.15, "+0", "+0.15", "+0.3")),
        ),
        (roc([(0, 0), (0.25, 0.75), (1, 1)]), SQUARE.format(ROC, "sensitivity", "1 - specificity")),
        (
            reliability([Bin(0.7, 0.8, 0.75, HALF)]),
            SQUARE.format(BIN, "share of yes", "stated probability of yes"),
        ),
    ],
    ids=["forest", "bars", "differences", "roc", "reliability"],
)
def test_every_line_and_word_of_a_drawing_has_its_place(svg, expected):
    assert re.sub(r"><(?!/?title|/circle|/text)", ">\n<", str(svg)) == expected


@pytest.mark.parametrize(
    ("value", "low", "high", "band", "reach"),
    [
        (0.2, 0.1, 0.24, None, "+0.3"),
        (-0.2, -0.24, -0.1, None, "+0.3"),
        (0.02, 0.01, 0.03, 0.065, "+0.07"),
        (0.2, None, None, 0.9, "+0.9"),
        (0.0, None, None, None, "+1"),
        (3.2, 1.0, 10.0, None, "+10"),
    ],
)
def test_the_axis_of_differences_reaches_to_the_next_round_number(value, low, high, band, reach):
    svg = str(differences([("view", Estimate(value, low, high, 9), band)]))
    ticks = words(svg)[:5]
    assert (ticks[0], ticks[2], ticks[4]) == (reach.replace("+", "-"), "+0", reach)
    known = value if low is None else low, value if high is None else high
    scale = float(reach)
    assert whiskers(svg) == [
        ("model", *(pytest.approx((end / scale + 1) / 2, abs=1e-3) for end in known)),
    ]


def test_a_reliability_bin_without_a_share_hides_none_of_those_after_it():
    svg = str(reliability([_empty(), Bin(0.7, 0.8, 0.75, Estimate(0.5, None, 0.9, 9))]))
    assert svg.count("<circle") == 1
    assert 'class="model" x1' not in svg, "an interval without an end"


def test_a_forest_leaves_out_what_is_no_share_or_has_no_value():
    none = figure("none", 0.5, 0.4, 0.6)
    object.__setattr__(none, "estimate", Estimate(None, None, None, 3))
    svg = str(forest([figure("length", 1.5, 1.4, 1.6), none, figure("view", 0.5, 0.4, 0.6)]))
    assert len(circles(svg)) == 1
    assert "Length" not in words(svg)


def test_a_mark_beyond_the_axis_stays_on_it_and_one_without_an_interval_has_no_whisker():
    svg = str(bars([("Edema", {"real": Estimate(1.2, 1.1, 1.3, 5), "drawn": Estimate(-0.5, None, None, 5)})]))
    assert [(kind, value) for kind, value, _ in circles(svg)] == [("real", 1.0), ("drawn", 0.0)]
    assert whiskers(svg) == [("real", 1.0, 1.0)]


def test_bars_set_two_figures_side_by_side_under_each_name():
    rows = [
        ("Edema", {"real": Estimate(0.9, 0.8, 1.0, 5), "drawn": Estimate(0.6, 0.5, 0.7, 5)}),
        ("Mass", {"real": Estimate(0.7, 0.6, 0.8, 5), "drawn": Estimate(None, None, None, 0)}),
    ]
    found = circles(str(bars(rows)))
    assert [(kind, round(value, 3)) for kind, value, _ in found] == [
        ("real", 0.9),
        ("drawn", 0.6),
        ("real", 0.7),
    ]
    assert found[1][2] - found[0][2] == pytest.approx(7)
    assert found[2][2] - found[0][2] == pytest.approx(30)


def points(svg: str) -> list[tuple[float, float]]:
    [text] = re.findall(r'points="([^"]+)"', svg)
    return [tuple(map(float, pair.split(","))) for pair in text.split()]


def test_a_curve_falls_where_the_loss_falls_and_fills_its_frame():
    svg = str(curve([(0, 4.0), (5, 2.0), (10, 1.0)], "language"))
    found = points(svg)
    assert [x for x, _ in found] == pytest.approx([46, 184, 322])
    assert [y for _, y in found] == pytest.approx([8, 8 + 120 * 2 / 3, 128], abs=0.06)
    assert re.findall(r'text-anchor="(\w+)">([^<]*)<', svg) == [
        ("end", "4"),
        ("end", "1"),
        ("end", "step 10"),
        ("start", "language"),
    ]
    labels = re.findall(r'<text x="([\d.]+)" y="([\d.]+)"', svg)
    assert [(float(x), float(y)) for x, y in labels] == [(40, 14), (40, 128), (322, 145), (46, 145)]
    assert 'aria-label="loss of language"' in svg


def test_a_curve_leaves_out_what_is_not_finite_and_needs_two_points():
    assert len(points(str(curve([(0, 1.0), (1, float("nan")), (2, float("inf")), (3, 0.5)], "x")))) == 2
    assert str(curve([(0, 1.0), (1, float("nan"))], "x")) == ""
    flat = points(str(curve([(0, 1.0), (1, 1.0)], "x")))
    assert [y for _, y in flat] == [8, 8]


def test_boxes_are_laid_over_in_hundredths():
    svg = str(boxes([(0.1, 0.2, 0.5, 0.9)], [(0.0, 0.0, 1.0, 0.25)]))
    assert svg == (
        '<svg viewBox="0 0 100 100" preserveAspectRatio="none" class="over">'
        '<rect class="truth" x="10.0" y="20.0" width="40.0" height="70.0"/>'
        '<rect class="given" x="0.0" y="0.0" width="100.0" height="25.0"/>'
        "</svg>"
    )


def test_a_roc_curve_runs_from_corner_to_corner():
    [points] = re.findall(r'class="roc" points="([^"]*)"', str(roc([(0, 0), (0.25, 0.75), (1, 1)])))
    places = [tuple(map(float, pair.split(","))) for pair in points.split()]
    assert places == [
        (_MARGIN, 10 + _SIDE),
        (_MARGIN + 0.25 * _SIDE, 10 + 0.25 * _SIDE),
        (_MARGIN + _SIDE, 10),
    ]


def test_a_bin_lies_where_the_stated_and_the_observed_share_are():
    svg = str(reliability([Bin(0.7, 0.8, 0.75, Estimate(0.5, 0.25, None, 9)), _empty()]))
    [(_, x, y)] = re.findall(r'<circle class="(\w+)" cx="([\d.]+)" cy="([\d.]+)"', svg)
    assert (float(x), float(y)) == (_MARGIN + 0.75 * _SIDE, 10 + 0.5 * _SIDE)
    assert 'class="model" x1' not in svg, "an interval without an end"


def _empty() -> Bin:
    return Bin(0.1, 0.2, 0.15, Estimate(None, None, None, 0))


def test_no_difference_lies_in_the_middle_and_opposite_ones_opposite():
    rows = [
        ("none", Estimate(0.0, -0.1, 0.1, 9), 0.2),
        ("up", Estimate(0.3, 0.2, 0.4, 9), None),
        ("down", Estimate(-0.3, None, None, 9), None),
        ("unknown", Estimate(None, None, None, 0), None),
    ]
    svg = str(differences(rows))
    middle, up, down = (x for _, x, _ in circles(svg))
    assert middle == pytest.approx(0.5)
    assert up - middle == pytest.approx(middle - down, abs=1e-3)
    assert svg.count('class="band"') == 1
    assert "unknown" not in words(svg)
    assert differences([])
