"""A chest as geometry: solids, tubes and what each sign adds, in patient millimetres.

x runs to the patient's left (right in a frontal picture), y caudally from the lung apices, z forwards.

    from hilum.phantom.scene import Scene, solid, tube
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hilum.study import Side

Array = npt.NDArray[np.float64]
Solid = tuple[float, ...]
"""A sheared superellipsoid: cx cy cz, rx ry_up ry_down rz, exponents p q m, shear_x shear_z."""

Point = tuple[float, float, float]

SOFT = 0.020
"""Effective attenuation of soft tissue per millimetre at about 100 kVp."""
LUNG = 0.005
"""Attenuation of aerated lung at full inspiration."""
BONE = 0.050
"""Attenuation of compact bone."""

# What replaces lung adds the difference; what replaces soft tissue likewise.
LUNG_TO_SOFT = SOFT - LUNG
SOFT_TO_BONE = BONE - SOFT


class Keep(IntEnum):
    """Which part of a lung's path a filling takes."""

    OUTSIDE = 0
    INSIDE = 1
    CLOUD = 2


class Lobe(IntEnum):
    """Which side of the oblique fissure a filling keeps to."""

    BEHIND = -1
    BOTH = 0
    BEFORE = 1


def solid(
    centre: Point,
    radii: tuple[float, float, float],
    *,
    power: tuple[float, float, float] = (2.0, 2.0, 2.0),
    down: float | None = None,
    shear: tuple[float, float] = (0.0, 0.0),
) -> Solid:
    """A superellipsoid; `down` is its lower radius where that differs from the upper one."""
    rx, ry, rz = radii
    return (*centre, rx, ry, ry if down is None else down, rz, *power, *shear)


@dataclass(frozen=True, slots=True)
class Tube:
    """A polyline of round cross-section: points (N, 3), radii (N,), weight per millimetre of chord."""

    points: Array
    radii: Array
    weight: float
    inner: float = 0.0


def tube(
    points: Iterable[Point] | Array, radius: float | tuple[float, float], weight: float, inner: float = 0.0
) -> Tube:
    """A tube of one radius, or tapering from the first to the last; `inner` is the hollow part of it."""
    path = np.asarray(points if isinstance(points, np.ndarray) else list(points), np.float64)
    first, last = radius if isinstance(radius, tuple) else (radius, radius)
    radii = first + (last - first) * np.arange(len(path)) / max(len(path) - 1, 1)
    return Tube(path, radii, weight, inner)


def curve(knots: Sequence[Point], steps: int = 24) -> Array:
    """A smooth path through `knots` (Catmull-Rom), (N, 3)."""
    k = np.asarray(knots, np.float64)
    k = np.vstack([2 * k[0] - k[1], k, 2 * k[-1] - k[-2]])
    basis = _basis(max(1, steps // (len(knots) - 1)))
    windows = np.stack([k[:-3], k[1:-2], k[2:-1], k[3:]], 1)
    return np.vstack([(basis @ windows).reshape(-1, 3), k[-2][None]])


@lru_cache(maxsize=32)
def _basis(steps: int) -> Array:
    t = np.arange(steps) / steps
    return 0.5 * np.column_stack(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3]
    )


@dataclass(frozen=True, slots=True)
class Filling:
    """What a sign makes of one lung: the part of its path that a solid takes, times a weight."""

    lung: Side
    shape: Solid
    keep: Keep
    weight: float
    lobe: Lobe = Lobe.BOTH
    above: float = 1e9
    below: float = -1e9
    clipped: bool = True


@dataclass(slots=True)
class Mark:
    """Everything one sign adds on one side; one box and mask per view are measured from it.

    Args:
        sign: index of the sign in the visit.
        side: the side its region is on.
        silhouette: solids whose outline is the region (an enlarged organ), where nothing is added.
        strength: visibility to assume for a silhouette; added parts have theirs measured.
    """

    sign: int
    side: Side | None
    fillings: list[Filling] = field(default_factory=list)
    solids: list[tuple[Solid, float]] = field(default_factory=list)
    tubes: list[Tube] = field(default_factory=list)
    silhouette: list[Solid] = field(default_factory=list)
    strength: float = 1.0


@dataclass(slots=True)
class Scene:
    """One patient at one visit, ready to be projected.

    `shoulders`, `limbs` and `limb_tubes` are out of the way in a lateral view, where the arms are raised.
    """

    half_depth: float
    half_width: float
    dome: float
    trunk: list[Solid] = field(default_factory=list)
    shoulders: list[Solid] = field(default_factory=list)
    limbs: list[tuple[Solid, float]] = field(default_factory=list)
    limb_tubes: list[Tube] = field(default_factory=list)
    cavities: dict[Side, Solid] = field(default_factory=dict)
    displacers: list[Solid] = field(default_factory=list)
    lung_weight: dict[Side, float] = field(default_factory=dict)
    solids: list[tuple[Solid, float]] = field(default_factory=list)
    tubes: list[Tube] = field(default_factory=list)
    vessels: list[tuple[Array, float]] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    measured: dict[str, float] = field(default_factory=dict)

    @property
    def fissure(self) -> tuple[float, float, float]:
        """The oblique fissure z = z0 + slope (y - y0) as (y0, z0, slope); z is larger before it."""
        y0 = 0.28 * self.dome
        z0 = -self.half_depth
        return y0, z0, 1.7 * self.half_depth / (self.dome + 12.0 - y0)

    @property
    def minor_fissure(self) -> float:
        """Level y of the horizontal fissure, at the fourth anterior rib."""
        return 0.60 * self.dome


def outline(shape: Solid, y: Array) -> tuple[Array, Array]:
    """Least and greatest x of a solid at the levels `y`; NaN where it does not reach."""
    cx, cy, _, rx, up, down, _, p, q, _, sx, _ = shape
    dy = y - cy
    rest = 1.0 - (np.abs(dy) / np.where(dy < 0, up, down)) ** q
    half = np.where(rest > 0, rx * np.maximum(rest, 0.0) ** (1.0 / p), np.nan)
    middle = cx + sx * dy
    return middle - half, middle + half
