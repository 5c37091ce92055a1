"""The commands that list what Hilum knows: tasks, sources.

ListTasks().run().document[0]["name"]      # "Temporal Image Classification"
"""

from __future__ import annotations

from dataclasses import dataclass

from hilum.cli import show
from hilum.cli.command import Base
from hilum.cli.screen import Outcome


@dataclass(frozen=True, kw_only=True)
class ListTasks(Base):
    """List CheXinstruct's 37 tasks: version, group, sources, and their names for `hilum build --tasks`.

    Example:
      hilum tasks
      hilum tasks --json
    """

    def run(self) -> Outcome:
        """List."""
        from hilum.instruct import published

        rows = [row.to_json() for row in published()]
        return Outcome(rows, show.rows(rows, ("group", "name", "version", "tasks", "sources")))


@dataclass(frozen=True, kw_only=True)
class ListSources(Base):
    """List the sources: who may have each, on what licence, what files it needs, which tasks it is made for.

    Example:
      hilum sources
      hilum sources --json
    """

    def run(self) -> Outcome:
        """List."""
        from hilum.instruct.tasks.registry import source_rows

        rows = source_rows()
        return Outcome(rows, show.rows(rows, ("name", "access", "licence", "files", "tasks")))
