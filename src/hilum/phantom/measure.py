"""What a radiologist would measure, taken from the geometry itself: the quantities behind the grades.

from hilum.phantom.measure import measure
measure(visit)["ctr"]
"""

from __future__ import annotations

import numpy as np

from hilum.phantom.compose import compose
from hilum.phantom.course import Visit
from hilum.phantom.scene import Array, Scene, Solid
from hilum.study import Finding, Side

CELLS = 48


def measure(visit: Visit) -> dict[str, float]:
    """Quantities of a visit by name; those of a finding are there when the finding is.

    `ctr` (cardiothoracic ratio, always), `lung_height_mm` (emphysema), `mediastinum_mm` (width at the knob),
    `nodule_mm`, `mass_mm` (diameter), `pneumothorax_rim_mm` (at the hilum), `hernia_width_mm`,
    `tube_above_carina_mm` (less than 0 in a bronchus), `left_fluid_share` and `right_fluid_share` (see
    `fluid_share`).
    """
    scene, _ = compose(visit)
    found = dict(scene.measured)
    for mark in scene.marks:
        if visit.signs[mark.sign].finding is Finding.PLEURAL_EFFUSION and mark.side:
            found[f"{mark.side.value}_fluid_share"] = fluid_share(scene, mark.side, mark.fillings[0].shape)
    return {name: round(float(value), 3) for name, value in sorted(found.items())}


def fluid_share(scene: Scene, side: Side, lung: Solid) -> float:
    """Part of a hemithorax, seen from the front, where fluid takes more than half of the lung's depth.

    Args:
        lung: the lung floating on the fluid; what lies in the cavity below and outside it is fluid.
    """
    cx, cy, cz, rx, up, down, rz, *_ = scene.cavities[side]
    x, y, z = np.meshgrid(
        np.linspace(cx - 1.6 * rx, cx + 1.6 * rx, CELLS),
        np.linspace(cy - up, cy + down, CELLS),
        np.linspace(cz - 1.4 * rz, cz + 1.4 * rz, CELLS),
        indexing="ij",
    )
    cavity = _within(scene.cavities[side], x, y, z)
    for other in scene.displacers:
        cavity &= ~_within(other, x, y, z)
    fluid = cavity & ~_within(lung, x, y, z) & (y > lung[1])
    depth = cavity.sum(2)
    return float((fluid.sum(2) > 0.5 * depth).sum() / max(1, (depth > 0).sum()))


def _within(shape: Solid, x: Array, y: Array, z: Array) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    cx, cy, cz, rx, up, down, rz, p, q, m, sx, sz = shape
    dy = y - cy
    rise = (np.abs(dy) / np.where(dy < 0, up, down)) ** q
    return np.asarray(
        rise + (np.abs(x - cx - sx * dy) / rx) ** p + (np.abs(z - cz - sz * dy) / rz) ** m < 1.0
    )
