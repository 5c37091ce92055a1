"""What reaches the terminal: one answer on standard output, everything else on standard error.

with only_answers(debug=False):
    outcome = command.run()          # whatever libraries print here goes to standard error
show(outcome, as_json=True)
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hilum.progress import CONTROL, clean

if TYPE_CHECKING:
    from rich.console import Console


PIPED = 2000
"""Columns of a table that goes to another program, to which a broken name would be another name."""


@dataclass(frozen=True)
class Outcome:
    """What a command gives: a JSON document, and how to put the same before a person.

    Args:
        failure: what broke the command off, raised once the document, what was done until then, is shown.
        status: the exit status of a command that was not broken off.
    """

    document: Any
    draw: Callable[[Console], None]
    failure: BaseException | None = None
    status: int = 0


def out(text: str) -> None:
    """Write one text to standard output."""
    print(clean(text))  # noqa: T201


def complain(text: str) -> None:
    """Write one text to standard error."""
    print(clean(text), file=sys.stderr)  # noqa: T201


def show(outcome: Outcome, *, as_json: bool) -> None:
    """Print what a command gave."""
    if as_json:
        text = json.dumps(outcome.document, indent=2, ensure_ascii=False, allow_nan=False)
        out(CONTROL.sub(lambda found: f"\\u{ord(found.group()):04x}", text))
        return
    outcome.draw(_console())


def _console() -> Console:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class Clean(Console):
        """Colours are Rich's own; the text between them is cleaned."""

        def render(
            self, renderable: RenderableType, options: ConsoleOptions | None = None
        ) -> Iterable[Segment]:
            for text, style, control in super().render(renderable, options):
                yield Segment(text if control else clean(text), style, control)

    piped = not sys.stdout.isatty()
    width = PIPED if piped and "COLUMNS" not in os.environ else None
    return Clean(highlight=False, soft_wrap=piped, width=width)


@contextlib.contextmanager
def only_answers(debug: bool) -> Iterator[None]:
    """Send all that is printed in the block to standard error; unless `debug`, silence library chatter.

    Also what compiled code prints: the file descriptor itself is redirected, not only `sys.stdout`.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if not debug:
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
        # Bars of libraries, such as for reading the weights; our own are not among them.
        os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    with contextlib.ExitStack() as stack:
        if not debug:
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            stack.enter_context(_logging_off())
        sys.stdout.flush()
        answers = os.dup(1)
        stack.callback(os.close, answers)
        os.dup2(2, 1)
        stack.callback(os.dup2, answers, 1)
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        yield


@contextlib.contextmanager
def _logging_off() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
