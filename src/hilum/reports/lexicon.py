"""The words of chest X-ray reports: what each finding is called and which attributes it takes.

Reading (`hilum.reports.facts`) and writing share these tables, so that what is written can be read back.
They stand in `findings.toml` and `attributes.toml` beside this file, in a small notation: a piece in
parentheses may be left out, `|` separates alternatives inside the parentheses, and a leading `!` makes one of
them compulsory.

    from hilum.reports.lexicon import LEXICON, expand
    LEXICON[Finding.PLEURAL_EFFUSION].name         # "pleural effusion"
    expand("(pleural )effusion(s)")                # its four forms
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import Any, TypeVar

from hilum.study import Change, Finding, Severity, Side, Site

LUNG_SITES = frozenset(
    {
        Site.UPPER_LOBE,
        Site.MIDDLE_LOBE,
        Site.LINGULA,
        Site.LOWER_LOBE,
        Site.UPPER_ZONE,
        Site.MID_ZONE,
        Site.LOWER_ZONE,
        Site.APICAL,
        Site.BASAL,
        Site.PERIHILAR,
        Site.RETROCARDIAC,
        Site.DIFFUSE,
    }
)
"""Sites inside a lung."""

PLEURAL_SITES = frozenset(
    {
        Site.APICAL,
        Site.BASAL,
        Site.COSTOPHRENIC_ANGLE,
        Site.UPPER_ZONE,
        Site.MID_ZONE,
        Site.LOWER_ZONE,
    }
)
SITES_BEHIND = frozenset({Site.COSTOPHRENIC_ANGLE})
"""An effusion's sites, said behind it ("fluid at the costophrenic angle"); a blunted angle is its sign."""
BONE_SITES = frozenset({Site.RIB, Site.CLAVICLE, Site.SPINE})

_SITES: Mapping[str, frozenset[Site]] = {
    "lung": LUNG_SITES,
    "pleural": PLEURAL_SITES,
    "angle": SITES_BEHIND,
    "bone": BONE_SITES,
    "spine": frozenset({Site.SPINE}),
    "": frozenset(),
}

_PIECE = re.compile(r"\(([^()]*)\)")
_Word = TypeVar("_Word", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Entry:
    """How one finding is spoken of.

    Args:
        terms: noun phrases in the notation of this module, the preferred one first.
        sites: the sites it can have; a site word beside it that is not among them is not its own.
        sided: it can be left, right or bilateral.
        graded: it can be mild, moderate or severe.
        removed: terms that say that it was taken out, "extubated".
    """

    terms: tuple[str, ...]
    sites: frozenset[Site]
    sided: bool
    graded: bool
    removed: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The preferred term in the singular."""
        return expand(self.terms[0])[0]

    @property
    def forms(self) -> tuple[str, ...]:
        """Every form of every term."""
        return tuple(dict.fromkeys(form for term in self.terms for form in expand(term)))


def expand(term: str) -> tuple[str, ...]:
    """Every form a term of the notation stands for.

    A piece that ends in a blank, as in "(pleural )effusion", counts as said in the first form; any other
    optional piece, such as "(s)", does not.
    """
    pieces = _PIECE.split(term)
    choices = [_choices(piece) if index % 2 else (piece,) for index, piece in enumerate(pieces)]
    return tuple(dict.fromkeys("".join(picked) for picked in itertools.product(*choices)))


def _choices(piece: str) -> tuple[str, ...]:
    options = tuple(piece.removeprefix("!").split("|"))
    if piece.startswith("!"):
        return options
    return (*options, "") if options[0].endswith(" ") else ("", *options)


def table(name: str) -> dict[str, Any]:
    """One of the word tables that lie beside this module, by its file name."""
    return tomllib.loads(resources.files(__package__).joinpath(name).read_text(encoding="utf-8"))


def _words(kind: type[_Word], rows: Mapping[str, list[str]]) -> dict[str, _Word]:
    return {form: kind(value) for value, terms in rows.items() for term in terms for form in expand(term)}


def _entry(row: Mapping[str, Any]) -> Entry:
    sites = _SITES[row.get("sites", "")]
    return Entry(
        tuple(row["terms"]),
        sites,
        row.get("sided", False),
        row.get("graded", False),
        tuple(row.get("removed", ())),
    )


LEXICON: Mapping[Finding, Entry] = {
    Finding(name): _entry(row) for name, row in table("findings.toml").items()
}
"""Every finding's terms and attributes."""

_ATTRIBUTES = table("attributes.toml")

SIDE_WORDS: Mapping[str, Side] = _words(Side, _ATTRIBUTES["side"])
"""Side words; "bibasilar" and "biapical" are site words too."""

SITE_WORDS: Mapping[str, Site] = _words(Site, _ATTRIBUTES["site"])
"""Site words; "RUL" and its like also say the side, see `SIDED_SITES`."""

SIDED_SITES: Mapping[str, Side] = _words(Side, _ATTRIBUTES["sided"])
"""Site words that say a side when no side word does."""

PART_WORDS: Mapping[str, Side] = _words(Side, _ATTRIBUTES["part"])
"""Parts that say a side when no side word does, and no site of a finding."""

LEVEL_WORDS: Mapping[str, str] = {
    form: level for level, terms in _ATTRIBUTES["level"].items() for term in terms for form in expand(term)
}
"""Words that are a site together with a later noun: "right middle and lower lobe"."""

SEVERITY_WORDS: Mapping[str, Severity] = _words(Severity, _ATTRIBUTES["severity"])
"""Severity words; of a range the higher grade is taken, "mild to moderate" reads as moderate."""

CHANGE_WORDS: Mapping[str, Change] = _words(Change, _ATTRIBUTES["change"])
"""What became of a finding since the prior study; a resolved one is absent."""
