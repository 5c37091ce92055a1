"""The commands that need no model, only reports: facts, judge.

Facts(text="Small left pleural effusion.").run().document
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from hilum.cli import inputs, show
from hilum.cli.command import Base
from hilum.cli.screen import Outcome
from hilum.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Facts(Base):
    """List what a report states: finding, presence, side, site, severity, change, and where it says so.

    Example:
      hilum facts "Small left pleural effusion. No pneumothorax." --json
    """

    text: Annotated[Positional[str], arg(metavar='"REPORT TEXT"')]
    """The report; "-" reads it from standard input."""

    def run(self) -> Outcome:
        """Extract."""
        from hilum.reports import extract_facts

        found = [fact.to_json() for fact in extract_facts(inputs.checked_report(self.text, "report text"))]
        return Outcome(found, show.facts(found))


@dataclass(frozen=True, kw_only=True)
class Judge(Base):
    """Score candidate reports against reference reports by the facts they state, in [0, 1].

    Errors are sorted into GREEN's categories a to f; both files hold one report per line.

    Example:
      hilum judge --references references.txt --candidates candidates.txt --json
    """

    references: Path
    """What is true, one report per line."""
    candidates: Path
    """What is to be judged, one report per line, in the same order."""

    def run(self) -> Outcome:
        """Judge."""
        from hilum.judge import score

        references, candidates = inputs.read_lines(self.references), inputs.read_lines(self.candidates)
        if len(references) != len(candidates):
            problem = f"has {len(candidates)} lines, {self.references} has {len(references)}"
            raise DataError(self.candidates, problem, "give both the same reports in the same order")
        document = score(references, candidates).to_json()
        return Outcome(document, show.verdicts(document))
