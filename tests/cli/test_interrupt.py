"""Stopped at any moment, or out of disk: one line, and nothing half-written left behind."""

import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest


def untraced() -> dict[str, str]:
    """The environment without coverage, which writes files of its own, also on a full disk."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


@pytest.fixture
def start(tmp_path):
    """Starts commands in `tmp_path`; whatever of them is left when the test ends is killed."""
    started: list[subprocess.Popen[str]] = []

    def run(*words: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "hilum", *map(str, words)],
            cwd=tmp_path,
            env=untraced(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a process group of its own, so that the signal reaches workers too
        )
        started.append(process)
        return process

    yield run
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_until(condition, process: subprocess.Popen[str]) -> None:
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


COMMANDS = {
    "phantom": ["phantom", "--n", "100000", "--size", "64"],
    "build": ["build", "--source", "phantom", "--limit", "100000"],
}


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("name", COMMANDS)
def test_an_interrupted_command_leaves_nothing_behind(start, tmp_path, name, signum):
    process = start(*COMMANDS[name], "--out", "out")
    wait_until(lambda: any(path.is_file() for path in tmp_path.rglob("*")), process)
    if signum == signal.SIGINT:
        os.killpg(process.pid, signum)  # what a terminal does on Ctrl-C
    else:
        process.send_signal(signum)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signum
    assert out == ""
    assert "Traceback" not in err
    said = "interrupted" if signum == signal.SIGINT else "terminated"
    assert err.splitlines()[-1] == f"hilum: {said}; nothing half-written is left behind"
    assert {path.name for path in tmp_path.iterdir()} <= {"out.parts"}  # by which a build goes on


def test_what_a_killed_command_left_is_gone_after_the_next(start, tmp_path):
    process = start(*COMMANDS["phantom"], "--out", "out")
    wait_until(lambda: any(path.is_file() for path in tmp_path.rglob("*.png")), process)
    refused = start("phantom", "--n", 1, "--size", 64, "--out", "out")
    assert "out: is being written by another process; wait" in refused.communicate(timeout=60)[1]
    assert refused.returncode == 2
    process.kill()
    process.wait()
    assert [path.name for path in tmp_path.iterdir()] == [".out.hilum"]
    assert start("phantom", "--n", 1, "--size", 64, "--out", "out").wait(timeout=60) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_command_under_nohup_is_deaf_to_the_end_of_its_terminal(tmp_path):
    script = """if True:
        import os, signal
        from hilum.cli.interrupts import disregard_signals, obey_signals
        obey_signals()
        try:
            os.kill(os.getpid(), signal.SIGHUP)
        finally:
            disregard_signals()"""
    for ignore, status in ((True, 0), (False, 1)):
        command = [*(["nohup"] if ignore else []), sys.executable, "-c", script]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == status, done.stderr
        assert ("Terminated" in done.stderr) is not ignore


def test_an_interrupted_quickstart_keeps_only_whole_stages(start, tmp_path):
    process = start("quickstart", "--out", "out")
    wait_until(lambda: any(path.name.startswith(".data") for path in tmp_path.glob("out/*")), process)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert err.splitlines()[-1] == "hilum: interrupted; nothing half-written is left behind"
    assert {path.name for path in (tmp_path / "out").iterdir()} <= {"recipe.json", "data.parts"}


def test_ctrl_c_while_the_program_starts_is_one_line(start, tmp_path):
    process = start(*COMMANDS["phantom"], "--out", "out")
    time.sleep(0.35)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode in (130, -signal.SIGINT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words", [["phantom", "--n", "40", "--size", "256"], ["build", "--source", "phantom", "--limit", "40"]]
)
def test_a_disk_that_fills_up_is_said_and_nothing_is_left(tmp_path, words):
    def small_disk() -> None:
        # SIGXFSZ would kill the process; ignored, a write beyond the limit fails as on a full disk.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    done = subprocess.run(
        [sys.executable, "-B", "-m", "hilum", *words, "--out", "out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        preexec_fn=small_disk,
        env={**untraced(), "NUMBA_CACHE_DIR": str(Path(sys.prefix) / ".numba")},
    )
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1]
    assert "disk full" in line
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
