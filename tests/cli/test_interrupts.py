"""A signal ends the process within seconds, and an exception is raised only where it does no harm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from hilum.cli import interrupts
from hilum.cli.faults import Terminated

START = """
import ctypes, hashlib, os, signal, sys, time
from hilum.cli.interrupts import disregard_signals, obey_signals

def press(number=signal.SIGTERM):
    os.kill(os.getpid(), number)

def wait(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass

obey_signals()
try:
{body}
    print("done")
except BaseException as error:
    disregard_signals()
    print(type(error).__name__)
"""


def outcome(body: str, **options) -> subprocess.CompletedProcess[str]:
    """What comes of a program that is sent a signal in this body."""
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    code = START.replace("{body}", lines)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60, **options
    )


@pytest.mark.parametrize(
    ("number", "said"), [("SIGINT", "KeyboardInterrupt"), ("SIGTERM", "Terminated"), ("SIGHUP", "Terminated")]
)
def test_a_signal_is_raised_as_an_exception(number, said):
    done = outcome(f"press(signal.{number})\nwait(5)")
    assert (done.stdout, done.stderr, done.returncode) == (f"{said}\n", "", 0)


SWALLOWING = {
    "a finaliser": """
class Thing:
    def __del__(self):
        press(); wait(0.1); print("whole")
Thing()
wait(5)
""",
    "a callback of compiled code": """
def called(_):
    press(); wait(0.1); print("whole"); return 0
called.__globals__["__name__"] = "llvmlite.binding"
ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(called)(1)
called.__globals__["__name__"] = "__main__"
wait(5)
""",
    "an import": """
import importlib.abc, importlib.machinery
class Loader(importlib.abc.Loader):
    def create_module(self, spec): return None
    def exec_module(self, module): press(); wait(0.1); print("whole")
class Finder:
    def find_spec(name, path, target=None): return importlib.machinery.ModuleSpec(name, Loader())
sys.meta_path.append(Finder)
import no_such_module
wait(5)
""",
}


@pytest.mark.parametrize("place", SWALLOWING)
def test_it_waits_until_what_would_swallow_it_has_ended(place):
    done = outcome(SWALLOWING[place])
    assert (done.stdout, done.stderr) == ("whole\nTerminated\n", "")


def test_an_exception_that_was_swallowed_is_raised_again():
    done = outcome("try:\n    press()\n    wait(5)\nexcept BaseException:\n    pass\nwait(5)")
    assert (done.stdout, done.stderr) == ("Terminated\n", "")


def test_a_second_signal_does_not_break_the_clearing_up():
    body = "try:\n    press()\n    wait(5)\nfinally:\n    press(signal.SIGINT)\n"
    body += "    wait(0.2)\n    print('clear')"
    assert outcome(body).stdout == "clear\nTerminated\n"


@pytest.mark.parametrize(("number", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_compiled_code_that_does_not_come_back_is_ended(number, status):
    body = "import threading\n"
    body += f"threading.Timer(0.2, press, [signal.{number}]).start()\n"
    body += "hashlib.pbkdf2_hmac('sha256', b'', b'', 1 << 30)"
    done = outcome(body)
    assert done.returncode == status
    assert done.stderr.encode() == interrupts._SUDDENLY


def test_a_signal_that_finds_no_safe_place_is_raised_at_the_end():
    body = "interrupts = sys.modules['hilum.cli.interrupts']\ninterrupts.safe = lambda frame: False\n"
    body += "press()\nwait(0.1)\nprint('whole')\ninterrupts.raise_noted()"
    assert outcome(body).stdout == "whole\nTerminated\n"


def test_afterwards_a_signal_ends_the_process_at_once():
    done = outcome("disregard_signals()\npress()\nwait(5)")
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "")


def test_a_forked_process_ends_without_telling_its_parent():
    body = "child = os.fork()\nif not child:\n    wait(20)\ntime.sleep(0.2)\nos.kill(child, signal.SIGTERM)\n"
    body += "assert os.waitpid(child, 0)[1] == signal.SIGTERM\nwait(2)"
    done = outcome(body)
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_what_nohup_ignores_stays_ignored():
    done = outcome(
        "press(signal.SIGHUP)\nwait(0.2)", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )
    assert done.stdout == "done\n"


def test_the_handler_raises_once_and_then_lets_the_exception_go(monkeypatch):
    monkeypatch.setattr(signal, "setitimer", lambda *_: None)
    state = interrupts._Signals()
    with pytest.raises(Terminated) as caught:
        state.arrived(signal.SIGTERM, sys._getframe())
    assert caught.value.status == 143
    try:
        raise RuntimeError("in the midst of it") from caught.value
    except RuntimeError as error:
        error.__context__ = caught.value
        state.arrived(signal.SIGINT, sys._getframe())
    with pytest.raises(Terminated):
        state.arrived(signal.SIGALRM, sys._getframe())


def test_the_watch_ends_a_process_that_raises_nothing(monkeypatch):
    monkeypatch.setattr(interrupts, "PATIENCE", 0.1)

    def end(status: int) -> None:
        raise SystemExit(status)

    monkeypatch.setattr(os, "_exit", end)
    reader, writer = os.pipe()
    os.write(writer, bytes([signal.SIGALRM, signal.SIGTERM]))
    with pytest.raises(SystemExit, match="143"):
        interrupts._Signals().watch(reader)


def test_a_process_that_is_being_started_is_waited_for():
    body = "import multiprocessing.forkserver, types\n"
    body += "start = types.FunctionType((lambda: wait(3)).__code__, multiprocessing.forkserver.__dict__ | "
    body += "{'wait': wait})\nimport threading\nthreading.Timer(0.1, press).start()\nstart()\n"
    body += "os.write(1, b'started\\n')\nwait(5)"  # at once: the signal may come between print's two writes
    assert outcome(body).stdout == "started\nTerminated\n"
