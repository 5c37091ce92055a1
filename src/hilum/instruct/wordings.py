"""How things are asked: at least eight wordings of every question, in `wordings.toml` beside this file.

canonical(Task.GROUND, phrase="left pleural effusion")     # the wording that people's own commands use
word(Ask.SIDE, rng, **names(Finding.PNEUMOTHORAX))
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from importlib import resources

import numpy as np

from hilum.errors import UsageError
from hilum.reports.lexicon import LEXICON
from hilum.study import Finding, Task

FIRST = 0.4
"""How often the first wording is taken; the others share the rest."""


class Ask(StrEnum):
    """The kinds of question; a task of `hilum.study.Task` has one or several."""

    FINDINGS = "findings_generation"
    IMPRESSION = "impression_generation"
    DRAW = "report_to_image"
    SUMMARIZE = "findings_summarization"
    VIEW = "view_classification"
    DISEASES = "disease_identification"
    BINARY = "binary_disease"
    PRESENCE = "presence"
    NORMAL = "normal"
    SIDE_IS = "side_is"
    BOTH_SIDES = "both_sides"
    SITE_IS = "site_is"
    SEVERITY_IS = "severity_is"
    COUNT_IS = "count_is"
    WHICH = "which"
    WHICH_DEVICE = "which_device"
    SIDE = "side"
    SITE = "site"
    SEVERITY = "severity"
    COUNT = "count"
    GROUND = "phrase_grounding"
    DETECT = "abnormality_detection"
    PROGRESSION = "progression"
    DEFINE = "define"
    LIST = "list"
    STATED = "stated"


def _load() -> dict[Ask, tuple[str, ...]]:
    text = resources.files(__package__).joinpath("wordings.toml").read_text(encoding="utf-8")
    return {Ask(name): tuple(table["wordings"]) for name, table in tomllib.loads(text).items()}


WORDINGS: Mapping[Ask, tuple[str, ...]] = _load()
"""Question → its wordings with slots in braces, the canonical one first."""

MAIN: Mapping[Task, Ask] = {
    **{task: Ask(task.value) for task in Task if task.value in set(Ask)},
    Task.VQA_CLOSED: Ask.PRESENCE,
    Task.VQA_OPEN: Ask.WHICH,
    Task.TEXT: Ask.LIST,
}
"""The question that stands for a task in `canonical`."""

UNTOLD = "Draw any chest radiograph."
"""Asks for a picture without saying of what: the negative prompt of guidance (`hilum.model.engine`)."""

_SENTENCES = frozenset({"indication", "report", "findings", "text"})

INDICATIONS = (
    "Indication: {indication} ",
    "Clinical history: {indication} ",
    "Reason for exam: {indication} ",
)
"""What goes before a request for a report when the study says why it was made."""


def canonical(task: Task, **slots: str) -> str:
    """A task in the words that training sees most.

    Args:
        task: what is asked.
        slots: what its wording names in braces: `indication` (may be empty) for findings and impression,
            `report` and `position` to draw, `findings` to summarise, `phrase` to ground, `options` to
            identify diseases; `name`, `a` and `is` of a finding come from `names`.

    Raises:
        UsageError: a slot is missing.
    """
    return _filled(WORDINGS[MAIN[task]][0], MAIN[task], INDICATIONS[0], slots)


def word(ask: Ask, rng: np.random.Generator, **slots: str) -> str:
    """A question in one of its wordings, the first more often than the others."""
    wordings = WORDINGS[ask]
    index = 0 if rng.random() < FIRST else int(rng.integers(1, len(wordings)))
    lead = INDICATIONS[0 if rng.random() < FIRST else int(rng.integers(1, len(INDICATIONS)))]
    return _filled(wordings[index], ask, lead, slots)


def _filled(wording: str, ask: Ask, lead: str, slots: Mapping[str, str]) -> str:
    if ask in (Ask.FINDINGS, Ask.IMPRESSION) and slots.get("indication", "").strip():
        wording = lead + wording
    try:
        text = wording.format(**{name: _ended(name, value.strip()) for name, value in slots.items()})
    except KeyError as error:
        slot = str(error.args[0])
        raise UsageError(slot, f"is missing from the wording of {ask.value}", f"give {slot}=…") from None
    return text[:1].upper() + text[1:]


def _ended(slot: str, value: str) -> str:
    """Whole sentences end with a full stop, whatever their author did."""
    return value + "." if slot in _SENTENCES and value and value[-1] not in ".!?:" else value


_NAMES: Mapping[Finding, str] = {
    Finding.ELEVATED_DIAPHRAGM: "elevated hemidiaphragm",
    Finding.STERNOTOMY_WIRES: "sternotomy wires",
}
"""Where the reports' first term is too particular for a question."""

_COUNTED = frozenset(
    {
        Finding.LUNG_OPACITY,
        Finding.LUNG_LESION,
        Finding.PNEUMOTHORAX,
        Finding.PLEURAL_EFFUSION,
        Finding.FRACTURE,
        Finding.SUPPORT_DEVICES,
        Finding.NODULE,
        Finding.MASS,
        Finding.HIATAL_HERNIA,
        Finding.INFILTRATION,
        Finding.GRANULOMA,
        Finding.ENDOTRACHEAL_TUBE,
        Finding.CENTRAL_LINE,
        Finding.CHEST_TUBE,
        Finding.PACEMAKER,
        Finding.NASOGASTRIC_TUBE,
        Finding.ELEVATED_DIAPHRAGM,
        Finding.TORTUOUS_AORTA,
        Finding.ENLARGED_CARDIOMEDIASTINUM,
    }
)
_PLURAL = frozenset({Finding.STERNOTOMY_WIRES, Finding.LOW_LUNG_VOLUMES})


def name_of(finding: Finding) -> str:
    """A finding as it is spoken of: "pleural effusion"."""
    return _NAMES.get(finding) or LEXICON[finding].name


def names(finding: Finding) -> dict[str, str]:
    """The slots that name a finding: bare, with its article, and the verb that goes with it."""
    name = name_of(finding)
    article = ("an " if name[0] in "aeiou" else "a ") if finding in _COUNTED else ""
    return {
        "name": name,
        "a": article + name,
        "is": "Are" if finding in _PLURAL else "Is",
    }
