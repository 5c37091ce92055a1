"""The phantom's projector without compiled loops: each kernel of `hilum.phantom.kernels` in plain NumPy.

    with plain_numpy():
        study.views[0].load()

Written as one would write it in NumPy: whole windows at a time, one window a solid or a tube segment; the
lung left free by heart, domes and spine is found from sorted intervals. Arguments are those of the compiled
kernels. Vessels are grown by the compiled code in both, in the peer's favour.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import numpy as np

from hilum.phantom import kernels

Array = Any


@contextmanager
def plain_numpy() -> Iterator[None]:
    """Render without the compiled projector inside the block."""
    own = (add_chords, longest_chord, add_coarse, lung_paths, add_tubes, expose)
    with ExitStack() as stack:
        for function in own:
            stack.enter_context(mock.patch.object(kernels, function.__name__, function))
        yield


def axes(grid: Array, window: tuple[slice, slice]) -> tuple[Array, Array]:
    """Columns u (1, W) and rows y (H, 1) of a window, millimetres at the detector."""
    rows, columns = window
    y = grid[1] + (np.arange(rows.start, rows.stop) + 0.5) * grid[2]
    u = grid[0] + (np.arange(columns.start, columns.stop) + 0.5) * grid[2]
    return u[None, :], y[:, None]


def window_of(u0: float, u1: float, y0: float, y1: float, grid: Array, shape: tuple[int, ...]) -> Any:
    """The pixels that can lie in a box given in millimetres, as (rows, columns)."""
    r0, r1 = int((y0 - grid[1]) / grid[2] - 1), int((y1 - grid[1]) / grid[2] + 2)
    c0, c1 = int((u0 - grid[0]) / grid[2] - 1), int((u1 - grid[0]) / grid[2] + 2)
    r0, c0 = max(0, r0), max(0, c0)
    return slice(r0, max(r0, min(shape[0], r1))), slice(c0, max(c0, min(shape[1], c1)))


def reach(s: Array, grid: Array, shape: tuple[int, ...]) -> Any:
    """The window of a sheared solid."""
    lean = abs(s[10]) * max(s[4], s[5])
    m = s[12]
    return window_of(
        (s[0] - s[3] - lean) * m, (s[0] + s[3] + lean) * m, (s[1] - s[4]) * m, (s[1] + s[5]) * m, grid, shape
    )


def span(s: Array, u: Array, y: Array) -> tuple[Array, Array]:
    """Where each ray enters and leaves a solid; both the middle where it misses."""
    dy = y / s[12] - s[1]
    rise = (np.abs(dy) / np.where(dy < 0.0, s[4], s[5])) ** s[8]
    across = (np.abs(u / s[12] - s[0] - s[10] * dy) / s[3]) ** s[7]
    half = s[6] * np.maximum(1.0 - rise - across, 0.0) ** (1.0 / s[9])
    middle = s[2] + s[11] * dy
    return middle - half, middle + half


def add_chords(out: Array, solids: Array, weights: Array, grid: Array) -> None:
    """See `hilum.phantom.kernels.add_chords`."""
    for s, weight in zip(solids, weights, strict=True):
        window = reach(s, grid, out.shape)
        low, high = span(s, *axes(grid, window))
        out[window] += weight * (high - low)


def longest_chord(out: Array, solids: Array, grid: Array) -> None:
    """See `hilum.phantom.kernels.longest_chord`."""
    for s in solids:
        window = reach(s, grid, out.shape)
        low, high = span(s, *axes(grid, window))
        out[window] = np.maximum(out[window], high - low)


def add_coarse(out: Array, coarse: Array, weight: float) -> None:
    """See `hilum.phantom.kernels.add_coarse`."""
    (y0, fy), (x0, fx) = (between(n, m) for n, m in zip(out.shape, coarse.shape, strict=True))
    fy = fy[:, None]
    above = coarse[y0][:, x0] * (1 - fx) + coarse[y0][:, x0 + 1] * fx
    below = coarse[y0 + 1][:, x0] * (1 - fx) + coarse[y0 + 1][:, x0 + 1] * fx
    out += (weight * (above * (1 - fy) + below * fy)).astype(out.dtype)


def between(n: int, cells: int) -> tuple[Array, Array]:
    """The cell before each of n pixels and how far it is to the next."""
    at = np.clip((np.arange(n) + 0.5) * cells / n - 0.5, 0.0, cells - 1.001)
    return at.astype(int), at - at.astype(int)


def lung_paths(
    air: Array,
    parts: Array,
    cavity: Array,
    displacers: Array,
    solids: Array,
    rules: Array,
    fissure: Array,
    lateral: bool,
    grid: Array,
) -> None:
    """See `hilum.phantom.kernels.lung_paths`."""
    window = reach(cavity, grid, air.shape)
    u, y = axes(grid, window)
    low, high = span(cavity, u, y)
    lows, highs = [], []
    for other in displacers:
        a, b = span(other, u, y)
        lows.append(np.clip(a, low, high))
        highs.append(np.clip(b, low, high))
    order = np.argsort(np.array(lows), axis=0)
    starts = np.take_along_axis(np.array(lows), order, 0)
    ends = np.maximum.accumulate(np.take_along_axis(np.array(highs), order, 0), 0)
    # The free stretches lie between what ended so far and what starts next.
    free0 = np.concatenate([low[None], np.maximum(ends, low)])
    free1 = np.maximum(np.concatenate([starts, high[None]]), free0)
    total = (free1 - free0).sum(0)
    air[window] += total
    level = y / cavity[12]
    plane = np.broadcast_to(fissure[1] + fissure[2] * (level - fissure[0]), low.shape)
    for part, s, (kind, lobe, least, most) in zip(parts, solids, rules, strict=True):
        a, b = np.full(low.shape, -1e9), np.full(low.shape, 1e9)
        keep = (level >= least) & (level <= most) & (total > 0.0)
        if lobe != 0.0 and lateral:
            keep = keep & (lobe * (-u / cavity[12] - plane) >= 0.0)
        elif lobe > 0.0:
            a = plane
        elif lobe < 0.0:
            b = plane
        if kind == 2.0:
            inside = cloud(s, u, y, np.maximum(free0, a), np.minimum(free1, b)).sum(0)
        else:
            enter, leave = span(s, u, y)
            enter, leave = np.maximum(enter, a), np.minimum(leave, b)
            inside = np.maximum(np.minimum(leave, free1) - np.maximum(enter, free0), 0.0).sum(0)
            if kind == 0.0:
                inside = total - inside
        part[window] += np.where(keep, inside, 0.0)


def cloud(s: Array, u: Array, y: Array, a: Array, b: Array) -> Array:
    """Integral of a cloud's density over the stretches (a, b)."""
    dy = y / s[12] - s[1]
    ty, tu = dy / np.where(dy < 0.0, s[4], s[5]), (u / s[12] - s[0]) / s[3]
    rest = np.maximum(1.0 - ty * ty - tu * tu, 0.0)
    half = s[6] * np.sqrt(rest)
    a, b = np.clip(a - s[2], -half, half), np.clip(b - s[2], -half, half)
    return np.where(b > a, rest * (b - a) - (b**3 - a**3) / (3.0 * s[6] ** 2), 0.0)


def add_tubes(out: Array, scratch: Array, points: Array, starts: Array, styles: Array, grid: Array) -> None:
    """See `hilum.phantom.kernels.add_tubes`."""
    finest = 0.6 * grid[2]
    for k, (weight, inner) in enumerate(styles):
        first, last = int(starts[k]), int(starts[k + 1]) - 2
        scratch[:] = 0.0
        for p in range(first, last + 1):
            (au, ay, ar, ag), (bu, by, br, bg) = points[p], points[p + 1]
            r = max(ar, br, finest)
            window = window_of(
                min(au, bu) - r, max(au, bu) + r, min(ay, by) - r, max(ay, by) + r, grid, out.shape
            )
            u, y = axes(grid, window)
            du, dy = bu - au, by - ay
            length2 = du * du + dy * dy + 1e-9
            slack = 0.4 * r / length2**0.5
            free = ((u - au) * du + (y - ay) * dy) / length2
            t = np.clip(free, 0.0, 1.0)
            axis = t
            hidden = np.zeros(free.shape, bool)
            if inner > 0.0:
                axis = np.where((t == free) | ((p != first) & (p != last)), free, t)
                hidden = ((free < -slack) & (p > first)) | ((free > 1.0 + slack) & (p < last))
            d2 = (u - au - axis * du) ** 2 + (y - ay - axis * dy) ** 2
            true = ar + t * (br - ar)
            wide = np.maximum(true, finest)
            chord = np.sqrt(np.maximum(wide**2 - d2, 0.0)) - np.sqrt(
                np.maximum((inner * wide) ** 2 - d2, 0.0)
            )
            chord *= 2.0 * (true / wide) ** 2 * (ag + t * (bg - ag))
            scratch[window] = np.maximum(scratch[window], np.where(hidden, 0.0, chord))
        out += weight * scratch
    scratch[:] = 0.0


def expose(attenuation: Array, out: Array, kernel: Array, scatter: float, sharp: float) -> None:
    """See `hilum.phantom.kernels.expose`."""
    n, cells = attenuation.shape[0], len(kernel)
    block = n // cells
    out[:] = np.exp(-attenuation)
    kept = np.minimum(out[: block * cells, : block * cells], 0.2)
    coarse = kernel @ kept.reshape(cells, block, cells, block).mean((1, 3)) @ kernel.T
    side = 0.5 * (1.0 - sharp)
    for axis in (1, 0):
        wide = np.pad(out, [(0, 0), (1, 1)] if axis else [(1, 1), (0, 0)], mode="edge")
        before, after = (wide[:, :-2], wide[:, 2:]) if axis else (wide[:-2], wide[2:])
        out[:] = sharp * out + side * (before + after)
    add_coarse(out, coarse, scatter / (1.0 - scatter))
