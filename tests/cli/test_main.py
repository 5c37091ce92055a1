import os
import subprocess
import sys
from pathlib import Path

import pytest

import hilum
from hilum.cli import main
from hilum.cli.parse import COMMANDS

HILUM = [sys.executable, "-m", "hilum"]


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"hilum {hilum.__version__}\n"


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["--debug", "--help"]])
def test_help_lists_every_command(words, capsys):
    assert main(words) == 0
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in COMMANDS)


def test_no_command_shows_the_usage_and_is_misuse(capsys):
    assert main([]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "usage: hilum COMMAND" in shown.err
    assert shown.err.splitlines()[-1] == "hilum: error: hilum: no command given; see `hilum --help`"


def test_an_unknown_command_is_misuse_and_the_known_ones_are_named(capsys):
    assert main(["summarise"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("hilum: error: summarise: is not a command of hilum; choose from quickstart")
    assert len(shown.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("mistyped", "meant"), [("reprot", "report"), ("Build", "build"), ("fact", "facts"), ("judg", "judge")]
)
def test_a_mistyped_command_gets_a_suggestion(mistyped, meant, capsys):
    assert main([mistyped, "x"]) == 2
    assert f"{mistyped}: is not a command of hilum; did you mean {meant}? choose" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["report", "--help"], ["report", "--bogus"]])
def test_help_and_misuse_do_not_wait_for_the_libraries(words):
    heavy = ("torch", "transformers", "datasets", "sklearn", "numba", "scipy", "pydicom", "PIL", "polars")
    code = (
        f"import sys; from hilum.cli import main; main({words!r});"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_commands_help_is_not_an_error(capsys):
    assert main(["facts", "--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: hilum facts")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_debug_anywhere_shows_the_traceback_and_keeps_the_status(place, capsys):
    words = ["phantom", "--bogus"]
    words.insert(place, "--debug")
    assert main(words) == 2
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert err.splitlines()[-1].startswith("hilum: error: hilum phantom: unknown option --bogus")


def test_the_installed_program_is_this_one():
    program = Path(sys.executable).with_name("hilum")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"hilum {hilum.__version__}\n"


def test_a_reader_that_stops_reading_is_no_error():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*HILUM, "--help"], stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert done.stderr == b""
    assert done.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_standard_output_is_said():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*HILUM, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "hilum: error: output: disk full; free some space or name a path on another disk"
    ]
