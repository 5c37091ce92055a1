"""What a comparison, a leaderboard and a model card are written as: a document, Markdown and a page.

require_writable(Path("comparison"), "compare")
write(Path("comparison"), "compare", found.to_json(), markdown, html)    # compare.json, .md, .html
markdown_table(("figure", "value"), [("view", "0.9")])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hilum.files import MARK, require_ours, write_json, write_text


def require_writable(folder: Path, name: str) -> None:
    """Refuse a folder where `write` would replace what Hilum did not write; best asked before any work.

    Raises:
        UsageError: it would.
    """
    for path in _files(folder, name):
        require_ours(path)


def write(folder: Path, name: str, document: Mapping[str, Any], words: str, page: str) -> None:
    """Write `name`.json, `name`.md and `name`.html; what Hilum wrote before is replaced.

    Raises:
        UsageError: a file stands there that Hilum did not write.
    """
    as_json, as_markdown, as_html = _files(folder, name)
    write_json(as_json, {"made_by": MARK, **document})
    write_text(as_markdown, words)
    write_text(as_html, page)


def _files(folder: Path, name: str) -> list[Path]:
    return [folder / f"{name}{ending}" for ending in (".json", ".md", ".html")]


def markdown_table(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A table; what would break a row out of it, or be markup, is made harmless."""
    table = [columns, ["---"] * len(columns), *cells]
    return "\n".join("| " + " | ".join(plain(cell) for cell in row) + " |" for row in table)


def plain(text: str) -> str:
    """A text that Markdown shows as it is, on one line."""
    flat = " ".join(text.split())
    for mark in "\\`*[]|":
        flat = flat.replace(mark, f"\\{mark}")
    return flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
