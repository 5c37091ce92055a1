"""What is truly there and what of it can be seen: cameras, regions with masks, facts, labels.

A finding's contrast is its own part of the attenuation as the picture shows it, after scatter and relative
to the display range. Its mask is where that exceeds a threshold, its visibility how far it does.

    from hilum.phantom.truth import survey
    visible = survey(visit, config)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hilum.phantom.chest import Chest
from hilum.phantom.compose import compose
from hilum.phantom.config import DRAWABLE, PhantomConfig
from hilum.phantom.course import GRADED, Sign, Visit
from hilum.phantom.details import details_of
from hilum.phantom.film import Exposure, develop, scattered
from hilum.phantom.projection import Camera, Image, attenuate, silhouette
from hilum.phantom.scene import Mark
from hilum.reports import phrase
from hilum.study import (
    DEVICES,
    Box,
    Change,
    Fact,
    Finding,
    Mask,
    Pixels,
    Position,
    Presence,
    Region,
    Side,
)

PLAIN = 0.12
"""Contrast, as a part of the display range, at which a finding is plain to see."""
BROAD = 16.0
"""Width in millimetres, the root of the area, from which size no longer matters to visibility."""
HIDDEN = 0.25
"""Visibility below which a report leaves a finding out."""
DOUBTFUL = 0.45
"""Visibility below which a report hedges."""
STEP = 0.15
"""Change of grade that counts as worsened or improved."""


@dataclass(frozen=True, slots=True)
class VisibleFinding:
    """What one view shows of one sign on one side."""

    sign: int
    view: int
    side: Side | None
    mask: Mask
    box: Box
    visibility: float


def positions(visit: Visit) -> tuple[Position, ...]:
    """The views of a visit, in order."""
    if visit.portable:
        return (Position.AP,)
    return (Position.PA, Position.LATERAL) if visit.lateral else (Position.PA,)


def camera_for(visit: Visit, chest: Chest, position: Position, size: int) -> Camera:
    """Aim at the chest as a technologist would: all of it in the field, seldom quite in the middle."""
    rng = np.random.default_rng([visit.seed, 10, list(Position).index(position)])
    ap = position is Position.AP
    sway = 9.0 if ap else 4.0
    wide = 2.0 * (chest.half_width + 22.0) * (1.14 if ap else 1.08)
    tall = (chest.dome + 112.0) * (1.12 if ap else 1.08)
    field = max(wide, tall) * float(rng.uniform(1.0, 1.06))
    u, y = rng.normal(0.0, sway, 2)
    centre = (float(u), 0.5 * chest.dome + 2.0 + float(np.clip(y, -14, 14)))
    detector = chest.half_width + 25.0 if position is Position.LATERAL else chest.half_depth + 28.0
    return Camera(position, size, field, centre, visit.turn, 1100.0 if ap else 1800.0, detector)


@dataclass(frozen=True, slots=True)
class Shadow:
    """A view before the film: its camera, its attenuation and each mark's part of that."""

    camera: Camera
    marks: tuple[Mark, ...]
    total: Image
    added: tuple[Image, ...]


@lru_cache(maxsize=2)
def shadow(visit: Visit, position: Position, size: int) -> Shadow:
    """Project a visit; the last two are kept, since a study's truth and its pictures need the same."""
    scene, chest = _composed(visit)
    camera = camera_for(visit, chest, position, size)
    total, added = attenuate(scene, camera)
    return Shadow(camera, tuple(scene.marks), total, tuple(added))


_composed = lru_cache(maxsize=2)(compose)


def render(visit: Visit, position: Position, config: PhantomConfig) -> Pixels:
    """One picture of a visit, (size, size)."""
    seen = shadow(visit, position, config.size)
    return develop(seen.total, Exposure.of(visit, seen.camera, noise=config.noise))


def survey(visit: Visit, config: PhantomConfig) -> list[VisibleFinding]:
    """Every sign in every view where anything of it shows."""
    if not visit.signs:
        return []
    views = enumerate(positions(visit))
    return [one for k, position in views for one in look(shadow(visit, position, config.size), visit, k)]


def look(seen: Shadow, visit: Visit, view: int) -> list[VisibleFinding]:
    """The findings visible in one view."""
    total, camera = seen.total, seen.camera
    haze = scattered(total, Exposure.of(visit, camera, noise=0.0))
    with_it = np.exp(-total) + haze
    spread = np.float32(np.subtract(*np.percentile(np.log(with_it[::4, ::4]), (97.0, 3.0))))
    visible = []
    for mark, own in zip(seen.marks, seen.added, strict=True):
        sign = visit.signs[mark.sign]
        if mark.silhouette:
            mask, visibility = silhouette(mark, camera), mark.strength
            if sign.finding is Finding.FRACTURE and mask.any():
                visibility *= _clarity(total, haze, mask)
        else:
            without = np.exp(own - total) + haze
            mask, visibility = _seen(np.log(without / with_it) / spread, sign, camera.field_mm / camera.size)
        if mask.sum() >= max(4, camera.size * camera.size // 8000):
            visible.append(VisibleFinding(mark.sign, view, mark.side, mask, box_of(mask), visibility))
    return visible


def _seen(contrast: Image, sign: Sign, pixel: float) -> tuple[Mask, float]:
    """Where a finding's contrast shows and how well; `pixel` is a pixel's side in millimetres."""
    # The rim of a pneumothorax is what it darkens; its line and the denser lung beside it are not the rim.
    shown = -contrast if sign.finding is Finding.PNEUMOTHORAX else np.abs(contrast)
    threshold = float(np.clip(0.25 * shown.max(), 0.012, 0.08))
    mask = np.asarray(shown > threshold)
    if not mask.any():
        return mask, 0.0
    # The eye sums over an area (Rose, 1948): contrast times width counts, for what is small.
    width = pixel * float(mask.sum()) ** 0.5
    return mask, float(min(1.0, np.percentile(shown[mask], 75) / PLAIN * min(1.0, width / BROAD)))


def _clarity(total: Image, haze: Image, mask: Mask) -> float:
    """How well a broken rib can show: lost where little of the intensity is primary beam."""
    primary = np.exp(-total[mask])
    return float(min(1.0, (primary / (primary + haze[mask])).mean() / 0.5))


def box_of(mask: Mask) -> Box:
    """The smallest box around a mask, as fractions."""
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return (
        float(columns[0] / width),
        float(rows[0] / height),
        float((columns[-1] + 1) / width),
        float((rows[-1] + 1) / height),
    )


def facts_of(
    visit: Visit, visible: Sequence[VisibleFinding], before: Sequence[Fact], prior: Visit | None
) -> tuple[Fact, ...]:
    """What a report may say: seen findings, doubtful ones hedged, and what has gone since the prior."""
    facts: list[Fact] = []
    said = {f.finding: f for f in before if f.presence is not Presence.ABSENT}
    was = {s.finding: s for s in prior.signs} if prior else {}
    for index, sign in enumerate(visit.signs):
        seen = max((s.visibility for s in visible if s.sign == index), default=0.0)
        if seen < HIDDEN:
            continue
        doubtful = seen < DOUBTFUL
        change = None if doubtful or prior is None else _change(sign, was.get(sign.finding), said)
        facts.append(
            Fact(
                sign.finding,
                Presence.UNCERTAIN if doubtful else Presence.PRESENT,
                sign.side,
                sign.site,
                sign.severity if sign.finding in GRADED else None,
                change,
                **({} if doubtful else details_of(sign)),
            )
        )
    there = {s.finding for s in visit.signs}
    facts += [
        Fact(f.finding, Presence.ABSENT, f.side, None, None, Change.RESOLVED)
        for f in before
        if f.presence is Presence.PRESENT and f.finding not in there
    ]
    return tuple(facts)


def _change(sign: Sign, was: Sign | None, said: dict[Finding, Fact]) -> Change:
    if was is None or sign.finding not in said:
        return Change.NEW
    if sign.grade - was.grade > STEP:
        return Change.WORSENED
    return Change.IMPROVED if was.grade - sign.grade > STEP else Change.STABLE


def regions_of(facts: Sequence[Fact], visit: Visit, visible: Sequence[VisibleFinding]) -> tuple[Region, ...]:
    """One region per fact, side and view; a hidden finding has no fact and so no region."""
    stated = {f.finding: f for f in facts if f.presence is not Presence.ABSENT}
    regions = []
    for one in visible:
        fact = stated.get(visit.signs[one.sign].finding)
        if fact is None:
            continue
        side = one.side or fact.side
        words = Fact(fact.finding, side=side, site=fact.site, severity=fact.severity)
        regions.append(
            Region(one.box, phrase(words, None), fact.finding, side, one.view, one.mask, one.visibility)
        )
    return tuple(regions)


def labels_of(visit: Visit) -> dict[Finding, Presence]:
    """Truth of every drawable finding, and of the labels that follow from them.

    Lung Lesion is a nodule or mass, Support Devices any device, No Finding the absence of all but devices.
    """
    there = {s.finding for s in visit.signs}
    labels = {f: f in there for f in DRAWABLE}
    labels[Finding.LUNG_LESION] = bool(there & {Finding.NODULE, Finding.MASS})
    labels[Finding.SUPPORT_DEVICES] = bool(there & set(DEVICES))
    labels[Finding.NO_FINDING] = not there - set(DEVICES)
    return {f: Presence.PRESENT if known else Presence.ABSENT for f, known in labels.items()}
