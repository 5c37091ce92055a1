"""Signs of heart, mediastinum, hiatus, chest wall and of the lungs as a whole.

from hilum.phantom.thorax import deform_cardiomegaly
"""

from __future__ import annotations

import numpy as np

from hilum.phantom.anatomy import heart_solids, mediastinum_solids
from hilum.phantom.bones import fragments, rib_path
from hilum.phantom.chest import SIGNS, Break, Chest
from hilum.phantom.course import Sign
from hilum.phantom.details import is_healed, ribs_of
from hilum.phantom.scene import LUNG_TO_SOFT, SOFT, Filling, Keep, Mark, Scene, solid


def deform_cardiomegaly(chest: Chest, sign: Sign) -> None:
    """Cardiothoracic ratio 0.515 to 0.55 mild, to 0.60 moderate, above severe."""
    chest.ctr = float(np.interp(sign.grade, [0.0, 1 / 3, 2 / 3, 1.0], [0.515, 0.55, 0.60, 0.68]))


def mark_cardiomegaly(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """The region is the heart's own outline."""
    strength = 0.4 + 0.6 * sign.grade
    scene.marks.append(Mark(index, None, silhouette=heart_solids(chest)[:2], strength=strength))


def deform_mediastinum(chest: Chest, sign: Sign) -> None:
    """A mediastinum wider than 80 mm at the knob."""
    chest.mediastinum = 41.0 + 15.0 * sign.grade
    chest.knob *= 0.9


def mark_mediastinum(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """The region is the upper mediastinum's outline within the thorax."""
    cx, _, cz, rx, _, _, rz, *_ = mediastinum_solids(chest)[0]
    shape = solid((cx, 0.28 * chest.dome, cz), (rx, 0.27 * chest.dome, rz), power=(4.0, 4.0, 2.0))
    scene.marks.append(Mark(index, None, silhouette=[shape], strength=0.43 + 0.57 * sign.grade))
    scene.measured["mediastinum_mm"] = 2 * rx


def deform_emphysema(chest: Chest, sign: Sign) -> None:
    """Long, deep, dark lungs, flat domes, a narrow heart, few vessels."""
    chest.dome += 12.0 + 22.0 * sign.grade
    chest.half_depth *= 1.06 + 0.10 * sign.grade
    chest.flatness = 0.30 + 0.65 * sign.grade
    if chest.ctr < 0.5:
        chest.ctr = min(chest.ctr, 0.41 - 0.03 * sign.grade)
    for side in chest.density:
        chest.density[side] *= 0.80 - 0.22 * sign.grade
    chest.thinnest = 1.1 + 0.6 * sign.grade
    chest.flow = (0.75, 0.85)


def mark_emphysema(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """The region is both lungs; bullae may stand in the apices."""
    shapes = [scene.cavities[side] for side in SIGNS]
    cut = [(*c[:5], max(20.0, chest.dome - c[1] + 8.0), *c[6:]) for c in shapes]
    scene.marks.append(Mark(index, None, silhouette=cut, strength=0.4 + 0.6 * sign.grade))
    scene.measured["lung_height_mm"] = chest.dome


def deform_fracture(chest: Chest, sign: Sign) -> None:
    """One to three neighbouring ribs broken with a step, where they run across the beam."""
    rng = sign.rng()
    rng.integers(3, 7)  # the first rib, see `ribs_of`
    angle = float(rng.choice([rng.uniform(-1.15, -0.7), rng.uniform(0.55, 0.9)]))
    healed = is_healed(sign)
    # Old fractures were reduced.
    step = (12.0 + 8.0 * sign.grade) * (0.4 if healed else 1.0)
    for side in sign.sides:
        for rib in ribs_of(sign):
            jitter = float(rng.uniform(-0.08, 0.08))
            chest.breaks.append(Break(side, rib, angle + jitter, step, healed))


def mark_fracture(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """The region is a ball about each break."""
    for side in sign.sides:
        mark = Mark(index, side, strength=0.44 + 0.56 * sign.grade)
        for b in chest.breaks:
            if b.side is not side:
                continue
            x, y, z = rib_path(scene, side, np.array(b.rib), np.array([b.angle]))[0]
            centre = (float(x), float(y) + 0.5 * b.step, float(z))
            mark.silhouette.append(solid(centre, (15.0, 15.0, 15.0)))
            if b.healed:
                # Callus: a cuff of new bone, thicker than the shaft.
                mark.solids.append((solid(centre, (12.0, 10.0, 10.0)), 1.3 * SOFT))
                continue
            for part, end in zip(fragments(scene, side, b.rib, b), (-1, 0), strict=True):
                tip = part[end]
                # Turned and overriding ends are denser than the shaft.
                mark.solids.append(
                    (solid((float(tip[0]), float(tip[1]), float(tip[2])), (7.0, 7.0, 7.0)), 1.3 * SOFT)
                )
        scene.marks.append(mark)


def mark_hernia(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """A round shadow behind the heart with air over a fluid level."""
    r = 26.0 + 18.0 * sign.grade
    centre = (8.0 + chest.shift, chest.dome - 0.72 * r, -34.0)
    mark = Mark(index, None)
    for side in SIGNS:
        mark.fillings.append(Filling(side, solid(centre, (1.25 * r, r, 0.95 * r)), Keep.INSIDE, LUNG_TO_SOFT))
    # Upright the air has a flat lower edge; the wall around it is 4 mm of soft tissue.
    gas = solid(
        (centre[0], centre[1] + 2.0, centre[2]),
        (0.95 * r, 0.72 * r, 0.8 * r),
        down=0.30 * r if chest.supine else 3.0,
    )
    mark.solids = [(gas, -0.8 * SOFT)]
    scene.marks.append(mark)
    scene.measured["hernia_width_mm"] = 2.5 * r
