"""What is said of one claim: where it is, how much, what became of it, as one fact or as several.

    from hilum.reports.places import Attributes
    Attributes(first=claim.first).parts()

"And" and its like open the next place, so that what is said of one claim may be several facts: "stable right
and new left effusion", "the right effusion is stable while the left has increased".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from hilum.reports.claims import Claim
from hilum.reports.lexicon import LUNG_SITES
from hilum.reports.words import Mark
from hilum.study import Change, Presence, Severity, Side, Site

_LISTS = frozenset({"and", "either", "comma", "contrast"})
_DENIALS = frozenset({"negation", "negation_after"})
_DOUBTS = frozenset({"hedge", "hedge_after", "hedge_either"})
_TURNS = frozenset({"comma", "contrast"})
_NORMAL = ("normal", "clear")
_GRADES = tuple(Severity)
_BOTH_SIDES = frozenset({Side.LEFT, Side.RIGHT})
_OPPOSITE = {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT}
_RELATED = frozenset({"same_side", "other_side"})
_TURNED = (Change.IMPROVED, Change.WORSENED)


@dataclass(slots=True)
class Place:
    """What one member of a list says, as "moderate right" in "small left and moderate right effusions"."""

    sides: list[Side] = field(default_factory=list)
    weak_sides: list[Side] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    levels: list[str] = field(default_factory=list)
    severities: list[Severity] = field(default_factory=list)
    former: list[Severity] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    remnant: bool = False
    opened_by: frozenset[str] = frozenset()
    denied: bool = False
    normal: bool = False
    opened: int = 0
    affirmed: bool = False
    doubted: bool = False
    last: int = 0

    def side(self) -> Side | None:
        """Both sides named make it bilateral."""
        said = set(self.sides or self.weak_sides)
        if not said:
            return None
        if Side.BILATERAL in said or said >= _BOTH_SIDES:
            return Side.BILATERAL
        return next(iter(said)) if len(said) == 1 else None

    def change(self) -> Change | None:
        """What is said to have become of it, or what two grades tell: "previously large, now small"."""
        if Change.RESOLVED in self.changes[:1]:
            again = self.changes[-1] is Change.NEW  # "drained, and has reaccumulated"
            return Change.NEW if again else Change.IMPROVED if self.remnant else Change.RESOLVED
        if self.changes or not (self.former and self.severities):
            return self.changes[0] if self.changes else None
        step = _GRADES.index(self.severities[0]) - _GRADES.index(self.former[0])
        return None if step == 0 else Change.WORSENED if step > 0 else Change.IMPROVED

    @property
    def severity(self) -> Severity | None:
        """Its grade; of what is left of something, the grade of what is left."""
        return self.severities[-1 if self.remnant else 0] if self.severities else None

    @property
    def sided(self) -> bool:
        """Whether it names a side."""
        return bool(self.sides or self.weak_sides)

    @property
    def stands_alone(self) -> bool:
        """Whether it can be a fact of its own: a side with a site, a grade or a change."""
        return self.sided and bool(self.sites or self.severities or self.changes)


_GIVEN = ("sides", "weak_sides", "sites", "severities", "former", "changes")


@dataclass(slots=True)
class Attributes:
    """What is said of one claim (characters `start` to `end`).

    `first` numbers the claim's first mark, `located` the marks that say where. `behind` is whether only the
    sites behind it count.
    """

    first: int = 0
    behind: bool = False
    places: list[Place] = field(default_factory=lambda: [Place()])
    located: list[int] = field(default_factory=list)
    start: int = 0
    end: int = 0
    formerly: bool = False

    def add(self, found: Sequence[Mark], at: int, claim: Claim) -> None:
        """Take over what a mark says; "and" and its like open the next place."""
        word = found[at].word
        cues = word.cues
        if not cues.isdisjoint(_LISTS):
            self.places.append(Place(opened_by=cues, opened=at))
        place = self.places[-1]
        place.last = at
        self._locate(place, found, at, claim)
        if word.change is not None:
            place.changes.append(word.change)
        if word.severity is not None and not (
            _grades_change(found, at, claim) or _is_denied(found, at, claim)
        ):
            (place.former if self.formerly or "from" in cues else place.severities).append(word.severity)
        if "former" in cues:
            self.formerly = True
        elif "now" in cues:
            self.formerly = False
            for before in [place] if place.sided else self.places:
                before.former += before.severities
                before.severities = []
        # "No left but a large right pneumothorax" denies one side of what it states.
        behind = at > claim.last or (at < claim.first and claim.presence is not Presence.ABSENT)
        if behind and not cues.isdisjoint(_DENIALS):
            place.denied = True
        if not cues.isdisjoint(_DOUBTS):
            place.doubted = True
        place.remnant = place.remnant or "remnant" in cues
        place.normal = place.normal or word.quality in _NORMAL
        if claim.presence is Presence.ABSENT and at > claim.last:
            own = place.severities or "one" in cues or (place.changes and "contrast" in place.opened_by)
            other = "and" in place.opened_by and any(p.sided for p in self.places[:-1])
            place.affirmed = place.affirmed or bool(own and (other or place.opened_by & _TURNS))

    def _locate(self, place: Place, found: Sequence[Mark], at: int, claim: Claim) -> None:
        """Take over where a mark says it is."""
        word = found[at].word
        if word.site is not None and not self._is_no_site(found, at, claim):
            place.sites.append(word.site)
            self.located.append(at)
        side = _side(found, at)
        if side is not None and not ("both" in word.cues and _stands_for_both(found, at)):
            place.sides.append(side)
            self.located.append(at)
        if word.site_side is not None:
            place.weak_sides.append(word.site_side)
        if word.level is not None:
            place.levels.append(word.level)

    def _is_no_site(self, found: Sequence[Mark], at: int, claim: Claim) -> bool:
        """Whether a word only names the organ: "the costophrenic angles are sharp" denies any effusion."""
        if self.behind and at < claim.first:
            return True
        called = claim.quality is not None and found[claim.quality].word.quality in _NORMAL
        return called and found[at].word.organ is not None

    @property
    def changes(self) -> list[Change]:
        """Every change said of it."""
        return [change for place in self.places for change in place.changes]

    def affirmed(self, text: str, found: Sequence[Mark]) -> list[Place]:
        """What is there after all of a denied finding, on the other side: "no right effusion, small left"."""
        said = [p for p in self.places if p.affirmed and p.sided and not (p.denied or p.normal)]
        if said:
            said = [p for p in said if not _names_more(text, found, p.last)]
            self.places = [p for p in self.places if p not in said]
        return said

    def parts(self) -> list[Place]:
        """One place for each fact: several only where each of them could stand alone."""
        if len(self.places) == 1 and not self.places[0].former:
            self.places[0].denied = False  # what is denied behind a claim is not the claim itself
            return self.places
        places = list(self._resolved()) if len(self.places) > 1 else self.places
        # "Left base atelectasis, right base clear" says nothing more of the finding.
        places = [p for p in places if not (p.normal and p.sided and p.opened_by)] or places
        alone = [place for place in places if place.stands_alone]
        if len(alone) > 1:
            return list(_completed(alone, places))
        denied = [p for p in places if p.denied and p.sided and p not in alone]
        rest = [p for p in places if p not in denied and not (p.sided and _beside(p))] or places
        whole = Place()
        for place in rest:
            for slot in _GIVEN:
                if said := getattr(place, slot):
                    getattr(whole, slot).extend(said)
        whole.remnant = any(place.remnant for place in rest)
        moved = (
            place.changes[0] for place in rest if place.changes and place.changes[0] is not Change.STABLE
        )
        whole.changes[:0] = moved  # "persists but is smaller" is smaller
        if not whole.severities:
            whole.severities, whole.former = whole.former, []
        return [whole, *denied]

    def _resolved(self) -> Iterator[Place]:
        """The places, with the sites that a later noun completes and the sides that an earlier one gives."""
        before: Place | None = None
        self.places = _graded(self.places)
        for index, place in enumerate(self.places):
            sites = place.sites
            if place.levels and not sites:
                sites = _completed_sites(place.levels, self.places[index + 1 :])
            elif place.sided and not sites and (place.severities or place.changes):
                sites = self._site_ahead(index)
            sides, weak = place.sides, place.weak_sides
            if sites is not place.sites and not place.sided:  # "mid and lower zone opacities on the left"
                later = next((p for p in self.places[index + 1 :] if p.sided), place)
                sides, weak = later.sides, later.weak_sides
            goes_on = before is not None and before.sites and "and" in place.opened_by
            if before is not None and goes_on and set(sites) & LUNG_SITES and not place.sided:
                sides, weak = before.sides, before.weak_sides
            if sites is not place.sites or sides is not place.sides:
                place = replace(place, sites=sites, sides=sides, weak_sides=weak)
            before = place
            yield place

    def _site_ahead(self, index: int) -> list[Site]:
        """The site that two sides share: "mild right and moderate left basilar atelectasis"."""
        ahead = self.places[index + 1 : index + 2]
        shared = ahead and ahead[0].sided and "and" in ahead[0].opened_by and ahead[0].opened < self.first
        return ahead[0].sites if shared else []

    def move_to(self, other: Attributes) -> None:
        """Take over where another claim is, with the grade and the change that are said of this one."""
        graded = [severity for place in self.places for severity in place.severities]
        changes = self.changes
        self.places = [
            Place(p.sides, p.weak_sides, [] if self.behind else p.sites, severities=graded, changes=changes)
            for p in other.parts()
        ]
        self.located = other.located


def _side(found: Sequence[Mark], at: int) -> Side | None:
    """The side that a mark names: of "ipsilateral" the one named before it, of "contralateral" the other."""
    cues = found[at].word.cues
    if cues.isdisjoint(_RELATED):
        return found[at].word.side
    named = next((mark.word.side for mark in reversed(found[:at]) if mark.word.side in _OPPOSITE), None)
    return _OPPOSITE[named] if named and "other_side" in cues else named


def _stands_for_both(found: Sequence[Mark], at: int) -> bool:
    """Whether "both" is what was said before: "left effusion and pneumothorax, both unchanged"."""
    after = found[at + 1 : at + 2]
    if not (at and after and found[at - 1].word.cues & {"comma", "verb"}):
        return False
    return bool(after[0].word.severity or after[0].word.change or "verb" in after[0].word.cues)


def _names_more(text: str, found: Sequence[Mark], last: int) -> bool:
    """Whether a word of no table stands behind a mark, as "rotation" in "small left rotation"."""
    stop = found[last + 1].start if last + 1 < len(found) else len(text)
    located = last > 0 and "in" in found[last - 1].word.cues
    return not located and any(letter.isalpha() for letter in text[found[last].end : stop])


def _beside(place: Place) -> bool:
    """Whether a place is of the other side, said only for contrast: "…; the left is clear"."""
    return bool(place.opened_by & _LISTS) and place.normal


def _completed(alone: list[Place], places: list[Place]) -> Iterator[Place]:
    """What is said once for a whole list: the first one's grade, a change that stands by itself."""
    first = alone[0]
    rest = [change for place in places if place not in alone for change in place.changes]
    leads = first.changes if first.sites or first.severities else []
    for place in alone:
        yield replace(
            place,
            severities=place.severities or place.former or first.severities,
            changes=place.changes or rest or leads,
        )


def _graded(places: list[Place]) -> list[Place]:
    """The places, each with the grade told after it: "the left (small)", "unchanged and small"."""
    kept = places[:1]
    for place in places[1:]:
        before = kept[-1]
        told = "bracket" in place.opened_by or ("and" in place.opened_by and before.changes)
        if told and before.sided and not (before.severities or place.sided or place.sites or place.changes):
            kept[-1] = replace(before, severities=place.severities)
        else:
            kept.append(place)
    return kept


def _completed_sites(levels: list[str], later: list[Place]) -> list[Site]:
    """The sites of "middle" in "middle and lower lobe": its noun stands with a later one."""
    nouns = [site.value.rpartition(" ")[2] for place in later for site in place.sites]
    noun = next((noun for noun in nouns if noun in ("lobe", "zone")), None)
    names = [f"{'mid' if noun == 'zone' and level == 'middle' else level} {noun}" for level in levels]
    return [Site(name) for name in names] if noun else []


def _is_denied(found: Sequence[Mark], at: int, claim: Claim) -> bool:
    """Whether a grade is just what a finding does not have: "the effusion is not large"."""
    before = found[at - 1]
    return at > claim.last and "negation" in before.word.cues and found[at].first - before.last == 1


def _grades_change(found: Sequence[Mark], at: int, claim: Claim) -> bool:
    """Whether a word of degree belongs to a change: "slight interval increase", "improved slightly"."""
    cues = found[at].word.cues
    if "degree" not in cues:
        return False
    if at + 1 < len(found) and at + 1 != claim.quality and found[at + 1].word.change in _TURNED:
        return found[at + 1].first - found[at].last <= 2
    return at > 0 and "adverb" in cues and at - 1 != claim.quality and found[at - 1].word.change in _TURNED
