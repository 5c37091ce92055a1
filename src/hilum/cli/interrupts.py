"""Ctrl-C, SIGTERM and SIGHUP end a command within seconds, whatever it is doing, and let it clear up.

obey_signals()          # KeyboardInterrupt, or Terminated, is raised in what follows
work()
disregard_signals()     # from here on a signal ends the process at once

An exception raised while a module is imported, a kernel compiled, a finaliser run or a file put in its place
is swallowed there, or breaks what C code had begun. The handler therefore looks at the stack: where raising
is not safe, an alarm asks again shortly after. An exception that was swallowed nevertheless is raised again.
What does not come back to Python in time is ended by a thread, without clearing up: the next run does that.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import CodeType, FrameType

from hilum.cli.faults import Terminated

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

PATIENCE = 2.0
"""Seconds after which a command that cannot be stopped safely is ended all the same."""

_AGAIN = 0.02
_SUDDENLY = b"hilum: stopped at once; the next run clears up what this one may have left half-written\n"
_NEVER_IN = (
    "concurrent.futures.process",
    "ctypes",
    "hilum.files",
    "importlib",
    "llvmlite",
    "multiprocessing.forkserver",
    "multiprocessing.popen",
    "multiprocessing.resource_tracker",
    "numba",
    "tempfile",
    "weakref",
)
"""Modules in the midst of whose code nothing is raised, by the beginning of their names."""


class _Signals:
    """The first signal that arrived, and what became of it."""

    def __init__(self) -> None:
        self.number = 0
        self.raised: BaseException | None = None
        self.over = False

    def arrived(self, number: int, frame: FrameType | None) -> None:
        """The handler, also of the alarm: raise where that is safe, else ask again."""
        if self.over:
            if number in SIGNALS:
                os._exit(128 + number)
            return
        self.number = self.number or number
        signal.setitimer(signal.ITIMER_REAL, _AGAIN)
        if self._unwinding():
            return
        self.raised = ended_by(self.number) if safe(frame) else None
        if self.raised is not None:
            raise self.raised

    def _unwinding(self) -> bool:
        """Whether the exception is on its way: a second Ctrl-C must not break the clearing up."""
        error, seen = sys.exception(), set[int]()
        while error is not None and id(error) not in seen:
            if error is self.raised:
                return True
            seen.add(id(error))
            error = error.__context__
        return False

    def watch(self, reader: int) -> None:
        """Wait for a signal; from then on end the process when nothing has been raised for too long."""
        number = 0
        while number not in SIGNALS:
            number = os.read(reader, 1)[0]
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.raised is not None or _starts_a_worker():
                deadline = time.monotonic() + PATIENCE
            time.sleep(_AGAIN)
        os.write(2, _SUDDENLY)
        os._exit(128 + number)


def _starts_a_worker() -> bool:
    """Whether the main thread is starting a process, which would be left behind, or waits for one to end."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    return any(module.startswith("multiprocessing.") for module, _ in _stack(frame))


_STATE = _Signals()


def obey_signals() -> None:
    """Let signals end what follows by an exception; processes that it forks just end.

    Signals that this process was started to ignore (`nohup`) stay ignored.
    """
    caught = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    # The system writes each signal's number there even while the main thread is inside compiled code.
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_STATE.watch, args=(reader,), daemon=True).start()
    for number in (*caught, signal.SIGALRM):
        signal.signal(number, _STATE.arrived)
    os.register_at_fork(after_in_child=lambda: _forget(caught))


def _forget(caught: list[signal.Signals]) -> None:
    signal.set_wakeup_fd(-1)
    for number in (*caught, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)


def raise_noted() -> None:
    """Raise what a signal asked for that came too late to find a place where raising is safe."""
    if _STATE.number:
        raise ended_by(_STATE.number)


def disregard_signals() -> None:
    """The command is done, or has been told why not: nothing is raised any more."""
    _STATE.over = True
    signal.setitimer(signal.ITIMER_REAL, 0)


def ended_by(number: int) -> BaseException:
    """The exception that stands for a signal."""
    return KeyboardInterrupt() if number == signal.SIGINT else Terminated(number)


def safe(frame: FrameType | None) -> bool:
    """Whether an exception raised in this frame finds nothing but code that lets it pass."""
    return not any(
        module.startswith(_NEVER_IN)
        or code.co_filename.startswith("<frozen importlib")
        or code.co_name == "__del__"
        for module, code in _stack(frame)
    )


def _stack(frame: FrameType | None) -> Iterator[tuple[str, CodeType]]:
    """The module and the code of a frame and of all that called it."""
    while frame is not None:
        yield str(frame.f_globals.get("__name__", "")), frame.f_code
        frame = frame.f_back
