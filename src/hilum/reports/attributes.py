"""Which claim a side, a site, a grade or a change belongs to.

    from hilum.reports.attributes import facts_of
    facts_of(text, found, claims(found, tone))

Words inside a claim are its own. Those between two claims are split where the sentence turns ("while", ";"),
else at the last "and", "or" or "with" (else at the last comma): what stands before belongs to the claim
before, what stands after to the claim after. What is said of one claim may be several facts: "stable right
and new left effusion", "the right effusion is stable while the left has increased".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from hilum.reports.claims import Claim
from hilum.reports.details import LINES, details
from hilum.reports.lexicon import LEXICON, LUNG_SITES
from hilum.reports.words import Mark, Word
from hilum.study import Change, Fact, Finding, Presence, Severity, Side, Site

_BREAKS = frozenset(
    {"and", "either", "with", "link", "hedge", "hedge_either", "hedge_list", "cut", "negation"}
)
_INHERIT = frozenset({"either", "link", "hedge", "hedge_either", "hedge_list"})
_LISTS = frozenset({"and", "either", "comma", "contrast"})
_DOUBTS = frozenset({"hedge", "hedge_after", "hedge_either"})
_TURNS = frozenset({"comma", "contrast"})
_NORMAL = ("normal", "clear")
_GRADES = tuple(Severity)
_TURNED = (Change.IMPROVED, Change.WORSENED)


@dataclass(slots=True)
class _Place:
    """What one member of a list says, as "moderate right" in "small left and moderate right effusions"."""

    sides: list[Side] = field(default_factory=list)
    weak_sides: list[Side] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    levels: list[str] = field(default_factory=list)
    severities: list[Severity] = field(default_factory=list)
    former: list[Severity] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    opened_by: frozenset[str] = frozenset()
    denied: bool = False
    normal: bool = False
    opened: int = 0
    affirmed: bool = False
    doubted: bool = False
    last: int = 0

    def add(self, word: Word) -> None:
        """Take over where a word says it is, and what became of it."""
        if word.side is not None:
            self.sides.append(word.side)
        if word.site is not None:
            self.sites.append(word.site)
        if word.site_side is not None:
            self.weak_sides.append(word.site_side)
        if word.level is not None:
            self.levels.append(word.level)
        if word.change is not None:
            self.changes.append(word.change)

    def side(self) -> Side | None:
        """Both sides named make it bilateral."""
        said = set(self.sides or self.weak_sides)
        if Side.BILATERAL in said or {Side.LEFT, Side.RIGHT} <= said:
            return Side.BILATERAL
        return next(iter(said), None) if len(said) == 1 else None

    def change(self) -> Change | None:
        """What is said to have become of it, or what two grades tell: "previously large, now small"."""
        if self.changes or not (self.former and self.severities):
            return self.changes[0] if self.changes else None
        step = _GRADES.index(self.severities[0]) - _GRADES.index(self.former[0])
        return None if step == 0 else Change.WORSENED if step > 0 else Change.IMPROVED

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
class _Attributes:
    """What is said of one claim (characters `start` to `end`).

    `first` numbers the claim's first mark, `located` the marks that say where.
    """

    places: list[_Place] = field(default_factory=lambda: [_Place()])
    located: list[int] = field(default_factory=list)
    first: int = 0
    start: int = 0
    end: int = 0
    formerly: bool = False

    def add(self, found: Sequence[Mark], at: int, claim: Claim) -> None:
        """Take over what a mark says; "and" and its like open the next place."""
        word = found[at].word
        if word.cues & _LISTS:
            self.places.append(_Place(opened_by=word.cues, opened=at))
        place = self.places[-1]
        place.last = at
        # "The costophrenic angles are sharp" denies an effusion, not one at the angles.
        called = claim.quality is not None and found[claim.quality].word.quality in _NORMAL
        if called and word.organ:
            word = replace(word, site=None)
        elif "both" in word.cues and _stands_for_both(found, at):
            word = replace(word, side=None)
        place.add(word)
        if word.severity is not None and not _grades_change(found, at, claim):
            (place.former if self.formerly or "from" in word.cues else place.severities).append(word.severity)
        if word.side is not None or word.site is not None:
            self.located.append(at)
        if "former" in word.cues:
            self.formerly = True
        elif "now" in word.cues:
            self.formerly = False
            place.former += place.severities
            place.severities = []
        if at > claim.last and word.cues & {"negation", "negation_after"}:
            place.denied = True
        place.doubted = place.doubted or bool(word.cues & _DOUBTS)
        place.normal = place.normal or word.quality in _NORMAL
        if claim.presence is Presence.ABSENT and at > claim.last:
            own = place.severities or "one" in word.cues or (place.changes and "contrast" in place.opened_by)
            other = "and" in place.opened_by and any(p.sided for p in self.places[:-1])
            place.affirmed = place.affirmed or bool(own and (other or place.opened_by & _TURNS))

    @property
    def changes(self) -> list[Change]:
        """Every change said of it."""
        return [change for place in self.places for change in place.changes]

    def affirmed(self, text: str, found: Sequence[Mark]) -> list[_Place]:
        """What is there after all of a denied finding, on the other side: "no right effusion, small left"."""
        said = [p for p in self.places if p.affirmed and p.sided and not (p.denied or p.normal)]
        said = [p for p in said if not _names_more(text, found, p.last)]
        self.places = [p for p in self.places if p not in said] if said else self.places
        return said

    def parts(self) -> list[_Place]:
        """One place for each fact: several only where each of them could stand alone."""
        places = list(self._resolved()) if len(self.places) > 1 else self.places
        alone = [place for place in places if place.stands_alone]
        if len(alone) > 1:
            return list(_completed(alone, places))
        if len(places) == 1 and not places[0].former:
            places[0].denied = False  # what is denied behind a claim is not the claim itself
            return places
        denied = [p for p in places if p.denied and p.sided and p not in alone]
        rest = [p for p in places if p not in denied and not (p.sided and _beside(p))] or places
        whole = _Place()
        for place in rest:
            for slot in _GIVEN:
                getattr(whole, slot).extend(getattr(place, slot))
        if not whole.severities:
            whole.severities, whole.former = whole.former, []
        return [whole, *denied]

    def _resolved(self) -> Iterator[_Place]:
        """The places, with the sites that a later noun completes and the sides that an earlier one gives."""
        before: _Place | None = None
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

    def move_to(self, other: _Attributes) -> None:
        """Take over where another claim is, with the grade and the change that are said of this one."""
        graded = [severity for place in self.places for severity in place.severities]
        changes = self.changes
        self.places = [
            _Place(p.sides, p.weak_sides, p.sites, severities=graded, changes=changes) for p in other.parts()
        ]
        self.located = other.located


def _stands_for_both(found: Sequence[Mark], at: int) -> bool:
    """Whether "both" is what was said before: "left effusion and pneumothorax, both unchanged"."""
    after = found[at + 1 : at + 2]
    if not (at and after and "comma" in found[at - 1].word.cues):
        return False
    return bool(after[0].word.severity or after[0].word.change or "verb" in after[0].word.cues)


def _names_more(text: str, found: Sequence[Mark], last: int) -> bool:
    """Whether a word of no table stands behind a mark, as "rotation" in "small left rotation"."""
    stop = found[last + 1].start if last + 1 < len(found) else len(text)
    located = last > 0 and "in" in found[last - 1].word.cues
    return not located and any(letter.isalpha() for letter in text[found[last].end : stop])


def _beside(place: _Place) -> bool:
    """Whether a place is of the other side, said only for contrast: "…; the left is clear"."""
    return bool(place.opened_by & _LISTS) and place.normal


def _completed(alone: list[_Place], places: list[_Place]) -> Iterator[_Place]:
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


def _completed_sites(levels: list[str], later: list[_Place]) -> list[Site]:
    """The sites of "middle" in "middle and lower lobe": its noun stands with a later one."""
    nouns = [site.value.rpartition(" ")[2] for place in later for site in place.sites]
    noun = next((noun for noun in nouns if noun in ("lobe", "zone")), None)
    names = [f"{'mid' if noun == 'zone' and level == 'middle' else level} {noun}" for level in levels]
    return [Site(name) for name in names] if noun else []


def _grades_change(found: Sequence[Mark], at: int, claim: Claim) -> bool:
    """Whether a word of degree belongs to a change: "slight interval increase", "improved slightly"."""
    cues = found[at].word.cues
    if "degree" not in cues:
        return False
    if at + 1 < len(found) and at + 1 != claim.quality and found[at + 1].word.change in _TURNED:
        return found[at + 1].first - found[at].last <= 2
    return at > 0 and "adverb" in cues and at - 1 != claim.quality and found[at - 1].word.change in _TURNED


def facts_of(text: str, found: Sequence[Mark], made: Sequence[Claim]) -> list[Fact]:
    """The facts of one sentence, with the span of their claim's words."""
    if not made:
        return []
    given = _shared_out(found, made)
    _share_changes(found, made, given)
    _share_places(found, made, given)
    facts: list[Fact] = []
    said = [" ".join(text[part.start : part.end].split()) for part in given]
    for index, (claim, attributes) in enumerate(zip(made, given, strict=True)):
        span = (found[claim.first].start, found[claim.last].end)
        words = said[index], said[_last_of_list(found, made, index)]
        if claim.presence is Presence.ABSENT:
            for place in attributes.affirmed(text, found):
                there = Presence.UNCERTAIN if place.doubted else Presence.PRESENT
                facts += [_fact(finding, there, place, span, words) for finding in claim.findings]
        for place in attributes.parts():
            presence = Presence.ABSENT if place.denied and not place.stands_alone else claim.presence
            facts += [_fact(finding, presence, place, span, words) for finding in claim.findings]
    return facts


def _last_of_list(found: Sequence[Mark], made: Sequence[Claim], index: int) -> int:
    """The claim that ends the list of devices that a claim stands in."""
    while (
        index + 1 < len(made)
        and LINES.issuperset(made[index].findings + made[index + 1].findings)
        and _listed(found, made, index + 1, frozenset({"and", "comma"}))
    ):
        index += 1
    return index


def _share_changes(found: Sequence[Mark], made: Sequence[Claim], given: Sequence[_Attributes]) -> None:
    """What a verb says of a list it says of each: "effusion and edema have resolved"."""
    said_of_list = False
    for index in range(len(made) - 1, 0, -1):
        changes = given[index].changes
        after = found[made[index].last + 1 : made[index].last + 2]
        said_of_list = said_of_list or bool(after and ("verb" in after[0].word.cues or after[0].word.change))
        said_of_list = said_of_list and bool(changes) and not given[index - 1].changes
        # "An effusion with atelectasis is unchanged" speaks of both; what has resolved may be the second.
        joints = {"and", "comma"} if Change.RESOLVED in changes else {"and", "comma", "with"}
        said_of_list = said_of_list and _listed(found, made, index, frozenset(joints))
        if said_of_list:
            given[index - 1].places[-1].changes.extend(changes)
    for index in range(1, len(made)):  # "removal of the NG tube and the ET tube"
        gone = given[index - 1].changes == [Change.RESOLVED] and not given[index].changes
        if gone and _last_of_list(found, made, index - 1) >= index:
            given[index].places[-1].changes.append(Change.RESOLVED)
    for index in range(1, len(made)):
        owner = _before_aside(found, made, index) if given[index].changes else None
        if owner is not None:
            given[owner].places[-1].changes.extend(given[index].changes)
            for place in given[index].places:
                place.changes = []


def _before_aside(found: Sequence[Mark], made: Sequence[Claim], index: int) -> int | None:
    """The claim that goes on behind one set off by commas: "an effusion, without pneumothorax, is stable"."""
    after = found[made[index].last + 1 : made[index].last + 3]
    if len(after) < 2 or "comma" not in after[0].word.cues or "verb" not in after[1].word.cues:
        return None
    while index and made[index].presence is Presence.ABSENT:
        index -= 1
    opens = found[made[index].last + 1 : made[index].last + 2]
    return index if made[index].presence is not Presence.ABSENT and "comma" in opens[0].word.cues else None


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
        joints = {"and", "slash", "subject"} if _fronted(found, before, made[index - 1]) else {"and", "slash"}
        if _renames(found, made, index) or (
            ahead and _listed(found, made, index, frozenset(joints)) and _alike(made, index)
        ):
            this.move_to(before)


def _fronted(found: Sequence[Mark], before: _Attributes, claim: Claim) -> bool:
    """Whether the sentence begins with where: "On the right, there is an effusion and a nodule"."""
    between = found[max(before.located) + 1 : claim.first]
    return any(mark.word.cues & {"comma", "exist", "colon"} for mark in between)


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
    given = [_Attributes(first=claim.first) for claim in made]
    current, limit, start = 0, _split(found, made, 0), 0
    for at, mark in enumerate(found):
        while at > limit:
            given[current].start, given[current].end = start, found[at - 1].end
            current += 1
            start, limit = found[at - 1].end, _split(found, made, current)
        claim = made[current]
        if at == claim.quality and mark.word.quality == "enlarged" and mark.word.severity:
            given[current].places[-1].severities.append(mark.word.severity)
        if at != claim.quality and (not mark.word.findings or at == claim.first):
            given[current].add(found, at, claim)
    given[current].start, given[current].end = start, 1 << 40
    return given


def _split(found: Sequence[Mark], made: Sequence[Claim], index: int) -> int:
    """Number of the last mark that belongs to claim `index`."""
    if index + 1 >= len(made):
        return len(found)
    start, end = made[index].last, made[index + 1].first
    last_break = comma = exist = None
    for at in range(end - 1, start, -1):
        cues = found[at].word.cues
        if "contrast" in cues:
            return at
        if "exist" in cues:
            exist = at
        elif cues & _BREAKS and last_break is None:
            last_break = at
        elif "comma" in cues and comma is None:
            comma = at
    for separator in (last_break, comma, exist):
        if separator is not None:
            return separator
    # No separator: what follows "in", "is" and their like is still said of the claim before.
    for at in range(start + 1, end):
        if found[at].word.cues & {"in", "verb"}:
            graded = found[end - 1].word.severity and found[end].first - found[end - 1].last == 1
            return end - 2 if graded and at < end - 1 else end - 1  # "… for a large effusion"
    return max(start, 0) if end > start else end - 1


def _fact(
    finding: Finding, presence: Presence, place: _Place, span: tuple[int, int], words: tuple[str, str]
) -> Fact:
    entry = LEXICON[finding]
    change = place.change()
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
        **({} if absent else details(finding, *words)),
    )
