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
from hilum.reports.lexicon import LEXICON
from hilum.reports.words import Mark, Word
from hilum.study import Change, Fact, Finding, Presence, Severity, Side, Site

_BREAKS = frozenset({"and", "either", "with", "link", "hedge", "cut", "negation"})
_INHERIT = frozenset({"either", "link", "hedge"})


@dataclass(slots=True)
class _Attributes:
    sides: list[Side] = field(default_factory=list)
    weak_sides: list[Side] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    severities: list[Severity] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

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
        if word.change is not None:
            self.changes.append(word.change)

    def side(self) -> Side | None:
        """Both sides named make it bilateral."""
        said = set(self.sides or self.weak_sides)
        if Side.BILATERAL in said or {Side.LEFT, Side.RIGHT} <= said:
            return Side.BILATERAL
        return next(iter(said), None) if len(said) == 1 else None


def facts_of(found: Sequence[Mark], made: Sequence[Claim]) -> list[Fact]:
    """The facts of one sentence, with the span of their claim's words."""
    if not made:
        return []
    given = _shared_out(found, made)
    _share_changes(found, made, given)
    facts: list[Fact] = []
    for index, (claim, attributes) in enumerate(zip(made, given, strict=True)):
        if index and not attributes.sides and not attributes.sites and _inherits(found, made, index):
            before = given[index - 1]
            attributes.sides, attributes.sites = before.sides, before.sites
            attributes.weak_sides = before.weak_sides
        span = (found[claim.first].start, found[claim.last].end)
        facts += [_fact(finding, claim, attributes, span) for finding in claim.findings]
    return facts


def _share_changes(found: Sequence[Mark], made: Sequence[Claim], given: Sequence[_Attributes]) -> None:
    """What a verb says of a list it says of each: "effusion and edema have resolved"."""
    for index in range(len(made) - 1, 0, -1):
        changes = given[index].changes
        if not changes or given[index - 1].changes:
            continue
        between = found[made[index - 1].last + 1 : made[index].first]
        after = found[made[index].last + 1 : made[index].last + 2]
        if (
            between
            and after
            and after[0].word.cues & {"verb"} | ({"x"} if after[0].word.change else set())
            and all(mark.word.cues <= {"and", "comma"} for mark in between)
        ):
            given[index - 1].changes.extend(changes)


def _inherits(found: Sequence[Mark], made: Sequence[Claim], index: int) -> bool:
    """Whether a claim renames the one before it: "left basal opacity, likely pneumonia"."""
    if made[index].presence is Presence.ABSENT:
        return False
    between = found[made[index - 1].last + 1 : made[index].first]
    return any(mark.word.cues & _INHERIT for mark in between)


def _shared_out(found: Sequence[Mark], made: Sequence[Claim]) -> list[_Attributes]:
    given = [_Attributes() for _ in made]
    current, limit = 0, _split(found, made, 0)
    for at, mark in enumerate(found):
        while at > limit:
            current += 1
            limit = _split(found, made, current)
        word = mark.word
        claim = made[current]
        if at == claim.quality or (word.findings and at != claim.first):
            continue
        if word.side or word.site or word.severity or word.change:
            given[current].add(word)
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


def _fact(finding: Finding, claim: Claim, attributes: _Attributes, span: tuple[int, int]) -> Fact:
    entry = LEXICON[finding]
    change = attributes.changes[0] if attributes.changes else None
    presence = claim.presence
    if change is Change.RESOLVED and presence is not Presence.ABSENT:
        presence = Presence.ABSENT
    elif presence is Presence.ABSENT:
        change = None
    absent = presence is Presence.ABSENT
    site = next((s for s in attributes.sites if s in entry.sites), None)
    return Fact(
        finding,
        presence,
        attributes.side() if entry.sided else None,
        site,
        attributes.severities[0] if attributes.severities and entry.graded and not absent else None,
        None if finding is Finding.NO_FINDING else change,
        span,
    )
