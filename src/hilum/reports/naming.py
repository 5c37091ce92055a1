"""How a finding is spoken of in a question: bare, with its article, and with its verb.

names(Finding.PLEURAL_EFFUSION)      # {"name": "pleural effusion", "a": "a pleural effusion", "is": "Is"}
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from hilum.reports.lexicon import LEXICON
from hilum.study import Finding

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


@cache
def name_of(finding: Finding) -> str:
    """A finding as it is spoken of: "pleural effusion"."""
    return _NAMES.get(finding) or LEXICON[finding].name


@cache
def names(finding: Finding) -> Mapping[str, str]:
    """The slots that name a finding: bare, with its article, and the verb that goes with it."""
    name = name_of(finding)
    article = ("an " if name[0] in "aeiou" else "a ") if finding in _COUNTED else ""
    return {
        "name": name,
        "a": article + name,
        "is": "Are" if finding in _PLURAL else "Is",
    }
