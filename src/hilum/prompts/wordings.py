"""How things are asked: at least eight wordings of every question, in the TOML files beside this one.

canonical(Task.GROUND, phrase="left pleural effusion")     # the wording that people's own commands use
word(Ask.SIDE, rng, **hilum.reports.names(Finding.PNEUMOTHORAX))
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from importlib import resources

from hilum.errors import UsageError
from hilum.study import Task

FIRST = 0.4
"""How often the first wording is taken; the others share the rest."""


class Ask(StrEnum):
    """Questions that are none of the tasks by name: the kinds that some tasks have several of."""

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
    DEFINE = "define"
    LIST = "list"
    STATED = "stated"
    FINDING_SET = "finding_set"
    LABEL_LIST = "label_list"
    LABEL_PRESENCE = "label_presence"
    CHOICE = "choice"
    CHOICES = "choices"


Asked = Task | Ask
"""What has wordings."""

_FILES = ("wordings.toml", "chexinstruct.toml")
_TASKS = {task.value: task for task in Task}


def _load() -> dict[Asked, tuple[str, ...]]:
    texts = (resources.files(__package__).joinpath(name).read_text(encoding="utf-8") for name in _FILES)
    tables = (item for text in texts for item in tomllib.loads(text).items())
    return {_TASKS.get(name) or Ask(name): tuple(table["wordings"]) for name, table in tables}


WORDINGS: Mapping[Asked, tuple[str, ...]] = _load()
"""Question → its wordings with slots in braces, the canonical one first."""

MAIN: Mapping[Task, Ask] = {
    Task.VQA_CLOSED: Ask.PRESENCE,
    Task.VQA_OPEN: Ask.WHICH,
    Task.TEXT: Ask.LIST,
}
"""The question that stands in `canonical` for a task without wordings of its own."""

UNCONDITIONAL = "Draw any chest radiograph."
"""Asks for a picture without saying of what: the negative prompt of classifier-free guidance."""

_SENTENCES = frozenset({"indication", "report", "findings", "text", "reference", "candidate"})

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
            identify diseases; `name`, `a` and `is` of a finding come from `hilum.reports.names`. The others
            are those that stand in the wordings of `chexinstruct.toml`.

    Raises:
        UsageError: a slot is missing.
    """
    ask = MAIN.get(task, task)
    lead = INDICATIONS[0] if _indicated(ask, slots) else ""
    return _filled(lead + WORDINGS[ask][0], ask, slots)


def word(ask: Asked, rng: random.Random, **slots: str) -> str:
    """A question in one of its wordings, the first more often than the others."""
    wording = _one_of(WORDINGS[ask], rng)
    return _filled(_one_of(INDICATIONS, rng) + wording if _indicated(ask, slots) else wording, ask, slots)


def _one_of(wordings: tuple[str, ...], rng: random.Random) -> str:
    return wordings[0] if rng.random() < FIRST else rng.choice(wordings[1:])


def _indicated(ask: Asked, slots: Mapping[str, str]) -> bool:
    """Whether the study says why it was made, and the wording has no place for it."""
    return ask in (Task.FINDINGS, Task.IMPRESSION) and bool(slots.get("indication", "").strip())


def _filled(wording: str, ask: Asked, slots: Mapping[str, str]) -> str:
    try:
        text = wording.format(**{name: _ended(name, value.strip()) for name, value in slots.items()})
    except KeyError as error:
        slot = str(error.args[0])
        raise UsageError(slot, f"is missing from the wording of {ask.value}", f"give {slot}=…") from None
    return text[:1].upper() + text[1:]


def _ended(slot: str, value: str) -> str:
    """Whole sentences end with a full stop, whatever their author did."""
    return value + "." if slot in _SENTENCES and value and value[-1] not in ".!?:" else value
