"""Normal anatomy, from a handful of lengths to solids and tubes; signs change the lengths beforehand.

from hilum.phantom.chest import Chest
scene = build(Chest.of(visit))
"""

from __future__ import annotations

import numpy as np

from hilum.phantom.bones import add_bones
from hilum.phantom.chest import SIGNS, Chest
from hilum.phantom.scene import (
    LUNG,
    SOFT,
    Scene,
    Solid,
    Tube,
    curve,
    outline,
    solid,
    tube,
)
from hilum.phantom.vessels import add_vessels
from hilum.study import Sex, Side


def build(chest: Chest) -> Scene:
    """Lungs, heart, mediastinum, diaphragms, bones, vessels and soft parts of a chest."""
    scene = Scene(chest.half_depth, chest.half_width, chest.dome)
    for side, s in SIGNS.items():
        scene.cavities[side] = _lung(chest, s)
        scene.lung_weight[side] = -(SOFT - LUNG * chest.density[side])
    domes = [_dome(chest, side, s) for side, s in SIGNS.items()]
    heart = heart_solids(chest)
    scene.displacers = [*domes, *heart, *mediastinum_solids(chest), _spine_column(chest), *_aorta(chest)]
    scene.trunk = _trunk(chest)
    scene.shoulders = _shoulders(chest)
    _airways(scene, chest)
    _soft_parts(scene, chest)
    add_bones(scene, chest)
    add_vessels(scene, chest, [*domes, heart[0]])
    scene.measured["ctr"] = chest.ctr
    return scene


def _lung(chest: Chest, s: float) -> Solid:
    w, d, h = chest.half_width, chest.half_depth, chest.dome
    # The right lung is a little wider; both lean inwards and back towards the apex.
    w = w * (1.01 if s < 0 else 0.99)
    y = 0.80 * h
    x = w / 2 + 4.0
    apex = 0.35 * w
    return solid(
        (s * x, y, 0.0),
        (w / 2 - 4.0, y, d - 3.0),
        power=(2.5, 2.5, 2.0),
        down=0.75 * h,
        shear=(s * (x - apex) / y, 0.12 + 0.10 * chest.visit.patient.kyphosis),
    )


def _dome(chest: Chest, side: Side, s: float) -> Solid:
    w, d = chest.half_width, chest.half_depth
    rise = 72.0 - 48.0 * chest.flatness
    top = chest.dome_of(side)
    return solid((s * 0.47 * w, top + rise, 0.14 * d), (0.55 * w, rise, 0.92 * d), down=400.0)


def heart_solids(chest: Chest) -> list[Solid]:
    """Ventricles, right atrium and the base with the pulmonary trunk, as wide as `chest.ctr` asks."""
    h = chest.dome
    rest = h - 4.0

    def at(k: float) -> list[Solid]:
        tall = k**0.6
        x = chest.shift
        return [
            solid(
                (x + 20 * k, rest + 10 - 34 * tall, 0.28 * chest.half_depth),
                (57 * k, 70 * tall, 50 * k**0.5),
                down=48 * tall,
                shear=(0.36, 0.12),
            ),
            solid((x - 18 * k, rest - 42 * tall, 12.0), (25 * k, 48 * tall, 36.0)),
            solid((x + 12 * k, rest - 88 * tall, 12.0), (29 * k, 44 * tall, 30.0)),
        ]

    lungs = breadth([_lung(chest, s) for s in SIGNS.values()], chest.dome + 20.0)
    unit = breadth(at(1.0), 350.0)
    return at(chest.ctr * PA_LUNGS * lungs / unit)


PA_LUNGS = 1.017
"""On a PA film the lungs, further from the detector than the heart, are magnified by this much more."""


def breadth(parts: list[Solid], low: float) -> float:
    """Transverse diameter above level `low`: greatest extent to the right plus greatest to the left."""
    y = np.linspace(-50.0, low, 200)
    edges = [outline(part, y) for part in parts]
    return float(np.nanmax([e[1] for e in edges]) - np.nanmin([e[0] for e in edges]))


def mediastinum_solids(chest: Chest) -> list[Solid]:
    """The upper mediastinum: great veins and arch, from the neck to the pulmonary trunk."""
    h = chest.dome
    half = chest.mediastinum
    return [
        solid(
            (0.8 * chest.shift - 1.0, 0.30 * h, 0.0),
            (half, 0.62 * h, 30.0),
            power=(2.5, 4.0, 2.0),
            down=0.48 * h,
            shear=(0.02, 0.1),
        )
    ]


def _spine_column(chest: Chest) -> Solid:
    return solid(
        (0.0, 150.0, -chest.half_depth + 26.0), (21.0, 400.0, 27.0), power=(2.5, 8.0, 2.0), shear=(0.0, 0.06)
    )


def _aorta(chest: Chest) -> list[Solid]:
    x, h = chest.shift, chest.dome
    r = chest.knob
    wide = max(0.0, chest.mediastinum - 28.0)
    return [
        solid((0.8 * x + 20.0 + 0.7 * r + 0.6 * wide, 0.31 * h, -14.0), (r, 1.1 * r, 1.6 * r)),
        solid((0.4 * x + 19.0, 0.62 * h, -58.0), (13.0, 0.36 * h, 13.0), power=(2.0, 6.0, 2.0), down=h),
    ]


def _trunk(chest: Chest) -> list[Solid]:
    p = chest.visit.patient
    w, d, h = chest.half_width, chest.half_depth, chest.dome
    fat = 9.0 * p.fat
    return [
        solid(
            (0.0, 0.85 * h, 0.0),
            (w + 17 + fat, 1.06 * h, d + 14 + 1.2 * fat),
            power=(3.0, 3.5, 2.5),
            down=600,
        ),
        solid((0.0, -90.0, -18.0), (58 + 0.6 * fat, 300.0, 56 + 0.5 * fat), power=(2.5, 8.0, 2.0)),
    ]


def _shoulders(chest: Chest) -> list[Solid]:
    w, h, fat = chest.half_width, chest.dome, 9.0 * chest.visit.patient.fat
    return [
        solid(
            (0.0, 0.12 * h, -12.0), (w + 62 + fat, 0.20 * h, 56 + fat), power=(3.0, 2.0, 2.0), down=0.36 * h
        ),
    ]


def _airways(scene: Scene, chest: Chest) -> None:
    x, y, z = chest.carina
    air = -SOFT
    scene.tubes += [
        tube(curve([(0.0, -120.0, -26.0), (x * 0.4, 0.2 * y, -24.0), (x, y, z)], 12), 9.0, air),
        tube(curve([(x, y - 2, z), (x - 16, y + 18, z), (x - 34, y + 32, z + 2)], 8), (7.4, 5.0), air),
        tube(curve([(x, y - 2, z), (x + 22, y + 15, z), (x + 44, y + 24, z - 4)], 8), (6.8, 4.6), air),
    ]


def _soft_parts(scene: Scene, chest: Chest) -> None:
    p = chest.visit.patient
    h, d = chest.dome, chest.half_depth
    rng = np.random.default_rng(p.seed + 1)
    if p.sex is Sex.FEMALE:
        full = 0.55 + 0.45 * p.fat
        low = h * (0.93 if chest.supine else 0.97)
        for s in (-1.0, 1.0):
            # Lying down the breasts spread sideways and thin out.
            x = s * (92.0 if chest.supine else 78.0) * p.width
            thick = (20.0 if chest.supine else 30.0) * full
            # Fat about a gland: two bodies, one in the other, so that the edge is soft.
            for part in (1.0, 0.72):
                wide, tall = 54.0 * part * full**0.4, 66.0 * part
                shape = solid((x, low, d + 12.0), (wide, tall, part * thick), down=34.0 * part * full**0.5)
                scene.solids.append((shape, 0.28 * SOFT))
    if rng.random() < 0.8:
        top = chest.dome_of(Side.LEFT)
        wide = float(rng.uniform(16, 30))
        deep = top + float(rng.uniform(24, 36))
        # Upright gas lies over a fluid level, hence the flat lower edge.
        down = 12.0 if chest.supine else 4.0
        scene.solids.append(
            (solid((0.42 * chest.half_width, deep, 8.0), (wide, 15.0, wide), down=down), -SOFT)
        )
    if p.age > 60:
        scene.tubes.append(_calcified_arch(chest))


def _calcified_arch(chest: Chest) -> Tube:
    angle = np.linspace(-0.9, 0.9, 8)
    r = chest.knob
    x0, y0 = 0.8 * chest.shift + 20.0 + 0.7 * r, 0.31 * chest.dome
    path = np.column_stack([x0 + 0.92 * r * np.cos(angle), y0 + r * np.sin(angle), np.full(8, -14.0)])
    return tube(path, 1.0, 0.06)
