"""The data card as a page, and what all pages of a build have in common: they open offline and run nothing.

write_text(folder / "card.html", card_page(document))       # as card.json holds it
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from hilum.instruct.card import guard_lines, shares
from hilum.study import Split


def render(template: str, **values: Any) -> str:
    """A page from one of this room's templates; every text in it is escaped."""
    environment = Environment(
        loader=PackageLoader("hilum.instruct", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)


def card_page(card: Mapping[str, Any]) -> str:
    """The data card as a page of tables: counts, labels, mixture, leak guard, what was left out, terms.

    Args:
        card: as `card.json` holds it.
    """
    counts: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for row in card["counts"]:
        counts.setdefault((row["source"], row["task"]), {})[row["split"]] = row
    labels: dict[str, list[Mapping[str, Any]]] = {}
    for row in card["labels"]:
        labels.setdefault(row["source"], []).append(row)
    drawn = {(source, task): share for (task, source), share in shares(card).items()}
    return render(
        "card.html.j2",
        card=card,
        splits=[split.value for split in Split],
        counts=counts,
        labels=labels,
        shares=drawn,
        guard=guard_lines(card["leak_guard"]),
    )
