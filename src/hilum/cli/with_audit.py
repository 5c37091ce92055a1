"""The command that compares groups of patients: audit.

Audit(run_folder=Path("quickstart"), source=("phantom",), limit=400).run()
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from hilum.cli import inputs, show
from hilum.cli.command import Number, OnStudies, Run
from hilum.cli.faults import LEFT_OUT
from hilum.cli.screen import Outcome
from hilum.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Audit(OnStudies):
    """Compare a trained model's answers between groups: sex, age, race, group, view, scanner, source.

    For each task, and each pair of those axes: every group's rate with its 95 % interval, its gap to the
    rest, and whether that is more than chance, corrected for the number of comparisons; of yes/no findings
    true and false positive rates and equalised odds; calibration. The worst come first. What the studies do
    not say (race, for instance) is skipped, and said to be.

    Example:
      hilum audit quickstart --source phantom --limit 400 --out audit
    """

    run_folder: Run
    """The run folder of a trained model."""
    min_n: Number = 30
    """Fewest patients of a group: of a smaller one no figure is given."""
    out: Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="")] = None
    """Also write audit.html and audit.json into this folder. One that holds the audit of another model, or of
    other studies, is refused; the same command given again replaces its own."""

    def run(self) -> Outcome:
        """Audit."""
        inputs.at_least("--limit", self.limit)
        inputs.at_least("--min-n", self.min_n, 2)
        inputs.at_least("--seed", self.seed, 0)
        tasks = inputs.tasks(self.task)
        specs = inputs.sources(self.source, self.map)
        from hilum import bench
        from hilum.bench.saved import refuse_other
        from hilum.recipes import audit_run

        if self.out is not None:
            inputs.apart(self.out, self.run_folder, specs)
            bench.require_audit_writable(self.out)
            refuse_other(self.out, {"command": self._command()}, "audit.json")
        found = audit_run(
            self.run_folder,
            specs,
            tasks=tasks,
            split=bench.Choice(self.split) if self.split else None,
            limit=self.limit,
            min_n=self.min_n,
            seed=self.seed,
            command=self._command(),
        )
        notes: list[str] = []
        failure = None
        if self.out is not None:
            try:
                refuse_other(self.out, found.protocol, "audit.json")
                notes = [f"the page: {bench.write_audit(found, self.out)}"]
            except (OSError, UsageError) as error:  # what was found is shown nevertheless
                failure = error
        status = LEFT_OUT if specs and found.measured.faulty else 0
        return Outcome(found.to_json(), show.audit(found, notes), failure, status)

    def _command(self) -> str:
        options = {"split": self.split, "limit": self.limit, "min-n": self.min_n, "seed": self.seed}
        return inputs.given_again(f"hilum audit {self.run_folder.name}", self.source, self.task, options)
