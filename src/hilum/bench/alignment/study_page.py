"""An over-optimisation study as one HTML file that opens offline, and as JSON beside it.

write_study(result, Path("study"), command="hilum align-study run")   # study.html, study.json
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from hilum.bench.alignment.figures import curves
from hilum.bench.alignment.study_result import CellResult, Point, StudyResult
from hilum.bench.template import environment
from hilum.files import MARK, write_json, write_text

FILES = ("study.html", "study.json")


@dataclass(frozen=True)
class Panel:
    """The cells of one judge and one algorithm, and their plots."""

    title: str
    cells: tuple[CellResult, ...]
    plots: tuple[Markup, ...]


def write_study(result: StudyResult, folder: Path, *, command: str) -> None:
    """Write both files; what Hilum wrote there before is replaced.

    Raises:
        UsageError: a file stands there that Hilum did not write.
    """
    page, document = (folder / name for name in FILES)
    write_json(document, {"made_by": MARK, **result.to_json()})
    write_text(page, html(result, command=command))


def html(result: StudyResult, *, command: str) -> str:
    """The page."""
    return (
        environment()
        .get_template("alignment/study.html.j2")
        .render(mark=MARK, result=result, command=command, panels=list(_panels(result)))
    )


def _panels(result: StudyResult) -> Iterator[Panel]:
    groups: dict[tuple[str, str], list[CellResult]] = {}
    for one in result.cells:
        groups.setdefault((one.cell.judge, one.cell.algorithm.value), []).append(one)
    for (judge, algorithm), cells in groups.items():
        plots = (
            curves(_lines(cells, "step", _both), "steps", "reward and truth"),
            curves(_lines(cells, "kl", _both), "√KL", "reward and truth"),
            curves(_lines(cells, "step", ("length_ratio",)), "steps", "words / reference's words"),
            curves(_lines(cells, "step", ("kl",)), "steps", "KL from the start"),
        )
        yield Panel(f"{algorithm} by the judge {judge}", tuple(cells), plots)


_both = ("optimised", "truth")


def _lines(
    cells: Sequence[CellResult], across: str, names: Sequence[str]
) -> dict[str, list[tuple[float, float]]]:
    """A curve for each cell and figure; what is unknown everywhere is left out."""
    lines = {}
    for one in cells:
        for name in names:
            figure = one.cell.optimised if name == "optimised" else name
            points = [(_across(point, across), point.figures[figure].value) for point in one.points]
            known = [(x, y) for x, y in points if y is not None]
            if known:
                lines[f"{figure.replace('_', ' ')}, {one.cell.settings}"] = known
    return lines


def _across(point: Point, name: str) -> float:
    """The step, or the distance from the start as Gao et al. draw it: the root of the KL divergence."""
    return point.step if name == "step" else math.sqrt(max(0.0, point.figures["kl"].value or 0.0))
