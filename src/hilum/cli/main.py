"""From a list of words to an exit status: find the command, run it, print what it gives, or why it did not.

from hilum.cli import main
main(["facts", "Small left pleural effusion.", "--json"])   # 0

Standard output carries the answer and nothing else; progress, notes and errors go to standard error.
Exit status: 0 done, 1 the data are at fault (or the machine), 2 the command is, 3 done, with faults in the
sources, 130 interrupted, 143 terminated.
Nothing heavy is imported at the top of this file, so that Ctrl-C is answered in one line from the start.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

from hilum.cli import screen
from hilum.cli.faults import explain, pipe_closed
from hilum.cli.interrupts import disregard_signals, obey_signals, raise_noted
from hilum.errors import UsageError, did_you_mean


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Args:
        argv: the words after `hilum`; those of the process when None.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = _take(words, "--debug")
    if argv is None:
        obey_signals()
    try:
        status = _run(words, debug)
        sys.stdout.flush()
        raise_noted()
        disregard_signals()
        return status
    except BaseException as error:
        disregard_signals()
        if isinstance(error, BrokenPipeError):
            return pipe_closed()
        if debug:
            screen.complain(traceback.format_exc())
        line, status = explain(error)
        screen.complain(f"hilum: {line}")
        return status


def _run(words: list[str], debug: bool) -> int:
    from hilum.cli.parse import COMMANDS, overview, parse

    if words[:1] in (["--version"], ["-V"]):
        from hilum import __version__

        screen.out(f"hilum {__version__}")
        return 0
    if words[:1] in (["--help"], ["-h"]):
        screen.out(overview())
        return 0
    if not words:
        screen.complain(overview())
        raise UsageError("hilum", "no command given", "see `hilum --help`")
    if words[0] not in COMMANDS:
        remedy = f"{did_you_mean(words[0], COMMANDS)}choose from {', '.join(COMMANDS)}"
        raise UsageError(words[0], "is not a command of hilum", remedy)
    command = parse(words[0], words[1:])
    if command is None:  # its help was asked for and printed
        return 0
    with screen.only_answers(debug):
        outcome = command.run()
    screen.show(outcome, as_json=command.json)
    if outcome.failure is not None:
        raise outcome.failure
    return outcome.status


def _take(words: list[str], flag: str) -> bool:
    """Remove `flag` wherever it stands before a lone `--`; say whether it was there."""
    end = words.index("--") if "--" in words else len(words)
    found = flag in words[:end]
    words[:end] = [word for word in words[:end] if word != flag]
    return found
