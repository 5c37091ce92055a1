"""How far a build is, on standard error.

with Meter() as meter:
    for result in meter.follow("phantom", results, total=100, done=len): ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_Item = TypeVar("_Item")


class Meter:
    """Progress bars; silent where nobody watches."""

    def __init__(self, shown: bool = True) -> None:
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self._bars = Progress(*columns, console=console, disable=not (shown and console.is_terminal))

    def __enter__(self) -> Meter:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def follow(
        self, name: str, items: Iterable[_Item], total: int | None, done: Callable[[_Item], int]
    ) -> Iterator[_Item]:
        """The items as they come, counted.

        Args:
            done: how much of the total an item is.
        """
        bar = self._bars.add_task(name, total=total)
        for item in items:
            yield item
            self._bars.advance(bar, done(item))
        if total is None:
            self._bars.update(bar, total=self._bars.tasks[bar].completed)
