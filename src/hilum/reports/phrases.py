"""Noun phrases for facts: "small left pleural effusion", "nodule in the right upper lobe".

from hilum.reports import phrase
phrase(Fact(Finding.NODULE, side=Side.RIGHT, site=Site.UPPER_LOBE))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from hilum.reports.details import ORDINALS
from hilum.reports.lexicon import LEXICON, table
from hilum.study import Fact, Finding, Severity, Side, Site, Tip

_NOUNS: Final[dict[str, list[str]]] = table("statements.toml")["nouns"]

_SIZED: Final = frozenset({Finding.PLEURAL_EFFUSION, Finding.PNEUMOTHORAX, Finding.HIATAL_HERNIA})
"""Findings graded by size: small, moderate, large."""
_SIZES: Final = {Severity.MILD: "small", Severity.MODERATE: "moderate", Severity.SEVERE: "large"}
_ADVERBS: Final = {
    Severity.MILD: "mildly",
    Severity.MODERATE: "moderately",
    Severity.SEVERE: "severely",
}
_BEFORE: Final = {Site.LINGULA: "lingular", Site.SPINE: "spinal", Site.COSTOPHRENIC_ANGLE: ""}
"""Sites whose form before a noun is not their name."""
_WITHIN: Final = {
    Site.UPPER_LOBE: "in the {side} upper lobe",
    Site.MIDDLE_LOBE: "in the {side} middle lobe",
    Site.LINGULA: "in the lingula",
    Site.LOWER_LOBE: "in the {side} lower lobe",
    Site.UPPER_ZONE: "in the {side} upper zone",
    Site.MID_ZONE: "in the {side} mid zone",
    Site.LOWER_ZONE: "in the {side} lower zone",
    Site.BASAL: "at the {side} lung base",
    Site.APICAL: "at the {side} lung apex",
    Site.COSTOPHRENIC_ANGLE: "at the {side} costophrenic angle",
}
"""Sites as they stand after the noun."""
_PLURALS: Final = {"base": "bases", "apex": "apices", "angle": "angles", "lobe": "lobes", "zone": "zones"}
_ORDINALS: Final = {number: word for word, number in ORDINALS.items()}
_AT: Final = frozenset({Tip.CARINA, Tip.CAVOATRIAL_JUNCTION, Tip.GASTROESOPHAGEAL_JUNCTION})
"""Ends that a tip is at and not in."""
_SPOKEN_WRONG: Final = {
    Finding.ENDOTRACHEAL_TUBE: frozenset({Tip.RIGHT_MAINSTEM_BRONCHUS, Tip.LEFT_MAINSTEM_BRONCHUS}),
    Finding.NASOGASTRIC_TUBE: frozenset({Tip.ESOPHAGUS}),
}
"""Ends that are wrong without being called so."""
_CENTIMETRES = 30.0
"""Size in millimetres from which centimetres are usual."""
_AFTER = 0.25
"""Chance that side and site follow the noun."""
_USUAL = 0.5
"""Chance that the usual noun is taken without drawing among all."""


def phrase(fact: Fact, rng: np.random.Generator | None = None) -> str:
    """A noun phrase for a fact: all that is known of it but neither hedge nor change.

    Args:
        fact: its presence and change are not put into words.
        rng: chooses among the wordings; without it the usual one is taken.
    """
    return Phrase.of(fact, rng).text


def pick(options: Sequence[str], rng: np.random.Generator) -> str:
    """One of the options, each as likely."""
    return options[int(rng.integers(len(options)))]


def capital(sentence: str) -> str:
    """The sentence with a capital first letter."""
    return sentence[:1].upper() + sentence[1:]


def put(wording: str, phrase: Phrase) -> str:
    """A wording of `statements.toml` filled in, with a capital first letter."""
    plural = phrase.plural
    words = {
        "phrase": phrase.text,
        "bare": phrase.bare,
        "where": phrase.where,
        "a": phrase.with_article(""),
        "new": phrase.with_article("new "),
        "is": "are" if plural else "is",
        "has": "have" if plural else "has",
        "adverb": phrase.adverb,
    }
    return capital(wording.format_map(words))


@dataclass(frozen=True, slots=True)
class Phrase:
    """A noun phrase and what its sentence must agree with.

    Args:
        text: the phrase without an article.
        bare: the phrase without a device's tip.
        where: a device's tip, "in the trachea"; "" where none is known.
        plural: it takes "are".
        counted: in the singular it takes "a".
        adverb: the grade as an adverb, "" without one.
    """

    text: str
    bare: str
    where: str
    plural: bool
    counted: bool
    adverb: str

    @classmethod
    def of(cls, fact: Fact, rng: np.random.Generator | None) -> Phrase:
        """The phrase for a fact."""
        noun, plural, counted = _noun(fact, rng)
        before, after = _place(fact, rng)
        size, measured = _size(fact, rng)
        age = fact.acuity.value if fact.acuity else ""
        words = (_position(fact), age, _grade(fact), size, before, noun, after, measured)
        bare = " ".join(word for word in words if word)
        if fact.malposition is False:
            bare += " in good position"
        where = _where(fact)
        text = f"{bare} with its tip {where}" if where else bare
        return cls(text, bare, where, plural, counted, _ADVERBS[fact.severity] if fact.severity else "")

    def with_article(self, adjective: str) -> str:
        """The phrase behind an adjective, with "a" or "an" where it is counted and singular."""
        text = adjective + self.text
        if self.plural or not self.counted:
            return text
        # "an ET tube", "an 8 mm nodule" are spoken with a vowel, as is every phrase that begins with one.
        spoken = text[0].lower() in "aeiou8" or text.startswith(("11 ", "18 "))
        return f"an {text}" if spoken else f"a {text}"


def _noun(fact: Fact, rng: np.random.Generator | None) -> tuple[str, bool, bool]:
    nouns = _NOUNS.get(fact.finding.value, [LEXICON[fact.finding].name])
    noun = nouns[0] if rng is None or rng.random() < _USUAL else pick(nouns, rng)
    singular, bar, plural = noun.partition("|")
    if plural == "|":
        return singular, True, True
    if bar and (fact.side is Side.BILATERAL or len(fact.levels) > 1):
        return plural, True, True
    return singular, False, bool(bar)


def _grade(fact: Fact) -> str:
    if fact.severity is None:
        return ""
    return _SIZES[fact.severity] if fact.finding in _SIZED else fact.severity.value


def _size(fact: Fact, rng: np.random.Generator | None) -> tuple[str, str]:
    """The size before the noun or after it."""
    if fact.size_mm is None:
        return "", ""
    large = fact.size_mm >= _CENTIMETRES
    said = f"{fact.size_mm / 10:g} cm" if large else f"{fact.size_mm:g} mm"
    return ("", f"measuring {said}") if rng is not None and rng.random() < _AFTER else (said, "")


def _position(fact: Fact) -> str:
    spoken = fact.tip in _SPOKEN_WRONG.get(fact.finding, ())
    return "malpositioned" if fact.malposition and not spoken else ""


def _where(fact: Fact) -> str:
    return f"{'at' if fact.tip in _AT else 'in'} the {fact.tip.value}" if fact.tip else ""


def _levels(fact: Fact, rng: np.random.Generator | None) -> tuple[str, str]:
    """Ribs or vertebrae with their side, before the noun or after it."""
    side = fact.side.value if fact.side else ""
    ribs = fact.levels[0].isdigit()
    named = [_ORDINALS[level] for level in fact.levels] if ribs else list(fact.levels)
    *most, last = named
    listed = f"{', '.join(most)} and {last}" if most else last
    if rng is None or rng.random() >= _AFTER:
        return " ".join(word for word in (side, listed, "rib" if ribs else "") if word), ""
    unit = ("ribs" if most else "rib") if ribs else ""
    words = " ".join(word for word in (side, listed, unit) if word)
    return "", f"of the {words}" if ribs else f"of {words}"


def _place(fact: Fact, rng: np.random.Generator | None) -> tuple[str, str]:
    """Side and site before the noun and after it; one of the two is empty."""
    if fact.levels:
        return _levels(fact, rng)
    side = fact.side.value if fact.side else ""
    if fact.site is None:
        return side, ""
    within = _WITHIN.get(fact.site)
    if fact.site is Site.COSTOPHRENIC_ANGLE or (
        within and side and rng is not None and rng.random() < _AFTER
    ):
        if fact.side is Side.BILATERAL:
            return side, _plain(str(within))
        return "", " ".join(str(within).format(side=side).split())
    if fact.site in (Site.BASAL, Site.APICAL) and fact.side is Side.BILATERAL:
        return f"bi{fact.site.value}", ""
    name = _BEFORE.get(fact.site, fact.site.value)
    implied = fact.site is Site.LINGULA and fact.side is Side.LEFT
    return " ".join(part for part in ("" if implied else side, name) if part), ""


def _plain(within: str) -> str:
    """The same place on both sides."""
    words = " ".join(within.format(side="").split())
    for one, both in _PLURALS.items():
        words = words.replace(one, both)
    return words
