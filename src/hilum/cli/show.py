"""How a person reads an answer: sections, a coloured table, a mean under its rows.

draw = facts(document)
draw(Console())
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from hilum.bench import Audit, BenchResult
    from hilum.bench.chexbench import ChexbenchResult

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


def report(sections: Mapping[str, Any], notes: Sequence[str] = ()) -> Draw:
    """A report's sections under their headings, an empty one left out, what changed, and notes below."""

    def draw(console: Console) -> None:
        for name in ("indication", "comparison", "findings", "impression"):
            if sections[name]:
                console.print(f"[bold]{name.upper()}[/bold]\n{escape(sections[name])}\n")
        if changes := sections.get("changes"):
            said = "\n".join(f"{finding}: {change}" for finding, change in changes.items())
            console.print(f"[bold]SINCE THE PRIOR IMAGE[/bold]\n{escape(said)}\n")
        lines(*notes)(console)

    return draw


def rows(given: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Draw:
    """Rows as a table of some of their fields, lists in words."""

    def draw(console: Console) -> None:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for name in columns:
            table.add_column(name, overflow="fold")
        for row in given:
            cells = (row[name] for name in columns)
            table.add_row(*(escape(", ".join(c) if isinstance(c, list) else str(c)) for c in cells))
        console.print(table)

    return draw


def facts(rows: Sequence[Mapping[str, Any]]) -> Draw:
    """Facts as a table: red what is present, green what is absent, yellow what is uncertain."""

    def draw(console: Console) -> None:
        if not rows:
            console.print("no fact found")
            return
        table = Table(box=None, header_style="bold", pad_edge=False)
        names = ("finding", "presence", "side", "site", "severity", "change")
        for name in (*names, "details", "span"):
            table.add_column(name)
        for row in rows:
            span = "-".join(map(str, row["span"])) if row["span"] else ""
            cells = [escape(str(row[name] or "")) for name in names]
            details = escape(" ".join(_details(row)))
            table.add_row(*cells, details, escape(span), style=_COLOUR[row["presence"]])
        console.print(table)

    return draw


def verdicts(document: Mapping[str, Any]) -> Draw:
    """Scores per report with what was wrong, and their mean below."""

    def draw(console: Console) -> None:
        grid = Table(box=None, header_style="bold", pad_edge=False)
        for name, justify in (
            ("report", "right"),
            ("score", "right"),
            ("matched", "right"),
            ("wrong", "left"),
        ):
            grid.add_column(name, justify=justify)  # type: ignore[arg-type]
        for number, row in enumerate(document["reports"], start=1):
            score = escape(row["state"]) if row["score"] is None else f"{row['score']:.3f}"
            counts = row.get("counts", {})
            matched = str(counts.get("matched", len(row["matched"])))
            wrong = _wrong(row["errors"]) or _counted(counts) or escape(row.get("detail", ""))
            grid.add_row(escape(str(row.get("id", number))), score, matched, wrong)
        console.print(grid)
        mean = document["mean"]
        console.print("mean " + ("undefined: no reference could be read" if mean is None else f"{mean:.3f}"))
        if document["failed"]:
            console.print(f"{document['failed']} unusable candidates counted as 0")
        if document["left_out"]:
            console.print(f"{document['left_out']} unusable references left out")
        if unjudged := document.get("unjudged"):
            states = ", ".join(f"{count} {state}" for state, count in unjudged.items())
            console.print(f"{sum(unjudged.values())} that the judge could not judge left out: {states}")
        if "requests" in (spent := document.get("spent", {})):
            asked = ("requests", "retries", "prompt_tokens", "completion_tokens", "cached", "duplicates")
            lines(", ".join(f"{spent[name]:,} {name.replace('_', ' ')}" for name in asked))(console)
        rows = [
            [name, "–" if (v := found["value"]) is None else f"{v:.3f}", _ends(found)]
            for metric in document.get("metrics", {}).values()
            for name, found in metric["values"].items()
        ]
        if rows:
            table("", ["metric", "value", "95 % interval"], rows)(console)

    return draw


def _ends(found: Mapping[str, Any]) -> str:
    return "" if found["low"] is None else f"{found['low']:.3f} to {found['high']:.3f}"


def _details(row: Mapping[str, Any]) -> list[str]:
    """What a fact says beyond the columns of the table: "12 mm", "T8", "acute", "stomach"."""
    size, levels, wrong = row.get("size_mm"), row.get("levels") or (), row.get("malposition")
    position = [] if wrong is None else ["malpositioned" if wrong else "well positioned"]
    named = (row.get("acuity"), row.get("tip"))
    return [*([f"{size:g} mm"] if size else []), *levels, *(word for word in named if word), *position]


def _counted(counts: Mapping[str, int]) -> str:
    """Errors that were counted without naming facts: "2 missed finding"."""
    return "; ".join(f"{counts[letter]} {kind}" for letter, kind in _ERRORS.items() if counts.get(letter))


def _wrong(errors: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    named = []
    for letter, rows in errors.items():
        for row in rows:
            change = row.get("change") if letter in "ef" else None
            name = "chest" if change and row["finding"] == "No Finding" else row["finding"]
            words = (change, row.get("severity"), row.get("side"), row.get("site"), name)
            said = [str(word).lower() for word in words if word]
            named.append(f"{_ERRORS[letter]}: {' '.join([*said, *_details(row)])}")
    return escape("; ".join(named))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Draw:
    """Any table; the first column reads from the left, numbers from the right."""

    def draw(console: Console) -> None:
        grid = Table(
            title=escape(title) or None, box=None, header_style="bold", pad_edge=False, title_justify="left"
        )
        for number, name in enumerate(columns):
            # A name that is cut short names nothing.
            grid.add_column(escape(name), justify="right" if number else "left", no_wrap=not number)
        for row in rows:
            grid.add_row(*(escape(cell) for cell in row))
        console.print(grid)

    return draw


def tables(
    found: Sequence[tuple[str, Sequence[str], Sequence[Sequence[str]]]], notes: Sequence[str] = ()
) -> Draw:
    """Several tables, each of a title, columns and rows, and lines below."""

    def draw(console: Console) -> None:
        for title, columns, cells in found:
            table(title, columns, cells)(console)
        lines(*notes)(console)

    return draw


def benchmark(result: BenchResult, notes: Sequence[str]) -> Draw:
    """A benchmark: who was measured, every figure, finding by finding, and what was skipped."""
    document = result.to_json()

    def draw(console: Console) -> None:
        lines(f"measured: {result.measured.why}", *(f"  {count}" for count in result.measured.counts))(
            console
        )
        table("", document["columns"], document["rows"])(console)
        if result.findings:
            table("finding by finding", document["finding_columns"], document["finding_rows"])(console)
        reasons = dict.fromkeys(skipped.reason for skipped in result.skipped)
        for reason in reasons:
            names = ", ".join(skipped.name for skipped in result.skipped if skipped.reason == reason)
            lines(f"skipped: {names}: {reason}")(console)
        lines(*_unreadable(result))(console)
        if not result.complete:
            lines("unfinished: the tasks that were still to come are missing")(console)
        lines(*notes)(console)

    return draw


def chexbench(result: ChexbenchResult, notes: Sequence[str]) -> Draw:
    """CheXbench: every figure, what is to be said of them, and what was left out."""
    document = result.to_json()

    def draw(console: Console) -> None:
        table("", document["columns"], document["rows"])(console)
        lines(*result.lines(), *notes)(console)

    return draw


SHOWN = 20
"""Comparisons of an audit on the screen, beside those that were found."""


def audit(found: Audit, notes: Sequence[str]) -> Draw:
    """An audit: who was measured, what differs, the worst comparisons, and what could not be compared."""
    document = found.to_json()

    def draw(console: Console) -> None:
        lines(f"measured: {found.measured.why}", *(f"  {count}" for count in found.measured.counts))(console)
        lines(found.verdict)(console)
        shown = document["rows"][: max(len(found.found), SHOWN)]
        if shown:
            table("", document["columns"], shown)(console)
        if len(shown) < len(document["rows"]):
            lines(f"and {len(document['rows']) - len(shown)} more: see --json or --out")(console)
        small = {(axis.axis, g.group) for axis in found.axes for g in axis.groups if g.rate is None}
        if small:
            names = ", ".join(f"{axis} {group}" for axis, group in sorted(small) if " × " not in axis)
            fewest = document["protocol"]["fewest_patients"]
            lines(f"fewer than {fewest} patients, for one measure or more: {names or 'of pairs alone'}")(
                console
            )
        lines(*(f"not audited: {axis}: {reason}" for axis, reason in found.skipped_axes.items()))(console)
        lines(*(f"skipped: {skipped.name}: {skipped.reason}" for skipped in found.skipped))(console)
        lines(*notes)(console)

    return draw


def _unreadable(result: BenchResult) -> list[str]:
    fates = {"candidates": "counted 0", "references": "left out"}
    return [
        f"{figure.name}: {count} {kind} cannot be read, {fates[kind]}"
        for figure in result.figures
        for kind, count in figure.unusable.items()
        if count
    ]
