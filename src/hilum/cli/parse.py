"""The words after `hilum` become one of the frozen dataclasses of this room.

parse("ask", ["runs/nano", "chest.dcm", "--json", "Is there an effusion?"])

Tyro converts the values and writes the help. Before that the words are put in order here: positional
words may stand anywhere among the options, `--source` and `--task` take several values, and a text that
merely begins with a dash ("- No effusion.") is a text.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import re
import typing
from collections.abc import Sequence
from inspect import getdoc

import tyro

from hilum.cli import (
    with_align,
    with_audit,
    with_bench,
    with_lists,
    with_model,
    with_openbench,
    with_results,
    with_studies,
    with_text,
    with_tokenizers,
)
from hilum.cli.command import Command
from hilum.errors import UsageError, did_you_mean

COMMANDS: dict[str, type[Command]] = {
    "quickstart": with_studies.Quickstart,
    "build": with_studies.Build,
    "leaks": with_studies.Leaks,
    "train": with_studies.Train,
    "align": with_align.Align,
    "align-study": with_align.AlignStudy,
    "report": with_model.ReportImages,
    "ask": with_model.Ask,
    "locate": with_model.Locate,
    "draw": with_model.Draw,
    "facts": with_text.Facts,
    "judge": with_text.Judge,
    "bench": with_bench.Bench,
    "audit": with_audit.Audit,
    "compare": with_results.Compare,
    "leaderboard": with_results.Leaderboard,
    "card": with_results.Card,
    "openbench": with_openbench.Openbench,
    "phantom": with_studies.Phantom,
    "tokenize": with_tokenizers.Tokenize,
    "tokenizer-import": with_tokenizers.TokenizerImport,
    "tasks": with_lists.ListTasks,
    "sources": with_lists.ListSources,
}

_NO_NUMBER = re.compile(
    "(?:(?P<whole>invalid literal for int.*?)|could not convert string to float): (?P<given>'.*')"
)
"""Python's own words for a value that is no number, wherever Tyro tells them."""
_REPEATED = ("source", "task", "tasks", "set")


def overview() -> str:
    """What `hilum --help` prints: every command in one line."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {_summary(kind)}" for name, kind in COMMANDS.items()]
    return "\n".join(
        [
            "usage: hilum COMMAND ... [--json] [--debug]",
            "",
            "Chest X-ray vision-language models, from raw studies to proof. For research only.",
            "",
            "commands:",
            *lines,
            "",
            "`hilum COMMAND --help` shows its options and an example; `hilum --version` the version.",
            "--json prints one JSON document on standard output and nothing else; --debug shows tracebacks.",
            "Start here: hilum quickstart --out quickstart",
        ]
    )


def _summary(kind: type[Command]) -> str:
    return (getdoc(kind) or "").splitlines()[0]


def parse(name: str, words: Sequence[str]) -> Command | None:
    """Read one command's words.

    Returns:
        The command, or None when its help was asked for (and has been printed).

    Raises:
        UsageError: an unknown option, a missing or superfluous word, a value that does not fit.
    """
    kind, prog = COMMANDS[name], f"hilum {name}"
    help_wanted = any(word in ("-h", "--help") for word in _before_end(words))
    ordered = ["--help"] if help_wanted else _order(kind, prog, words)
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(
                kind,
                prog=prog,
                description=getdoc(kind),
                args=ordered,
                config=(tyro.conf.FlagCreatePairsOff,),
            )
    except SystemExit as stop:
        if not stop.code:
            return None
        raise _misused(prog, _first_message(complaint.getvalue())) from None


def _before_end(words: Sequence[str]) -> Sequence[str]:
    return words[: words.index("--")] if "--" in words else words


@dataclasses.dataclass(frozen=True)
class _Word:
    """One argument of a command, as its dataclass declares it."""

    name: str
    positional: bool
    flag: bool
    """True when it stands alone, without a value."""
    at_least: int
    """How many words it must be given."""
    endless: bool
    """True when a positional takes all the words that are left."""
    shown: str


def _declared(kind: type[Command]) -> list[_Word]:
    hints = typing.get_type_hints(kind, include_extras=True)
    words = []
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        hint = hints[field.name]
        marks = getattr(hint, "__metadata__", ())
        positional = tyro.conf.Positional in marks
        optional = field.default is not dataclasses.MISSING
        metavar = next((mark.metavar for mark in marks if getattr(mark, "metavar", None)), field.name.upper())
        named = next((mark.name for mark in marks if getattr(mark, "name", None)), field.name)
        name = named.replace("_", "-")
        words.append(
            _Word(
                name=name,
                positional=positional,
                flag=hint is bool,
                at_least=0 if optional else field.metadata.get("at_least", 1),
                endless=positional and typing.get_origin(typing.get_args(hint)[0]) is tuple,
                shown=metavar if positional else f"--{name}",
            )
        )
    return words


def _order(kind: type[Command], prog: str, words: Sequence[str]) -> list[str]:
    """Options first, then `--`, then the positional words in their order."""
    declared = _declared(kind)
    required = sum(word.at_least for word in declared if word.positional)
    by_flag = {word.name: word for word in declared if not word.positional}
    known = [f"--{flag}" for flag in (*by_flag, "help", "debug")]
    options: list[str] = []
    positional: list[str] = []
    given: set[str] = set()
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if word == "--":
            positional += queue
            break
        if not word.startswith("--") or " " in word.partition("=")[0]:
            positional.append(word)
            continue
        flag, equals, value = word[2:].partition("=")
        if flag not in by_flag or (equals and by_flag[flag].flag):
            raise _misused(prog, f"unknown option {word}", did_you_mean(f"--{flag}", known))
        given.add(flag)
        if by_flag[flag].flag:
            options.append(word)
            continue
        if not equals and not queue:
            raise _misused(prog, f"--{flag} needs a value")
        value = value if equals else queue.pop(0)
        if not value.strip():  # of a path it would mean the current folder
            raise _misused(prog, f"--{flag} is empty")
        # Tied to its flag by "=", a value may begin with a dash.
        options.append(f"--{flag}={value}")
        # `--source A B` means `--source A --source B`, unless B may be a positional still to come.
        while flag in _REPEATED and queue and not queue[0].startswith("-") and len(positional) >= required:
            options.append(f"--{flag}={queue.pop(0)}")
    missing = [word.shown for name, word in by_flag.items() if word.at_least and name not in given]
    if missing or len(positional) < required:
        shown = [word.shown for word in declared if word.positional]
        needs = (shown if len(positional) < required else []) + missing
        raise _misused(prog, f"needs {' '.join(needs)}")
    if len(positional) > required and not any(word.endless for word in declared):
        raise _misused(prog, f"did not expect {positional[required]!r}")
    return [*options, "--", *positional]


def _misused(prog: str, problem: str, hint: str = "") -> UsageError:
    return UsageError(prog, problem, f"{hint}see `{prog} --help`")


def _first_message(box: str) -> str:
    """The first sentence of the box that Tyro draws around a complaint."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip(" │") for line in box.splitlines()]
    inside = [line for line in lines if not line.startswith(("╭", "╰"))]
    rule = next((i for i, line in enumerate(inside) if line.startswith("─")), len(inside))
    said = " ".join(inside[:rule]).removeprefix("Error parsing ").rstrip(".")
    if number := _NO_NUMBER.search(said):
        kind = "whole number" if number["whole"] else "number"
        return f"{said.partition(':')[0]}: {number['given']} is no {kind}"
    # An option that may be left out is None then, which nobody types.
    return re.sub(r"'None', |, 'None'", "", said) or "the words do not fit"
