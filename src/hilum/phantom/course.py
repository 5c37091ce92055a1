"""Who the patient is and what becomes of the findings from visit to visit.

from hilum.phantom.course import admit
visits = admit(seed=0, patient=7, visits=2, config=PhantomConfig())
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hilum.phantom.config import DRAWABLE, PhantomConfig
from hilum.study import DEVICES, Finding, Severity, Sex, Side, Site

GRADED = frozenset(
    {
        Finding.ENLARGED_CARDIOMEDIASTINUM,
        Finding.CARDIOMEGALY,
        Finding.EDEMA,
        Finding.PNEUMOTHORAX,
        Finding.PLEURAL_EFFUSION,
        Finding.EMPHYSEMA,
        Finding.FIBROSIS,
    }
)
"""Findings whose severity a report states."""

LASTING = frozenset(
    {
        Finding.EMPHYSEMA,
        Finding.FIBROSIS,
        Finding.HIATAL_HERNIA,
        Finding.PACEMAKER,
        Finding.STERNOTOMY_WIRES,
        Finding.PLEURAL_OTHER,
        Finding.CARDIOMEGALY,
        Finding.ENLARGED_CARDIOMEDIASTINUM,
        Finding.NODULE,
        Finding.MASS,
        Finding.FRACTURE,
    }
)
"""Findings that do not go away between two studies."""

GROWING = frozenset({Finding.NODULE, Finding.MASS, Finding.CARDIOMEGALY, Finding.FIBROSIS})
"""Lasting findings that may worsen."""

RIGHT_LOBES = (Site.UPPER_LOBE, Site.MIDDLE_LOBE, Site.LOWER_LOBE)
LEFT_LOBES = (Site.UPPER_LOBE, Site.LINGULA, Site.LOWER_LOBE)
LOBAR = frozenset(
    {Finding.CONSOLIDATION, Finding.PNEUMONIA, Finding.LUNG_OPACITY, Finding.NODULE, Finding.MASS}
)


Key = tuple[int, ...]
"""Entropy of a visit's random numbers: seed, patient, 1, visit."""


@dataclass(frozen=True, slots=True)
class Sign:
    """One finding as it stands at one visit.

    Args:
        grade: 0 to 1; thirds are mild, moderate, severe, and it sets the measured size.
        seed: fixes the finding's own shape and place, the same at every visit.
    """

    finding: Finding
    side: Side | None
    site: Site | None
    grade: float
    seed: int

    @property
    def severity(self) -> Severity:
        """The grade as a radiologist would call it."""
        return (Severity.MILD, Severity.MODERATE, Severity.SEVERE)[min(2, int(self.grade * 3))]

    @property
    def sides(self) -> tuple[Side, ...]:
        """The lungs it is in."""
        if self.side is Side.BILATERAL:
            return (Side.RIGHT, Side.LEFT)
        return (self.side,) if self.side in (Side.LEFT, Side.RIGHT) else ()

    def rng(self) -> np.random.Generator:
        """Random numbers of this finding's own, equal at every visit."""
        return np.random.default_rng(self.seed)


@dataclass(frozen=True, slots=True)
class Patient:
    """A synthetic patient; the lengths are factors about the adult mean."""

    id: str
    sex: Sex
    age: int
    group: str
    width: float
    depth: float
    height: float
    fat: float
    heart: float
    kyphosis: float
    seed: int


@dataclass(frozen=True, slots=True)
class Visit:
    """One study of a patient: the signs there are and how the pictures were taken."""

    patient: Patient
    number: int
    age: float
    signs: tuple[Sign, ...]
    portable: bool
    lateral: bool
    inspiration: float
    turn: float
    exposure: float
    seed: int


def admit(seed: int, patient: int, visits: int, config: PhantomConfig) -> list[Visit]:
    """The first `visits` studies of patient number `patient`; a longer course begins like a shorter one."""
    person = make_patient(seed, patient, config)
    course: list[Visit] = []
    signs: tuple[Sign, ...] = ()
    for number in range(visits):
        key = (seed, patient, 1, number)
        signs = (
            first_signs(person, config, key)
            if number == 0
            else next_signs(signs, person, number, config, key)
        )
        course.append(_visit(person, number, signs, config, key))
    return course


def make_patient(seed: int, number: int, config: PhantomConfig) -> Patient:
    """Draw a patient: sex, age, habitus and group are independent of each other, bar size by sex."""
    rng = np.random.default_rng([seed, number, 0])
    sex = Sex.FEMALE if rng.random() < 0.5 else Sex.MALE
    age = int(np.clip(rng.normal(57, 17), 18, 95))
    small = 0.92 if sex is Sex.FEMALE else 1.0
    return Patient(
        id=f"{config.patients}-{seed}-{number:06d}",
        sex=sex,
        age=age,
        group="B" if rng.random() < config.group_b else "A",
        width=small * float(rng.normal(1.0, 0.045)),
        depth=small * float(rng.normal(1.0, 0.07)),
        height=small * float(rng.normal(1.0, 0.045)),
        fat=float(np.clip(rng.gamma(4.0, 0.25), 0.35, 2.4)),
        heart=float(rng.normal(0.0, 1.0)),
        kyphosis=float(np.clip((age - 50) / 40, 0, 1) * rng.random()),
        seed=int(rng.integers(1 << 31)),
    )


def first_signs(patient: Patient, config: PhantomConfig, key: Key) -> tuple[Sign, ...]:
    """Each finding on its own chance, so that the cohort's prevalences are the configured ones."""
    there = np.random.default_rng([*key, 0]).random(len(DRAWABLE))
    signs: list[Sign] = []
    for finding, draw in zip(DRAWABLE, there, strict=True):
        if draw < config.chance(finding, patient.group):
            signs.append(make_sign(finding, _own(key, finding), taken=signs))
    return tuple(signs)


def _own(key: Key, finding: Finding) -> np.random.Generator:
    """Random numbers for one finding, untouched by which others are there."""
    return np.random.default_rng([*key, 1, DRAWABLE.index(finding)])


def make_sign(finding: Finding, rng: np.random.Generator, *, taken: Sequence[Sign] = ()) -> Sign:
    """Draw a finding's side, site and grade; a lobe already taken by another opacity is avoided."""
    side, site = _place(finding, rng)
    used = {(s.side, s.site) for s in taken if s.finding in LOBAR}
    for _ in range(8):
        if finding not in LOBAR or (side, site) not in used:
            break
        side, site = _place(finding, rng)
    return Sign(finding, side, site, float(rng.uniform(0.02, 0.98)), int(rng.integers(1 << 31)))


def _place(finding: Finding, rng: np.random.Generator) -> tuple[Side | None, Site | None]:
    side = Side.LEFT if rng.random() < 0.5 else Side.RIGHT
    other = rng.random()
    lobe = (RIGHT_LOBES if side is Side.RIGHT else LEFT_LOBES)[int(rng.integers(3))]
    match finding:
        case _ if finding in LOBAR:
            return side, lobe
        case Finding.PLEURAL_EFFUSION:
            return (Side.BILATERAL if other < 0.3 else side), None
        case Finding.ATELECTASIS:
            if other < 0.35:
                return side, lobe
            return (Side.BILATERAL if other < 0.55 else side), Site.BASAL
        case Finding.PLEURAL_OTHER:
            return side, (Site.APICAL if other < 0.45 else None)
        case Finding.FRACTURE:
            return side, Site.RIB
        case Finding.PNEUMOTHORAX | Finding.CHEST_TUBE:
            return side, None
        case Finding.CENTRAL_LINE:
            return (Side.RIGHT if other < 0.65 else Side.LEFT), None
        case Finding.PACEMAKER:
            return (Side.LEFT if other < 0.8 else Side.RIGHT), None
        case _:
            return None, None


def next_signs(
    before: tuple[Sign, ...], patient: Patient, number: int, config: PhantomConfig, key: Key
) -> tuple[Sign, ...]:
    """What persists, worsens, improves, resolves and appears between two visits."""
    rng = np.random.default_rng([*key, 0])
    appears = rng.random(len(DRAWABLE))
    now = [kept for sign in before if (kept := _later(sign, rng.random(), rng.uniform(0.3, 0.5)))]
    have = {s.finding for s in before}
    for finding, draw in zip(DRAWABLE, appears, strict=True):
        if finding not in have and draw < 0.4 * config.chance(finding, patient.group):
            now.append(make_sign(finding, _own(key, finding), taken=now))
    return tuple(sorted(now, key=lambda s: DRAWABLE.index(s.finding)))


def _later(sign: Sign, fate: float, step: float) -> Sign | None:
    """The sign as it stands at the next visit, None when it has gone."""
    if sign.finding in LASTING:
        if sign.finding in GROWING and fate < 0.3:
            return replace(sign, grade=min(0.98, sign.grade + step))
        return sign
    if sign.finding in DEVICES:
        return None if fate < 0.35 else sign
    if fate < 0.22:
        return None
    if fate < 0.45:
        return replace(sign, grade=min(0.98, sign.grade + step))
    if fate < 0.68:
        return replace(sign, grade=max(0.02, sign.grade - step))
    return sign


def _visit(patient: Patient, number: int, signs: tuple[Sign, ...], config: PhantomConfig, key: Key) -> Visit:
    rng = np.random.default_rng([*key, 2])
    bedside = {Finding.ENDOTRACHEAL_TUBE, Finding.NASOGASTRIC_TUBE, Finding.CHEST_TUBE}
    ill = any(s.finding in bedside for s in signs)
    portable = bool(
        rng.random() < (max(0.85, config.portable) if ill and config.portable > 0 else config.portable)
    )
    return Visit(
        patient=patient,
        number=number,
        age=patient.age + 0.1 * number,
        signs=signs,
        portable=portable,
        lateral=bool(rng.random() < config.lateral) and not portable,
        inspiration=float(np.clip(rng.normal(-0.6 if portable else 0.1, 0.5), -1.5, 1.3)),
        turn=float(rng.normal(0.0, 0.05 if portable else 0.025)),
        exposure=float(np.exp(rng.normal(0.0, 0.25))),
        seed=int(rng.integers(1 << 31)),
    )
