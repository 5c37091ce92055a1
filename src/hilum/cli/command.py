"""What every command has in common: `--json`, `run`, and how its arguments are written in its help.

@dataclass(frozen=True, kw_only=True)
class Facts(Base):
    text: Annotated[Positional[str], arg(metavar='"REPORT TEXT"')]

Commands are frozen dataclasses. The first line of a docstring is what `hilum --help` shows; the docstrings
under the fields are the help of the options. Rooms are imported inside `run`: `hilum facts` must not wait
for a neural network library. `metadata={"at_least": n}` says how many words a positional tuple needs.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from tyro.conf import Positional, UseAppendAction, arg

from hilum.cli.screen import Outcome
from hilum.errors import UsageError

if TYPE_CHECKING:
    from hilum.judge import Judge

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


@dataclass(frozen=True, kw_only=True)
class WithJudge(Base):
    """The options of a command that judges reports."""

    judge: Annotated[str, arg(metavar="NAME")] = "facts"
    """facts, by rule; green and llm, by a language model; chexbert, radgraph, bertscore and ratescore, by
    trained networks, which need the extra hilum[metrics]; matches, which an invention does not cost anything:
    for studies of over-optimisation alone."""
    endpoint: Annotated[str, arg(metavar="URL#MODEL", help_behavior_hint="")] = ""
    """An OpenAI-compatible endpoint, such as http://127.0.0.1:8000/v1#green. It is sent every report."""
    key_variable: Annotated[str, arg(metavar="NAME")] = "HILUM_ENDPOINT_KEY"
    """The environment variable that holds the endpoint's key."""
    model: Annotated[str, arg(metavar="FOLDER", help_behavior_hint="")] = ""
    """Instead of an endpoint: a language model's folder, or its id on the Hugging Face hub."""
    prompt: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    """Of llm: a text file that says {reference} and {candidate}, and asks for "Score: 0.7" or a JSON object
    with a score, from 0 to 1."""
    length_controlled: bool = False
    """Divide each score by how many times longer than its reference a candidate is."""
    cache: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    """Where verdicts are kept, so that none is paid twice; of reports only what was read in them is kept."""

    def refuse_judge(self, why: str) -> None:
        """Refuse what was said of a judge where none is asked.

        Raises:
            UsageError: an option differs from its default.
        """
        for option in fields(WithJudge):
            if option.name in WithJudge.__annotations__ and getattr(self, option.name) != option.default:
                name = f"--{option.name.replace('_', '-')}"
                raise UsageError(name, f"has no effect: {why}", "leave it out")

    def opened(self, cache: Path | None) -> Judge:
        """The judge that was asked for.

        Args:
            cache: where its verdicts are kept.

        Raises:
            UsageError, DataError: see `hilum.judge.named_judge`.
        """
        from hilum.judge import named_judge

        return named_judge(
            self.judge,
            endpoint=self.endpoint,
            key_variable=self.key_variable,
            model=self.model,
            prompt=self.prompt,
            length_controlled=self.length_controlled,
            cache=cache,
        )
