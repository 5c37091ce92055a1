"""The compiled inner loops of the projector: rays through superellipsoids, tubes, broad scatter.

Every solid is |x/rx|^p + |y/ry|^q + |z/rz|^m <= 1, sheared along the body axis. Because its three
exponents stand apart, the stretch of a ray inside it has a closed form along x and along z alike:
half length = r (1 - the other two terms)^(1/exponent). Tubes have chord 2 sqrt(r^2 - d^2).

    python -c "from hilum.phantom import cohort; print(cohort(1)[0].views[0].load().shape)"

Arrays named `solids` have one row per solid in ray coordinates (u across the picture, y down it, w
along the ray): cu cy cw ru ry_up ry_down rw pu q pw shear_u shear_w magnification. `grid` is
(u of the left edge, y of the top edge, pixel size, y of the central ray), millimetres at the detector.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np


def compiled(function: Any) -> Any:
    """Compile with Numba, cached on disk; one thread, so that equal seeds give equal bytes."""
    return numba.njit(cache=True, nogil=True, fastmath=True)(function)


@compiled
def power(base: float, exponent: float) -> float:
    """`base ** exponent` for base >= 0, with the exponents of anatomy short-cut."""
    if exponent == 2.0:
        return base * base
    if exponent == 2.5:
        return base * base * math.sqrt(base)
    if exponent == 3.0:
        return base * base * base
    if exponent == 4.0:
        return base * base * base * base
    return float(base**exponent)


@compiled
def root(base: float, exponent: float) -> float:
    """`base ** (1 / exponent)` for base >= 0."""
    if exponent == 2.0:
        return math.sqrt(base)
    if exponent == 4.0:
        return math.sqrt(math.sqrt(base))
    return float(base ** (1.0 / exponent))


@compiled
def row_of(solid: Any, y: float, row: Any) -> None:
    """What is constant along picture row y, so that a pixel costs one multiplication and one root.

    `row` becomes: remainder 1 - (dy/ry)^q, middle u, middle w, least u, greatest u, 1 / radius in u,
    radius in w and the two exponents; u in millimetres at the detector.
    """
    row[0], row[3], row[4] = 0.0, 1.0, 0.0
    dy = y / solid[12] - solid[1]
    ty = abs(dy) / (solid[4] if dy < 0.0 else solid[5])
    if ty >= 1.0:
        return
    rest = 1.0 - power(ty, solid[8])
    reach = solid[3] * root(rest, solid[7])
    middle = solid[0] + solid[10] * dy
    row[0] = rest
    row[1] = middle * solid[12]
    row[2] = solid[2] + solid[11] * dy
    row[3] = (middle - reach) * solid[12]
    row[4] = (middle + reach) * solid[12]
    row[5] = 1.0 / (solid[3] * solid[12])
    row[6] = solid[6]
    row[7] = solid[7]
    row[8] = solid[9]


@compiled
def span(row: Any, u: float) -> tuple[float, float]:
    """Where the ray at column u of a row enters and leaves a solid: (low, high), empty if low >= high."""
    if u <= row[3] or u >= row[4]:
        return 0.0, 0.0
    rest = row[0] - power(abs(u - row[1]) * row[5], row[7])
    if rest <= 0.0:
        return 0.0, 0.0
    half = row[6] * root(rest, row[8])
    return row[2] - half, row[2] + half


@compiled
def columns(row: Any, grid: Any, width: int) -> tuple[int, int]:
    """Columns a row of a solid can touch: (first, end)."""
    if row[4] <= row[3]:
        return 0, 0
    first = max(0, int((row[3] - grid[0]) / grid[2]))
    return first, max(first, min(width, int((row[4] - grid[0]) / grid[2]) + 1))


@compiled
def rows(solid: Any, grid: Any, height: int) -> tuple[int, int]:
    """Rows a solid can touch: (first, end)."""
    m = solid[12]
    first = max(0, int(((solid[1] - solid[4]) * m - grid[1]) / grid[2]))
    return first, min(height, int(((solid[1] + solid[5]) * m - grid[1]) / grid[2]) + 2)


@compiled
def add_chords(out: Any, solids: Any, weights: Any, grid: Any) -> None:
    """Add weight x chord of each solid to `out`, each in its own window."""
    row = np.empty(9)
    for k in range(solids.shape[0]):
        r0, r1 = rows(solids[k], grid, out.shape[0])
        for i in range(r0, r1):
            row_of(solids[k], grid[1] + (i + 0.5) * grid[2], row)
            c0, c1 = columns(row, grid, out.shape[1])
            for j in range(c0, c1):
                low, high = span(row, grid[0] + (j + 0.5) * grid[2])
                out[i, j] += weights[k] * (high - low)


@compiled
def longest_chord(out: Any, solids: Any, grid: Any) -> None:
    """The longest chord over all solids: the thickness of a trunk made of overlapping parts."""
    row = np.empty(9)
    for k in range(solids.shape[0]):
        r0, r1 = rows(solids[k], grid, out.shape[0])
        for i in range(r0, r1):
            row_of(solids[k], grid[1] + (i + 0.5) * grid[2], row)
            c0, c1 = columns(row, grid, out.shape[1])
            for j in range(c0, c1):
                low, high = span(row, grid[0] + (j + 0.5) * grid[2])
                out[i, j] = max(out[i, j], high - low)


@compiled
def add_coarse(out: Any, coarse: Any, weight: float) -> None:
    """Add weight x a coarse map to `out`, interpolated bilinearly."""
    height, width = out.shape
    n, m = coarse.shape
    for i in range(height):
        y = min(max((i + 0.5) * n / height - 0.5, 0.0), n - 1.001)
        y0 = int(y)
        fy = y - y0
        for j in range(width):
            x = min(max((j + 0.5) * m / width - 0.5, 0.0), m - 1.001)
            x0 = int(x)
            fx = x - x0
            above = coarse[y0, x0] * (1 - fx) + coarse[y0, x0 + 1] * fx
            below = coarse[y0 + 1, x0] * (1 - fx) + coarse[y0 + 1, x0 + 1] * fx
            out[i, j] += weight * (above * (1 - fy) + below * fy)


@compiled
def cut(low: Any, high: Any, count: int, a: float, b: float) -> int:
    """Take the stretch (a, b) out of `count` stretches held in low/high; the new count."""
    k = 0
    while k < count:
        if a <= low[k] and b >= high[k]:
            count -= 1
            low[k], high[k] = low[count], high[count]
            continue
        if a > low[k] and b < high[k]:
            low[count], high[count] = b, high[k]
            high[k] = a
            return count + 1
        if low[k] < a < high[k]:
            high[k] = a
        elif low[k] < b < high[k]:
            low[k] = b
        k += 1
    return count


@compiled
def cloud(solid: Any, u: float, y: float, a: float, b: float) -> float:
    """Integral over (a, b) of a cloud's density 1 - r^2, r the distance in units of its radii.

    The clouds are ellipsoids without shear, so the integral is a cubic in closed form.
    """
    dy = y / solid[12] - solid[1]
    ty = dy / (solid[4] if dy < 0.0 else solid[5])
    tu = (u / solid[12] - solid[0]) / solid[3]
    rest = 1.0 - ty * ty - tu * tu
    if rest <= 0.0:
        return 0.0
    half = solid[6] * math.sqrt(rest)
    a = max(a - solid[2], -half)
    b = min(b - solid[2], half)
    if b <= a:
        return 0.0
    return float(rest * (b - a) - (b * b * b - a * a * a) / (3.0 * solid[6] * solid[6]))


@compiled
def lung_paths(
    air: Any,
    parts: Any,
    cavity: Any,
    displacers: Any,
    solids: Any,
    rules: Any,
    fissure: Any,
    lateral: bool,
    grid: Any,
) -> None:
    """Follow every ray through one lung.

    `air` (H, W) receives the length of the cavity that nothing displaces; `parts` (K, H, W) what each
    of the K `solids` makes of that length by its row of `rules`: (kind, lobe, y_min, y_max), with kind
    0 the length outside the solid (fluid or air around a shrunken lung), 1 the length inside it,
    2 the density-weighted length inside a cloud; lobe +1 keeps what lies before the oblique fissure,
    -1 what lies behind it; y_min and y_max cut at the horizontal fissure. `fissure` holds (y, z, slope)
    of the oblique plane.
    """
    low, high = np.empty(64), np.empty(64)
    n, extra = displacers.shape[0], solids.shape[0]
    main, others, own = np.empty(9), np.empty((n, 9)), np.empty((extra, 9))
    r0, r1 = rows(cavity, grid, air.shape[0])
    for i in range(r0, r1):
        y = grid[1] + (i + 0.5) * grid[2]
        row_of(cavity, y, main)
        c0, c1 = columns(main, grid, air.shape[1])
        if c0 >= c1:
            continue
        # Only what this row of the lung can meet is asked at each pixel.
        met = 0
        for k in range(n):
            row_of(displacers[k], y, others[met])
            if others[met, 4] > main[3] and others[met, 3] < main[4]:
                met += 1
        for k in range(extra):
            row_of(solids[k], y, own[k])
        level = y / cavity[12]
        plane = fissure[1] + fissure[2] * (level - fissure[0])
        for j in range(c0, c1):
            u = grid[0] + (j + 0.5) * grid[2]
            low[0], high[0] = span(main, u)
            if high[0] <= low[0]:
                continue
            count = 1
            for k in range(met):
                if u <= others[k, 3] or u >= others[k, 4]:
                    continue
                a, b = span(others[k], u)
                if b > a:
                    count = cut(low, high, count, a, b)
            total = 0.0
            for s in range(count):
                total += high[s] - low[s]
            air[i, j] += total
            if total <= 0.0:
                continue
            for k in range(extra):
                if level < rules[k, 2] or level > rules[k, 3]:
                    continue
                a, b = -1e9, 1e9
                if rules[k, 1] != 0.0:
                    if lateral:
                        if rules[k, 1] * (-u / cavity[12] - plane) < 0.0:
                            continue
                    elif rules[k, 1] > 0.0:
                        a = plane
                    else:
                        b = plane
                inside = 0.0
                if rules[k, 0] == 2.0:
                    for s in range(count):
                        lo, hi = max(a, low[s]), min(b, high[s])
                        if hi > lo:
                            inside += cloud(solids[k], u, y, lo, hi)
                    parts[k, i, j] += inside
                    continue
                enter, leave = span(own[k], u)
                enter, leave = max(enter, a), min(leave, b)
                for s in range(count):
                    inside += max(0.0, min(leave, high[s]) - max(enter, low[s]))
                parts[k, i, j] += inside if rules[k, 0] == 1.0 else total - inside


@compiled
def add_tubes(out: Any, scratch: Any, points: Any, starts: Any, styles: Any, grid: Any) -> None:
    """Add polylines of round tubes to `out`; within one polyline the longest chord counts, not the sum.

    `points` rows: u, y, radius, gain (how much longer the chord is because the tube runs along the
    ray). `starts` (N + 1) delimits the polylines; `styles` rows: weight, inner radius as a part of the
    outer (0 = solid). `scratch` is zero before and after.
    """
    step = grid[2]
    finest = 0.6 * step
    for k in range(starts.shape[0] - 1):
        weight, inner = styles[k, 0], styles[k, 1]
        rows0, rows1, cols0, cols1 = out.shape[0], 0, out.shape[1], 0
        for p in range(starts[k], starts[k + 1] - 1):
            au, ay, bu, by = points[p, 0], points[p, 1], points[p + 1, 0], points[p + 1, 1]
            du, dy = bu - au, by - ay
            length2 = du * du + dy * dy + 1e-9
            reach = max(points[p, 2], points[p + 1, 2], finest)
            slack = 0.4 * reach / math.sqrt(length2)
            r0 = max(0, int((min(ay, by) - reach - grid[1]) / step - 0.5))
            r1 = min(out.shape[0], int((max(ay, by) + reach - grid[1]) / step + 1.5))
            c0 = max(0, int((min(au, bu) - reach - grid[0]) / step - 0.5))
            c1 = min(out.shape[1], int((max(au, bu) + reach - grid[0]) / step + 1.5))
            if r0 >= r1 or c0 >= c1:
                continue
            rows0, rows1 = min(rows0, r0), max(rows1, r1)
            cols0, cols1 = min(cols0, c0), max(cols1, c1)
            for i in range(r0, r1):
                y = grid[1] + (i + 0.5) * step - ay
                for j in range(c0, c1):
                    u = grid[0] + (j + 0.5) * step - au
                    t = (u * du + y * dy) / length2
                    # A hollow piece ends flat where the next begins, or its rounded end would show inside.
                    if inner > 0.0 and (
                        (t < -slack and p > starts[k]) or (t > 1.0 + slack and p < starts[k + 1] - 2)
                    ):
                        continue
                    axis = t
                    t = min(1.0, max(0.0, t))
                    if inner == 0.0 or (t != axis and (p == starts[k] or p == starts[k + 1] - 2)):
                        axis = t
                    d2 = (u - axis * du) ** 2 + (y - axis * dy) ** 2
                    true = points[p, 2] + t * (points[p + 1, 2] - points[p, 2])
                    # A tube thinner than a pixel is drawn a pixel wide with its mass kept.
                    r = max(true, finest)
                    if d2 >= r * r:
                        continue
                    chord = math.sqrt(r * r - d2)
                    hole = inner * inner * r * r - d2
                    if hole > 0.0:
                        chord -= math.sqrt(hole)
                    thin = true / r
                    gain = points[p, 3] + t * (points[p + 1, 3] - points[p, 3])
                    chord *= 2.0 * thin * thin * gain
                    scratch[i, j] = max(scratch[i, j], chord)
        for i in range(rows0, rows1):
            for j in range(cols0, cols1):
                out[i, j] += weight * scratch[i, j]
                scratch[i, j] = 0.0


@compiled
def expose(attenuation: Any, out: Any, kernel: Any, scatter: float, sharp: float) -> None:
    """From attenuation to detected intensity: exp(-A), broad scatter, detector blur.

    `kernel` (C, C) is a row-stochastic Gaussian over C coarse cells a side; `scatter` is the scattered
    part of the detected intensity; `sharp` the centre weight of the three-tap detector blur.
    """
    height, width = attenuation.shape
    cells = kernel.shape[0]
    coarse, mid = np.zeros((cells, cells)), np.zeros((cells, cells))
    bi, bj = height // cells, width // cells
    for i in range(height):
        for j in range(width):
            p = math.exp(-attenuation[i, j])
            out[i, j] = p
            if i // bi < cells and j // bj < cells:
                # Beam that passes by the patient scatters nothing.
                coarse[i // bi, j // bj] += min(p, 0.2) / (bi * bj)
    for i in range(cells):
        for j in range(cells):
            total = 0.0
            for k in range(cells):
                total += kernel[i, k] * coarse[k, j]
            mid[i, j] = total
    for i in range(cells):
        for j in range(cells):
            total = 0.0
            for k in range(cells):
                total += kernel[j, k] * mid[i, k]
            coarse[i, j] = total
    side = 0.5 * (1.0 - sharp)
    for i in range(height):
        before = out[i, 0]
        for j in range(width):
            here = out[i, j]
            after = out[i, min(j + 1, width - 1)]
            out[i, j] = sharp * here + side * (before + after)
            before = here
    for j in range(width):
        before = out[0, j]
        for i in range(height):
            here = out[i, j]
            after = out[min(i + 1, height - 1), j]
            out[i, j] = sharp * here + side * (before + after)
            before = here
    share = scatter / (1.0 - scatter)
    add_coarse(out, coarse, share)
