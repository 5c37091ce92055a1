"""Which claim a side, a site, a grade or a change belongs to.

    from hilum.reports.attributes import facts_of
    facts_of(text, found, claims(found, tone))

Words inside a claim are its own. Those between two claims are split where the sentence turns ("while", ";"),
else at the last "and", "or" or "with" (else at the last comma): what stands before belongs to the claim
before, what stands after to the claim after. What is said of one claim is kept in `places`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from hilum.reports.claims import Claim
from hilum.reports.details import IN_WORDS, LINES, details, has_number, levels, size_mm
from hilum.reports.lexicon import BONE_SITES, LEXICON, LUNG_SITES, SITES_BEHIND
from hilum.reports.places import Attributes, Place
from hilum.reports.words import Mark
from hilum.study import Change, Fact, Finding, Presence

_BREAKS = frozenset(
    {"and", "either", "with", "link", "hedge", "hedge_either", "hedge_list", "cut", "negation"}
)
_BEHIND = frozenset((finding,) for finding, entry in LEXICON.items() if entry.sites is SITES_BEHIND)
_INHERIT = frozenset({"either", "link", "hedge", "hedge_either", "hedge_list"})


Mention = tuple[Fact, tuple[int, int]]
"""A fact that a text states, and the span of the words that say it; the fact itself has none."""


def facts_of(text: str, found: Sequence[Mark], made: Sequence[Claim]) -> list[Mention]:
    """The facts of one sentence, with the span of their claim's words."""
    if not made:
        return []
    given = _shared_out(found, made)
    if len(made) > 1:
        _share_changes(found, made, given)
        _share_places(found, made, given)
    facts: list[Mention] = []
    detailed = has_number(text) or not IN_WORDS.isdisjoint(f for claim in made for f in claim.findings)
    said = [" ".join(text[part.start : part.end].split()) for part in given] if detailed else []
    for index, (claim, attributes) in enumerate(zip(made, given, strict=True)):
        span = (found[claim.first].start, found[claim.last].end)
        words = (said[index], said[_last_of_list(found, made, index)]) if detailed else None
        if claim.presence is Presence.ABSENT:
            for place in attributes.affirmed(text, found):
                there = Presence.UNCERTAIN if place.doubted else Presence.PRESENT
                facts += [(_fact(finding, there, place, words), span) for finding in claim.findings]
        parts = attributes.parts()
        own = _each_told(text, found, parts, attributes.end) if words and len(parts) > 1 else None
        for number, place in enumerate(parts):
            presence = Presence.ABSENT if place.denied and not place.stands_alone else claim.presence
            said_here = (own[number], own[number]) if own else words
            facts += [(_fact(finding, presence, place, said_here), span) for finding in claim.findings]
    return facts


def _each_told(text: str, found: Sequence[Mark], parts: Sequence[Place], end: int) -> list[str] | None:
    """The words of each place where each is told of in numbers: "5 mm in the RUL and 9 mm in the LUL"."""
    starts = [found[place.opened].start for place in parts]
    ends = [min((later for later in starts if later > start), default=end) for start in starts]
    own = [text[start:stop] for start, stop in zip(starts, ends, strict=True)]
    return own if sum(size_mm(words) is not None or bool(levels(words)) for words in own) > 1 else None


def _last_of_list(found: Sequence[Mark], made: Sequence[Claim], index: int) -> int:
    """The claim that ends the list of devices that a claim stands in."""
    while (
        index + 1 < len(made)
        and LINES.issuperset(made[index].findings + made[index + 1].findings)
        and _listed(found, made, index + 1, frozenset({"and", "comma", "subject"}))
    ):
        index += 1
    return index


def _share_changes(found: Sequence[Mark], made: Sequence[Claim], given: Sequence[Attributes]) -> None:
    """What a verb says of a list it says of each: "effusion and edema have resolved"."""
    said_of_list = False
    for index in range(len(made) - 1, 0, -1):
        changes = given[index].changes
        after = found[made[index].last + 1 : made[index].last + 2]
        said_of_list = said_of_list or bool(after and ("verb" in after[0].word.cues or after[0].word.change))
        said_of_list = said_of_list and bool(changes) and not given[index - 1].changes
        # "An effusion with atelectasis is unchanged" speaks of both; what has resolved may be the second.
        joints = {"and", "comma"} if Change.RESOLVED in changes else {"and", "comma", "with"}
        if LINES.issuperset(made[index - 1].findings + made[index].findings):
            joints.add("subject")  # "the ETT and the NG tube have been removed"
        said_of_list = said_of_list and _listed(found, made, index, frozenset(joints))
        if said_of_list:
            given[index - 1].places[-1].changes.extend(changes)
    for index in range(1, len(made)):  # "removal of the NG tube and the ET tube"
        gone = given[index - 1].changes == [Change.RESOLVED] and not given[index].changes
        if gone and _last_of_list(found, made, index - 1) >= index:
            given[index].places[-1].changes.append(Change.RESOLVED)
    for index in range(1, len(made)):
        owner = _before_aside(found, made, index) if made[index].presence is Presence.ABSENT else None
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


def _share_places(found: Sequence[Mark], made: Sequence[Claim], given: Sequence[Attributes]) -> None:
    """Where one member of a list is, the others are: "left effusion and atelectasis", "a or b at the left".

    What stands before the first is said of those after it, what stands behind the last of those before it;
    and a claim that renames the one before it is where that one is: "left basal opacity, likely pneumonia".
    """
    for index in range(len(made) - 1, 0, -1):
        before, this = given[index - 1], given[index]
        behind = bool(this.located) and min(this.located) > made[index].last
        joints = {"and", "either", "slash"}
        if any("verb" in mark.word.cues for mark in found[made[index].last + 1 : made[index].last + 2]):
            joints.add("with")  # "shadowing with bronchiectasis is seen in both bases"
        if behind and not before.located and _listed(found, made, index, frozenset(joints)):
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


def _fronted(found: Sequence[Mark], before: Attributes, claim: Claim) -> bool:
    """Whether the sentence begins with where: "On the right, there is an effusion and a nodule"."""
    between = found[max(before.located) + 1 : claim.first]
    return any(mark.word.cues & {"comma", "exist", "colon"} for mark in between)


def _listed(found: Sequence[Mark], made: Sequence[Claim], index: int, joints: frozenset[str]) -> bool:
    """Whether nothing but joints, and what is said of the claim itself, stands behind the claim before it."""
    between = found[made[index - 1].last + 1 : made[index].first]
    if not between:  # "collapse consolidation right base"
        return found[made[index - 1].last].last + 1 == found[made[index].first].first
    if not between[0].word.cues or not between[0].word.cues <= joints:
        return False
    return all(mark.word.cues <= joints for mark in between)


def _alike(made: Sequence[Claim], index: int) -> bool:
    """Whether both claims are denied, or neither."""
    return (made[index].presence is Presence.ABSENT) is (made[index - 1].presence is Presence.ABSENT)


def _renames(found: Sequence[Mark], made: Sequence[Claim], index: int) -> bool:
    """Whether a claim is another name for the one before it."""
    if made[index].presence is Presence.ABSENT or made[index - 1].presence is Presence.ABSENT:
        return False
    sites = [LEXICON[f].sites for claim in made[index - 1 : index + 1] for f in claim.findings]
    if len({bool(own) and own <= BONE_SITES for own in sites}) > 1:
        return False  # "right rib fracture; possible edema"
    between = found[made[index - 1].last + 1 : made[index].first]
    if any(mark.word.cues & _INHERIT for mark in between):
        return True
    lung = all(own is LUNG_SITES for own in sites)
    return lung and made[index].presence is Presence.UNCERTAIN


def _shared_out(found: Sequence[Mark], made: Sequence[Claim]) -> list[Attributes]:
    given = [Attributes(claim.first, behind=claim.findings in _BEHIND) for claim in made]
    current, limit, start = 0, _split(found, made, 0), 0
    for at, mark in enumerate(found):
        while at > limit:
            given[current].start, given[current].end = start, found[at - 1].end
            current += 1
            start, limit = found[at - 1].end, _split(found, made, current)
        claim = made[current]
        if at == claim.quality:
            if mark.word.quality == "enlarged":
                _say_how_enlarged(mark, given[current].places[-1])
        elif not mark.word.findings or at == claim.first:
            given[current].add(found, at, claim)
    given[current].start, given[current].end = start, 1 << 40
    return given


def _say_how_enlarged(mark: Mark, place: Place) -> None:
    """Grade and change of a phrase that says what is there as well: "has enlarged", not "increased" alone."""
    if mark.word.severity:
        place.severities.append(mark.word.severity)
    if mark.word.change and mark.last > mark.first:
        place.changes.append(mark.word.change)


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


def _fact(finding: Finding, presence: Presence, place: Place, words: tuple[str, str] | None) -> Fact:
    entry = LEXICON[finding]
    change = place.change()
    if change is Change.RESOLVED:
        presence = Presence.ABSENT
    elif presence is Presence.ABSENT:
        change = None
    absent = presence is Presence.ABSENT
    told = details(finding, *words) if words and not absent else {}
    by_size = told.pop("change", None)
    return _made(
        finding,
        presence,
        place.side() if entry.sided else None,
        next((site for site in place.sites if site in entry.sites), None) if place.sites else None,
        place.severity if entry.graded and not absent else None,
        None if finding is Finding.NO_FINDING else change or by_size,
        **told,
    )


# Few facts differ, and a frozen one is dear to make.
_made = lru_cache(maxsize=8192)(Fact)
