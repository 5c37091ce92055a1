"""Signs of the pleura: effusion, pneumothorax, thickening.

Each is the space between the chest wall's cavity and a smaller lung inside it, so that the meniscus of an
effusion and the rim of a pneumothorax come out of the geometry.

    from hilum.phantom.pleura import mark_effusion
"""

from __future__ import annotations

from hilum.phantom.anatomy import Chest
from hilum.phantom.course import Sign
from hilum.phantom.scene import LUNG, LUNG_TO_SOFT, Filling, Keep, Mark, Scene, Solid
from hilum.study import Severity, Side, Site

S = {Side.RIGHT: -1.0, Side.LEFT: 1.0}


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
            chest.shift -= S[side] * 70.0 * (sign.grade - 0.8)


def mark_effusion(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """Fluid around a lung that floats up: first the angles blunt, then a meniscus climbs the wall.

    Lying down the fluid also spreads behind the lung, a veil over the hemithorax.
    """
    for side in sign.sides:
        cavity = scene.cavities[side]
        dome = chest.dome_of(side)
        # Level of the lung's lowest point above the dome's top; below 0 only the angles are filled.
        level = -24.0 + 165.0 * sign.grade
        bottom = dome - level
        cy = min(cavity[1], bottom - 45.0)
        deep = max(30.0, bottom - cy)
        lean = cavity[10] * (cy - cavity[1])
        lung = reshape(
            cavity,
            move=(lean - S[side] * 3.0, cy - cavity[1], cavity[11] * (cy - cavity[1]) + 3.0),
            grow=(1.0, cy - cavity[1] + 2.0, deep - cavity[5], 1.0),
            power=(2.5, 2.5, 2.0),
        )
        mark = Mark(index, side, [Filling(side, lung, Keep.OUTSIDE, LUNG_TO_SOFT)])
        if chest.supine:
            veil = reshape(cavity, move=(0.0, 0.0, 12.0 + 55.0 * sign.grade))
            mark.fillings.append(Filling(side, veil, Keep.OUTSIDE, 0.5 * LUNG_TO_SOFT))
        scene.marks.append(mark)


def rim_of(sign: Sign) -> float:
    """Width of a pneumothorax's rim at the hilum in mm: under 20 is small (BTS), above large."""
    return 12.0 + 58.0 * sign.grade**1.3


def deform_pneumothorax(chest: Chest, sign: Sign) -> None:
    """The lung's vessels draw in with it; under tension the mediastinum moves away and the dome sinks."""
    for side in sign.sides:
        chest.shrunk[side] = 1.0 - rim_of(sign) / 105.0
        if chest.supine:
            chest.raised[side] -= 6.0 + 6.0 * sign.grade
        if sign.severity is Severity.SEVERE:
            chest.shift -= S[side] * 20.0 * (sign.grade - 0.5)
            chest.raised[side] -= 10.0


def mark_pneumothorax(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """Air without vessels around a lung that has shrunk towards its hilum, and the thin pleural line."""
    rim = rim_of(sign)
    for side in sign.sides:
        cavity = scene.cavities[side]
        s = S[side]
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
        scene.measured["rim_mm"] = rim


def mark_thickening(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """A cap over the apex or a band along the lateral wall."""
    for side in sign.sides:
        cavity = scene.cavities[side]
        thick = 7.0 + 9.0 * sign.grade
        if sign.site is Site.APICAL:
            lung = reshape(cavity, grow=(3.0, -1.9 * thick, 0.0, 3.0))
            filling = Filling(side, lung, Keep.OUTSIDE, LUNG_TO_SOFT, above=0.30 * chest.dome)
        else:
            lung = reshape(cavity, move=(-S[side] * thick, 0.0, 0.0), grow=(0.0, 30.0, 30.0, 20.0))
            top = (0.30 + 0.1 * sign.rng().random()) * chest.dome
            filling = Filling(side, lung, Keep.OUTSIDE, LUNG_TO_SOFT, below=top, above=top + 0.5 * chest.dome)
        scene.marks.append(Mark(index, side, [filling]))
