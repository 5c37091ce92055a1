"""A comparison as one HTML page, as Markdown and as JSON.

write_comparison(compare(a, b), Path("comparison"))   # compare.html, compare.md, compare.json
"""

from __future__ import annotations

from pathlib import Path

from hilum.bench import documents
from hilum.bench.compare import Comparison, FigureComparison
from hilum.bench.documents import markdown_table, plain
from hilum.bench.plots import differences
from hilum.bench.tasks import MEANINGS
from hilum.bench.template import environment
from hilum.files import MARK

COLUMNS = (
    "figure",
    "questions / patients",
    "A",
    "B",
    "B less A",
    "p, corrected",
    "smallest that could be seen",
    "verdict",
)
NAME = "compare"
"""Of the three files."""


def write_comparison(found: Comparison, folder: Path) -> None:
    """Write the three files; what Hilum wrote before is replaced.

    Raises:
        UsageError: a file stands there that Hilum did not write.
    """
    documents.write(folder, NAME, found.to_json(), markdown(found), html(found))


def html(found: Comparison) -> str:
    """The page."""
    return (
        environment(p=p_words, unmatched=unmatched)
        .get_template("compare.html.j2")
        .render(
            mark=MARK,
            a=found.a,
            b=found.b,
            figures=found.figures,
            columns=COLUMNS,
            refused=found.refused,
            method=found.to_json()["method"],
            meanings=MEANINGS,
            differences=differences([(f.name, f.difference, f.detectable) for f in found.figures]),
        )
    )


def markdown(found: Comparison) -> str:
    """The same tables as Markdown."""
    lines = [f"<!-- {MARK} -->", f"# {plain(found.a.model)} and {plain(found.b.model)} on the same questions"]
    for letter, side in (("A", found.a), ("B", found.b)):
        lines.append(f"{letter}: {plain(side.title)}, weights {plain(side.weights or 'not told')}.")
    lines.append(markdown_table(COLUMNS, rows(found)))
    if found.refused:
        lines.append("## Not compared")
        lines.append("\n".join(f"- {plain(name)}: {plain(reason)}" for name, reason in found.refused.items()))
    lines.append("## How")
    method = found.to_json()["method"].items()
    lines.append("\n".join(f"- {name.replace('_', ' ')}: {value}" for name, value in method))
    return "\n\n".join(lines) + "\n"


def rows(found: Comparison) -> list[list[str]]:
    """Cells under `COLUMNS`."""
    return [
        [
            f"{figure.name} v{figure.version}",
            f"{figure.n} / {figure.patients}",
            str(figure.a),
            str(figure.b),
            str(figure.difference),
            p_words(figure.p_holm),
            "–" if figure.detectable is None else f"{figure.detectable:.3f}",
            "; ".join(part for part in (figure.verdict, unmatched(figure)) if part),
        ]
        for figure in found.figures
    ]


def unmatched(figure: FigureComparison) -> str:
    """How many questions are left out of the comparison, and why; empty where none is."""
    named = {
        "asked of A alone": figure.only_a,
        "asked of B alone": figure.only_b,
        "without a score on one side": figure.unscored,
    }
    return ", ".join(f"{count} {why}" for why, count in named.items() if count)


def p_words(p: float | None) -> str:
    """A p value as it is printed in papers: never 0."""
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
