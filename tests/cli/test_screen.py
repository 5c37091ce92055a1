import contextlib
import io
import json
import logging
import os
import subprocess
import sys
import warnings

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hilum.cli import show as shown
from hilum.cli.screen import Outcome, complain, only_answers, show
from hilum.progress import clean

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


HOSTILE = st.text() | st.text(alphabet="\x1b\x9b\x07\x08\r\n\t[]0;31mPaX\\\x9c\u202e\u2066\ud800")


def harmless(text):
    return all((c.isprintable() or c in "\n\t" or ord(c) > 0x9F) and c not in "\u202e\u2066" for c in text)


@given(HOSTILE)
def test_no_control_character_passes(text):
    found = clean(text)
    assert harmless(found)
    found.encode()
    assert clean(found) == found


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;a title\x07rest", "rest"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;never ended", "0;never ended"),
        ("\x9b2J\x1bcgone", "gone"),
        ("one\r\ntwo\rthree\tfour", "one\ntwo\nthree\tfour"),
        ("\u202eesrever", "esrever"),
        ("größer – 胸部 é", "größer – 胸部 é"),
    ],
)
def test_what_is_left_of_a_text(text, left):
    assert clean(text) == left


@given(HOSTILE)
@example("\x1b[2J\x85\x7f\u202e")
def test_whatever_a_command_found_reaches_the_terminal_harmless(text):
    sections = dict.fromkeys(("indication", "comparison", "findings", "impression"), text)
    mistake = {"a": [{"finding": text, "side": None, "site": text}]}
    row = dict.fromkeys(("finding", "side", "site", "severity", "change", "span"), text) | {
        "presence": "absent"
    }
    verdict = {"state": text, "score": None, "matched": [], "errors": mistake}
    drawn = (
        shown.lines(text),
        shown.report(sections),
        shown.facts([row]),
        shown.verdicts({"reports": [verdict], "mean": None, "failed": 1, "left_out": 0}),
        shown.table(text, [text], [[text]]),
    )
    with io.StringIO() as out, io.StringIO() as err:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            for draw in drawn:
                show(Outcome(None, draw), as_json=False)
            complain(text)
        assert harmless(out.getvalue())
        assert harmless(err.getvalue())


@given(st.dictionaries(HOSTILE, HOSTILE))
def test_json_keeps_every_character_and_shows_none_that_commands(document):
    with io.StringIO() as out:
        with contextlib.redirect_stdout(out):
            show(Outcome(document, lambda console: None), as_json=True)
        assert harmless(out.getvalue())
        assert json.loads(out.getvalue()) == json.loads(json.dumps(document))
