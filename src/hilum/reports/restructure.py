r"""Reports put in order: airway, breathing, cardiac, diaphragm, everything else, sentence by sentence.

restructure("Heart size is normal. Lungs are clear.").text
# "Breathing: Lungs are clear.\nCardiac: Heart size is normal."

MIMIC-CXR-Struct, from which CheXagent (arXiv 2401.12208) learns reports, was restructured by GPT-4 and
cannot be shared. Here the fact reader decides: a sentence goes, word for word, to the anatomy that it names
first. None is lost, and the facts that are read from the result are those of the original.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from hilum.errors import a_text
from hilum.reports.facts import mentioned, statements
from hilum.reports.words import marks
from hilum.study import DEVICES, Finding


class Section(StrEnum):
    """The ABCDE of reading a chest radiograph, in its order."""

    AIRWAY = "Airway"
    BREATHING = "Breathing"
    CARDIAC = "Cardiac"
    DIAPHRAGM = "Diaphragm"
    EVERYTHING_ELSE = "Everything else"


class Anatomy(StrEnum):
    """What a sentence is about; each belongs to one section."""

    TRACHEA = "Trachea and bronchi"
    LUNGS = "Lungs"
    PLEURA = "Pleura"
    HILA = "Hila and vessels"
    HEART = "Heart"
    DIAPHRAGM = "Diaphragm"
    MEDIASTINUM = "Mediastinum and aorta"
    BONES = "Bones"
    DEVICES = "Devices"
    SOFT_TISSUES = "Soft tissues and abdomen"
    GENERAL = "General"


SECTION_OF: Mapping[Anatomy, Section] = {
    Anatomy.TRACHEA: Section.AIRWAY,
    **dict.fromkeys((Anatomy.LUNGS, Anatomy.PLEURA, Anatomy.HILA), Section.BREATHING),
    Anatomy.HEART: Section.CARDIAC,
    Anatomy.DIAPHRAGM: Section.DIAPHRAGM,
    **dict.fromkeys(
        (Anatomy.MEDIASTINUM, Anatomy.BONES, Anatomy.DEVICES, Anatomy.SOFT_TISSUES, Anatomy.GENERAL),
        Section.EVERYTHING_ELSE,
    ),
}
"""As in CheXagent's structured reports: mediastinum, bones, soft tissues, devices are everything else."""

_OF_FINDING: Mapping[Finding, Anatomy] = {
    **dict.fromkeys(Finding, Anatomy.LUNGS),
    Finding.NO_FINDING: Anatomy.GENERAL,
    **dict.fromkeys((*DEVICES, Finding.SUPPORT_DEVICES), Anatomy.DEVICES),
    Finding.CARDIOMEGALY: Anatomy.HEART,
    Finding.ENLARGED_CARDIOMEDIASTINUM: Anatomy.MEDIASTINUM,
    **dict.fromkeys((Finding.PLEURAL_EFFUSION, Finding.PNEUMOTHORAX, Finding.PLEURAL_OTHER), Anatomy.PLEURA),
    **dict.fromkeys((Finding.HILAR_ENLARGEMENT, Finding.VASCULAR_CONGESTION), Anatomy.HILA),
    **dict.fromkeys((Finding.ELEVATED_DIAPHRAGM, Finding.PNEUMOPERITONEUM), Anatomy.DIAPHRAGM),
    **dict.fromkeys(
        (Finding.TORTUOUS_AORTA, Finding.AORTIC_ATHEROSCLEROSIS, Finding.HIATAL_HERNIA), Anatomy.MEDIASTINUM
    ),
    **dict.fromkeys(
        (Finding.FRACTURE, Finding.SCOLIOSIS, Finding.DEGENERATIVE_CHANGE, Finding.OSTEOPENIA), Anatomy.BONES
    ),
    **dict.fromkeys((Finding.SUBCUTANEOUS_EMPHYSEMA, Finding.SURGICAL_CHANGE), Anatomy.SOFT_TISSUES),
}
_OF_ORGAN: Mapping[str, Anatomy] = {
    **dict.fromkeys(("heart", "cardiomediastinum"), Anatomy.HEART),
    **dict.fromkeys(("mediastinum", "aorta"), Anatomy.MEDIASTINUM),
    **dict.fromkeys(("lungs", "volumes"), Anatomy.LUNGS),
    **dict.fromkeys(("vessels", "hila"), Anatomy.HILA),
    **dict.fromkeys(("pleura", "angles"), Anatomy.PLEURA),
    "diaphragm": Anatomy.DIAPHRAGM,
    **dict.fromkeys(("bones", "spine"), Anatomy.BONES),
}
"""An organ that is not named here is told by its word."""
_WORDS: Mapping[Anatomy, str] = {
    Anatomy.TRACHEA: r"trache\w*|airways?|bronch(?:us|i)",
    Anatomy.LUNGS: r"interstiti\w+|(?:lung|bronchovascular) markings|airspace|lobes?|lingula|apex|apices"
    r"|bases?|basilar",
    Anatomy.DEVICES: r"clips?|wires?|sutures?|catheters?|tubes?|leads?|valves?|stents?|hardware|devices?"
    r"|ports?",
    Anatomy.BONES: r"shoulders?|sacr\w+|humer\w+|scapula\w*|vertebra\w*|osteo\w+",
    Anatomy.SOFT_TISSUES: r"soft tissues?|abd\w+|stomach|bowel|liver|spleen|breast\w*|axill\w+",
}
_OF_WORD = {a: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for a, words in _WORDS.items()}
"""Further words, for what is neither a finding nor an organ of the fact reader's."""


@dataclass(frozen=True, slots=True)
class StructuredReport:
    """The sentences of a text by what they are about, each group in the order of the text."""

    sentences: Mapping[Anatomy, tuple[str, ...]]

    @property
    def sections(self) -> Mapping[Section, str]:
        """The sections that have sentences, in their order."""
        said = {
            section: [s for a, some in self.sentences.items() if SECTION_OF[a] is section for s in some]
            for section in Section
        }
        return {section: " ".join(sentences) for section, sentences in said.items() if sentences}

    @property
    def text(self) -> str:
        """A line for each section: "Breathing: Lungs are clear. No effusion."."""
        if self.sections.keys() <= {Section.CARDIAC, Section.DIAPHRAGM}:
            # Alone these headings read as organs: "Cardiac: normal."
            return "\n".join(self.sections.values())
        return "\n".join(f"{section.value}: {text}" for section, text in self.sections.items())


def restructure(text: str) -> StructuredReport:
    """Sort the sentences of a findings or impression section, each as it stands.

    Raises:
        UsageError: it is no text.
    """
    a_text(text, "report", "give the text of one section")
    found: dict[Anatomy, list[str]] = {}
    for begin, sentence in statements(text, 0, len(text)):
        whole = text[begin : begin + len(sentence)]
        if not any(letter.isalnum() for letter in whole):  # the second stop of ".."
            continue
        found.setdefault(anatomy_of(whole), []).append(_ended(" ".join(whole.split())))
    return StructuredReport({anatomy: tuple(found[anatomy]) for anatomy in Anatomy if anatomy in found})


def _ended(sentence: str) -> str:
    """With a stop, without which the next sentence would be part of it."""
    return sentence if sentence[-1:] in (".", "!", "?", ":", ";") else f"{sentence}."


def anatomy_of(sentence: str) -> Anatomy:
    """What a sentence is about: the first finding or organ that it names; `GENERAL` where it names none."""
    facts = [(fact.span or (0, 0), _OF_FINDING[fact.finding]) for fact in mentioned(sentence, 0)]
    organs = [(mark, _OF_ORGAN.get(mark.word.organ or "")) for mark in marks(sentence)]
    words = [(pattern.search(sentence), anatomy) for anatomy, pattern in _OF_WORD.items()]
    places = [(start, 0, anatomy) for (start, _), anatomy in facts]
    places += [(mark.start, 1, anatomy) for mark, anatomy in organs if anatomy]
    places += [(match.start(), 2, anatomy) for match, anatomy in words if match]
    named = [place for place in places if place[2] is not Anatomy.GENERAL]
    return min(named, default=(0, 0, Anatomy.GENERAL))[2]
