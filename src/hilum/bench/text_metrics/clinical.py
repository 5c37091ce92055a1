"""Metrics that compare what two reports say, read by rule: the facts score, and F1 of CheXpert's labels.

chexpert(["Small left effusion."], ["No effusion."])["chexpert_14_micro_f1_u_ones"].corpus

Shape suffixes: N pairs, K labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from hilum.bench.metrics import Counts
from hilum.bench.text_metrics.scores import Scores, Value, require_pairs
from hilum.judge import score
from hilum.reports import extract_facts
from hilum.study import CHEXPERT_14, DEVICES, Fact, Finding, Presence

CHEXPERT_5: tuple[Finding, ...] = (
    Finding.ATELECTASIS,
    Finding.CARDIOMEGALY,
    Finding.CONSOLIDATION,
    Finding.EDEMA,
    Finding.PLEURAL_EFFUSION,
)
"""The labels of CheXpert's competition (Irvin et al., AAAI 2019)."""

_ALSO: Mapping[Finding, Finding] = {
    **dict.fromkeys(DEVICES, Finding.SUPPORT_DEVICES),
    Finding.NODULE: Finding.LUNG_LESION,
    Finding.MASS: Finding.LUNG_LESION,
    Finding.INFILTRATION: Finding.LUNG_OPACITY,
    Finding.VASCULAR_CONGESTION: Finding.EDEMA,
}
"""Further findings that CheXpert's labeler counts as one of its own."""

_STRENGTH = (Presence.ABSENT, Presence.UNCERTAIN, Presence.PRESENT)
_U_ONES = frozenset({Presence.PRESENT, Presence.UNCERTAIN})
_U_ZEROS = frozenset({Presence.PRESENT})


def facts(references: Sequence[str], candidates: Sequence[str]) -> Scores:
    """The score of Hilum's judge (docs/facts.md), in [0, 1]: `facts`; the corpus value is the pairs' mean.

    A candidate that cannot be read scores 0; a pair whose reference cannot be read is NaN and left out.

    Raises:
        UsageError: there are no pairs, or more of the one than of the other.
    """
    require_pairs(references, candidates)
    pairs = np.array(score(references, candidates).values)
    return Scores("facts", 1, "hilum", version("hilum"), len(pairs), (Value.mean_of("facts", pairs),))


def chexpert_labels(text: str) -> dict[Finding, Presence]:
    """CheXpert's labels of a report, by Hilum's rules; what is not in it is not mentioned.

    Of several mentions the strongest counts: present, then uncertain, then absent. No Finding is present
    where the text says something and no label but Support Devices is present or uncertain.
    """
    stated = extract_facts(text)
    labels = _strongest(stated)
    others = set(CHEXPERT_14) - {Finding.NO_FINDING, Finding.SUPPORT_DEVICES}
    if stated and not any(labels.get(finding) in _U_ONES for finding in others):
        labels[Finding.NO_FINDING] = Presence.PRESENT
    return labels


def _strongest(stated: Iterable[Fact]) -> dict[Finding, Presence]:
    labels: dict[Finding, Presence] = {}
    for fact in stated:
        label = _ALSO.get(fact.finding, fact.finding)
        # That no tube is seen does not say that no device is.
        narrower = label is not fact.finding and fact.presence is Presence.ABSENT
        if label in CHEXPERT_14 and label is not Finding.NO_FINDING and not narrower:
            known = labels.get(label, Presence.ABSENT)
            labels[label] = max(known, fact.presence, key=_STRENGTH.index)
    return labels


def chexpert(references: Sequence[str], candidates: Sequence[str]) -> Scores:
    """F1 of CheXpert's 14 and 5 labels, micro and macro, with an uncertain label as present and as absent.

    `chexpert_{14,5}_{micro,macro}_f1_{u_ones,u_zeros}`, in [0, 1]. Labels are read by Hilum's rules. Papers
    that say CheXbert F1 read them by a network: `from_radeval("f1chexbert", …)`. Macro is the mean over
    labels that occur in the references or the candidates; NaN where none does. Absent and not mentioned are
    alike.

    Raises:
        UsageError: there are no pairs, or more of the one than of the other.
    """
    require_pairs(references, candidates)
    read = lru_cache(maxsize=None)(chexpert_labels)
    true, said = ([read(text) for text in texts] for texts in (references, candidates))
    values = []
    for count, labels in (("14", CHEXPERT_14), ("5", CHEXPERT_5)):
        for name, positive in (("u_ones", _U_ONES), ("u_zeros", _U_ZEROS)):
            found = Counts.of_labels(*(_table(side, labels, positive) for side in (true, said)))
            values.append(
                Value.of(f"chexpert_{count}_micro_f1_{name}", None, found.micro_f1, len(references))
            )
            macro = Value.of(f"chexpert_{count}_macro_f1_{name}", None, found.macro_f1, len(references))
            values.append(macro)
    return Scores("chexpert", 1, "hilum", version("hilum"), len(references), tuple(values))


def _table(
    sides: Sequence[Mapping[Finding, Presence]], labels: Sequence[Finding], positive: frozenset[Presence]
) -> npt.NDArray[np.bool_]:
    """Whether each label is positive: (N, K)."""
    return np.array([[side.get(label) in positive for label in labels] for side in sides], dtype=bool)
