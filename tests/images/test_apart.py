"""A decoder that dies takes only its worker along; the next picture is read as if nothing had been."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless

from hilum.errors import DataError
from hilum.images import apart, read_image
from images.dicoms import compressed, film

LEVELS = (np.add.outer(np.arange(40), np.arange(48)) * 2).astype(np.uint8)
GREY = LEVELS.astype(np.float32) / 255
RLE, LOSSLESS = (compressed(film(LEVELS), syntax) for syntax in ("RLE", "JPEG lossless SV1"))


def worker() -> subprocess.Popen[bytes]:
    """The worker of this process, started if need be."""
    assert np.array_equal(read_image(RLE).pixels, GREY)
    return apart._WORKERS[os.getpid()]


def test_one_worker_serves_one_picture_after_another():
    first = worker()
    assert np.array_equal(read_image(LOSSLESS).pixels, GREY)
    assert worker() is first


def test_a_picture_that_the_decoder_dies_of_is_refused_and_the_next_is_read():
    before = worker()
    # The frame header's precision, 8, becomes 66: GDCM throws what nobody catches.
    at = LOSSLESS.index(b"\xff\xc3") + 4
    broken = LOSSLESS[:at] + b"\x42" + LOSSLESS[at + 1 :]
    with pytest.raises(DataError, match=r"JPEG Lossless.*came to grief.*fetch it again"):
        read_image(broken)
    assert before.poll() in (-signal.SIGABRT, -signal.SIGSEGV)
    assert np.array_equal(read_image(LOSSLESS).pixels, GREY)


def test_a_panic_is_a_refusal_and_prints_nothing(capfd):
    before = worker()
    dataset = dcmread(BytesIO(compressed(film(LEVELS.astype(np.uint16)), "RLE")))
    run = b"\x81\x00"  # 128 black pixels
    segments = struct.pack("<16L", 2, 64, 64 + 2 * 40, *[0] * 13) + 2 * 40 * run
    dataset.PixelData = encapsulate([segments])  # more pixels than the film has
    overfull = BytesIO()
    dataset.save_as(overfull)
    with pytest.raises(DataError, match=r"RLE Lossless: index out of bounds"):
        read_image(overfull.getvalue())
    assert capfd.readouterr() == ("", "")
    assert worker() is before


def test_a_worker_that_was_killed_is_replaced():
    before = worker()
    before.kill()
    before.wait()
    assert worker() is not before


def test_a_decoder_that_hangs_when_the_caller_breaks_off_is_ended():
    stopped = worker()
    os.kill(stopped.pid, signal.SIGSTOP)
    apart._stop(stopped)
    assert stopped.poll() == -signal.SIGKILL


def test_ctrl_c_ends_the_wait_and_the_next_picture_has_an_answer_of_its_own():
    read_image(LOSSLESS)  # what is imported first would else take the time until the signal
    stopped = worker()
    os.kill(stopped.pid, signal.SIGSTOP)
    alarm = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    alarm.start()
    with pytest.raises(KeyboardInterrupt):
        read_image(LOSSLESS)
    assert stopped.poll() == -signal.SIGKILL
    assert worker() is not stopped


def test_what_the_decoder_says_is_said():
    with pytest.raises(ValueError, match="Missing required element"):
        apart.decode_apart(b"", RLELossless, {})


def test_a_decoder_that_does_not_come_to_an_end_is_ended(monkeypatch):
    stopped = worker()
    os.kill(stopped.pid, signal.SIGSTOP)
    monkeypatch.setattr(apart, "SECONDS", 0.2)
    with pytest.raises(DataError, match="came to grief"):
        read_image(RLE)
    assert stopped.poll() == -signal.SIGKILL
    monkeypatch.undo()
    assert worker() is not stopped


def test_threads_and_forks_do_not_take_each_others_answers():
    inverted = compressed(film(255 - LEVELS), "RLE")
    parent = worker().pid
    with ThreadPoolExecutor(4) as threads:
        read = list(threads.map(lambda data: read_image(data).pixels, [RLE, inverted] * 8))
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as forks:
        read += forks.map(_pixels, [RLE, inverted] * 4)
    for number, pixels in enumerate(read):
        np.testing.assert_allclose(pixels, 1 - GREY if number % 2 else GREY, atol=1e-6)
    assert worker().pid == parent


def _pixels(data: bytes) -> np.ndarray:
    return read_image(data).pixels


def test_the_worker_ends_with_its_caller(tmp_path):
    (tmp_path / "film.dcm").write_bytes(RLE)
    code = (
        "import os; from hilum.images import apart, read_image; read_image('film.dcm');"
        "print(apart._WORKERS[os.getpid()].pid, flush=True); {}"
    )
    for end in ("pass", "os.kill(os.getpid(), 9)"):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code.format(end)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        pid = int(done.stdout)
        for _ in range(500):
            if not _runs(pid):
                break
            time.sleep(0.01)
        assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
