"""A judge by a prompt of your own.

    Reference: {reference}
    Candidate: {candidate}
    How much of the reference does the candidate say? End with one line: Score: a number from 0 to 1.

The answer must give one score in [0, 1]: as a JSON object with the key "score", or as a line "Score: 0.7".
Two scores that differ, a share ("7/10"), a percentage or a number outside of [0, 1] are no score.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from hilum.errors import DataError
from hilum.study import State, Verdict

VERSION: Final = 1
_BRACE: Final = re.compile(r"\{")
_LINE: Final = re.compile(r"^[\s*_#>-]*(?:final\s+)?score[\s*_]*:[\s*_]*(?P<number>.*?)[\s*_]*$", re.I | re.M)
_NUMBER: Final = re.compile(r"(?:0|1|0?\.[0-9]{1,6}|0\.[0-9]{1,17}|1\.0{1,17})\.?")


def read_prompt(path: Path) -> str:
    """A prompt from a UTF-8 file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(path, "cannot be read as text", "name a UTF-8 text file with the prompt") from error


def read(answer: str) -> Verdict:
    """The answer's one score; `UNPARSABLE` where there is none, or more than one."""
    objects, around = _parted(answer.rpartition("</think>")[2])
    found = [score for text in objects for score in _of_object(text)]
    found += [match["number"] for match in _LINE.finditer(around)]
    if not found:
        return _unparsable("no score")
    if not all(map(_NUMBER.fullmatch, found)):
        return _unparsable("a score that is no number from 0 to 1")
    values = {float(number.rstrip(".")) for number in found}
    return Verdict(values.pop()) if len(values) == 1 else _unparsable("more than one score")


def _parted(said: str) -> tuple[list[str], str]:
    """The JSON objects of an answer, whole with what they hold, and the words around them."""
    objects, around, at = [], "", 0
    for opens in _BRACE.finditer(said):
        if opens.start() < at:
            continue
        try:
            _, end = json.JSONDecoder().raw_decode(said, opens.start())
        except (ValueError, RecursionError):  # broken, up to where it seems to close
            end = said.find("}", opens.start()) + 1
            if not end:
                break
        objects.append(said[opens.start() : end])
        around, at = around + said[at : opens.start()], end
    return objects, around + said[at:]


def _of_object(text: str) -> list[str]:
    """The scores of a JSON object as they are written there; nothing without one."""
    try:
        pairs = json.loads(text, object_pairs_hook=list, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        return ["a broken object"] if "score" in text.lower() else []
    return [value if isinstance(value, str) else "" for key, value in pairs if key == "score"]


def _unparsable(detail: str) -> Verdict:
    return Verdict(None, state=State.UNPARSABLE, detail=detail)
