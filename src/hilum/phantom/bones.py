"""Ribs, spine, clavicles, scapulae, sternum and shoulders, with broken ribs where a sign asks.

Ribs follow the lung's own cross-section at each level, just outside it, so that they fit every habitus.

    from hilum.phantom.bones import rib_path
"""

from __future__ import annotations

import numpy as np

from hilum.phantom.chest import SIGNS, Break, Chest
from hilum.phantom.scene import SOFT_TO_BONE, Array, Scene, Tube, curve, solid, tube
from hilum.study import Side

RIBS = 12
ENDS = np.array([1.75, 1.6, 1.5, 1.45, 1.4, 1.35, 1.3, 1.2, 1.05, 0.7, -0.2, -0.9])
"""Where ribs turn into cartilage, which does not show."""


def add_bones(scene: Scene, chest: Chest) -> None:
    """Add every bone to the scene."""
    brittle = 1.0 - 0.25 * max(0.0, (chest.visit.patient.age - 55) / 40)
    for side, s in SIGNS.items():
        broken = {b.rib: b for b in chest.breaks if b.side is side}
        scene.tubes += _ribs(scene, side, broken, brittle)
        scene.tubes.append(_clavicle(chest, s, brittle))
        _shoulder(scene, chest, s)
    _spine(scene, chest, brittle)
    _sternum(scene, chest)


def rib_path(scene: Scene, side: Side, rib: Array, angles: Array) -> Array:
    """Points (..., 3) of ribs' axes at `angles` round the chest: -pi/2 posterior, 0 lateral, pi/2 anterior.

    `rib` (0 is the first) and `angles` broadcast against each other.
    """
    cx, cy, cz, rx, up, down, rz, p, q, m, sx, sz = scene.cavities[side]
    s = SIGNS[side]
    start = -4.0 + scene.dome / 9.9 * rib
    scale = np.interp(rib, [0, 1, 2, 3], [0.45, 0.72, 0.9, 1.0])
    back = np.clip((angles + 2.35) / 2.35, 0.0, 1.0)
    front = np.clip(angles / 1.9, 0.0, 1.0)
    # Nearly level behind, then falling ever more steeply to the front.
    y = start + scale * (30.0 * back**1.4 + 62.0 * front**1.15 + 6.0 * np.sin(np.pi * back))
    dy = np.maximum(y, 9.0) - cy
    rest = np.maximum(1.0 - (np.abs(dy) / np.where(dy < 0, up, down)) ** q, 0.0)
    half_x = rx * rest ** (1.0 / p) + 2.0
    half_z = rz * rest ** (1.0 / m) + 2.0
    cosine, sine = np.cos(angles), np.sin(angles)
    x = cx + sx * dy + s * half_x * np.sign(cosine) * np.abs(cosine) ** (2.0 / p)
    z = cz + sz * dy + half_z * np.sign(sine) * np.abs(sine) ** (2.0 / m)
    return np.stack([x, y, z], -1)


def _ribs(scene: Scene, side: Side, broken: dict[int, Break], brittle: float) -> list[Tube]:
    weight = 0.9 * SOFT_TO_BONE * brittle
    ribs = np.arange(RIBS, dtype=np.float64)[:, None]
    angles = np.linspace(np.full(RIBS, -2.35), ENDS, 26, axis=1)
    paths = rib_path(scene, side, ribs, angles)
    tubes: list[Tube] = []
    for rib in range(RIBS):
        if rib in broken:
            tubes += [_shaft(part, weight) for part in fragments(scene, side, rib, broken[rib])]
        else:
            tubes.append(_shaft(paths[rib], weight))
    return tubes


def fragments(scene: Scene, side: Side, rib: int, broken: Break) -> tuple[Array, Array]:
    """The two parts of a broken rib, (16, 3) each."""
    gap = 0.0 if broken.healed else 0.08
    before = np.linspace(-2.35, broken.angle - gap, 16)
    after = np.linspace(broken.angle + gap, ENDS[rib], 16)
    level = np.array(rib)
    first, second = rib_path(scene, side, level, before), rib_path(scene, side, level, after)
    # The far fragment drops and rides inwards; it joins its old course within a hand's breadth.
    fade = np.clip(1.0 - (after - after[0]) / 0.8, 0.0, 1.0)[:, None]
    return first, second + fade * np.array([-SIGNS[side] * 0.5 * broken.step, broken.step, 0.0])


def _shaft(path: Array, weight: float) -> Tube:
    return tube(path, 5.6, weight, 0.74)


def _clavicle(chest: Chest, s: float, brittle: float) -> Tube:
    w, d = chest.half_width, chest.half_depth
    lift = 9.0 if chest.supine else 0.0
    knots = [
        (s * 13.0, 33.0 - lift, 0.66 * d),
        (s * 0.36 * w, 25.0 - lift, 0.74 * d),
        (s * 0.72 * w, 10.0 - lift, 0.42 * d),
        (s * (w + 14.0), 4.0 - lift, 0.05 * d),
    ]
    path = curve(knots, 24)
    return tube(path, (7.5, 5.6), 1.0 * SOFT_TO_BONE * brittle, 0.72)


def _shoulder(scene: Scene, chest: Chest, s: float) -> None:
    w, d = chest.half_width, chest.half_depth
    # Upright, the shoulders roll forward and draw the scapulae off the lungs; lying, they stay over them.
    x = w - 34.0 if chest.supine else w + 2.0
    z = -d - 8.0
    top, low, joint = (s * x, 22.0, z), (s * (x + 14), 132.0, z), (s * (x + 52), 30.0, z + 20)
    bone = 0.7 * SOFT_TO_BONE
    scene.limb_tubes += [
        tube(curve([top, (s * (x - 3), 70.0, z), low], 8), 2.6, bone),
        tube(curve([low, (s * (x + 26), 88.0, z + 4), joint], 8), 4.5, bone, 0.5),
        tube(
            curve([(s * x, 50.0, z - 4), (s * (x + 30), 30.0, z - 6), (s * (x + 66), 6.0, z + 20)], 8),
            4.5,
            bone,
            0.5,
        ),
    ]
    scene.limbs.append((solid((s * (x + 22), 72.0, z), (28.0, 52.0, 2.5), power=(2.5, 2.5, 2.0)), 0.8 * bone))
    arm = s * (w + 52.0)
    scene.limbs.append((solid((arm, 26.0, z + 30), (23.0, 24.0, 20.0)), 0.25 * bone))
    if chest.supine:
        scene.limb_tubes.append(
            tube([(arm, 30.0, -10.0), (arm + s * 14, 180.0, -10.0)], 11.0, 0.5 * bone, 0.6)
        )


def _spine(scene: Scene, chest: Chest, brittle: float) -> None:
    z0 = -chest.half_depth + 28.0
    y = -70.0
    for level in range(-4, 15):
        pitch = (19.5 + 0.45 * max(level, 0)) * chest.dome / 212.0
        z = z0 + 0.06 * (y - 150.0)
        body = (16.0 + 0.35 * max(level, 0), 0.43 * pitch, 15.0)
        scene.solids += [
            (solid((0.0, y, z), body, power=(4.0, 5.0, 3.0)), 0.17 * SOFT_TO_BONE * brittle),
            (solid((-11.0, y - 3, z - 16), (3.6, 5.0, 4.0)), SOFT_TO_BONE),
            (solid((11.0, y - 3, z - 16), (3.6, 5.0, 4.0)), SOFT_TO_BONE),
            (solid((0.0, y + 6, z - 34), (2.6, 6.5, 9.0)), 0.5 * SOFT_TO_BONE),
        ]
        y += pitch


def _sternum(scene: Scene, chest: Chest) -> None:
    z = chest.half_depth + 2.0
    y = 0.46 * chest.dome
    lean = 0.12
    centre = (0.0, y, z + lean * (y - 0.8 * chest.dome))
    scene.solids.append(
        (solid(centre, (17.0, 72.0, 5.5), power=(4.0, 5.0, 2.0), shear=(0.0, lean)), 0.3 * SOFT_TO_BONE)
    )
