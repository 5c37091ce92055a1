"""GREEN's answer, read strictly: every layout that models really give it, and nothing half understood.

counts = read_counts(answer)           # raises Unparsable with the reason
counts.matched, counts.significant["a"], counts.value

Of 216 answers that GREEN's authors published, all have the three blocks in order; an error block is "None",
or lists all six letters, zeros included, or only letters with errors, in any order. A number and its list
disagree in 7 of about 2,100: then the number counts. Headers and numbering also come in the styles of other
models. Whatever is missing, doubled, contradictory or unclear fails the answer as a whole: a line that is
overlooked would raise the score.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LETTERS: Final = "abcdef"
MOST: Final = 50
"""More errors or findings than a report of 300 words can hold."""

NUMBER_WORDS: Final = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
)
_VALUES: Final = {word: value for value, word in enumerate(NUMBER_WORDS)}
_BLOCKS: Final = ("clinically significant errors", "clinically insignificant errors", "matched findings")
_HEADER: Final = re.compile(
    r"""[\s\#>\[(-]* (?:[0-9][.)]\s*)? [\[(]?\s*
        (?P<name>explanation|(?:clinically\s+)?(?:in)?significant\s+errors?|matched\s+findings?)
        \s* (?: [\])]\s*:? | : [\])]? | $ ) \s* (?P<rest>.*)""",
    re.VERBOSE | re.IGNORECASE,
)
_BLANKS: Final = re.compile(r"[^\S\n]+")
_LINES: Final = re.compile(r"\n\s*\n")
_DRESS: Final = re.compile(r"[*`]|__|^\s*#+", re.MULTILINE)
_ENDS: Final = re.compile(r"(?:\s*(?:</s>|<\|[a-z_]+\|>))+\s*$")
_BULLET: Final = re.compile(r"^\s*(?:[-•–>](?![0-9])\s*)?")
_LABEL: Final = re.compile(r"(?:[(\[]([a-f1-6])[)\]]|([a-f1-6])[).:])[.:]?(?![0-9])\s*", re.IGNORECASE)
_LOST: Final = re.compile(r"[(\[][a-f][)\]]\s", re.IGNORECASE)
_NUMBER: Final = rf"(?P<number>[0-9]+|{'|'.join(sorted(NUMBER_WORDS, key=len, reverse=True))})"
_NOUN: Final = r"(?:errors?|findings?|instances?|issues?|matches)"
_COUNT: Final = re.compile(
    rf"""[(\[]? {_NUMBER} (?: \s+ (?:matched\s+)?{_NOUN} (?:\s+found)? )?
        (?: \s*[.:;,)\]]+ (?![0-9]) | \s+[–—-]\s | \s*(?=\() | \s*$ ) \s* (?P<items>.*)""",
    re.VERBOSE | re.IGNORECASE,
)
_TYPE: Final = re.compile(r"[^:0-9]*?(?::\s*|[^\W\d_]\s+[–—-]\s+)(?=\S)")
"""What kind of error a line counts, up to the colon or dash before the number."""
_NOTHING: Final = re.compile(
    rf"""(?:there\s+(?:are|is|were|was)\s+)? (?:none|nil|n/?a|not\s+applicable|no
        (?:\s+ (?:clinically|significant|insignificant|such|other|matched|matching|false|missing))*
        (?:\s+ {_NOUN})?) (?:\s+ (?:were\s+|was\s+|are\s+)? (?:found|identified|noted|present|detected))?
        (?:\s+in\s+the\s+candidate(?:\s+report)?)? [.!]?""",
    re.VERBOSE | re.IGNORECASE,
)
_DENIES: Final = re.compile(r"(?:no|not|none|nil|n/a|there (?:are|is|were|was) no)\b", re.IGNORECASE)
_SAYS: Final = re.compile(r"[^\W\d_]")
_SECOND: Final = re.compile(r"[;,.]\s*2[.)]\s*[^\W\d_]")
"""What follows the first item of a list that numbers its items."""


class Unparsable(ValueError):
    """Why an answer cannot be read; none of its words are repeated."""


@dataclass(frozen=True)
class Counts:
    """What GREEN counted: errors by letter, "a" to "f", and matched findings."""

    matched: int
    significant: Mapping[str, int]
    insignificant: Mapping[str, int]

    @property
    def value(self) -> float:
        """Matched findings / (matched findings + significant errors), 0 without a matched finding."""
        return self.matched / max(1, self.matched + sum(self.significant.values()))


def read_counts(answer: str) -> Counts:
    """What an answer counts.

    Args:
        answer: whole; whoever asked knows whether it was cut off.

    Raises:
        Unparsable: it is not in the form that was asked for, to the last line.
    """
    said = answer.rpartition("</think>")[2].replace("\r\n", "\n").replace("\r", "\n")
    plain = _LINES.sub("\n", _BLANKS.sub(" ", said))
    blocks = _blocks(_ENDS.sub("", _DRESS.sub("", plain)))
    significant, insignificant, matched = (blocks[name] for name in _BLOCKS)
    return Counts(_matched(matched), _errors(significant, _BLOCKS[0]), _errors(insignificant, _BLOCKS[1]))


def _blocks(text: str) -> dict[str, list[str]]:
    """The lines of each block, blank ones left out; what stands before the first one is passed over."""
    found: dict[str, list[str]] = {}
    into: list[str] = []
    for line in text.split("\n"):
        header = _HEADER.fullmatch(line)
        if header:
            name = _block_name(header["name"])
            if name in found and name in _BLOCKS:
                raise Unparsable(f"{name}: twice")
            into = found.setdefault(name, [])
            line = header["rest"]
        if line.strip():
            into.append(line.strip())
    for name in _BLOCKS:
        if name not in found:
            raise Unparsable(f"{name}: missing")
        if not found[name]:
            raise Unparsable(f"{name}: empty")
    if tuple(name for name in found if name in _BLOCKS) != _BLOCKS:
        raise Unparsable("blocks: in another order")
    return found


def _block_name(header: str) -> str:
    words = " ".join(header.lower().split())
    if words.startswith("expl"):
        return "explanation"
    if words.startswith("matched"):
        return _BLOCKS[2]
    return _BLOCKS[1] if "insignificant" in words else _BLOCKS[0]


def _errors(lines: list[str], block: str) -> dict[str, int]:
    """Errors by letter.

    Each line counts one letter, or goes on listing the errors of the line before.
    """
    if _NOTHING.fullmatch(" ".join(lines)):
        return dict.fromkeys(LETTERS, 0)
    heads: dict[str, str] = {}
    letter = ""
    for line in lines:
        bare = _BULLET.sub("", line)
        label = _LABEL.match(bare)
        if label:
            letter = (label[1] or label[2]).lower()
            letter = LETTERS[int(letter) - 1] if letter.isdigit() else letter
            if letter in heads:
                raise Unparsable(f"{block}: ({letter}) twice")
            heads[letter] = bare[label.end() :]
        elif letter and not _counts(bare):
            heads[letter] += f" {bare}"
        else:
            raise Unparsable(f"{block}: a line that belongs to no letter")
    counts = {letter: _tail(head, f"{block}: ({letter})") for letter, head in heads.items()}
    if 0 in counts.values() and len(counts) < len(LETTERS):
        raise Unparsable(f"{block}: a letter is missing")
    return {letter: counts.get(letter, 0) for letter in LETTERS}


def _tail(head: str, place: str) -> int:
    """The number of a letter's line, with or without the kind of error before it."""
    if _LOST.search(head):
        raise Unparsable(f"{place}: two letters in a line")
    tail = _untyped(head)
    return 0 if _NOTHING.fullmatch(tail) else _count(tail, place)


def _untyped(head: str) -> str:
    kind = _TYPE.match(head)
    return head[kind.end() :] if kind else head


def _counts(line: str) -> bool:
    """Whether a line counts something, which one that goes on with a list does not."""
    return bool(_COUNT.match(line) or _COUNT.match(_untyped(line)) or _NOTHING.fullmatch(_untyped(line)))


def _matched(lines: list[str]) -> int:
    block = _BLOCKS[2]
    if _NOTHING.fullmatch(" ".join(lines)):
        return 0
    bare = [_BULLET.sub("", line) for line in lines]
    numbered = [found for line in bare if (found := _COUNT.match(line)) and found["number"].isdigit()]
    if len(numbered) > 1:  # a list of its own, whose numbers run from 1
        runs = [int(found["number"]) for found in numbered] == list(range(1, len(bare) + 1))
        if not runs or not all(
            _SAYS.search(found["items"]) and ";" not in found["items"] for found in numbered
        ):
            raise Unparsable(f"{block}: more than one number")
        return _checked(len(bare), block)
    return _count(" ".join(bare), block)


def _count(text: str, place: str) -> int:
    """A number and what it counts: something where it is above 0, nothing where it is 0."""
    found = _COUNT.fullmatch(text)
    if not found:
        raise Unparsable(f"{place}: no number")
    word = found["number"].lower()
    number = _checked(int(word) if word.isdigit() else _VALUES[word], place)
    if word == "1" and _SECOND.search(found["items"]):
        raise Unparsable(f"{place}: a numbered list in one line")
    says = _SAYS.search(found["items"]) is not None
    if number and not says:
        raise Unparsable(f"{place}: a number of nothing")
    if not number and says and not _DENIES.match(found["items"].lstrip("( ")):
        raise Unparsable(f"{place}: none, and yet a list")
    return number


def _checked(number: int, place: str) -> int:
    if number > MOST:
        raise Unparsable(f"{place}: more than {MOST}")
    return number
