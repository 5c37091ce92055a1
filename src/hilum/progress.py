"""How far a long piece of work is, on standard error: one look for everything that takes time.

with Progress() as progress:
    for study in progress.follow("read phantom", studies, total=100): ...
    bar = progress.bar("train", total=1000, done=300)
    bar.update(310, note="loss 0.42")

On a terminal these are bars. Elsewhere, in a log, a bar writes a plain line for every tenth of the way, but
none within seconds of its last: work that is soon over is silent.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars

PAUSE = 10.0
"""Seconds between two lines of one bar where there is no terminal."""

_Item = TypeVar("_Item")

_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # colours, the cursor, clearing the screen
    r"|(?:\x1b[P\]X^_]|[\x90\x98\x9d-\x9f])[^\n\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # titles, links
    r"|\x1b[ -/]*[0-~]?"
)
"""What a terminal takes for a command (ECMA-48), as a whole."""

CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but tab and line feed, what turns the direction of writing, and halves of characters."""


def clean(text: str) -> str:
    """A text that commands no terminal: it comes from files, models and other people's errors."""
    return CONTROL.sub("", _SEQUENCE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def headline(name: str, detail: str) -> None:
    """Say that a stage of a run begins; its bars follow."""
    _console().print(f"[bold]{_escaped(name)}[/] [dim]{_escaped(detail)}[/]")


def _console() -> Console:
    # Rich is read only by who shows something: `hilum --help` has no need of it.
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(clean(text))


class Progress:
    """Several bars, one below the other.

    Args:
        shown: False for silence everywhere.
    """

    def __init__(self, shown: bool = True) -> None:
        from rich import progress

        console = _console()
        self._plain = shown and not console.is_terminal
        self._bars = progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeRemainingColumn(),
            progress.TextColumn("{task.fields[note]}", markup=False),
            console=console,
            disable=not shown or self._plain,
        )

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def bar(self, name: str, total: int | None, done: int = 0) -> Bar:
        """A new bar.

        Args:
            total: None where nobody knows.
            done: where the work goes on from.
        """
        return Bar(self._bars, clean(name), total, done, plain=self._plain)

    def follow(
        self,
        name: str,
        items: Iterable[_Item],
        total: int | None,
        size: Callable[[_Item], int] = lambda _: 1,
    ) -> Iterator[_Item]:
        """The items as they come, counted.

        Args:
            size: how much of the total an item is.
        """
        bar = self.bar(name, total)
        for item in items:
            yield item
            bar.advance(size(item))
        bar.finish()


class Bar:
    """One bar; see `Progress.bar`."""

    def __init__(self, bars: Bars, name: str, total: int | None, done: int, *, plain: bool) -> None:
        self._bars, self._name, self._total, self._done, self._plain = bars, name, total, done, plain
        self._task = bars.add_task(name, total=total, completed=done, note="")
        self._said, self._at = self._tenth(), time.monotonic()

    def advance(self, more: int = 1, note: str = "") -> None:
        """Move on by `more`."""
        self.update(self._done + more, note)

    def update(self, done: int, note: str = "") -> None:
        """Move on to `done`.

        Args:
            note: what else there is to say, such as the loss.
        """
        self._done, note = done, clean(note)
        self._bars.update(self._task, completed=done, note=note)
        if self._plain and self._tenth() > self._said and time.monotonic() - self._at >= PAUSE:
            self._said, self._at = self._tenth(), time.monotonic()
            of = "" if self._total is None else f"/{self._total}"
            sys.stderr.write(f"{self._name}: {done}{of}{note and f' · {note}'}\n")
            sys.stderr.flush()

    def finish(self) -> None:
        """Nothing is to come: a total that nobody knew is what was done."""
        if self._total is None:
            self._bars.update(self._task, total=self._done)

    def _tenth(self) -> int:
        """Tenths of the way; doublings where nobody knows how long it is."""
        return self._done.bit_length() if self._total is None else 10 * self._done // max(1, self._total)
