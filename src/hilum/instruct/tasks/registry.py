"""Every task by its family, how some of them are chosen, and the published ones as a table.

chosen("core") | chosen("view_matching")      # tasks to build
published()[0].pairs                          # CheXinstruct's 37 tasks and 80 pairs of task and source

A new task is a file of this folder with its `SPECS`, and a line in `TASKS`.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache
from typing import Any

from hilum.errors import UsageError, did_you_mean
from hilum.instruct.qa_pairs import Maker
from hilum.instruct.tasks import comparison, core, grounding, perception, question, report, text
from hilum.instruct.tasks.spec import Group, TaskSpec
from hilum.sources import SOURCES
from hilum.study import Task

TASKS: tuple[TaskSpec, ...] = (
    *core.SPECS,
    *perception.SPECS,
    *grounding.SPECS,
    *report.SPECS,
    *question.SPECS,
    *text.SPECS,
    *comparison.SPECS,
)
"""Every task, in the order in which a study's pairs are made."""

CORE: AbstractSet[Task] = frozenset(spec.task for spec in core.SPECS)
"""What is made where nobody asks for other tasks."""


@cache
def makers_of(tasks: frozenset[Task]) -> tuple[Maker, ...]:
    """What draws up the pairs of some tasks, each once."""
    return tuple(dict.fromkeys(make for spec in TASKS if spec.task in tasks for make in spec.makers))


def need_others(tasks: AbstractSet[Task]) -> bool:
    """Whether one of the tasks takes something from other patients' studies."""
    return any(spec.others for spec in TASKS if spec.task in tasks)


def chosen(words: str | Iterable[str]) -> AbstractSet[Task]:
    """Tasks by name, `core`, or `all`: one word, several, or several parted by commas.

    Raises:
        UsageError: an unknown name (the known ones are listed), or none at all.
    """
    several = [words] if isinstance(words, str) else words
    names = [name.strip() for word in several for name in word.split(",") if name.strip()]
    sets = {"core": CORE, "all": frozenset(spec.task for spec in TASKS)}
    known = {**sets, **{spec.task.value: frozenset({spec.task}) for spec in TASKS}}
    for name in names:
        if name not in known:
            raise UsageError(
                name, "is not a task", f"{did_you_mean(name, known)}choose from {', '.join(known)}"
            )
    if not names:
        raise UsageError("--tasks", "names no task", "give core, all, or names parted by commas")
    return frozenset().union(*(known[name] for name in names))


@dataclass(frozen=True)
class Published:
    """One of CheXinstruct's tasks.

    Args:
        tasks: Hilum's, by whose names it is built; several are forms of it.
        sources: those that CheXinstruct asks it of.
    """

    name: str
    version: int
    group: Group
    tasks: tuple[Task, ...]
    needs: tuple[str, ...]
    sources: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As `hilum tasks --json` prints it."""
        return {
            "name": self.name,
            "version": self.version,
            "group": self.group.value,
            "tasks": [task.value for task in self.tasks],
            "needs": list(self.needs),
            "sources": list(self.sources),
        }


def published() -> tuple[Published, ...]:
    """The 37 tasks, group by group; its version changes with that of any of its forms."""
    found = []
    for group in Group:
        specs = [spec for spec in TASKS if spec.group is group and group is not Group.OWN]
        for name in dict.fromkeys(spec.name for spec in specs):
            forms = [spec for spec in specs if spec.name == name]
            sources = tuple(dict.fromkeys(source for form in forms for source in form.sources))
            needs = tuple(form.needs for form in forms)
            version = sum(form.version for form in forms) - len(forms) + 1
            found.append(Published(name, version, group, tuple(f.task for f in forms), needs, sources))
    return tuple(found)


def source_rows() -> list[dict[str, Any]]:
    """The sources as `hilum sources` lists them: each with its terms, its files and its published tasks."""
    tasks = published()
    return [
        {
            "name": source.name,
            "summary": source.summary,
            "access": source.access,
            "licence": source.terms,
            "citation": source.citation,
            "files": source.files,
            "tasks": [task.name for task in tasks if source.name in task.sources],
        }
        for source in SOURCES.values()
    ]


def sources_markdown() -> str:
    """The table of `docs/sources.md`."""
    lines = ["| Name | What it is | Access | Terms | Cite | Tasks |", "|---|---|---|---|---|---|"]
    for row in source_rows():
        tasks = ", ".join(row["tasks"]) or "–"
        cells = (
            f"`{row['name']}`",
            row["summary"],
            row["access"] or "–",
            row["licence"],
            row["citation"],
            tasks,
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def markdown() -> str:
    """The table of `docs/tasks.md`."""
    lines = ["| Task | Version | `--tasks` | A study needs | Sources |", "|---|---|---|---|---|"]
    for group in Group:
        rows = [row for row in published() if row.group is group]
        lines += [f"| **{group.value[:1].upper()}{group.value[1:]}** | | | | |"] if rows else []
        for row in rows:
            names = "<br>".join(f"`{task.value}`" for task in row.tasks)
            sources = ", ".join(f"`{source}`" for source in row.sources)
            lines.append(f"| {row.name} | {row.version} | {names} | {'<br>'.join(row.needs)} | {sources} |")
    lines.append(f"| **{Group.OWN.value}** | | | | |")
    for spec in TASKS:
        if spec.group is Group.OWN:
            lines.append(f"| {spec.name} | {spec.version} | `{spec.task.value}` | {spec.needs} | |")
    return "\n".join(lines) + "\n"
