"""From attenuation to a picture: scatter, quantum noise, display curve, collimation, side marker.

pixels = develop(attenuation, Exposure.of(visit, camera, noise=1.0))
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hilum.phantom import kernels
from hilum.phantom.course import Visit
from hilum.phantom.projection import Camera, Image
from hilum.study import Pixels, Position

CELLS = 32
REACH = 3.5
"""Spread of scatter in cells: about 40 mm."""

STRIDE = 4
EVENING = 0.055
"""Spread of the local mean as a part of the picture: about 20 mm."""
EQUALISED = 0.4
"""How much of the local mean is taken away."""
BESIDE = 0.8
"""Less attenuation than this is air beside the patient."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """How one picture was taken and printed.

    Args:
        scatter: scattered part of the detected intensity.
        noise: standard deviation of the noise where a twentieth of the beam arrives, relative.
        contrast: slope of the display curve.
        brightness: where on the attenuation scale the display curve has its middle, 0 to 1.
        crop: how much of each edge (left, top, right, bottom) the collimator covers.
        marker: letters at the picture's upper edge, and whether they stand on the picture's right.
    """

    scatter: float
    noise: float
    contrast: float
    brightness: float
    crop: tuple[float, float, float, float]
    marker: tuple[tuple[str, bool], ...]
    field_mm: float
    seed: tuple[int, int]

    @classmethod
    def of(cls, visit: Visit, camera: Camera, *, noise: float) -> Exposure:
        """Draw the technical side of a picture."""
        view = list(Position).index(camera.position)
        rng = np.random.default_rng([visit.seed, 11, view])
        ap = camera.position is Position.AP
        crop = rng.uniform(0.0, 0.035, 4) if rng.random() < 0.4 else np.zeros(4)
        left, top, right, bottom = (float(v) for v in crop)
        return cls(
            scatter=float(rng.uniform(0.36, 0.48) if ap else rng.uniform(0.12, 0.22)),
            noise=noise * (0.034 if ap else 0.021) / visit.exposure**0.5,
            contrast=float(rng.uniform(2.6, 3.4) if ap else rng.uniform(3.0, 4.0)),
            brightness=float(np.clip(0.54 + 0.08 * np.log(visit.exposure), 0.46, 0.62)),
            crop=(left, top, right, bottom),
            marker=_marker(camera.position, rng),
            field_mm=camera.field_mm,
            seed=(visit.seed, 20 + view),
        )


def _marker(position: Position, rng: np.random.Generator) -> tuple[tuple[str, bool], ...]:
    right = bool(rng.random() < 0.5)
    letter = "L" if right else "R"
    if position is Position.LATERAL:
        return (("L", right),)
    if position is Position.AP and rng.random() < 0.8:
        words = "AP PORTABLE" if rng.random() < 0.6 else "AP SUPINE"
        return ((letter, right), (words, not right))
    return ((letter, right),)


def develop(attenuation: Image, exposure: Exposure) -> Pixels:
    """The picture: float32 in [0, 1], bone white, in steps of 1/255 so that a PNG keeps it exactly."""
    n = attenuation.shape[0]
    beam = np.empty_like(attenuation)
    kernels.expose(attenuation, beam, _gaussian(CELLS, REACH), exposure.scatter, 0.62)
    inside = _field(n, exposure.crop)
    density = -np.log(beam[inside])
    rng = np.random.default_rng(exposure.seed)
    grain = rng.standard_normal(density.shape, dtype=np.float32)
    # Quantum noise: relative to sqrt(intensity), so dense parts are the noisiest in the logarithm; coarser
    # pixels gather more quanta.
    quanta = exposure.noise * (n / 256.0) * np.sqrt(np.float32(0.05) / beam[inside])
    density += np.minimum(quanta, np.float32(0.25)) * grain
    body = density[::2, ::3] > BESIDE
    _even(density)
    level = _window(density, body)
    picture = np.zeros((n, n), np.float32)
    picture[inside] = _display(level, exposure.contrast, exposure.brightness)
    for text, right in exposure.marker:
        _stamp(picture, text, right, inside)
    return np.asarray(np.round(picture * 255.0) / np.float32(255.0), np.float32)


def scattered(attenuation: Image, exposure: Exposure) -> Image:
    """Detected intensity that is scatter, not primary beam, (size, size)."""
    beam = np.empty_like(attenuation)
    kernels.expose(attenuation, beam, _gaussian(CELLS, REACH), exposure.scatter, 1.0)
    return np.asarray(np.maximum(beam - np.exp(-attenuation), np.float32(1e-6)))


def _even(density: Image) -> None:
    """Detector processing: coarse differences give way to detail, so that a line shows before the spine."""
    # What lies beside the patient must not brighten the skin's edge.
    coarse = np.maximum(density[::STRIDE, ::STRIDE], np.float32(BESIDE))
    down, across = (_gaussian(n, EVENING * n) for n in coarse.shape)
    smooth = (down @ coarse @ across.T).astype(np.float32)
    kernels.add_coarse(density, smooth, -EQUALISED)


def _window(density: Image, body: npt.NDArray[np.bool_]) -> Image:
    """Set the patient between 0 and 1; `body` says which of every second row and third column are patient."""
    some = density[::2, ::3]
    low, high = np.percentile(some[body] if body.any() else some, (1.5, 98.5))
    return np.asarray((density - np.float32(low)) / np.float32(max(high - low, 1e-3)), np.float32)


def _display(level: Image, slope: float, middle: float) -> Image:
    """A sigmoid through (0, 0.03) and (1, 0.97) about `middle`."""
    ends = 1.0 / (1.0 + np.exp(slope * np.array([middle, middle - 1.0])))
    curve = 1.0 / (1.0 + np.exp(np.float32(-slope) * (level - np.float32(middle))))
    scaled = 0.03 + 0.92 * (curve - np.float32(ends[0])) / np.float32(ends[1] - ends[0])
    return np.asarray(np.clip(scaled, 0.0, 1.0), np.float32)


def _field(n: int, crop: tuple[float, float, float, float]) -> tuple[slice, slice]:
    left, top, right, bottom = (round(v * n) for v in crop)
    return slice(top, n - bottom), slice(left, n - right)


@lru_cache(maxsize=4)
def _gaussian(cells: int, sigma: float) -> npt.NDArray[np.float64]:
    d = np.arange(cells)
    kernel = np.exp(-0.5 * ((d[:, None] - d[None, :]) / sigma) ** 2)
    return np.asarray(kernel / kernel.sum(1, keepdims=True))


GLYPHS = {
    "A": "01110 10001 10001 11111 10001 10001 10001",
    "B": "11110 10001 10001 11110 10001 10001 11110",
    "E": "11111 10000 10000 11110 10000 10000 11111",
    "I": "01110 00100 00100 00100 00100 00100 01110",
    "L": "10000 10000 10000 10000 10000 10000 11111",
    "N": "10001 11001 11001 10101 10011 10011 10001",
    "O": "01110 10001 10001 10001 10001 10001 01110",
    "P": "11110 10001 10001 11110 10000 10000 10000",
    "R": "11110 10001 10001 11110 10100 10010 10001",
    "S": "01111 10000 10000 01110 00001 00001 11110",
    "T": "11111 00100 00100 00100 00100 00100 00100",
    "U": "10001 10001 10001 10001 10001 10001 01110",
    " ": "000 000 000 000 000 000 000",
}


@lru_cache(maxsize=32)
def letters(text: str, scale: int) -> npt.NDArray[np.bool_]:
    """Where the marker is white, (7 · scale, width): a blank column stands after each letter."""
    rows = [[c == "1" for ch in text for c in GLYPHS[ch].split()[r] + "0"] for r in range(7)]
    return np.kron(np.array(rows, bool), np.ones((scale, scale), bool))


def scale_of(text: str, side: int) -> int:
    """Pixels of a dot of a marker on a film of `side` pixels; words are smaller than a letter."""
    return max(1, round(side / (128 if len(text) == 1 else 180)))


def _stamp(picture: Image, text: str, right: bool, inside: tuple[slice, slice]) -> None:
    n = picture.shape[0]
    glyphs = letters(text, scale_of(text, n))
    edge = max(2, n // 40)
    top = inside[0].start + edge
    left = inside[1].stop - edge - glyphs.shape[1] if right else inside[1].start + edge
    if left < inside[1].start or left + glyphs.shape[1] > inside[1].stop:
        return  # the smallest pictures have no room for words
    patch = picture[top : top + glyphs.shape[0], left : left + glyphs.shape[1]]
    patch[glyphs] = 0.98
