"""A result of CheXbench as files: report.json, items.jsonl and one HTML page that opens offline.

write(result, Path("out"))
"""

from __future__ import annotations

from pathlib import Path

from hilum.bench.chexbench.result import ChexbenchResult
from hilum.bench.items import NAME, write_items
from hilum.bench.template import environment
from hilum.files import MARK, require_ours, write_json, write_text

_DOCUMENT, _PAGE = "report.json", "report.html"


def require_writable(folder: Path) -> None:
    """Refuse a folder where `write` would replace what Hilum did not write; best asked before any work.

    Raises:
        UsageError: it would.
    """
    for name in (_DOCUMENT, _PAGE, NAME):
        require_ours(folder / name)


def write(result: ChexbenchResult, folder: Path) -> None:
    """Write the three files; those of an earlier result are replaced."""
    write_json(folder / _DOCUMENT, {"made_by": MARK, **result.to_json()})
    write_items(folder / NAME, result.items)
    write_text(folder / _PAGE, render(result))


def render(result: ChexbenchResult) -> str:
    """The page."""
    return environment().get_template("chexbench/page.html.j2").render(mark=MARK, result=result)
