"""Whether a report is written in English: no other language is read.

from hilum.reports.language import is_english
is_english("Kein Erguss.")      # False
"""

from __future__ import annotations

import re
from typing import Final

from hilum.reports.lexicon import LEXICON, table

_LANGUAGES: Final = table("languages.toml")
_ENGLISH: Final = frozenset(_LANGUAGES["english"])
_FOREIGN: Final = frozenset(_LANGUAGES["foreign"]) - _ENGLISH
_TERMS: Final = frozenset(word for entry in LEXICON.values() for form in entry.forms for word in form.split())
_WORD: Final = re.compile(r"[^\W\d_]+")
_SLASHED: Final = re.compile(r"\b[A-Za-z]/[A-Za-z]\b")
"""An abbreviation whose letters other languages have as words: "no e/o edema"."""
_FEW = 12
"""Words of a text that may do without a single short word of English."""
_ABBREVIATION = 3
"""Letters up to which a word in capitals, or one of several in a row, is an abbreviation: "ET", "AM"."""


class _Letters(dict[int, str]):
    """For `str.translate`: blanks for all that stands between words, much faster than finding the words."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        self[code] = char if _WORD.match(char) else " "
        return self[code]


_LETTERS: Final = _Letters()


def is_foreign(text: str) -> bool:
    """Whether a text is in another language than English: cheap where no foreign word occurs at all."""
    return not _FOREIGN.isdisjoint(text.lower().translate(_LETTERS).split()) and not is_english(text)


def is_english(text: str) -> bool:
    """Whether a report is in English, by its short words; text without a single letter is not.

    Words without any function word ("Cardiomegaly. Edema.") are taken as English when they are plain ASCII
    and few, or terms for the most part.
    """
    said = _WORD.findall(_SLASHED.sub(" ", text))
    words = [word.lower() for word in said]
    if not words:
        return False
    shouted = text.isupper()
    english = sum(word in _ENGLISH for word in words)
    terms = sum(word in _TERMS and word not in _ENGLISH and word not in _FOREIGN for word in words)
    foreign = sum(
        word in _FOREIGN and (shouted or not (raw.isupper() and len(raw) <= _ABBREVIATION))
        for raw, word in zip(said, words, strict=True)
    )
    if english == foreign == 0:
        return all(word.isascii() for word in words) and (len(words) <= _FEW or terms > len(words) / 2)
    # A term of medicine is much the same in every language, so it only weighs half.
    return english + terms / 2 > foreign and sum(word.isascii() for word in words) > 0.8 * len(words)
