"""What a cohort is made of: picture size, prevalences (also per group), views, follow-ups, noise.

from hilum.phantom import PhantomConfig, cohort
from hilum.study import Finding
config = PhantomConfig(size=128, group_prevalence={"B": {Finding.PNEUMOTHORAX: 0.3}})
studies = cohort(100, seed=1, config=config)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hilum.errors import UsageError
from hilum.study import Finding, member

DEFAULT_PREVALENCE: Mapping[Finding, float] = {
    Finding.ENLARGED_CARDIOMEDIASTINUM: 0.045,
    Finding.CARDIOMEGALY: 0.12,
    Finding.LUNG_OPACITY: 0.05,
    Finding.EDEMA: 0.065,
    Finding.CONSOLIDATION: 0.06,
    Finding.PNEUMONIA: 0.065,
    Finding.ATELECTASIS: 0.085,
    Finding.PNEUMOTHORAX: 0.07,
    Finding.PLEURAL_EFFUSION: 0.13,
    Finding.PLEURAL_OTHER: 0.045,
    Finding.FRACTURE: 0.04,
    Finding.NODULE: 0.07,
    Finding.MASS: 0.045,
    Finding.EMPHYSEMA: 0.05,
    Finding.FIBROSIS: 0.045,
    Finding.HIATAL_HERNIA: 0.035,
    Finding.ENDOTRACHEAL_TUBE: 0.05,
    Finding.CENTRAL_LINE: 0.07,
    Finding.CHEST_TUBE: 0.045,
    Finding.PACEMAKER: 0.055,
    Finding.STERNOTOMY_WIRES: 0.055,
    Finding.NASOGASTRIC_TUBE: 0.045,
}
"""Chance of each finding in a patient's first study; together about 3 in 10 studies have none."""

DRAWABLE: tuple[Finding, ...] = tuple(DEFAULT_PREVALENCE)
"""The findings the phantom draws. Lung Lesion and Support Devices are labelled from them."""

GROUPS = ("A", "B")


@dataclass(frozen=True)
class PhantomConfig:
    """Settings of a cohort; every picture is a function of these, the seed and the study's index.

    Args:
        size: pixels a side, 64 to 2048.
        prevalence: finding -> chance in a first study; findings left out keep their default.
        group_prevalence: group ("A" or "B") -> finding -> chance, over `prevalence` for that group.
        group_b: share of patients in group B.
        followup: chance that a patient has one more study, asked again after each, up to `max_visits`.
        max_visits: studies a patient can have, 1 to 3.
        lateral: chance that an upright study has a lateral view besides the PA view.
        portable: chance that a study is an AP portable one where no device or edema makes it likelier.
        noise: relative quantum noise; 1 is a usual exposure, 0 none.
        patients: prefix of patient ids, so that two cohorts can be told apart.

    Raises:
        UsageError: a value is out of range or a finding cannot be drawn.
    """

    size: int = 256
    prevalence: Mapping[Finding, float] = field(default_factory=dict)
    group_prevalence: Mapping[str, Mapping[Finding, float]] = field(default_factory=dict)
    group_b: float = 0.5
    followup: float = 0.35
    max_visits: int = 3
    lateral: float = 0.5
    portable: float = 0.22
    noise: float = 1.0
    patients: str = "phantom"

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn, naming the field."""
        if not 64 <= self.size <= 2048:
            raise UsageError("size", f"{self.size} pixels is out of range", "choose 64 to 2048")
        if not 1 <= self.max_visits <= 3:
            raise UsageError("max_visits", f"{self.max_visits} is out of range", "choose 1, 2 or 3")
        for name in ("group_b", "followup", "lateral", "portable"):
            _check_chance(name, getattr(self, name))
        if not self.noise >= 0.0:
            raise UsageError("noise", f"{self.noise} is negative", "choose 0 or more")
        for group in self.group_prevalence:
            if group not in GROUPS:
                raise UsageError("group_prevalence", f"unknown group {group!r}", "the groups are A and B")
        for table in (self.prevalence, *self.group_prevalence.values()):
            for finding, chance in table.items():
                if finding not in DEFAULT_PREVALENCE:
                    known = ", ".join(f.value for f in DRAWABLE)
                    raise UsageError("prevalence", f"{finding.value} cannot be drawn", f"choose from {known}")
                _check_chance(f"prevalence of {finding.value}", chance)

    def chance(self, finding: Finding, group: str) -> float:
        """Prevalence of a drawable finding in a group."""
        own = self.group_prevalence.get(group, {})
        return own.get(finding, self.prevalence.get(finding, DEFAULT_PREVALENCE[finding]))


def only(*findings: Finding | str, chance: float = 1.0) -> dict[Finding, float]:
    """A prevalence table with these findings at `chance` and every other at 0.

    Raises:
        UsageError: an unknown finding.
    """
    findings = tuple(member(Finding, finding, "finding") for finding in findings)
    return {f: chance if f in findings else 0.0 for f in DRAWABLE}


def _check_chance(name: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise UsageError(name, f"{value} is not a chance", "choose 0 to 1")
