"""A leaderboard as one HTML page, as Markdown and as JSON.

write_leaderboard(leaderboard(results), Path("board"))   # leaderboard.html, leaderboard.md, leaderboard.json
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hilum.bench import documents
from hilum.bench.documents import markdown_table, plain
from hilum.bench.leaderboard import Leaderboard, Table
from hilum.bench.tasks import MEANINGS
from hilum.bench.template import environment
from hilum.files import MARK

NAME = "leaderboard"
"""Of the three files."""


def write_leaderboard(board: Leaderboard, folder: Path) -> None:
    """Write the three files; what Hilum wrote before is replaced.

    Raises:
        UsageError: a file stands there that Hilum did not write.
    """
    documents.write(folder, NAME, board.to_json(), markdown(board), html(board))


def html(board: Leaderboard) -> str:
    """The page."""
    template = environment(differing=differing).get_template("leaderboard.html.j2")
    return template.render(mark=MARK, board=board, meanings=MEANINGS, method=board.to_json()["best"])


def columns(table: Table) -> list[str]:
    """The heads of a table's columns."""
    return ["model", "weights", *(f"{name} v{version}" for name, version in table.figures.items())]


def rows(table: Table, best: str = "* ") -> list[list[str]]:
    """Cells under `columns`; a best figure is marked by `best` before it."""
    found = []
    for row in table.rows:
        cells = [row.cells.get(name) for name in table.figures]
        shown = ["" if c is None else f"{best if c.best else ''}{c.estimate}" for c in cells]
        found.append([row.result.title, row.result.weights, *shown])
    return found


def markdown(board: Leaderboard) -> str:
    """The same tables as Markdown."""
    parts = [f"<!-- {MARK} -->", "# Leaderboard", f"In brackets the 95 % interval. {board.to_json()['best']}"]
    for number, table in enumerate(board.tables, start=1):
        parts.append(f"## Table {number}" + (f": {plain(table.apart)}" if table.apart else ""))
        parts.append(markdown_table(columns(table), rows(table)))
        parts += [f"Not measured with the same software: {plain(words)}." for words in differing(table)]
    parts.append("A mark `*` is before the best. Research use only.")
    return "\n\n".join(parts) + "\n"


def differing(table: Table) -> list[str]:
    """Libraries of which the models of a table had several versions."""
    known: dict[str, set[str]] = {}
    for row in table.rows:
        versions = row.result.protocol.get("versions")
        for library, version in versions.items() if isinstance(versions, Mapping) else ():
            known.setdefault(str(library), set()).add(str(version))
    return [f"{name} {', '.join(sorted(found))}" for name, found in known.items() if len(found) > 1]
