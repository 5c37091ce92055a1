"""The command that builds the open bench.

Openbench(source=("phantom",), out=Path("openbench")).run()
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from hilum.cli import inputs, show
from hilum.cli.command import Base, Limit, Number, Sources
from hilum.cli.screen import Outcome


@dataclass(frozen=True, kw_only=True)
class Openbench(Base):
    """Build a benchmark of CheXbench's ten tasks from the phantom and open sources, in CheXbench's layout.

    Only patients of the test split are asked about. Options and films are chosen so that who does not see the
    films does no better than chance; how well models that see none do is measured and written into card.json.

    Example:
      hilum openbench --out openbench
      hilum openbench --out openbench --source phantom --source nih-chestxray14=data/nih-chestxray14
    """

    out: Path = Path("openbench")
    """The folder to write: data.json, images/, card.json; one that an earlier call wrote is replaced."""
    source: Sources = ("phantom",)
    """A source of studies, repeatable; `hilum build --help` lists the names."""
    items: Number = 120
    """Most items of each task."""
    seed: Number = 0
    """The same seed gives the same bench."""
    limit: Limit = None
    """Read at most this many studies of each source; of the phantom 5,000 when none is given."""
    size: Number = 512
    """Keep films with at most this many pixels on the short side; the phantom is drawn at this size."""
    workers: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: one per core)")] = None
    """Processes."""

    def run(self) -> Outcome:
        """Build it."""
        from hilum.bench.openbench import build

        least = (("--items", self.items, 2), ("--size", self.size, 1), ("--seed", self.seed, 0))
        for name, value, bound in (*least, ("--limit", self.limit, 1), ("--workers", self.workers, 1)):
            inputs.at_least(name, value, bound)
        card = build(
            self.out,
            inputs.sources(self.source),
            items=self.items,
            seed=self.seed,
            limit=self.limit,
            size=self.size,
            workers=self.workers,
        )
        counts = [f"{task}: {about['items']:,} items" for task, about in card["tasks"].items()]
        data, images = self.out / "data.json", self.out / "images"
        ask = f"ask a model: hilum bench RUN --chexbench {data} --images {images}"
        return Outcome(card, show.lines(f"the bench: {self.out}", *counts, ask))
