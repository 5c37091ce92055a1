"""Decoding in a process of its own, for decoders that take theirs with them when the data are damaged.

values, found = decode_apart(pixel_data, syntax, options)

GDCM, which alone reads JPEG lossless and JPEG-LS, aborts on data it does not expect, and the decoder of
RLE panics. Neither can be caught. The worker is started at the first such picture (a third of a second),
kept for the next, and replaced when it has died. It is a plain program that speaks through its standard
input and output: nothing of the caller's main module is imported again, as `multiprocessing` would.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import warnings
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

SECONDS = 60.0
"""Far longer than the largest film takes."""

_Found = tuple[npt.NDArray[Any], dict[str, Any]]


class DecoderDiedError(Exception):
    """The worker ended, or was ended because it did not come to an end."""


def decode(source: Dataset | bytes, syntax: UID, library: str = "", **options: Any) -> _Found:
    """Decode the first frame in this process.

    Args:
        source: with pixel data, or the pixel data alone, as in the file.
        syntax: the transfer syntax.
        library: pydicom's name for the library to use; by default the first it finds.
        options: for pixel data alone, see `pydicom.pixels.utils.as_pixel_options`.

    Returns:
        The stored values, (H, W) or (H, W, samples), and what pydicom found of them.
    """
    # raw: luma is all that is wanted of a colour picture, so turning it to RGB would be for nothing.
    return get_decoder(syntax).as_array(source, index=0, raw=True, decoding_plugin=library, **options)


def decode_apart(pixel_data: bytes, syntax: UID, options: dict[str, Any]) -> _Found:
    """`decode` in a process that may come to grief.

    Raises:
        DecoderDiedError: it did.
        ValueError: the decoder refused the data.
    """
    with _LOCK:
        worker = _worker()
        # A damaged picture must not hang a build: its worker is killed, which ends the reading below.
        alarm = threading.Timer(SECONDS, worker.kill)
        alarm.start()
        try:
            answer = _ask(worker, (pixel_data, syntax, options))
        except BaseException as error:  # also on Ctrl-C: this answer would be taken for the next one's
            _stop(worker)
            if isinstance(error, OSError | EOFError | pickle.UnpicklingError):
                raise DecoderDiedError("the decoder came to grief over it") from error
            raise
        finally:
            alarm.cancel()
    if isinstance(answer, str):
        raise ValueError(answer)
    found: _Found = answer
    return found


_LOCK = threading.Lock()
_WORKERS: dict[int, subprocess.Popen[bytes]] = {}
"""The worker of this process, by its id: a forked process must not speak to its parent's."""


def _worker() -> subprocess.Popen[bytes]:
    worker = _WORKERS.get(os.getpid())
    if worker is None or worker.poll() is not None:
        command = [sys.executable, "-c", "from hilum.images.apart import serve; serve()"]
        # Its standard error is dropped: what a library prints as it dies is not for the user.
        worker = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        _WORKERS.clear()
        _WORKERS[os.getpid()] = worker
        atexit.register(_stop, worker)
    return worker


def _ask(worker: subprocess.Popen[bytes], question: object) -> Any:
    assert worker.stdin is not None
    assert worker.stdout is not None
    _write(worker.stdin, question)
    return pickle.load(worker.stdout)  # noqa: S301  (from our own process, never from a file)


def _write(stream: IO[bytes], message: object) -> None:
    pickle.dump(message, stream, protocol=pickle.HIGHEST_PROTOCOL)
    stream.flush()


def _stop(worker: subprocess.Popen[bytes]) -> None:
    if _WORKERS.get(os.getpid()) is worker:
        del _WORKERS[os.getpid()]
        worker.kill()
        worker.communicate()


def serve() -> None:
    """The worker: answer each question with what `decode` gives, or with its complaint as a text."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the caller, whose end closes our input
    warnings.simplefilter("ignore")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            pixel_data, syntax, options = pickle.load(sys.stdin.buffer)  # noqa: S301
            try:
                values, found = decode(pixel_data, syntax, **options)
                answer: object = (np.ascontiguousarray(values), found)
            except BaseException as error:  # a panic of Rust is no Exception
                answer = str(error) or type(error).__name__
            _write(answers, answer)
