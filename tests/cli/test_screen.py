import json
import logging
import os
import subprocess
import sys
import warnings

import pytest

from hilum.cli.screen import Outcome, only_answers, show

CHATTER = """
import os, sys, warnings, logging
from hilum.cli.screen import Outcome, only_answers, show
with only_answers({debug}):
    print("from python")
    os.write(1, b"from compiled code\\n")
    os.system("echo from a child")
    warnings.warn("from a warning")
    logging.getLogger("library").warning("from a log")
show(Outcome({{"a": "ü"}}, lambda console: console.print("a is ü")), as_json={as_json})
"""


def chatter(*, debug, as_json):
    code = CHATTER.format(debug=debug, as_json=as_json)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_json_is_the_only_thing_on_standard_output_whatever_libraries_print():
    done = chatter(debug=False, as_json=True)
    assert json.loads(done.stdout) == {"a": "ü"}
    for voice in ("from python", "from compiled code", "from a child"):
        assert voice in done.stderr
    assert "from a warning" not in done.stderr
    assert "from a log" not in done.stderr


def test_debug_lets_warnings_and_logs_through():
    done = chatter(debug=True, as_json=False)
    assert done.stdout == "a is ü\n"
    assert "from a warning" in done.stderr
    assert "from a log" in done.stderr


def test_what_was_silenced_speaks_again_afterwards():
    before = (logging.root.manager.disable, sys.stdout, list(warnings.filters), os.fstat(1).st_ino)
    with pytest.raises(ValueError, match="inside"), only_answers(debug=False):
        raise ValueError("inside")
    assert (logging.root.manager.disable, sys.stdout, list(warnings.filters), os.fstat(1).st_ino) == before


def test_a_document_that_is_not_json_is_an_error_not_half_an_answer(capsys):
    with pytest.raises(ValueError, match="Out of range"):
        show(Outcome({"mean": float("nan")}, lambda console: None), as_json=True)
    assert capsys.readouterr().out == ""
