"""Pulmonary vessels: a tree from each hilum, wider where the blood goes, and the central arteries.

from hilum.phantom.vessels import add_vessels
"""

from __future__ import annotations

import numpy as np

from hilum.phantom import growth
from hilum.phantom.chest import SIGNS, Chest
from hilum.phantom.scene import LUNG_TO_SOFT, Array, Scene, Solid, curve, tube
from hilum.study import Side

ROOTS = np.array(
    # direction x (outwards), y, z; radius; zone (-1 upper, +1 lower)
    [
        [0.40, -1.0, 0.15, 3.6, -1],
        [0.75, -0.8, -0.45, 3.2, -1],
        [0.95, -0.45, 0.5, 3.2, -1],
        [1.0, 0.05, 0.55, 3.3, 0],
        [1.0, 0.15, -0.40, 3.3, 0],
        [0.85, 0.65, 0.35, 3.7, 1],
        [0.60, 0.85, -0.50, 4.0, 1],
        [0.30, 1.0, -0.35, 4.0, 1],
    ]
)


def add_vessels(scene: Scene, chest: Chest, barriers: list[Solid]) -> None:
    """Add both trees and the central arteries; no vessel enters a barrier."""
    limits = np.asarray(barriers)
    rng = np.random.default_rng(chest.visit.patient.seed + 2)
    for side, s in SIGNS.items():
        chance = rng.random((512, 4))
        x, y, z = chest.hilum(side)
        roots = np.empty((len(ROOTS), 8))
        roots[:, 0], roots[:, 1], roots[:, 2] = x, y + 9.0 * ROOTS[:, 4], z
        direction = ROOTS[:, :3] * [s, 1.0, 1.0] + 0.25 * (rng.random((len(ROOTS), 3)) - 0.5)
        roots[:, 3:6] = direction / np.linalg.norm(direction, axis=1, keepdims=True)
        share = np.interp(ROOTS[:, 4], [-1, 1], chest.flow)
        roots[:, 6], roots[:, 7] = ROOTS[:, 3] * share, 29.0 * chest.dome / 212.0
        rows = np.empty((700, 8))
        count = growth.grow_vessels(
            roots, chance, np.asarray(scene.cavities[side]), limits, chest.thinnest, rows
        )
        rows = rows[:count]
        if side in chest.shrunk:
            _draw_in(rows, np.array([x, y, z]), chest.shrunk[side])
        scene.vessels.append((rows, LUNG_TO_SOFT))
        scene.tubes.append(tube(_artery(chest, side, s), (8.0, 4.5), LUNG_TO_SOFT))


def _draw_in(rows: Array, hilum: Array, scale: float) -> None:
    for k in (0, 4):
        rows[:, k : k + 3] = hilum + scale * (rows[:, k : k + 3] - hilum)


def _artery(chest: Chest, side: Side, s: float) -> Array:
    x, y, z = chest.hilum(side)
    return curve(
        [(x - s * 20, y - 8, z + 8), (x, y - 3, z), (x + s * 9, y + 16, z - 6), (x + s * 12, y + 38, z - 14)],
        8,
    )
