"""How each word of a sentence is meant: stated, denied, doubted, or said in passing.

    from hilum.reports.scope import Tone, tones
    tones(marks("No effusion, but possible pneumonia."))

A denial holds from its word to the end of the clause, over lists ("no effusion, pneumothorax or mass"); it
ends at "but" and its like, at a label ("Pleura: no effusion Heart: enlarged"), where a new subject gets a
predicate of its own ("no effusion, heart is large", "no effusion and the opacity has grown"), and where an
affirmed phrase follows a comma ("no effusion, stable cardiomegaly"). A doubt ends at a comma too, unless an
"or" shows that the list goes on. "Is not seen" and "cannot be excluded" work backwards, and so does a denial
with nothing left to deny: "Effusion: no".
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from hilum.reports.words import Mark
from hilum.study import DEVICES, Change, Severity


class Tone(IntEnum):
    """How a word is meant; the higher wins."""

    STATED = 0
    DOUBTED = 1
    DENIED = 2
    ASIDE = 3


_DEVICES = frozenset(DEVICES)
_AFFIRMED = (Change.STABLE, Change.IMPROVED, Change.WORSENED)


def tones(found: Sequence[Mark]) -> list[Tone]:
    """The tone of each mark of one sentence."""
    tone = [Tone.STATED] * len(found)
    if not [mark for mark in found if not mark.word.cues.isdisjoint(_TONED)]:
        return tone
    if _is_complaint(found):
        return [Tone.ASIDE] * len(found)
    denied = doubted = aside = listed = False
    prior: int | None = None
    for at, mark in enumerate(found):
        word = mark.word
        cues = word.cues
        if (denied or doubted or listed) and _is_label(found, at):
            denied = doubted = listed = False
        if prior is not None and ("negation_after" in cues or _became(found, prior, at)):
            # "On the prior film there was a nodule, not seen today": of now after all.
            since = Tone.DENIED if "negation_after" in cues else Tone.STATED
            tone[prior:at] = [since if said is Tone.ASIDE else said for said in tone[prior:at]]
            prior, aside = None, False
        if cues:
            if "cut" in cues:
                denied = doubted = listed = False
                aside = aside and found[at].word.organ is not None
            elif "comma" in cues:
                aside = False
                denied = denied and not _turns(found, at)
                doubted = doubted and (
                    listed or "hedge_after" in found[at - 1].word.cues or _list_goes_on(found, at)
                )
            elif "with" in cues:
                doubted = False
                denied = denied and not ("subject" in cues or (at and found[at - 1].word.cues & _JOINTS))
            if "negation" in cues:
                if _denies_ahead(found, at) or not _claimed_before(found, at):
                    denied = True
                elif not ("forward" in cues or _denies_part(found, at)):
                    _backwards(found, tone, at, Tone.DENIED)
            elif "hedge" in cues and not ("hedge_after" in cues and _ends_clause(found, at)):
                doubted = True
            elif "hedge_list" in cues:
                doubted = listed = True
            elif "hedge_either" in cues:
                if _finding_ahead(found, at):
                    doubted = True
                else:
                    _backwards(found, tone, at, Tone.DOUBTED)
            elif "aside" in cues or "mimic" in cues:
                aside = True
            elif "prior" in cues:
                aside, prior = True, at
            elif "negation_after" in cues:
                if not _of_a_tip(found, at):
                    _backwards(found, tone, at, Tone.DENIED)
            elif "aside_before" in cues:
                _backwards(found, tone, at, Tone.ASIDE)
            elif "hedge_after" in cues:
                # "Effusion, if any, is small": the aside between commas is said of what stands before it.
                between = at - 1 if at and "comma" in found[at - 1].word.cues else at
                if _named_before(found, between) or _ends_clause(found, at, "cut"):
                    _backwards(found, tone, between, Tone.DOUBTED)
                else:  # "trace, if any, effusion"
                    doubted = True
            elif "and" in cues and denied:
                denied = "slash" in cues or not _turns(found, at)
            elif "either" in cues and not denied:
                doubted = True
                _before(found, tone, at)
        if aside:
            tone[at] = Tone.ASIDE
        elif denied and not (word.quality and "negation" in cues):
            tone[at] = Tone.DENIED
        elif doubted:
            tone[at] = max(tone[at], Tone.DOUBTED)
    return tone


def _is_complaint(found: Sequence[Mark]) -> bool:
    """Whether a sentence tells why the patient came: "Known CHF, increasing dyspnea"."""
    words = [mark.word for mark in found]
    if not [word for word in words if "complaint" in word.cues]:
        return False
    return not any(word.side or word.site or word.organ or word.cues & _SEEN for word in words)


_TONED = frozenset(
    {
        *("complaint", "negation", "negation_after", "hedge", "hedge_list", "hedge_either", "hedge_after"),
        *("aside", "mimic", "prior", "aside_before", "either"),
    }
)
"""Cues of which a sentence has at least one if any of it is not stated."""
_SEEN = frozenset({"verb", "exist", "negation", "negation_after", "contrast"})


def _is_label(found: Sequence[Mark], at: int) -> bool:
    """Whether a mark is the label of what follows: "Heart: enlarged"."""
    word = found[at].word
    follows = at + 1 < len(found) and "colon" in found[at + 1].word.cues
    return follows and bool(word.organ or word.findings)


def _denies_ahead(found: Sequence[Mark], at: int) -> bool:
    """Whether anything follows that can be denied, before the clause ends."""
    for mark in found[at + 1 :]:
        word = mark.word
        if word.findings or word.quality or word.organ or word.change or word.cues & _DENIABLE:
            return True
        if word.cues & _ENDS:
            return False
    return False


def _claimed_before(found: Sequence[Mark], at: int) -> bool:
    """Whether the clause has anything to deny so far; in "no displaced, acute fracture" it has not."""
    for mark in reversed(found[:at]):
        if mark.word.findings or mark.word.quality or mark.word.organ:
            return True
        if mark.word.cues & _ENDS and "dash" not in mark.word.cues:
            return False
    return False


def _named_before(found: Sequence[Mark], at: int) -> bool:
    """Whether the clause names a finding or an organ so far; in "small, if any, effusion" it has not."""
    for mark in reversed(found[:at]):
        if mark.word.findings or mark.word.organ:
            return True
        if mark.word.cues & _ENDS:
            return False
    return False


def _denies_part(found: Sequence[Mark], at: int) -> bool:
    """Whether less than what stands before is denied: a side, a grade, a tip, or something added."""
    graded = any(mark.word.severity for mark in found[at + 1 : at + 2])
    return graded or _side_ahead(found, at) or _added(found, at) or _of_a_tip(found, at)


def _of_a_tip(found: Sequence[Mark], at: int) -> bool:
    """Whether it is the end of a device that is not seen, and not the device: "ETT tip not seen"."""
    for mark in reversed(found[:at]):
        if "tip" in mark.word.cues:
            return True
        if mark.word.cues & _ENDS:
            return False
    return False


def _added(found: Sequence[Mark], at: int) -> bool:
    """Whether something else is denied, of no table: "effusion with no loculation"."""
    return at > 0 and bool(found[at - 1].word.cues & {"with", "and"})


def _side_ahead(found: Sequence[Mark], at: int) -> bool:
    """Whether only a side is denied: "effusion on the left, not on the right"."""
    return any(mark.word.side for mark in found[at + 1 : at + 3])


_HEDGES = frozenset({"hedge", "hedge_either"})
_DENIABLE = frozenset({"generic", "acute", "hedge", "aside", "link", "negation_after"})
_ENDS = frozenset({"cut", "comma"})
_JOINTS = frozenset({"comma", "and"})


def _turns(found: Sequence[Mark], at: int) -> bool:
    """Whether the words after a comma or "and" affirm something of their own."""
    subject = False
    determined = "subject" in found[at].word.cues
    predicate = False
    for place in range(at + 1, len(found)):
        word = found[place].word
        if word.organ is not None and word.quality is None:
            subject = True
            continue
        if word.cues & _JOINTS or "either" in word.cues:
            # "no pleural effusion, mediastinal or hilar enlargement" is still one list.
            return False
        if word.quality is not None and (subject or word.quality in ("normal", "clear")):
            return True
        if word.findings and _DEVICES.issuperset(word.findings):
            return not _either_ahead(found, place)  # "no pneumothorax, right PICC in the SVC"
        if word.findings:
            return determined or predicate or _has_changed(found, place)
        if word.cues & _HEDGES and "suspicious" not in word.cues:
            return not _either_ahead(found, place)  # "no fever, this may be pneumonia"
        predicate = predicate or "verb" in word.cues  # "no effusion, the left base is consolidated"
        if "negation" in word.cues:
            return False
        if not subject and (word.change in _AFFIRMED or word.severity is Severity.MILD):
            return not _either_ahead(found, at)
    return False


def _became(found: Sequence[Mark], prior: int, at: int) -> bool:
    """Whether a mark says what became of a finding of the prior study."""
    return found[at].word.change is not None and any(mark.word.findings for mark in found[prior:at])


def _ends_clause(found: Sequence[Mark], at: int, *ends: str) -> bool:
    """Whether no finding follows in the clause."""
    for mark in found[at + 1 :]:
        if mark.word.findings or mark.word.quality is not None:
            return False
        if mark.word.cues & (set(ends) or _ENDS):
            return True
    return True


def _has_changed(found: Sequence[Mark], at: int) -> bool:
    """Whether a verb says next what became of a finding: "the effusion has increased"."""
    change = None
    for mark in found[at + 1 : at + 4]:
        word = mark.word
        if word.change is not None:
            change = word.change
            break
        if not ("verb" in word.cues or word.severity or word.site or word.side or "in" in word.cues):
            return False
    return change in _AFFIRMED


def _either_ahead(found: Sequence[Mark], at: int) -> bool:
    for mark in found[at + 1 :]:
        if "either" in mark.word.cues:
            return True
        if "cut" in mark.word.cues:
            return False
    return False


def _finding_ahead(found: Sequence[Mark], at: int) -> bool:
    for mark in found[at + 1 :]:
        if mark.word.findings or mark.word.quality is not None or "hedge" in mark.word.cues:
            return True
        if "cut" in mark.word.cues:
            return False
    return False


def _list_goes_on(found: Sequence[Mark], at: int) -> bool:
    """Whether a doubted list continues after this comma: an "or" follows before the clause ends."""
    return _either_ahead(found, at)


def _backwards(found: Sequence[Mark], tone: list[Tone], at: int, to: Tone) -> None:
    """Give the words before `at` a tone, back to the start of their clause."""
    for index in range(at - 1, -1, -1):
        cues = found[index].word.cues
        if ("cut" in cues and "dash" not in cues) or (
            "comma" in cues and not (_joined_by_or(found, index, at) or _lists_findings(found, index, at))
        ):
            return
        if tone[index] < to:
            tone[index] = to


def _joined_by_or(found: Sequence[Mark], start: int, end: int) -> bool:
    return any(found[index].word.cues & _LISTS for index in range(start + 1, end))


_LISTS = frozenset({"either", "and"})


def _lists_findings(found: Sequence[Mark], comma: int, at: int) -> bool:
    """Whether a comma parts the names of a label: "Effusion, pneumothorax: none"."""
    named = comma and found[comma - 1].word.findings and found[comma + 1].word.findings
    return bool(named) and "colon" in found[at - 1].word.cues


def _before(found: Sequence[Mark], tone: list[Tone], at: int) -> None:
    """In "scarring or atelectasis" the first is in doubt as well: mark the finding just before the "or"."""
    for index in range(at - 1, -1, -1):
        word = found[index].word
        if word.cues - {"in", "both"}:
            return
        if tone[index] < Tone.DOUBTED:
            tone[index] = Tone.DOUBTED
        if word.findings:
            return
