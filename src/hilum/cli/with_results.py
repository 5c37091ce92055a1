"""The commands that read results of the benchmark: compare, leaderboard, card.

Compare(a=Path("before"), b=Path("after"), out=Path("comparison")).run()
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from hilum.cli import inputs, show
from hilum.cli.command import Base, Number
from hilum.cli.screen import Outcome
from hilum.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Compare(Base):
    """Compare two models on the questions that both answered: differences, p values, what could be seen.

    A and B are folders that `hilum bench … --out FOLDER` wrote. Figures of different versions are not
    compared.

    Example:
      hilum compare bench-before bench-after --out comparison
    """

    a: Annotated[Positional[Path], arg(metavar="A")]
    """The result that is compared with."""
    b: Annotated[Positional[Path], arg(metavar="B")]
    """The result whose gain is asked for."""
    out: Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="")] = None
    """Also write compare.html, compare.md and compare.json into this folder."""
    seed: Number = 0
    """The seed of the resamples and of the random exchanges."""

    def run(self) -> Outcome:
        """Compare."""
        inputs.at_least("--seed", self.seed, 0)
        from hilum.bench.compare import compare
        from hilum.bench.comparison_page import COLUMNS, NAME, rows, write_comparison
        from hilum.bench.documents import require_writable
        from hilum.bench.saved import read_result

        if self.out is not None:
            require_writable(self.out, NAME)
        found = compare(read_result(self.a), read_result(self.b), seed=self.seed)
        if self.out is not None:
            write_comparison(found, self.out)
        notes = [f"not compared: {name}: {reason}" for name, reason in found.refused.items()]
        notes += [f"the page: {self.out / 'compare.html'}"] if self.out is not None else []
        return Outcome(found.to_json(), show.tables([("B less A", COLUMNS, rows(found))], notes))


@dataclass(frozen=True, kw_only=True)
class Leaderboard(Base):
    """Set models side by side: figures with intervals, the best marked with all that do not differ from it.

    Each DIR is a folder that `hilum bench … --out FOLDER` wrote. Results that were measured otherwise, or by
    another version of a task, stand in a table of their own.

    Example:
      hilum leaderboard bench-small bench-large --out leaderboard
    """

    results: Annotated[Positional[tuple[Path, ...]], arg(metavar="DIR...", help_behavior_hint="(required)")]
    """The folders of the results."""
    out: Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="")] = None
    """Also write leaderboard.html, leaderboard.md and leaderboard.json into this folder."""
    seed: Number = 0
    """The seed of the resamples and of the random exchanges."""

    def run(self) -> Outcome:
        """Sort them into tables."""
        inputs.at_least("--seed", self.seed, 0)
        from hilum.bench import leaderboard_page as page
        from hilum.bench.documents import require_writable
        from hilum.bench.leaderboard import leaderboard
        from hilum.bench.saved import read_result

        if self.out is not None:
            require_writable(self.out, page.NAME)
        board = leaderboard([read_result(folder) for folder in self.results], seed=self.seed)
        if self.out is not None:
            page.write_leaderboard(board, self.out)
        ranked = any(cell.best for table in board.tables for row in table.rows for cell in row.cells.values())
        notes = ["* the best, and what does not differ from it significantly"] if ranked else []
        notes += [f"the page: {self.out / 'leaderboard.html'}"] if self.out is not None else []
        shown = [(table.apart, page.columns(table), page.rows(table)) for table in board.tables]
        return Outcome(board.to_json(), show.tables(shown, notes))


@dataclass(frozen=True, kw_only=True)
class Card(Base):
    """Write a model card from results: weights, training data, figures with intervals, caveats.

    Each RESULT is a folder that `hilum bench … --out FOLDER` wrote, all of them of one model. The card has
    the front matter that the Hugging Face Hub reads.

    Example:
      hilum card bench bench-nih --out model-card.md
    """

    results: Annotated[
        Positional[tuple[Path, ...]], arg(metavar="RESULT...", help_behavior_hint="(required)")
    ]
    """The folders of the results."""
    out: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    """The Markdown file to write; without it the card is printed."""

    def run(self) -> Outcome:
        """Write it."""
        from hilum.bench.card import is_card, model_card
        from hilum.bench.saved import read_result
        from hilum.files import require_ours, write_text

        if self.out is not None:
            if self.out.is_dir():
                raise UsageError(self.out, "is a folder", "name a file, such as model-card.md")
            require_ours(self.out, ours=is_card)
        text = model_card([read_result(folder) for folder in self.results])
        if self.out is None:
            return Outcome({"card": text}, show.lines(text))
        write_text(self.out, text, ours=is_card)
        return Outcome({"out": str(self.out)}, show.lines(f"the model card: {self.out}"))
