"""The commands that need no model, only reports: facts, judge.

Facts(text="Small left pleural effusion.").run().document
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from hilum.cli import inputs, report_files, show
from hilum.cli.command import Base
from hilum.cli.screen import Outcome


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

    Errors are sorted into GREEN's categories a to f. The files hold one report per line, or are CSV or JSONL
    with a column `report` (or `findings` and `impression`) and perhaps an `id`, by which they are paired.

    Example:
      hilum judge --references references.txt --candidates candidates.txt --json
    """

    references: Path
    """What is true: one report per line, CSV or JSONL."""
    candidates: Path
    """What is to be judged, in the same order or with the same ids."""

    def run(self) -> Outcome:
        """Judge."""
        from hilum.judge import score

        references, candidates = report_files.paired(self.references, self.candidates)
        document = score([row.text for row in references], [row.text for row in candidates]).to_json()
        for row, reference in zip(document["reports"], references, strict=True):
            if reference.id is not None:
                row["id"] = reference.id
        return Outcome(document, show.verdicts(document))
