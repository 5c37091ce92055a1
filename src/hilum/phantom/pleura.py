"""Signs of the pleura: effusion, pneumothorax, thickening.

Each is the space between the chest wall's cavity and a smaller lung inside it, so that the meniscus of an
effusion and the rim of a pneumothorax come out of the geometry.

    from hilum.phantom.pleura import mark_effusion
"""

from __future__ import annotations

import numpy as np

from hilum.phantom.chest import SIGNS, Chest
from hilum.phantom.course import Sign
from hilum.phantom.scene import LUNG, LUNG_TO_SOFT, Filling, Keep, Mark, Scene, Solid, solid
from hilum.study import Severity, Side, Site

GRADES = (0.0, 1 / 3, 2 / 3, 1.0)
LEVELS = {
    Side.RIGHT: (-0.093, 0.066, 0.331, 0.72),
    Side.LEFT: (-0.093, 0.098, 0.362, 0.77),
}
"""Grade to the height of the fluid above the dome, as a part of the lung's height: fluid then hides a
quarter of the hemithorax at 1/3 and a half at 2/3 (the left lung has the heart beside its base)."""
BOTH = 0.55
"""Fluid on both sides stands no higher than this; more is not survived."""


def reshape(
    cavity: Solid,
    *,
    move: tuple[float, float, float] = (0.0, 0.0, 0.0),
    grow: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
    power: tuple[float, float, float] | None = None,
) -> Solid:
    """A copy of a cavity moved by millimetres and grown in (rx, ry_up, ry_down, rz)."""
    cx, cy, cz, rx, up, down, rz, p, q, m, sx, sz = cavity
    p, q, m = power or (p, q, m)
    return (
        *(c + d for c, d in zip((cx, cy, cz), move, strict=True)),
        *(max(8.0, r + g) for r, g in zip((rx, up, down, rz), grow, strict=True)),
        *(p, q, m, sx, sz),
    )


def deform_effusion(chest: Chest, sign: Sign) -> None:
    """A massive effusion pushes the mediastinum away."""
    if sign.grade > 0.8:
        for side in sign.sides:
            chest.shift -= SIGNS[side] * 70.0 * (sign.grade - 0.8)


def fluid_height(chest: Chest, side: Side, sign: Sign) -> float:
    """How far above the dome the fluid stands in mm; on both sides it stands less high at most."""
    levels = LEVELS[side] if len(sign.sides) == 1 else (*LEVELS[side][:-1], BOTH)
    return chest.dome_of(side) * float(np.interp(sign.grade, GRADES, levels))


def mark_effusion(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """Fluid around a lung that floats up: first the angles blunt, then a meniscus climbs the wall.

    Lying down the fluid also spreads behind the lung, a veil over the hemithorax.
    """
    for side in sign.sides:
        cavity = scene.cavities[side]
        # Level of the lung's lowest point: first only the angles fill, at the end hardly an apex is left.
        bottom = chest.dome_of(side) + 14.0 - fluid_height(chest, side, sign)
        deep = 40.0 + 12.0 * sign.grade
        y = bottom - deep
        # At level y the bowl is as wide as the cavity, so the fluid thins out to nothing there.
        centre = (cavity[0] + cavity[10] * (y - cavity[1]), y, cavity[2] + cavity[11] * (y - cavity[1]))
        bowl = solid(centre, (1.03 * cavity[3], deep, 1.03 * cavity[6]), power=(3.0, 2.0, 2.0))
        mark = Mark(index, side, [Filling(side, bowl, Keep.OUTSIDE, LUNG_TO_SOFT, below=y)])
        if chest.supine:
            veil = reshape(cavity, move=(0.0, 0.0, 8.0 + 42.0 * sign.grade))
            mark.fillings.append(Filling(side, veil, Keep.OUTSIDE, 0.6 * LUNG_TO_SOFT))
        scene.marks.append(mark)


def rim_of(sign: Sign) -> float:
    """Width of a pneumothorax's rim at the hilum in mm: under 20 is small (BTS), above 42 severe."""
    return float(np.interp(sign.grade, GRADES, (12.0, 20.0, 42.0, 70.0)))


def deform_pneumothorax(chest: Chest, sign: Sign) -> None:
    """The lung's vessels draw in with it; under tension the mediastinum moves away and the dome sinks."""
    for side in sign.sides:
        chest.shrunk[side] = 1.0 - rim_of(sign) / 105.0
        if chest.supine:
            chest.raised[side] -= 6.0 + 6.0 * sign.grade
        if sign.severity is Severity.SEVERE:
            chest.shift -= SIGNS[side] * 20.0 * (sign.grade - 0.5)
            chest.raised[side] -= 10.0


def mark_pneumothorax(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """Air without vessels around a lung that has shrunk towards its hilum, and the thin pleural line."""
    rim = rim_of(sign)
    for side in sign.sides:
        cavity = scene.cavities[side]
        s = SIGNS[side]
        apex = 10.0 + 1.0 * rim
        lung = reshape(
            cavity,
            move=(-s * 0.52 * rim, 0.35 * apex, 0.0),
            grow=(-0.48 * rim, -0.65 * apex, 0.4 * apex - 0.6 * max(0.0, rim - 25.0), -0.45 * rim),
        )
        skin = reshape(lung, grow=(-1.6, -1.6, -1.6, -1.6))
        air = 1.25 * LUNG * chest.density[side]
        pleura = 1.1 * LUNG_TO_SOFT
        dense = 0.35 * LUNG * rim / 20.0
        mark = Mark(index, side)
        mark.fillings = [
            Filling(side, lung, Keep.OUTSIDE, -air, clipped=False),
            Filling(side, lung, Keep.INSIDE, pleura + dense, clipped=False),
            Filling(side, skin, Keep.INSIDE, -pleura, clipped=False),
        ]
        scene.marks.append(mark)
        scene.measured["pneumothorax_rim_mm"] = rim


def mark_thickening(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """A cap over the apex or a band along the lateral wall."""
    for side in sign.sides:
        cavity = scene.cavities[side]
        thick = 9.0 + 9.0 * sign.grade
        if sign.site is Site.APICAL:
            lung = reshape(cavity, grow=(3.0, -1.9 * thick, 0.0, 3.0))
            filling = Filling(side, lung, Keep.OUTSIDE, LUNG_TO_SOFT, above=0.30 * chest.dome)
        else:
            rng = sign.rng()
            y = float(rng.uniform(0.45, 0.72)) * chest.dome
            wall = SIGNS[side] * (chest.half_width + 1.0 - 0.10 * (0.8 * chest.dome - y))
            plaque = solid(
                (wall, y, float(rng.uniform(-20, 20))), (1.5 * thick, float(rng.uniform(38, 58)), 62.0)
            )
            filling = Filling(side, plaque, Keep.INSIDE, LUNG_TO_SOFT)
        scene.marks.append(Mark(index, side, [filling]))
