import errno
import io

import pytest

from hilum.cli.faults import Terminated, explain
from hilum.errors import DataError, UsageError


def raised(error, cause=None):
    """The error as it looks once it has been raised from its cause."""
    try:
        raise error from cause
    except BaseException as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "line", "status"),
    [
        (DataError("a.png", "is cut", "copy it"), "error: a.png: is cut; copy it", 1),
        (UsageError("--n", "is 0", "give more"), "error: --n: is 0; give more", 2),
        (OSError(errno.ENOSPC, "No space left on device", "o.bin"), "error: o.bin: disk full;", 1),
        (OSError(errno.EFBIG, "File too large"), "error: output: disk full;", 1),
        (PermissionError(errno.EACCES, "Permission denied", "o"), "error: o: permission denied; change", 1),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "o"), "error: o: no such file", 1),
        (IsADirectoryError(errno.EISDIR, "Is a directory", b"o"), "error: o: is a directory; name a file", 1),
        (OSError(errno.EIO, "Input/output error"), "error: input or output: input/output error; check", 1),
        (MemoryError(), "error: memory: there is not enough", 1),
        (ValueError("odd\nshape"), "error: ValueError: odd shape; run again with --debug", 1),
        (AssertionError(), "error: AssertionError: no details; run again with --debug", 1),
        (io.UnsupportedOperation("fileno"), "error: UnsupportedOperation: fileno; run", 1),
        (KeyboardInterrupt(), "interrupted", 130),
        (Terminated(), "terminated", 143),
        (SystemExit(3), "error: stopped with status 3", 3),
        (SystemExit("why"), "error: stopped with status 1", 1),
    ],
)
def test_every_failure_is_one_line_and_a_status(error, line, status):
    text, code = explain(error)
    assert text.startswith(line)
    assert "\n" not in text
    assert code == status


def test_a_full_disk_is_recognised_behind_a_librarys_own_error():
    wrapped = raised(
        RuntimeError("cannot write shard"), OSError(errno.ENOSPC, "No space left on device", "s")
    )
    assert explain(wrapped)[0].startswith("error: s: disk full")
    said = raised(RuntimeError("I/O error: No space left on device (os error 28)"))
    assert explain(said)[0].startswith("error: output: disk full")


def test_an_error_that_causes_itself_is_still_explained():
    error = ValueError("loop")
    error.__cause__ = error
    assert explain(error)[1] == 1
