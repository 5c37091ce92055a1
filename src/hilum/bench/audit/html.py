"""The audit as one HTML file that opens offline, and as JSON: what a paper's supplement can hold.

write(found, Path("audit"))        # audit/audit.html and audit/audit.json
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from markupsafe import Markup

from hilum.bench import plots
from hilum.bench.audit.result import Audit, Calibration, Comparison
from hilum.bench.intervals import Estimate
from hilum.bench.template import environment
from hilum.files import MARK, require_ours, write_json, write_text

_FILES = ("audit.json", "audit.html")

SHOWN = 100
"""Comparisons on the page that were not found; the JSON holds all."""
_WIDTH = 240


def require_writable(folder: str | Path) -> None:
    """Refuse a folder where `write` would replace what Hilum did not write; best asked before any work.

    Raises:
        UsageError: it would.
    """
    for name in _FILES:
        require_ours(Path(folder) / name)


def write(audit: Audit, folder: str | Path, *, title: str = "Hilum fairness audit") -> Path:
    """Write `audit.json` and `audit.html` into a folder and return the page's path."""
    document, page = (Path(folder) / name for name in _FILES)
    write_json(document, {"made_by": MARK, **audit.to_json()})
    found = audit.found
    rest = audit.comparisons[len(found) :]
    html = (
        environment(whisker=_whisker(audit.comparisons), reliability=plots.reliability)
        .get_template("audit/audit.html.j2")
        .render(
            title=title,
            mark=MARK,
            audit=audit,
            shown=(*found, *rest[:SHOWN]),
            hidden=max(0, len(rest) - SHOWN),
            calibration=[(key, list(rows)) for key, rows in groupby(audit.calibration, _of)],
        )
    )
    write_text(page, html)
    return page


def _of(row: Calibration) -> tuple[str, str]:
    return row.measure, row.axis


def _whisker(comparisons: Sequence[Comparison]) -> Any:
    """Draws a gap with its interval on one scale for all of them, 0 in the middle."""
    ends = [abs(v) for c in comparisons for v in (c.gap.low, c.gap.high, c.gap.value) if v is not None]
    reach = min(1.0, max(ends, default=1.0)) or 1.0

    def place(value: float) -> float:
        return _WIDTH / 2 * (1 + max(-1.0, min(1.0, value / reach)))

    def draw(gap: Estimate, kind: str) -> Markup:
        if gap.value is None:
            return Markup("")
        line = Markup("")
        if gap.low is not None and gap.high is not None:
            line = Markup('<line class="{}" x1="{:.1f}" x2="{:.1f}" y1="9" y2="9"/>').format(
                kind, place(gap.low), place(gap.high)
            )
        svg = Markup(
            '<svg viewBox="0 0 {w} 18" width="{w}" height="18" role="img" aria-label="gap {gap}">'
            '<line class="zero" x1="{m}" x2="{m}" y1="0" y2="18"/>{line}'
            '<circle class="{kind}" cx="{x:.1f}" cy="9" r="4"><title>{gap}</title></circle></svg>'
        )
        return svg.format(w=_WIDTH, m=_WIDTH / 2, gap=gap, line=line, kind=kind, x=place(gap.value))

    return draw
