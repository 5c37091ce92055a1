"""Results come in the order of the work, from here or from other processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from hilum.errors import DataError, UsageError
from hilum.instruct.pool import AHEAD, Workers
from instruct.helpers import fail, own_process


def test_one_worker_works_right_here():
    with Workers(1) as workers:
        assert set(workers.map(own_process, range(4))) == {os.getpid()}


def test_a_single_item_needs_noown_process():
    with Workers(2) as workers:
        assert list(workers.map(own_process, [1])) == [os.getpid()]
        assert list(workers.map(abs, [])) == []


def test_results_keep_the_order_and_items_are_taken_as_needed():
    taken = []

    def items():
        for number in range(-20, 0):
            taken.append(number)
            yield number

    with Workers(2) as workers:
        results = workers.map(abs, items())
        assert next(results) == 20
        assert len(taken) <= AHEAD * 2 + 1
        assert list(results) == list(range(19, 0, -1))
        found: list[int] = []
        # Signals are the main thread's alone, yet another one may give work out too.
        thread = threading.Thread(target=lambda: found.extend(workers.map(own_process, range(4))))
        thread.start()
        thread.join()
        assert len(found) == 4
        assert os.getpid() not in found


def test_an_error_crosses_over_with_its_words():
    with Workers(2) as workers, pytest.raises(DataError, match="film: is broken; fix it"):
        list(workers.map(fail, range(3)))


def test_a_process_that_dies_is_an_error_and_no_silence():
    with Workers(2) as workers, pytest.raises(DataError, match="ended without an answer"):
        list(workers.map(os._exit, range(3)))


def test_less_than_one_worker_is_refused():
    with pytest.raises(UsageError, match="workers: is 0"):
        Workers(0)


SLOW = """
import pathlib, time
pathlib.Path("importing").touch()
time.sleep(1.5)
"""
SCRIPT = """
import sys
import threading
from hilum.instruct.pool import Workers
if __name__ == "__main__":
    try:
        with Workers(2, preload="slow") as workers:
            list(workers.map(abs, range(8)))
    except KeyboardInterrupt:
        sys.exit(130)
"""


def test_ctrl_c_while_workers_start_is_heard_by_the_parent_alone(tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "script.py").write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, "script.py"], cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "importing").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    assert process.returncode == 130
