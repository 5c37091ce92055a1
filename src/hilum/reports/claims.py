"""What a sentence claims: findings by name, or by an organ and what is said of it ("heart is enlarged").

from hilum.reports.claims import claims
claims(marks(text), tones(...))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hilum.reports.lexicon import BONE_SITES
from hilum.reports.scope import Tone
from hilum.reports.words import ORGANS, Mark
from hilum.study import DEVICES, Finding, Presence

_FRAMES: Final[Mapping[tuple[str, str], tuple[Finding, ...]]] = {
    (quality, organ): (Finding(name),)
    for quality, row in ORGANS["frame"].items()
    for organ, name in row.items()
}
_NORMAL: Final[Mapping[str, tuple[Finding, ...]]] = {
    organ: tuple(map(Finding, names)) for organ, names in ORGANS["normal"].items()
}
_NORMAL_QUALITIES = frozenset({"normal", "clear"})
_OBJECTS = frozenset({*DEVICES, Finding.SUPPORT_DEVICES, Finding.SURGICAL_CHANGE})
_REACH = 5
"""Words that may lie between a quality and the organ after it: "elevation of the right hemidiaphragm"."""


@dataclass(slots=True)
class Claim:
    """Findings that one phrase speaks of; `first` and `last` number its marks."""

    findings: tuple[Finding, ...]
    presence: Presence
    first: int
    last: int
    quality: int | None = None


def claims(found: Sequence[Mark], tone: Sequence[Tone]) -> list[Claim]:
    """The claims of a sentence, from left to right."""
    made: list[Claim] = []
    organs: list[int] = []
    group: list[int] = []
    for at, mark in enumerate(found):
        word = mark.word
        if word.findings:
            if organs and mark.first - found[organs[-1]].last == 1:
                organs.pop()  # "mediastinal mass": the organ only says which mass
            if tone[at] is not Tone.ASIDE and not _is_elsewhere(found, at):
                denied = _is_cleared(found, at)
                made.append(Claim(word.findings, Presence.ABSENT if denied else _PRESENCE[tone[at]], at, at))
        elif word.quality is not None:
            if word.quality == "normal" and _called_normal(found, at, made):
                made[-1].presence = Presence.ABSENT
                continue
            owners = [] if _grades_finding(found, at) else _owners(found, at, organs, group)
            owners = [owner for owner in owners if not _is_zone(found, at, owner)]
            if owners:
                group, organs = owners, []
                made += _said(found, tone, at, owners, made)
        elif word.organ is not None:
            organs.append(at)
        elif "generic" in word.cues and tone[at] is Tone.DENIED:
            claim = _nothing(found, tone, at)
            if claim is not None:
                made.append(claim)
        elif word.cues and "cut" in word.cues and not (_set_off(found, at) or _same_subject(found, at)):
            organs, group = [], []
    if len(made) < 2:
        return made
    made.sort(key=_by_place)
    return made[1:] if _is_label(found, made[0]) else made


def _is_elsewhere(found: Sequence[Mark], at: int) -> bool:
    """Whether a finding's name is none of the chest: a broken catheter, a density over a rib, a hip."""
    findings = found[at].word.findings
    if "density" in found[at].word.cues:
        return _lies_over(found, at)
    before = found[at - 1] if at and found[at].first - found[at - 1].last == 1 else None
    if Finding.FRACTURE in findings and before and not _OBJECTS.isdisjoint(before.word.findings):
        return True
    if _OF_BONES.isdisjoint(findings):
        return False
    if not any("limb" in mark.word.cues for mark in found):
        return False
    return not any(mark.word.organ in _BONES or mark.word.site in BONE_SITES for mark in found)


_OF_BONES = frozenset({Finding.FRACTURE, Finding.DEGENERATIVE_CHANGE, Finding.OSTEOPENIA})
_BONES = frozenset({"bones", "spine"})
_OUTSIDE = frozenset({*_BONES, "mediastinum", "breast"})


def _lies_over(found: Sequence[Mark], at: int) -> bool:
    """Whether a place follows that is outside the lungs: "density overlying the left 4th rib"."""
    if not (at + 1 < len(found) and "in" in found[at + 1].word.cues):
        return False
    for mark in found[at + 2 : at + 6]:
        word = mark.word
        if word.organ is not None:
            return word.organ in _OUTSIDE
        if word.findings or word.cues:
            return False
    return False


def _is_cleared(found: Sequence[Mark], at: int) -> bool:
    """Whether an "of" was lost before what clear lungs lack: "lungs are clear airspace disease"."""
    before = found[at - 1] if at else None
    if before is None or before.word.quality != "clear" or found[at].first - before.last > 1:
        return False
    return set(found[at].word.findings) <= set(_NORMAL["lungs"])


def _set_off(found: Sequence[Mark], at: int) -> bool:
    """Whether a word stands between commas: "the heart, however, is enlarged"."""
    return 0 < at < len(found) - 1 and all("comma" in found[at + step].word.cues for step in (-1, 1))


def _same_subject(found: Sequence[Mark], at: int) -> bool:
    """Whether the sentence turns without a new subject: "…, but appears enlarged", "low but clear"."""
    if not (at + 1 < len(found) and found[at + 1].first - found[at].last == 1):
        return False
    after = found[at + 1].word
    said = "verb" in after.cues or after.quality in _NORMAL_QUALITIES
    return said and "contrast" in found[at].word.cues


def _is_label(found: Sequence[Mark], claim: Claim) -> bool:
    """Whether a claim is only the heading of what follows: "Devices: endotracheal tube in place"."""
    return (
        claim.first == claim.last == 0
        and claim.findings == (Finding.SUPPORT_DEVICES,)
        and "colon" in found[1].word.cues
    )


def _grades_finding(found: Sequence[Mark], at: int) -> bool:
    """Whether a quality only grades what follows: "heart: large hernia", "borderline enlarged"."""
    if not (found[at].word.severity or found[at].word.change):
        return False
    for mark in found[at + 1 :]:
        word = mark.word
        if word.findings or word.quality == found[at].word.quality:
            return True
        if not (word.side or word.site or word.severity or word.change or word.quality == "calcified"):
            return False
    return False


def _is_zone(found: Sequence[Mark], at: int, owner: int) -> bool:
    """Whether a low lung is only a part of it: "the lower left lung"."""
    low = found[at].word.quality == "low" and found[owner].word.organ == "lungs"
    return low and found[owner].first - found[at].last > 1


def _called_normal(found: Sequence[Mark], at: int, made: Sequence[Claim]) -> bool:
    """Whether "normal" is said of a finding's name: "engorgement is within normal limits".

    A device that is intact is still there.
    """
    if at < 2 or not made or made[-1].last != at - 2 or "verb" not in found[at - 1].word.cues:
        return False
    return not set(made[-1].findings) & _OBJECTS


_PRESENCE = {
    Tone.STATED: Presence.PRESENT,
    Tone.DOUBTED: Presence.UNCERTAIN,
    Tone.DENIED: Presence.ABSENT,
}


def _by_place(claim: Claim) -> tuple[int, int]:
    return claim.first, claim.last


def _owners(found: Sequence[Mark], at: int, organs: list[int], group: list[int]) -> list[int]:
    """The organs a quality is said of: before it as a subject, else just after it, else the last ones."""
    quality = found[at].word.quality
    subject = [o for o in organs if _frame(quality, found[o].word.organ)]
    after = _attributed(found, at)
    if after is not None and subject and found[subject[-1]].word.organ == "chest":
        subject = []  # "two views show normal lungs"
    if subject and after is not None:
        between = found[subject[-1] + 1 : at]
        if not any("verb" in m.word.cues for m in between) and found[at].first - found[subject[-1]].last > 1:
            return _with_list(found, at, after)
    if subject:
        return subject
    if after is not None:
        return _with_list(found, at, after)
    before = next((mark.word for mark in reversed(found[:at]) if "negation" not in mark.word.cues), None)
    follows = before and (before.cues & {"and", "comma", "contrast"} or before.severity)
    return [o for o in group if _frame(quality, found[o].word.organ)] if follows else []


def _with_list(found: Sequence[Mark], at: int, first: int) -> list[int]:
    """An organ called normal, and those listed after it: "normal heart, lungs and mediastinum"."""
    owners = [first]
    if found[at].word.quality not in _NORMAL_QUALITIES:
        return owners
    for index in range(first + 1, len(found)):
        word = found[index].word
        if word.organ is not None and not word.findings and not word.quality:
            owners.append(index)
        elif not word.cues & _LISTING:
            # What follows may be said of the last one instead: "normal heart, lungs show a nodule".
            said = word.quality or "verb" in word.cues or word.findings
            return owners[:-1] if said and len(owners) > 1 else owners
    return owners


_LISTING = frozenset({"and", "comma", "subject"})


def _attributed(found: Sequence[Mark], at: int) -> int | None:
    """The organ a quality stands before: "enlarged cardiac silhouette", "blunting of the left angle"."""
    for index in range(at + 1, min(at + 8, len(found))):
        mark = found[index]
        word = mark.word
        if mark.first - found[at].last > _REACH:
            return None
        if word.organ is not None and _frame(found[at].word.quality, word.organ):
            return index
        if word.findings or word.cues - {"in", "and", "verb", "both"}:
            return None
        if "verb" in word.cues and not any("in" in m.word.cues for m in found[index + 1 : index + 3]):
            return None
    return None


def _frame(quality: str | None, organ: str | None) -> tuple[Finding, ...]:
    if quality in _NORMAL_QUALITIES:
        return (Finding.NO_FINDING,) if organ == "chest" else _NORMAL.get(str(organ), ())
    return _FRAMES.get((str(quality), str(organ)), ())


def _said(
    found: Sequence[Mark], tone: Sequence[Tone], at: int, owners: list[int], before: Sequence[Claim]
) -> list[Claim]:
    """A quality said of organs; calling an organ normal makes its findings absent."""
    quality = found[at].word.quality
    made = []
    if tone[at] is Tone.ASIDE:
        return []
    for owner in owners:
        findings = _frame(quality, found[owner].word.organ)
        presence = _PRESENCE[tone[at]]
        if quality in _NORMAL_QUALITIES:
            if tone[at] is Tone.DENIED:
                continue
            normal = findings == (Finding.NO_FINDING,)
            presence = Presence.PRESENT if normal else Presence.ABSENT
        # With something else between, the organ stands with that: "pleura: right thickening, no fluid".
        parted = any(owner < claim.last < at for claim in before)
        made.append(Claim(findings, presence, at if parted else min(at, owner), max(at, owner), at))
    return made


def _nothing(found: Sequence[Mark], tone: Sequence[Tone], at: int) -> Claim | None:
    """What "no acute abnormality" means, of the chest or of the bones."""
    first, acute, bones = at, False, False
    while first and tone[first - 1] is Tone.DENIED and not found[first - 1].word.findings:
        first -= 1
        word = found[first].word
        acute = acute or "acute" in word.cues or word.organ in ("heart", "lungs", "chest")
        bones = bones or word.organ in _BONES
        if "negation" in word.cues:
            break
    if bones:
        return Claim((Finding.FRACTURE,), Presence.ABSENT, first, at)
    bare = found[at].first - found[first].last == 1
    return Claim((Finding.NO_FINDING,), Presence.PRESENT, first, at) if acute or bare else None
