"""A dataset's own label words, and which finding each one names, in whole or in part.

WORDS = {"Rib fracture": part_of("rib fracture", Finding.FRACTURE)}
labels, terms = labels_of({"Rib fracture": Presence.PRESENT}, WORDS)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hilum.study import Finding, Presence


@dataclass(frozen=True, slots=True)
class LabelWord:
    """A label of a dataset.

    Args:
        phrase: as one says it of a place in the image.
        finding: what it is, or is a kind of; None for what is no `Finding`.
        whole: whether it says all of that finding; a word that says less is kept beside it as a term.
    """

    phrase: str
    finding: Finding | None = None
    whole: bool = True


def part_of(phrase: str, finding: Finding) -> LabelWord:
    """A word for a kind of a finding."""
    return LabelWord(phrase, finding, whole=False)


def labels_of(
    said: Mapping[str, Presence], words: Mapping[str, LabelWord]
) -> tuple[dict[Finding, Presence], dict[str, Presence]]:
    """Labels and terms from what is said of each word.

    A finding with several words is present where one of them is, else uncertain where one is, else absent.

    Args:
        said: only words of `words`.
    """
    grouped: dict[Finding, list[Presence]] = {}
    terms: dict[str, Presence] = {}
    for word, presence in said.items():
        meaning = words[word]
        if meaning.finding is not None:
            grouped.setdefault(meaning.finding, []).append(presence)
        if meaning.finding is None or not meaning.whole:
            terms[word] = presence
    return {finding: strongest(several) for finding, several in grouped.items()}, terms


def strongest(several: Iterable[Presence]) -> Presence:
    """Present before uncertain before absent."""
    given = set(several)
    return next(p for p in (Presence.PRESENT, Presence.UNCERTAIN, Presence.ABSENT) if p in given)
