"""The benchmark as one HTML file that opens offline: pictures inside, no script, nothing to load.

render(result, Path("report.html"), curves={"language": Path("work/instruct/history.jsonl")})
write(result, Path("out"))        # the same as out/report.html, with report.json and items.jsonl
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from hilum.bench import plots
from hilum.bench.items import NAME as ITEMS
from hilum.bench.items import write_items
from hilum.bench.metrics import stated
from hilum.bench.result import BenchResult, ReportShown
from hilum.bench.sides import CATEGORIES
from hilum.bench.tasks import MEANINGS, UNRANKED
from hilum.bench.template import environment
from hilum.files import MARK, require_ours, write_json, write_text
from hilum.reports import extract_facts, phrase
from hilum.study import Fact, Finding, Presence
from hilum.training.log import read_history

_RANK = {"": 0, "absent": 1, "right": 2, "part": 3, "wrong": 4}
"""Where two facts are said by the same words, the worse one colours them."""

HEADLINES = ("finding_f1", "fact_f1", "vqa", "view", "grounding", "judge_score")


_FILES = ("report.json", "report.html", ITEMS)

TITLES = {
    "figures": "How good it is",
    "findings": "Finding by finding",
    "probabilities": "How sure it is",
    "sides": "Left and right",
    "skipped": "Not measured",
    "alignment": "Before and after alignment",
    "reports": "Reports",
    "boxes": "Boxes",
    "drawn": "Drawn from reports",
    "questions": "Questions",
    "codes": "Image codes and back",
    "training": "Training",
    "protocol": "Protocol",
}
"""The sections of the page in their order; one without content is left out."""


@dataclass(frozen=True)
class Marked:
    """A report with its facts coloured, and the facts it misses."""

    html: Markup
    missed: tuple[str, ...]


def render(
    result: BenchResult,
    out_html: str | Path,
    *,
    curves: Mapping[str, Path] | None = None,
    title: str = "Hilum benchmark",
) -> Path:
    """Write the report.

    Args:
        out_html: the file to write; one that Hilum wrote before is replaced.
        curves: name of a stage to its `history.jsonl`.
        title: of the page.

    Raises:
        UsageError: a file stands there that Hilum did not write.
    """
    losses = {name: _losses(path) for name, path in (curves or {}).items()}
    drawings = [plots.curve(points, name) for name, points in losses.items() if len(points) > 1]
    gallery = result.gallery
    content: dict[str, object] = {
        "figures": result.figures,
        "findings": result.findings,
        "probabilities": result.probabilities,
        "sides": result.sides,
        "skipped": result.skipped,
        "alignment": result.alignment,
        "reports": gallery.reports,
        "boxes": gallery.boxes,
        "drawn": gallery.drawn or result.drawing,
        "questions": gallery.questions,
        "codes": result.reconstruction,
        "training": drawings,
        "protocol": result.protocol,
    }
    page = (
        environment(
            marks=_marks, boxes=plots.boxes, columns=columns, roc=plots.roc, reliability=plots.reliability
        )
        .get_template("report.html.j2")
        .render(
            title=title,
            mark=MARK,
            titles=TITLES,
            contents=[name for name in TITLES if content[name]],
            result=result,
            gallery=gallery,
            headlines=[figure for name in HEADLINES for figure in result.figures if figure.name == name],
            forest=plots.forest(result.figures),
            curves=drawings,
            findings=_finding_bars(result),
            meanings=MEANINGS,
            unranked=UNRANKED,
            categories=CATEGORIES,
        )
    )
    path = Path(out_html)
    write_text(path, page)
    return path


def require_writable(folder: str | Path) -> None:
    """Refuse a folder where `write` would replace what Hilum did not write; best asked before any work.

    Raises:
        UsageError: it would.
    """
    for name in _FILES:
        require_ours(Path(folder) / name)


def write(
    result: BenchResult,
    folder: str | Path,
    *,
    curves: Mapping[str, Path] | None = None,
    title: str = "Hilum benchmark",
) -> None:
    """Write `report.json`, `report.html` and `items.jsonl` into a folder; see `render`."""
    document, page, items = (Path(folder) / name for name in _FILES)
    write_items(items, result.items)
    write_json(document, {"made_by": MARK, **result.to_json()})
    render(result, page, curves=curves, title=title)


def columns(count: int, most: int) -> int:
    """Tiles in a row, about `most`, so that the last row of `count` is never a lone tile."""
    if count <= most:
        return max(1, count)
    likely = (n for n in (most, most - 1, *range(most + 1, count + 1)) if n > 1 and count % n != 1)
    return next(likely, most)


def mark(text: str, truth: tuple[Fact, ...]) -> Marked:
    """Colour what a report says: right, right but for side, site or severity, wrong, or rightly absent."""
    true = stated(truth)
    said = extract_facts(text)
    shades = [""] * len(text)
    for fact in said:
        kind = _kind(fact, true)
        start, end = fact.span or (0, 0)
        for place in range(start, min(end, len(text))):
            shades[place] = max(shades[place], kind, key=_RANK.__getitem__)
    found = {fact.finding for fact in stated(said)}
    missed = tuple(phrase(fact, None) for fact in true if fact.finding not in found)
    return Marked(_runs(text, shades), missed)


def _kind(fact: Fact, true: list[Fact]) -> str:
    there = [t for t in true if t.finding is fact.finding]
    if fact.finding is Finding.NO_FINDING:
        return "wrong" if true and fact.presence is not Presence.ABSENT else "absent"
    if fact.presence is Presence.ABSENT:
        return "wrong" if there else "absent"
    if any((t.side, t.site, t.severity) == (fact.side, fact.site, fact.severity) for t in there):
        return "right"
    return "part" if there else "wrong"


def _runs(text: str, shades: list[str]) -> Markup:
    html, start = Markup(""), 0
    for place in range(1, len(text) + 1):
        if place == len(text) or shades[place] != shades[start]:
            words = text[start:place]
            shade = shades[start]
            html += (
                Markup('<mark class="{}">{}</mark>').format(shade, words) if shade else Markup.escape(words)
            )
            start = place
    return html


def _marks(shown: ReportShown) -> dict[str, Marked]:
    texts = {"reference": shown.reference, "before": shown.before, "written": shown.written}
    return {name: mark(text, shown.truth) for name, text in texts.items() if text is not None}


def _losses(path: Path) -> list[tuple[float, float]]:
    return [(float(row["step"]), float(row["loss"])) for row in read_history(path) if "loss" in row]


def _finding_bars(result: BenchResult) -> Markup:
    if result.drawing is None or not result.drawing.findings:
        return Markup("")
    rows = sorted(result.drawing.findings, key=lambda f: -(f.drawn.value or 0))
    return plots.bars([(row.finding, {"real": row.real, "drawn": row.drawn}) for row in rows])
