"""How a view sees the chest: which way the rays run, how far each part is magnified, what it attenuates.

Rays are treated as parallel within a part but each part is magnified by its own distance from the
detector, source distance / (source distance - distance from the detector). So an AP heart, far from the
detector of a portable machine, comes out 10 to 20 % larger than a PA heart, as it should.

    from hilum.phantom.projection import Camera, attenuate
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hilum.phantom import kernels
from hilum.phantom.scene import LUNG_TO_SOFT, SOFT, Array, Filling, Mark, Scene, Solid, Tube
from hilum.study import Position

Image = npt.NDArray[np.float32]
COARSER = 3


@dataclass(frozen=True, slots=True)
class Camera:
    """One view's geometry.

    Args:
        position: PA, AP or LATERAL (left side at the detector).
        size: pixels a side.
        field_mm: width of the field at the detector.
        centre: detector point (u, y) at the middle of the picture; y is also the level of the central ray.
        turn: rotation of the patient about the long axis, radians; positive brings the left side forward.
        source: focus to detector distance.
        detector: distance from the patient's centre to the detector.
    """

    position: Position
    size: int
    field_mm: float
    centre: tuple[float, float]
    turn: float
    source: float
    detector: float

    @property
    def lateral(self) -> bool:
        """Whether rays run from the right to the left side."""
        return self.position is Position.LATERAL

    @property
    def grid(self) -> Array:
        """Left edge, top edge, pixel size, in millimetres at the detector about the central ray."""
        step = self.field_mm / self.size
        return np.array([self.centre[0] - self.field_mm / 2, -self.field_mm / 2, step])

    def rotate(self, xyz: Array) -> Array:
        """Turn points (N, 3) about the long axis."""
        c, s = math.cos(self.turn), math.sin(self.turn)
        return np.column_stack([xyz[:, 0] * c + xyz[:, 2] * s, xyz[:, 1], xyz[:, 2] * c - xyz[:, 0] * s])

    def magnify(self, xyz: Array) -> Array:
        """Magnification at each point (N, 3)."""
        along = xyz[:, 0] if self.lateral else xyz[:, 2]
        toward = -along if self.position is Position.AP else along
        return np.asarray(self.source / (self.source - (self.detector - toward)), np.float64)

    def solids(self, shapes: list[Solid]) -> Array:
        """Solids as rows in ray coordinates, (N, 13), as the kernels take them."""
        if not shapes:
            return np.zeros((0, 13))
        s = np.asarray(shapes, np.float64)
        centre = self.rotate(s[:, :3])
        m = self.magnify(centre)
        y = centre[:, 1] - self.centre[1]
        if self.lateral:
            across, along = (
                (-centre[:, 2], s[:, 6], s[:, 9], -s[:, 11]),
                (centre[:, 0], s[:, 3], s[:, 7], s[:, 10]),
            )
        else:
            across, along = (
                (centre[:, 0], s[:, 3], s[:, 7], s[:, 10]),
                (centre[:, 2], s[:, 6], s[:, 9], s[:, 11]),
            )
        return np.column_stack(
            [
                *(across[0], y, along[0]),
                *(across[1], s[:, 4], s[:, 5], along[1]),
                *(across[2], s[:, 8], along[2]),
                *(across[3], along[3], m),
            ]
        )

    def tubes(self, points: Array, radii: Array, ends: npt.NDArray[np.intp]) -> Array:
        """Tube points as rows u, y, radius, gain (N, 4); `ends` marks the last point of each polyline."""
        p = self.rotate(points)
        m = self.magnify(p)
        u = -p[:, 2] if self.lateral else p[:, 0]
        step = np.zeros_like(p)
        step[:-1] = p[1:] - p[:-1]
        step[ends] = step[ends - 1]
        along = np.abs(step[:, 0] if self.lateral else step[:, 2])
        length = np.sqrt((step**2).sum(1)) + 1e-9
        gain = 1.0 / np.sqrt(np.maximum(1.0 - (along / length) ** 2, 0.12))
        return np.column_stack([u * m, (p[:, 1] - self.centre[1]) * m, radii * m, gain])


def draw_tubes(out: Image, scratch: Image, tubes: list[Tube], camera: Camera) -> None:
    """Add tubes to an attenuation map."""
    if not tubes:
        return
    counts = np.array([len(t.points) for t in tubes])
    starts = np.concatenate([[0], np.cumsum(counts)])
    points = np.concatenate([t.points for t in tubes])
    radii = np.concatenate([t.radii for t in tubes])
    styles = np.array([[t.weight, t.inner] for t in tubes])
    kernels.add_tubes(out, scratch, camera.tubes(points, radii, starts[1:] - 1), starts, styles, camera.grid)


def draw_vessels(out: Image, scratch: Image, trees: list[tuple[Array, float]], camera: Camera) -> None:
    """Add vessel segments, rows x y z radius twice, to an attenuation map."""
    for rows, weight in trees:
        if not len(rows):
            continue
        points = rows.reshape(-1, 4)
        starts = np.arange(0, len(points) + 1, 2)
        styles = np.tile([weight, 0.0], (len(rows), 1))
        projected = camera.tubes(points[:, :3], points[:, 3], starts[1:] - 1)
        kernels.add_tubes(out, scratch, projected, starts, styles, camera.grid)


def draw_solids(out: Image, solids: list[tuple[Solid, float]], camera: Camera) -> None:
    """Add weight x chord of solids to an attenuation map."""
    if solids:
        rows = camera.solids([shape for shape, _ in solids])
        kernels.add_chords(out, rows, np.array([weight for _, weight in solids]), camera.grid)


def fill_lungs(scene: Scene, camera: Camera) -> tuple[Image, list[Image]]:
    """Air of both lungs as attenuation (negative), and what each mark's fillings add to it.

    Fillings that stand for tissue or fluid replace lung: where several overlap, together they never add
    more than the lung they replace, and each keeps its share.
    """
    n = camera.size
    total = np.zeros((n, n), np.float32)
    added = [np.zeros((n, n), np.float32) for _ in scene.marks]
    displacers = camera.solids(scene.displacers)
    y0, z0, slope = scene.fissure
    fissure = np.array([y0 - camera.centre[1], z0, slope])
    for side, cavity in scene.cavities.items():
        fillings = [(k, f) for k, mark in enumerate(scene.marks) for f in mark.fillings if f.lung is side]
        air = np.zeros((n, n), np.float32)
        parts = np.zeros((len(fillings), n, n), np.float32)
        shapes = camera.solids([f.shape for _, f in fillings])
        rules = np.array([_rule(f, camera) for _, f in fillings]).reshape(-1, 4)
        row = camera.solids([cavity])[0]
        kernels.lung_paths(air, parts, row, displacers, shapes, rules, fissure, camera.lateral, camera.grid)
        total += np.float32(scene.lung_weight[side]) * air
        if not fillings:
            continue
        for part, (_, f) in zip(parts, fillings, strict=True):
            part *= np.float32(f.weight)
        tissue = [k for k, (_, f) in enumerate(fillings) if f.clipped]
        if tissue:
            amount = parts[tissue].sum(0)
            room = np.float32(1.03 * LUNG_TO_SOFT) * air
            share = np.where(amount > room, room / np.maximum(amount, np.float32(1e-6)), np.float32(1.0))
            parts[tissue] *= share
        for part, (k, _) in zip(parts, fillings, strict=True):
            added[k] += part
    return total, added


def _rule(f: Filling, camera: Camera) -> list[float]:
    return [float(f.keep), float(f.lobe), f.below - camera.centre[1], f.above - camera.centre[1]]


def attenuate(scene: Scene, camera: Camera) -> tuple[Image, list[Image]]:
    """Total attenuation of the view, and the part of it that each mark added, (size, size) each."""
    n = camera.size
    scratch = np.zeros((n, n), np.float32)
    total, added = fill_lungs(scene, camera)
    # The trunk is smooth: a coarse map of it is enough.
    trunk = np.zeros((n // COARSER, n // COARSER), np.float32)
    parts = scene.trunk if camera.lateral else scene.trunk + scene.shoulders
    kernels.longest_chord(trunk, camera.solids(parts), camera.grid * [1.0, 1.0, n / len(trunk)])
    kernels.add_coarse(total, trunk, SOFT)
    draw_solids(total, scene.solids, camera)
    draw_tubes(total, scratch, scene.tubes, camera)
    if not camera.lateral:
        draw_solids(total, scene.limbs, camera)
        draw_tubes(total, scratch, scene.limb_tubes, camera)
    draw_vessels(total, scratch, scene.vessels, camera)
    for mark, own in zip(scene.marks, added, strict=True):
        draw_solids(own, mark.solids, camera)
        draw_tubes(own, scratch, mark.tubes, camera)
        total += own
    return total, added


def silhouette(mark: Mark, camera: Camera) -> npt.NDArray[np.bool_]:
    """Outline of a mark's silhouette solids, (size, size)."""
    out = np.zeros((camera.size, camera.size), np.float32)
    kernels.longest_chord(out, camera.solids(mark.silhouette), camera.grid)
    return np.asarray(out > 4.0)
