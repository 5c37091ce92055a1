"""Vessel trees, grown branch by branch inside a lung and compiled.

count = grow_vessels(roots, chance, cavity, barriers, thinnest, out)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hilum.phantom.kernels import compiled, power


@compiled
def grow_vessels(roots: Any, chance: Any, cavity: Any, barriers: Any, thinnest: float, out: Any) -> int:
    """Grow branching vessels inside one lung; returns the number of segments written to `out`.

    `roots` rows: x y z, direction x y z, radius, length. `chance` (C, 4) are uniform numbers, used in
    turn. A branch ends where it would leave `cavity` (shrunken) or enter one of the `barriers`, both
    as body rows: cx cy cz rx ry_up ry_down rz px q pz shear_x shear_z. `out` rows: x y z radius of
    the start, x y z radius of the end.
    """
    stack = np.empty((256, 8))
    top, count, use = 0, 0, 0
    for k in range(roots.shape[0]):
        stack[top] = roots[k]
        top += 1
    while top > 0:
        top -= 1
        x, y, z, dx, dy, dz, radius, length = stack[top]
        use = (use + 1) % chance.shape[0]
        # Two short bent pieces look grown where one long piece looks ruled.
        for _ in range(2):
            use = (use + 1) % chance.shape[0]
            c = chance[use]
            dx += 0.35 * (c[0] - 0.5)
            dy += 0.35 * (c[1] - 0.5)
            dz += 0.35 * (c[2] - 0.5)
            norm = math.sqrt(dx * dx + dy * dy + dz * dz)
            dx, dy, dz = dx / norm, dy / norm, dz / norm
            half = 0.5 * length
            nx, ny, nz = x + half * dx, y + half * dy, z + half * dz
            if filled(cavity, nx, ny, nz) > 0.9:
                radius = 0.0
                break
            for b in range(barriers.shape[0]):
                if filled(barriers[b], nx, ny, nz) < 1.0:
                    radius = 0.0
            if radius <= 0.0 or count >= out.shape[0]:
                break
            out[count, 0], out[count, 1], out[count, 2], out[count, 3] = x, y, z, radius
            radius *= 0.93
            out[count, 4], out[count, 5], out[count, 6], out[count, 7] = nx, ny, nz, radius
            count += 1
            x, y, z = nx, ny, nz
        if radius * 0.88 < thinnest or top > 250:
            continue
        # The children spread about the parent in a plane turned at random.
        use = (use + 1) % chance.shape[0]
        c = chance[use]
        turn = 2.0 * math.pi * c[0]
        ax, ay, az = math.cos(turn), math.sin(turn), math.cos(1.7 * turn + 1.0)
        along = ax * dx + ay * dy + az * dz
        ax, ay, az = ax - along * dx, ay - along * dy, az - along * dz
        norm = math.sqrt(ax * ax + ay * ay + az * az) + 1e-9
        ax, ay, az = ax / norm, ay / norm, az / norm
        for child in range(2):
            angle = (0.3 + 0.3 * c[1]) if child == 0 else -(0.35 + 0.35 * c[2])
            cosine, sine = math.cos(angle), math.sin(angle)
            stack[top, 0], stack[top, 1], stack[top, 2] = x, y, z
            stack[top, 3] = cosine * dx + sine * ax
            stack[top, 4] = cosine * dy + sine * ay
            stack[top, 5] = cosine * dz + sine * az
            stack[top, 6] = radius * (0.9 if child == 0 else 0.76)
            stack[top, 7] = length * (0.86 + 0.2 * c[3])
            top += 1
    return count


@compiled
def filled(body: Any, x: float, y: float, z: float) -> float:
    """The left side of the solid's inequality at a point: below 1 inside, above 1 outside."""
    dy = y - body[1]
    ty = abs(dy) / (body[4] if dy < 0.0 else body[5])
    tx = abs(x - body[0] - body[10] * dy) / body[3]
    tz = abs(z - body[2] - body[11] * dy) / body[6]
    return float(power(ty, body[8]) + power(tx, body[7]) + power(tz, body[9]))
