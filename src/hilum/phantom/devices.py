"""Lines, tubes and other devices, each led along the anatomy it really follows.

Drawn lines are somewhat thicker than real ones, so that they still show at 128 pixels.

    from hilum.phantom.devices import mark_tracheal_tube
"""

from __future__ import annotations

import numpy as np

from hilum.phantom.chest import SIGNS, Chest
from hilum.phantom.course import Sign
from hilum.phantom.details import is_jugular, tip_of
from hilum.phantom.scene import Mark, Point, Scene, curve, solid, tube
from hilum.study import Finding, Side, Tip

METAL = 0.40
PLASTIC = 0.16


def mark_tracheal_tube(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """An endotracheal tube, its tip 25 to 65 mm above the carina or down the right mainstem bronchus."""
    x, y, z = chest.carina
    if tip_of(sign) is Tip.TRACHEA:
        tip = y - (25.0 + 40.0 * sign.grade)
        low: list[Point] = [(0.6 * x, tip, -22.0)]
    else:
        tip = y + 20.0 + 8.0 * sign.grade
        low = [(x, y, z), (x - 16.0, y + 18.0, z), (x - 16.0 - 1.2 * (tip - y - 18.0), tip, z)]
    path = curve([(1.0, -130.0, -24.0), (0.3 * x, 0.25 * y, -24.0), *low], 16)
    stripe = np.add(path, [3.6, 0.0, 0.0])
    scene.marks.append(
        Mark(index, None, tubes=[tube(path, 4.6, 0.9 * PLASTIC, 0.6), tube(stripe, 1.8, 1.2 * METAL)])
    )
    scene.measured["tube_above_carina_mm"] = y - tip


def cava(chest: Chest) -> tuple[Point, Point, Point]:
    """Confluence of the innominate veins, mid superior vena cava, cavoatrial junction."""
    y = chest.carina[1]
    right = -17.0 + chest.shift
    return (right - 1.0, 0.62 * y, 6.0), (right, 0.95 * y, 8.0), (right + 1.0, y + 42.0, 12.0)


def mark_central_line(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """From the neck or under the clavicle to the heart, or astray into the other great vein of its side."""
    s = SIGNS[sign.sides[0]]
    neck: list[Point] = [(s * 38.0, -130.0, 0.0), (s * 33.0, -50.0, 2.0)]
    shoulder: list[Point] = [(s * 118.0, 52.0, 50.0), (s * 88.0, 26.0, 48.0), (s * 50.0, 24.0, 40.0)]
    high, mid, junction = cava(chest)
    x, y, z = junction
    over: list[Point] = [] if s < 0 else [(12.0, 38.0, 20.0)]
    match tip_of(sign):
        case Tip.CAVOATRIAL_JUNCTION:
            way = [*over, high, mid, junction]
        case Tip.SUPERIOR_VENA_CAVA:
            way = [*over, high, mid, (x, y - 26.0, z - 2.0)]
        case Tip.RIGHT_ATRIUM:
            way = [*over, high, mid, junction, (x - 6.0, y + 34.0, z + 12.0)]
        case Tip.SUBCLAVIAN_VEIN:
            way = [(s * 37.0, 12.0, 24.0), *shoulder[:0:-1]]
        case _:
            way = [(s * 37.0, 12.0, 24.0), (s * 33.0, -34.0, 4.0)]
    path = curve([*(neck if is_jugular(sign) else shoulder), *way], 48)
    scene.marks.append(Mark(index, sign.side, tubes=[tube(path, 1.7, 0.9 * METAL)]))


def mark_chest_tube(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """Through the lateral wall towards the apex (for air) or the base (for fluid)."""
    for side in sign.sides:
        s, w, h = SIGNS[side], chest.half_width, chest.dome
        up = any(x.finding is Finding.PNEUMOTHORAX for x in chest.visit.signs) or sign.grade < 0.5
        entry: list[Point] = [(s * (w + 40), (0.86 if up else 0.66) * h, 10.0), (s * (w + 2), 0.72 * h, 5.0)]
        inside: list[Point] = (
            [(s * 0.80 * w, 0.45 * h, -15.0), (s * 0.56 * w, 0.18 * h, -18.0)]
            if up
            else [(s * 0.78 * w, 0.82 * h, -35.0), (s * 0.46 * w, 0.93 * h, -62.0)]
        )
        path = curve([*entry, *inside], 24)
        mark = Mark(index, side, tubes=[tube(path, 4.4, 0.9 * PLASTIC, 0.55), tube(path, 1.5, 0.8 * METAL)])
        scene.marks.append(mark)


def mark_pacemaker(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """A generator below the clavicle with leads to the right ventricle and perhaps the atrium."""
    side = sign.sides[0]
    s, w, d = SIGNS[side], chest.half_width, chest.half_depth
    box = (s * 0.72 * w, 62.0, d - 6.0)
    mark = Mark(index, side)
    mark.solids = [
        (solid(box, (21.0, 18.0, 4.5), power=(3.0, 3.0, 2.0)), 0.8 * METAL),
        (
            solid((box[0] - s * 4, box[1] - 20.0, box[2]), (13.0, 6.0, 4.0), power=(3.0, 3.0, 2.0)),
            0.25 * METAL,
        ),
    ]
    high, mid, low = cava(chest)
    over: list[Point] = [] if s < 0 else [(14.0, 37.0, 24.0)]
    entry: list[Point] = [(box[0] - s * 8, 42.0, d - 10), (s * 0.5 * w, 26.0, 46.0), *over, high, mid]
    h = chest.dome
    k = chest.ctr / 0.45
    apex: list[Point] = [low, (-6.0 + chest.shift, h - 28.0, 34.0), (44.0 * k + chest.shift, h - 16.0, 46.0)]
    mark.tubes = [tube(curve([*entry, *apex], 56), 1.6, METAL)]
    if sign.grade > 0.4:
        atrium: list[Point] = [
            low,
            (-20.0 * k + chest.shift, h - 44.0, 30.0),
            (-26.0 * k + chest.shift, h - 66.0, 34.0),
        ]
        mark.tubes.append(tube(curve([*entry, *atrium], 56), 1.6, METAL))
    scene.marks.append(mark)


def mark_wires(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """Five to seven wire loops down the sternum."""
    rng = sign.rng()
    count = 5 + int(sign.grade * 3)
    mark = Mark(index, None)
    turn = np.linspace(0.0, 2 * np.pi, 11)
    h = chest.dome
    for k in range(count):
        y = h * (0.16 + 0.56 * k / (count - 1))
        z = chest.half_depth + 4.0 + 0.12 * (y - 0.8 * h)
        x = float(rng.normal(0.0, 1.2))
        tilt = float(rng.normal(0.0, 0.15))
        ring = np.column_stack(
            [
                x + 8.5 * np.cos(turn),
                y + 4.6 * np.sin(turn) + 8.5 * tilt * np.cos(turn),
                z + 5.0 * np.sin(turn),
            ]
        )
        mark.tubes.append(tube(ring, 1.4, 1.5 * METAL))
        mark.tubes.append(tube([(x - 2, y + 4, z + 3), (x + 3, y + 9, z + 3)], 1.4, 1.5 * METAL))
    scene.marks.append(mark)


def mark_gastric_tube(scene: Scene, chest: Chest, index: int, sign: Sign) -> None:
    """Down the esophagus, through the hiatus, its tip below the left dome; or coiled, or ending, above it."""
    h, x = chest.dome, chest.shift
    low = chest.dome_of(Side.LEFT)
    knots: list[Point] = [(4.0, -130.0, -34.0), (5.0, 30.0, -40.0), (6.0 + x, 0.5 * h, -44.0)]
    if tip_of(sign) is Tip.STOMACH:
        knots += [
            (9.0 + x, 0.92 * h, -40.0),
            (26.0, low + 26.0, -10.0),
            (30.0 + 30.0 * sign.grade, low + 44.0, 12.0),
        ]
    elif sign.grade < 0.5:
        knots += [(7.0 + x, 0.7 * h, -42.0)]
    else:
        knots += [(6.0 + x, 0.72 * h, -42.0), (12.0 + x, 0.78 * h, -42.0), (15.0 + x, 0.6 * h, -42.0)]
    path = curve(knots, 40)
    scene.marks.append(
        Mark(
            index,
            None,
            tubes=[
                tube(path, 2.6, 0.9 * PLASTIC, 0.4),
                tube(path[-4:], 2.6, METAL),
                tube(path, 1.4, 0.6 * METAL),
            ],
        )
    )
