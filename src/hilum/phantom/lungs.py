"""Signs of the lung: consolidation, pneumonia, opacity, atelectasis, edema, nodule, mass, fibrosis.

Consolidations are clouds cut by the fissures, so a lobe's edge is sharp where it meets one and the heart or
dome beside it loses its outline (the silhouette sign) because both are then soft tissue.

    from hilum.phantom.lungs import mark_consolidation
"""

from __future__ import annotations

import numpy as np

from hilum.phantom.chest import SIGNS, Chest
from hilum.phantom.course import Sign
from hilum.phantom.details import diameter_of
from hilum.phantom.scene import (
    LUNG_TO_SOFT,
    SOFT,
    Filling,
    Keep,
    Lobe,
    Mark,
    Point,
    Scene,
    Tube,
    curve,
    solid,
    tube,
)
from hilum.study import Finding, Side, Site


def lobe_cut(scene: Scene, side: Side, site: Site | None) -> tuple[Lobe, float, float]:
    """How the fissures bound a lobe: side of the oblique fissure, then the levels it lies between."""
    # Only the right lung has a horizontal fissure: the lingula is part of the left upper lobe.
    minor = scene.minor_fissure
    if site is Site.LOWER_LOBE:
        return Lobe.BEHIND, -1e9, 1e9
    if site is Site.MIDDLE_LOBE:
        return Lobe.BEFORE, minor, 1e9
    if site is Site.UPPER_LOBE and side is Side.RIGHT:
        return Lobe.BEFORE, -1e9, minor
    return (Lobe.BEFORE if site in (Site.UPPER_LOBE, Site.LINGULA) else Lobe.BOTH), -1e9, 1e9


def lobe_centre(
    chest: Chest, side: Side, site: Site | None, rng: np.random.Generator, spread: float
) -> Point:
    """A point in a lobe: its middle, moved by up to `spread` (1 stays well inside the lobe)."""
    w, d, h, s = chest.half_width, chest.half_depth, chest.dome_of(side), SIGNS[side]
    a, b, c = spread * rng.uniform(-1.0, 1.0, 3)
    if site is Site.UPPER_LOBE:
        return (s * w * (0.52 + 0.14 * a), h * (0.32 + 0.11 * b), d * (0.15 + 0.2 * c))
    if site is Site.MIDDLE_LOBE:
        return (s * w * (0.47 + 0.13 * a), h * (0.77 + 0.05 * b), d * (0.48 + 0.12 * c))
    if site is Site.LINGULA:
        return (s * w * (0.66 + 0.08 * a), h * (0.74 + 0.06 * b), d * (0.42 + 0.12 * c))
    low = 0.60 if side is Side.RIGHT else 0.68
    return (s * w * (low + 0.14 * a), h * (0.80 + 0.08 * b), d * (-0.52 + 0.14 * c))


def mark_consolidation(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """A dense, nearly even lobar cloud with air-filled bronchi in it."""
    for side in sign.sides:
        rng = sign.rng()
        x, y, z = lobe_centre(chest, side, sign.site, rng, 0.5)
        size = 34.0 + 34.0 * sign.grade
        lobe, below, above = lobe_cut(scene, side, sign.site)
        shape = solid((x, y, z), (size, 1.05 * size, 1.25 * size))
        dense = (1.5 + 0.6 * sign.grade) * LUNG_TO_SOFT
        mark = Mark(index, side, [Filling(side, shape, Keep.CLOUD, dense, lobe, above, below)])
        hx, hy, hz = chest.hilum(side)
        for _ in range(3):
            dx, dy, dz = rng.uniform(-0.55, 0.55, 3) * size
            path = curve(
                [
                    (hx + 0.45 * (x - hx), hy + 0.45 * (y - hy), hz + 0.45 * (z - hz)),
                    (x, y, z),
                    (x + dx, y + dy, z + dz),
                ],
                8,
            )
            mark.tubes.append(tube(path, (3.0, 1.4), -0.7 * SOFT))
        scene.marks.append(mark)


def mark_pneumonia(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """Several fluffy patches in one lobe, some run together."""
    for side in sign.sides:
        rng = sign.rng()
        x, y, z = lobe_centre(chest, side, sign.site, rng, 0.5)
        reach = 16.0 + 18.0 * sign.grade
        lobe, below, above = lobe_cut(scene, side, sign.site)
        mark = Mark(index, side)
        for _ in range(11):
            dx, dy, dz = rng.normal(0.0, 1.0, 3) * reach * 0.75
            r = float(rng.uniform(11, 22)) * (0.85 + 0.4 * sign.grade)
            patch = solid((x + dx, y + dy, z + dz), (r, 0.9 * r, 1.3 * r))
            dense = (0.75 + 0.35 * sign.grade) * LUNG_TO_SOFT
            mark.fillings.append(Filling(side, patch, Keep.CLOUD, dense, lobe, above, below))
        scene.marks.append(mark)


def mark_opacity(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """A hazy ground-glass patch through which vessels still show."""
    for side in sign.sides:
        x, y, z = lobe_centre(chest, side, sign.site, sign.rng(), 0.6)
        size = 40.0 + 20.0 * sign.grade
        lobe, below, above = lobe_cut(scene, side, sign.site)
        shape = solid((x, y, z), (size, 0.8 * size, 1.2 * size))
        dense = (0.52 + 0.16 * sign.grade) * LUNG_TO_SOFT
        scene.marks.append(Mark(index, side, [Filling(side, shape, Keep.CLOUD, dense, lobe, above, below)]))


def deform_atelectasis(chest: Chest, sign: Sign) -> None:
    """Lost volume raises the dome and draws the mediastinum over."""
    for side in sign.sides:
        lobar = sign.site is not Site.BASAL
        if lobar:
            chest.shift += SIGNS[side] * (6.0 + 10.0 * sign.grade)
        low = sign.site in (Site.LOWER_LOBE, Site.BASAL)
        chest.raised[side] += (4.0 + (16.0 if lobar else 8.0) * sign.grade) if low else 4.0


def mark_atelectasis(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """Plates at the base, or a lobe collapsed to a wedge."""
    for side in sign.sides:
        rng = sign.rng()
        mark = Mark(index, side)
        if sign.site is Site.BASAL:
            mark.tubes = _plates(chest, side, sign, rng)
        else:
            mark.fillings = [_collapse(scene, chest, side, sign)]
        scene.marks.append(mark)


def _plates(chest: Chest, side: Side, sign: Sign, rng: np.random.Generator) -> list[Tube]:
    """Plates seen edge on: bands much deeper along the beam than they are thick."""
    s, top = SIGNS[side], chest.dome_of(side)
    plates = []
    for k in range(2 + int(sign.grade * 3)):
        y = top - 8.0 - 11.0 * k - float(rng.uniform(0, 5))
        x = s * chest.half_width * float(rng.uniform(0.52, 0.66))
        half = float(rng.uniform(22, 34)) * (0.85 + 0.4 * sign.grade)
        slope, bend = rng.normal(0.0, 0.14), rng.normal(0.0, 3.0)
        knots: list[Point] = [
            (x - half, y - float(slope * half), -14.0),
            (x, y + float(bend), -10.0),
            (x + half, y + float(slope * half), -6.0),
        ]
        thick = float(rng.uniform(1.7, 2.5)) * (1.0 + 0.5 * sign.grade)
        plates.append(tube(curve(knots, 12), thick, 7.0 * LUNG_TO_SOFT))
        plates.append(tube([(x, y, -42.0), (x, y - 3.0, 24.0)], thick, LUNG_TO_SOFT))
    return plates


def _collapse(scene: Scene, chest: Chest, side: Side, sign: Sign) -> Filling:
    """A collapsed lobe: against the mediastinum, dense, sharp at the fissure that moved with it."""
    s, w, d, h = SIGNS[side], chest.half_width, chest.half_depth, chest.dome_of(side)
    wide = 0.8 + 0.35 * sign.grade
    if sign.site is Site.UPPER_LOBE:
        shape = solid(
            (s * 0.30 * w, 0.12 * h, 5.0), (52 * wide, 70.0, 80.0), down=0.26 * h, power=(2.0, 2.5, 2.0)
        )
    elif sign.site is Site.LOWER_LOBE:
        shape = solid(
            (s * 0.20 * w, 1.02 * h, -0.5 * d),
            (58 * wide, 92.0, 46.0),
            down=60.0,
            power=(2.0, 2.0, 2.0),
            shear=(s * 0.1, 0.0),
        )
    else:
        shape = solid(
            (s * 0.36 * w, 0.80 * h, 0.42 * d), (46 * wide, 20.0 * wide, 52.0), shear=(s * 0.5, 0.0)
        )
    return Filling(side, shape, Keep.INSIDE, 0.95 * LUNG_TO_SOFT)


def deform_edema(chest: Chest, sign: Sign) -> None:
    """Upper-lobe vessels fill first; the whole lung grows denser and the heart a little larger."""
    upper, lower = chest.flow
    chest.flow = (max(upper, 1.15 + 0.25 * sign.grade), lower * 1.08)
    for side in chest.density:
        chest.density[side] *= 1.25 + 0.5 * sign.grade
    chest.ctr = min(0.49, chest.ctr + 0.03) if chest.ctr < 0.49 else chest.ctr


def mark_edema(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """Septal lines at the lateral bases, then perihilar haze, then dense bat wings."""
    rng = sign.rng()
    for side, s in SIGNS.items():
        mark = Mark(index, side)
        x, y, z = chest.hilum(side)
        dense = (0.16 + 1.0 * sign.grade**1.4) * LUNG_TO_SOFT
        wing = solid((x + s * 28.0, y + 12.0, z), (46.0 + 14 * sign.grade, 60.0 + 18 * sign.grade, 70.0))
        mark.fillings.append(Filling(side, wing, Keep.CLOUD, dense))
        for _ in range(5):
            dx, dy, dz = rng.normal(0, 1, 3) * np.array([16.0, 30.0, 22.0])
            r = float(rng.uniform(12, 22))
            tuft = solid((x + s * 30.0 + dx, y + 12.0 + dy, z + dz), (r, r, 1.3 * r))
            mark.fillings.append(Filling(side, tuft, Keep.CLOUD, 0.5 * dense + 0.1 * LUNG_TO_SOFT))
        wall = SIGNS[side] * (chest.half_width - 5.0)
        for _ in range(9):
            level = chest.dome_of(side) - float(rng.uniform(-16, 55))
            inner = wall - s * float(rng.uniform(14, 22))
            depth = float(rng.uniform(-15, 25))
            mark.tubes.append(
                tube([(wall, level, depth), (inner, level - 2.0, depth)], 1.0, 2.2 * LUNG_TO_SOFT)
            )
        scene.marks.append(mark)


def mark_lesion(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """A nodule or mass: round, some calcified, some lobulated or spiculated."""
    for side in sign.sides:
        rng = sign.rng()
        centre = np.array(lobe_centre(chest, side, sign.site, rng, 0.9))
        kind = rng.random()
        r = 0.5 * diameter_of(sign)
        mark = Mark(index, side)
        if sign.finding is Finding.NODULE:
            if side is Side.LEFT and sign.site is Site.LOWER_LOBE and kind > 0.75:
                centre[:2] = [0.26 * chest.half_width, 0.86 * chest.dome]
                # Behind the heart a nodule keeps its true density, so that it shows hardly or not at all.
                dense = 1.0
            else:
                dense = (3.2 if kind < 0.3 else 2.4) * (20.0 / (2 * r)) ** 0.4
            mark.solids.append((solid(_point(centre), (r, r, r)), dense * LUNG_TO_SOFT))
        else:
            mark.solids.append((solid(_point(centre), (r, 0.92 * r, r)), 1.6 * LUNG_TO_SOFT))
            for _ in range(3):
                offset = rng.normal(0, 1, 3)
                offset *= 0.6 * r / np.linalg.norm(offset)
                lobule = float(rng.uniform(0.4, 0.6)) * r
                mark.solids.append(
                    (solid(_point(centre + offset), (lobule, lobule, lobule)), 0.4 * LUNG_TO_SOFT)
                )
        if 0.6 < kind < 0.75:
            for _ in range(9):
                ray = rng.normal(0, 1, 3)
                ray /= np.linalg.norm(ray)
                path = [_point(centre + 0.8 * r * ray), _point(centre + (r + 6.0 + 0.25 * r) * ray)]
                mark.tubes.append(tube(path, (1.5, 0.7), 1.5 * LUNG_TO_SOFT))
        scene.marks.append(mark)
        scene.measured[f"{sign.finding.value.lower()}_mm"] = 2 * r


def deform_fibrosis(chest: Chest, sign: Sign) -> None:
    """Stiff lungs are small lungs."""
    chest.dome -= 6.0 + 14.0 * sign.grade
    for side in chest.density:
        chest.density[side] *= 1.12 + 0.15 * sign.grade


def mark_fibrosis(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """A net of short lines, thickest at the bases and under the pleura."""
    rng = sign.rng()
    for side, s in SIGNS.items():
        mark = Mark(index, side)
        cavity = scene.cavities[side]
        base = chest.dome_of(side)
        for _ in range(int(60 + 90 * sign.grade)):
            up = float(rng.beta(1.1, 2.6)) * (0.45 + 0.45 * sign.grade)
            y = base + 18.0 - up * base
            angle = float(rng.uniform(-2.2, 1.6))
            deep = float(rng.beta(1.0, 2.2)) * 0.45
            x = cavity[0] + cavity[10] * (y - cavity[1]) + s * (1 - deep) * 0.93 * cavity[3] * np.cos(angle)
            z = (1 - deep) * 0.88 * cavity[6] * np.sin(angle)
            if abs(x) < 30.0:
                continue
            turn = float(rng.uniform(0, np.pi))
            half = float(rng.uniform(4, 9))
            dx, dy = half * np.cos(turn), half * np.sin(turn)
            mark.tubes.append(tube([(x - dx, y - dy, z), (x + dx, y + dy, z)], 1.6, 3.4 * LUNG_TO_SOFT))
        haze = solid(
            (s * 0.62 * chest.half_width, base - 2.0, -0.15 * chest.half_depth),
            (62.0, 50 + 45 * sign.grade, 90.0),
        )
        mark.fillings.append(Filling(side, haze, Keep.CLOUD, (0.10 + 0.20 * sign.grade) * LUNG_TO_SOFT))
        scene.marks.append(mark)


def _point(a: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Point:
    return (float(a[0]), float(a[1]), float(a[2]))
