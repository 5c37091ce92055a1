"""What went wrong, in one line that names the thing and the remedy, and the exit status it means.

line, status = explain(error)   # ("error: chest.png: is not an image; …", 1)
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator

from hilum.errors import HilumError

LEFT_OUT = 3
"""What is done, but met faults in what it read."""
INTERRUPTED = 130
PIPE_CLOSED = 141
"""What a shell reports for a program that SIGINT or SIGPIPE ended: 128 and the signal's number."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REMEDIES = {
    errno.ENOENT: "check the path",
    errno.EACCES: "change its permissions or name another path",
    errno.EPERM: "change its permissions or name another path",
    errno.EROFS: "name a path that can be written to",
    errno.EISDIR: "name a file",
    errno.ENOTDIR: "name a folder",
    errno.EEXIST: "name another path",
    errno.ENAMETOOLONG: "use a shorter name",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`)",
}


class Terminated(BaseException):
    """SIGTERM or SIGHUP arrived; raised so that every `finally` on the way out is run."""

    def __init__(self, signum: int = signal.SIGTERM) -> None:
        super().__init__(signum)
        self.status = 128 + signum


def explain(error: BaseException) -> tuple[str, int]:
    """Put an exception in one line and give the exit status that goes with it."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; nothing half-written is left behind", INTERRUPTED
    if isinstance(error, Terminated):
        return "terminated; nothing half-written is left behind", error.status
    if isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else 1
        return f"error: stopped with status {status}", status
    text, status = _explain(error)
    return f"error: {' '.join(text.split())}", status


def _explain(error: BaseException) -> tuple[str, int]:
    if isinstance(error, HilumError):
        return str(error), error.exit_status
    full = next((e for e in _chain(error) if _says_full(e)), None)
    if full is not None:
        thing = getattr(full, "filename", None) or "output"
        return f"{thing}: disk full; free some space or name a path on another disk", 1
    if isinstance(error, OSError) and error.strerror:
        thing = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else "input or output"
        remedy = _REMEDIES.get(error.errno or 0, "check the path")
        return f"{thing}: {error.strerror[:1].lower()}{error.strerror[1:]}; {remedy}", 1
    if isinstance(error, MemoryError):
        return "memory: there is not enough; use a lower --limit or fewer images at once", 1
    name = type(error).__name__
    return f"{name}: {str(error) or 'no details'}; run again with --debug for the traceback", 1


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what led to it: libraries wrap a full disk in errors of their own."""
    seen: set[int] = set()
    step: BaseException | None = error
    while step is not None and id(step) not in seen:
        seen.add(id(step))
        yield step
        step = step.__cause__ or step.__context__


def _says_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    return any(words in str(error) for words in ("No space left on device", "os error 28", "File too large"))


def pipe_closed() -> int:
    """Nobody reads our output any more (`hilum … | head`): stop quietly."""
    # Python flushes standard output once more at exit; give it somewhere to go.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return PIPE_CLOSED
