"""Errors that a person can act on: each names the thing, what is wrong with it and the remedy.

The command line prints them as one line (`hilum: error: …`) and exits with `exit_status`:
2 when the command was used wrongly, 1 when the data are at fault.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from difflib import get_close_matches


class HilumError(Exception):
    """Base of every error Hilum raises on purpose.

    Args:
        thing: the file, field or argument at fault, as the user would name it.
        problem: what is wrong with it, in one clause.
        remedy: what the user can do about it, in one clause.
    """

    exit_status = 1

    def __init__(self, thing: str | os.PathLike[str], problem: str, remedy: str = "") -> None:
        self.thing = os.fspath(thing)
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{self.thing}: {problem}" + (f"; {remedy}" if remedy else ""))

    def __reduce__(self) -> tuple[type[HilumError], tuple[str, str, str]]:
        """Survive the trip back from a worker process."""
        return type(self), (self.thing, self.problem, self.remedy)


class DataError(HilumError):
    """The data are at fault: unreadable, inconsistent, missing or not a chest radiograph."""


class NoChestRadiograph(DataError):
    """The header of a file says that it is something else."""


class UsageError(HilumError):
    """The command or call is at fault: an unknown name, an impossible option."""

    exit_status = 2


def a_text(value: object, name: str, example: str, *, blank: bool = True) -> str:
    """A text as given; what is none, a list of texts for example, is refused with the remedy.

    Args:
        value: what a person gave.
        name: what to call it in the error.
        example: what to give instead, in one clause.
        blank: whether it may be empty.

    Raises:
        UsageError: it is no text.
    """
    if not isinstance(value, str):
        raise UsageError(name, f"is a {type(value).__name__}, not a text", example)
    if not blank and not value.strip():
        raise UsageError(name, "is empty", example)
    return value


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The beginning of a remedy when a known word is close to a mistyped one; else nothing."""
    near = get_close_matches(word.lower(), list(known), n=1)
    return f"did you mean {near[0]}? " if near else ""
