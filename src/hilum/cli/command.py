"""What every command has in common: `--json`, `run`, and how its arguments are written in its help.

@dataclass(frozen=True, kw_only=True)
class Facts(Base):
    text: Annotated[Positional[str], arg(metavar='"REPORT TEXT"')]

Commands are frozen dataclasses. The first line of a docstring is what `hilum --help` shows; the docstrings
under the fields are the help of the options. Rooms are imported inside `run`: `hilum facts` must not wait
for a neural network library. `metadata={"at_least": n}` says how many words a positional tuple needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Protocol

from tyro.conf import Positional, UseAppendAction, arg

from hilum.cli.screen import Outcome

Run = Annotated[Positional[Path], arg(metavar="RUN")]
Images = Annotated[Positional[tuple[Path, ...]], arg(metavar="IMAGE...", help_behavior_hint="(required)")]
Sources = Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="NAME[=PATH]")]
Maps = Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="FIELD=COLUMN")]
Options = Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="TEXT")]
Made = Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="core|all|NAME,...")]
Tasks = Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="TASK")]
Number = Annotated[int, arg(metavar="N")]
Limit = Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: no limit)")]


class Command(Protocol):
    """What `main` needs of a command."""

    @property
    def json(self) -> bool:
        """Whether to print the outcome's JSON document."""
        ...

    def run(self) -> Outcome:
        """Do the work."""
        ...


@dataclass(frozen=True, kw_only=True)
class Base:
    """The option that every command has."""

    json: bool = False
    """Print one JSON document on standard output and nothing else."""


@dataclass(frozen=True, kw_only=True)
class OnStudies(Base):
    """The options of a command that asks a model about studies."""

    source: Sources = ()
    """A source of studies, repeatable; `hilum build --help` lists the names."""
    map: Maps = ()
    """Of a folder's table: read FIELD from this COLUMN, repeatable; see `hilum build --help`."""
    task: Tasks = ()
    """A task to measure, repeatable; all of them when none is named."""
    split: Annotated[
        Literal["unseen", "test", "all"] | None,
        arg(metavar="unseen|test|all", help_behavior_hint="(default: unseen with --source, else test)"),
    ] = None
    """Which studies to measure. unseen: those of which the model has seen neither an image nor the patient in
    training, so that a source it was not trained on is measured whole (where the run does not hold the data
    it was trained on, this cannot be told, and it is test); test: the tenth of the patients that no training
    touches; all: every study, also those it was trained on. How many studies of how many patients are
    measured, and how many left out, is printed."""
    limit: Limit = None
    """Take at most this many studies of each source; without --source, ask at most this many questions of
    each task."""
    seed: Number = 0
    """The seed of what is drawn at random: questions, resamples, permutations, noise."""
