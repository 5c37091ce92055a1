"""Other spellings of the tables' words: contractions, shorthand, British forms, slips.

    from hilum.reports.spelling import plain, respelled
    plain("isn't")                                  # "is not"
    plain("opac")                                   # "opacity"
    respelled("oedema", frozenset({"edema"}))       # "edema"
    respelled("pnuemothorax", frozenset({"pneumothorax"}))

A slip is one edit from a word of the tables, two for a long one (a swap of neighbours is one edit), and no
word of English or medicine itself. Only the few unknown words of a text come here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import OSA

from hilum.reports.lexicon import table

_TABLE: Final = table("spelling.toml")
_SHORT: Final = frozenset(_TABLE["short"])
"""Words of fewer than `_LONG` letters whose slips are common enough to mend."""
SHORTHAND: Final[Mapping[str, str]] = _TABLE["shorthand"]
"""Words that notes cut short, with the word meant."""
_PREFIXES: Final = frozenset(_TABLE["prefixes"])
_MEANT: Final[Mapping[str, str]] = {**SHORTHAND, **_TABLE["slips"]}
_MEDICAL: Final = frozenset(_TABLE["medical"])
"""Words of medicine that are near a word of the tables and mean something else."""

_LONG: Final = 6
_TWICE: Final = 8
"""Letters from which a word may be two edits away."""
_SHORTEST: Final = 4
"""Letters of the shortest of two words that ran together."""
_NO: Final = "no"
"""The one shorter word looked for in two that ran together: what it denies would else be stated."""
_MOST: Final = 24
"""Longer than any word of the tables; what is longer is no word."""

_NOT: Final = re.compile(r"(is|are|was|were|does|do|did|has|have|had|ca|could|would|should)n['’]?t")
_BRITISH: Final = (("ae", "e"), ("oe", "e"), ("isa", "iza"), ("ise", "ize"), ("isi", "izi"), ("our", "or"))


def plain(word: str) -> str:
    """A lower-case word with its contraction taken apart or its shorthand written out.

    "can't" and "cannot" are both "can not", "opac" is "opacity".
    """
    if word == "cannot":
        return "can not"
    match = _NOT.fullmatch(word) if word.endswith("t") else None
    if match:
        return f"{'can' if match[1] == 'ca' else match[1]} not"
    if word in ("there's", "there’s", "theres"):
        return "there is"
    return _MEANT.get(word) or word.removesuffix("'s").removesuffix("’s")


def respelled(word: str, vocabulary: frozenset[str]) -> str:
    """The word of the vocabulary that an unknown one stands for, or two that ran together; else itself."""
    if not 4 <= len(word) <= _MOST or not word.isalpha():
        return word
    for form in _american(word):
        if form in vocabulary:
            return form
    return _mended(word, vocabulary) or _parted(word, vocabulary) or word


def _american(word: str) -> Iterator[str]:
    every = word
    for british, american in _BRITISH:
        if british in word:
            yield word.replace(british, american)
            every = every.replace(british, american)
    if every != word:
        yield every


def _mended(word: str, vocabulary: frozenset[str]) -> str | None:
    """The nearest word of the vocabulary, if the word is a slip of it."""
    if word in _MEDICAL:
        return None
    edits = 2 if len(word) >= _TWICE else 1
    groups = _by_first_letter(vocabulary)
    near = [
        (distance, other)
        for first in dict.fromkeys(word[:2])
        for other, distance, _ in process.extract_iter(
            word, groups.get(first, ()), scorer=OSA.distance, score_cutoff=edits
        )
        if (distance < 2 or len(other) >= _TWICE) and _begins_alike(word, other)
    ]
    if not near or word in _english():
        return None
    return min(near, key=lambda slip: (slip[0], slip[1][-1] != word[-1]))[1]


def _parted(word: str, vocabulary: frozenset[str]) -> str | None:
    """The two words of the vocabulary whose blank was lost, "pleuraleffusion", "withno"."""
    if word in _MEDICAL:
        return None
    pairs = [(word[:at], word[at:]) for at in range(len(_NO), len(word) - len(_NO) + 1)]
    pairs = [pair for pair in pairs if vocabulary.issuperset(pair) and _could_stand(*pair)]
    return " ".join(pairs[0]) if pairs and word not in _english() else None


def _could_stand(one: str, two: str) -> bool:
    """Whether two words are long enough to have run together, which by chance short ones seem to have."""
    if one in _PREFIXES:
        return False
    return two == _NO or (len(two) >= _SHORTEST and (one == _NO or len(one) >= _SHORTEST))


def _begins_alike(word: str, other: str) -> bool:
    return word[0] == other[0] or word[:2] == other[1::-1]


@cache
def _by_first_letter(vocabulary: frozenset[str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for word in sorted(vocabulary):
        if word.isalpha() and (len(word) >= _LONG or word in _SHORT):
            groups.setdefault(word[0], []).append(word)
    return groups


@cache
def _english() -> frozenset[str]:
    """The words of general English; reading them takes a third of a second, so only the first slip does."""
    from spellchecker import SpellChecker

    return frozenset(SpellChecker().word_frequency.dictionary)
