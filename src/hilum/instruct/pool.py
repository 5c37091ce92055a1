"""Work spread over processes, its results in the order of the work.

with Workers(4) as workers:
    for result in workers.map(function, items): ...
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import chain, islice
from multiprocessing import resource_tracker
from types import TracebackType
from typing import TypeVar

from hilum.errors import DataError, UsageError

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Pending = TypeVar("_Pending")

AHEAD = 2
"""Items given out per worker: one in work, one waiting. More would only fill memory."""


def in_order(
    give: Callable[[_Item], _Pending],
    result: Callable[[_Pending], _Result],
    items: Iterable[_Item],
    workers: int,
) -> Iterator[_Result]:
    """Results in the order of the items, of which no more than `AHEAD` a worker are given out at a time."""
    waiting: deque[_Pending] = deque()
    for item in items:
        waiting.append(give(item))
        if len(waiting) >= AHEAD * workers:
            yield result(waiting.popleft())
    while waiting:
        yield result(waiting.popleft())


class Workers:
    """A pool of processes, started when it is first used; for one worker or item all is done right here.

    Args:
        count: processes, or None for one per core.
        preload: a module to import once for all of them, where the system can fork.
    """

    def __init__(self, count: int | None = None, preload: str = "") -> None:
        if count is not None and count < 1:
            raise UsageError("workers", f"is {count}", "give 1 or more")
        self.count = count or os.cpu_count() or 1
        self._preload = preload
        self._executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None

    def map(self, function: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
        """Results in the order of the items, which are read only as they are needed.

        Raises:
            DataError: a worker ended without an answer, most often for want of memory.
        """
        rest = iter(items)
        first = list(islice(rest, 2))
        if self.count == 1 or len(first) < 2:  # a process takes longer to start than one item takes
            yield from map(function, chain(first, rest))
            return

        def give(item: _Item) -> Future[_Result]:
            with _undisturbed():
                return self._pool().submit(function, item)

        try:
            yield from in_order(give, Future.result, chain(first, rest), self.count)
        except BrokenProcessPool as error:
            raise DataError(
                "worker process",
                "ended without an answer",
                "use fewer workers if memory is short; a script calls this under `if __name__ == '__main__'`",
            ) from error

    def _pool(self) -> ProcessPoolExecutor:
        if self._executor is None:
            self._executor = ProcessPoolExecutor(self.count, self._context(), _start)
        return self._executor

    def _context(self) -> multiprocessing.context.BaseContext:
        if "forkserver" not in multiprocessing.get_all_start_methods():
            return multiprocessing.get_context("spawn")
        context = multiprocessing.get_context("forkserver")
        if self._preload:
            context.set_forkserver_preload([self._preload])
        return context


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C waits until the block has ended.

    A process that starts is deaf to Ctrl-C only once it has imported what it needs; started with the signal
    blocked, it always is. And a parent that broke off while it starts one would leave it without what both
    share: there a handler remembers the signal, since another thread may take it in spite of the mask.
    """
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    resource_tracker.ensure_running()  # its own start would unblock the signal again
    pressed: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGINT, handler)
        if pressed:
            signal.raise_signal(signal.SIGINT)


def _start() -> None:
    """Leave Ctrl-C to the parent, and do not outlive it, whichever way it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)
