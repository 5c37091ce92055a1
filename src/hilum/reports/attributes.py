"""Which claim a side, a site, a grade or a change belongs to.

    from hilum.reports.attributes import facts_of
    facts_of(found, claims(found, tone))

Words inside a claim are its own. Those between two claims are split at the last "and", "or" or "with"
(else at the last comma): what stands before belongs to the claim before, what stands
after to the claim after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hilum.reports.claims import Claim
from hilum.reports.lexicon import LEXICON, LUNG_SITES
from hilum.reports.words import Mark, Word
from hilum.study import Change, Fact, Finding, Presence, Severity, Side, Site

_BREAKS = frozenset(
    {"and", "either", "with", "link", "hedge", "hedge_either", "hedge_list", "cut", "negation"}
)
_INHERIT = frozenset({"either", "link", "hedge", "hedge_either", "hedge_list"})
_LISTS = frozenset({"and", "either", "comma"})


@dataclass(slots=True)
class _Place:
    """What one member of a list says, as "moderate right" in "small left and moderate right effusions"."""

    sides: list[Side] = field(default_factory=list)
    weak_sides: list[Side] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    severities: list[Severity] = field(default_factory=list)

    def add(self, word: Word) -> None:
        """Take over what a word says."""
        if word.side is not None:
            self.sides.append(word.side)
        if word.site is not None:
            self.sites.append(word.site)
            if word.site_side is not None:
                self.weak_sides.append(word.site_side)
        if word.severity is not None:
            self.severities.append(word.severity)

    def side(self) -> Side | None:
        """Both sides named make it bilateral."""
        said = set(self.sides or self.weak_sides)
        if Side.BILATERAL in said or {Side.LEFT, Side.RIGHT} <= said:
            return Side.BILATERAL
        return next(iter(said), None) if len(said) == 1 else None

    @property
    def stands_alone(self) -> bool:
        """Whether it can be a fact of its own: a side with a site or a grade."""
        return bool((self.sides or self.weak_sides) and (self.sites or self.severities))


@dataclass(slots=True)
class _Attributes:
    """What is said of one claim; `located` numbers the marks that say where."""

    places: list[_Place] = field(default_factory=lambda: [_Place()])
    changes: list[Change] = field(default_factory=list)
    located: list[int] = field(default_factory=list)

    def add(self, word: Word, at: int) -> None:
        """Take over what a word says; "and" and its like open the next place."""
        if word.cues & _LISTS:
            self.places.append(_Place())
        self.places[-1].add(word)
        if word.side is not None or word.site is not None:
            self.located.append(at)
        if word.change is not None:
            self.changes.append(word.change)

    def parts(self) -> list[_Place]:
        """One place for each fact: several only where each of them could stand alone."""
        alone = [place for place in self.places if place.stands_alone]
        if len(alone) > 1:
            first = alone[0].severities
            return [_Place(p.sides, p.weak_sides, p.sites, p.severities or first) for p in alone]
        whole = _Place()
        for place in self.places:
            for slot in _Place.__slots__:
                getattr(whole, slot).extend(getattr(place, slot))
        return [whole]

    def move_to(self, other: _Attributes) -> None:
        """Take over where another claim is, with the grade that is said of this one."""
        graded = [severity for place in self.places for severity in place.severities]
        self.places = [_Place(p.sides, p.weak_sides, p.sites, graded) for p in other.parts()]
        self.located = other.located


def facts_of(found: Sequence[Mark], made: Sequence[Claim]) -> list[Fact]:
    """The facts of one sentence, with the span of their claim's words."""
    if not made:
        return []
    given = _shared_out(found, made)
    _share_changes(found, made, given)
    _share_places(found, made, given)
    facts: list[Fact] = []
    for claim, attributes in zip(made, given, strict=True):
        span = (found[claim.first].start, found[claim.last].end)
        change = attributes.changes[0] if attributes.changes else None
        for place in attributes.parts():
            facts += [_fact(finding, claim, place, change, span) for finding in claim.findings]
    return facts


def _share_changes(found: Sequence[Mark], made: Sequence[Claim], given: Sequence[_Attributes]) -> None:
    """What a verb says of a list it says of each: "effusion and edema have resolved"."""
    for index in range(len(made) - 1, 0, -1):
        changes = given[index].changes
        if not changes or given[index - 1].changes:
            continue
        after = found[made[index].last + 1 : made[index].last + 2]
        if (
            after
            and ("verb" in after[0].word.cues or after[0].word.change)
            and _listed(found, made, index, frozenset({"and", "comma"}))
        ):
            given[index - 1].changes.extend(changes)


def _share_places(found: Sequence[Mark], made: Sequence[Claim], given: Sequence[_Attributes]) -> None:
    """Where one member of a list is, the others are: "left effusion and atelectasis", "a or b at the left".

    What stands before the first is said of those after it, what stands behind the last of those before it;
    and a claim that renames the one before it is where that one is: "left basal opacity, likely pneumonia".
    """
    for index in range(len(made) - 1, 0, -1):
        before, this = given[index - 1], given[index]
        behind = bool(this.located) and min(this.located) > made[index].last
        if behind and not before.located and _listed(found, made, index, frozenset({"and", "either"})):
            before.move_to(this)
    for index in range(1, len(made)):
        before, this = given[index - 1], given[index]
        if this.located or not before.located:
            continue
        ahead = max(before.located) <= made[index - 1].last
        if _renames(found, made, index) or (
            ahead and _listed(found, made, index, frozenset({"and"})) and _alike(made, index)
        ):
            this.move_to(before)


def _listed(found: Sequence[Mark], made: Sequence[Claim], index: int, joints: frozenset[str]) -> bool:
    """Whether nothing but joints, and what is said of the claim itself, stands behind the claim before it."""
    between = found[made[index - 1].last + 1 : made[index].first]
    if not between or not between[0].word.cues or not between[0].word.cues <= joints:
        return False
    return all(mark.word.cues <= joints for mark in between)


def _alike(made: Sequence[Claim], index: int) -> bool:
    """Whether both claims are denied, or neither."""
    return (made[index].presence is Presence.ABSENT) is (made[index - 1].presence is Presence.ABSENT)


def _renames(found: Sequence[Mark], made: Sequence[Claim], index: int) -> bool:
    """Whether a claim is another name for the one before it."""
    if made[index].presence is Presence.ABSENT or made[index - 1].presence is Presence.ABSENT:
        return False
    between = found[made[index - 1].last + 1 : made[index].first]
    if any(mark.word.cues & _INHERIT for mark in between):
        return True
    lung = all(LEXICON[f].sites is LUNG_SITES for c in made[index - 1 : index + 1] for f in c.findings)
    return lung and made[index].presence is Presence.UNCERTAIN


def _shared_out(found: Sequence[Mark], made: Sequence[Claim]) -> list[_Attributes]:
    given = [_Attributes() for _ in made]
    current, limit = 0, _split(found, made, 0)
    for at, mark in enumerate(found):
        while at > limit:
            current += 1
            limit = _split(found, made, current)
        claim = made[current]
        if at != claim.quality and (not mark.word.findings or at == claim.first):
            given[current].add(mark.word, at)
    return given


def _split(found: Sequence[Mark], made: Sequence[Claim], index: int) -> int:
    """Number of the last mark that belongs to claim `index`."""
    if index + 1 >= len(made):
        return len(found)
    start, end = made[index].last, made[index + 1].first
    comma = None
    for at in range(end - 1, start, -1):
        cues = found[at].word.cues
        if cues & _BREAKS:
            return at
        if "comma" in cues and comma is None:
            comma = at
    if comma is not None:
        return comma
    # No separator: what follows "in", "is" and their like is still said of the claim before.
    for at in range(start + 1, end):
        if found[at].word.cues & {"in", "verb"}:
            return end - 1
    return max(start, 0) if end > start else end - 1


def _fact(
    finding: Finding, claim: Claim, place: _Place, change: Change | None, span: tuple[int, int]
) -> Fact:
    entry = LEXICON[finding]
    presence = claim.presence
    if change is Change.RESOLVED:
        presence = Presence.ABSENT
    elif presence is Presence.ABSENT:
        change = None
    absent = presence is Presence.ABSENT
    return Fact(
        finding,
        presence,
        place.side() if entry.sided else None,
        next((site for site in place.sites if site in entry.sites), None),
        place.severities[0] if place.severities and entry.graded and not absent else None,
        None if finding is Finding.NO_FINDING else change,
        span=span,
    )
