"""How a person reads an answer: sections, a coloured table, a mean under its rows.

draw = facts(document)
draw(Console())
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_COLOUR = {"present": "red", "absent": "green", "uncertain": "yellow"}
_ERRORS = {
    "a": "false finding",
    "b": "missed finding",
    "c": "wrong site or side",
    "d": "wrong severity",
    "e": "false comparison",
    "f": "missed comparison",
}
"""GREEN's six categories, in short."""

Draw = Callable[[Console], None]


def lines(*texts: str) -> Draw:
    """Plain lines, printed as they are."""

    def draw(console: Console) -> None:
        for text in texts:
            console.print(text, markup=False)

    return draw


def report(sections: Mapping[str, str]) -> Draw:
    """A report's sections under their headings; an empty section is left out."""

    def draw(console: Console) -> None:
        for name in ("indication", "comparison", "findings", "impression"):
            if sections[name]:
                console.print(f"[bold]{name.upper()}[/bold]\n{escape(sections[name])}\n")

    return draw


def facts(rows: Sequence[Mapping[str, Any]]) -> Draw:
    """Facts as a table: red what is present, green what is absent, yellow what is uncertain."""

    def draw(console: Console) -> None:
        if not rows:
            console.print("no fact found")
            return
        table = Table(box=None, header_style="bold", pad_edge=False)
        names = ("finding", "presence", "side", "site", "severity", "change", "span")
        for name in names:
            table.add_column(name)
        for row in rows:
            span = "-".join(map(str, row["span"])) if row["span"] else ""
            cells = [escape(str(row[name] or "")) for name in names[:-1]]
            table.add_row(*cells, escape(span), style=_COLOUR[row["presence"]])
        console.print(table)

    return draw


def verdicts(document: Mapping[str, Any]) -> Draw:
    """Scores per report with what was wrong, and their mean below."""

    def draw(console: Console) -> None:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for name, justify in (
            ("report", "right"),
            ("score", "right"),
            ("matched", "right"),
            ("wrong", "left"),
        ):
            table.add_column(name, justify=justify)  # type: ignore[arg-type]
        for number, row in enumerate(document["reports"], start=1):
            score = escape(row["state"]) if row["score"] is None else f"{row['score']:.3f}"
            table.add_row(str(number), score, str(len(row["matched"])), _wrong(row["errors"]))
        console.print(table)
        mean = document["mean"]
        console.print("mean " + ("undefined: no report could be scored" if mean is None else f"{mean:.3f}"))

    return draw


def _wrong(errors: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    named = []
    for letter, rows in errors.items():
        for row in rows:
            words = (row.get("severity"), row.get("side"), row.get("site"), row["finding"])
            named.append(f"{_ERRORS[letter]}: {' '.join(str(word).lower() for word in words if word)}")
    return escape("; ".join(named))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Draw:
    """Any table; the first column reads from the left, numbers from the right."""

    def draw(console: Console) -> None:
        grid = Table(
            title=escape(title) or None, box=None, header_style="bold", pad_edge=False, title_justify="left"
        )
        for number, name in enumerate(columns):
            grid.add_column(escape(name), justify="right" if number else "left")
        for row in rows:
            grid.add_row(*(escape(cell) for cell in row))
        console.print(grid)

    return draw
