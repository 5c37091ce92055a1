"""The lengths a chest is built from, before anything is built; signs change them beforehand.

chest = Chest.of(visit)
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from hilum.phantom.course import Visit
from hilum.study import Side

SIGNS = {Side.RIGHT: -1.0, Side.LEFT: 1.0}
"""Which way x runs from the midline into each side of the body."""


@dataclass(frozen=True, slots=True)
class Break:
    """A broken rib: which (0 is the first), how far round (radians, 0 lateral, < 0 behind), its step."""

    side: Side
    rib: int
    angle: float
    step: float
    healed: bool = False


@dataclass(slots=True)
class Chest:
    """The lengths a chest is built from, millimetres.

    Args:
        half_width: midline to the lateral lung border at its widest.
        half_depth: half the depth of the lungs.
        dome: level of the right dome's top below the apices.
        raised: how much each dome stands above where it belongs.
        flatness: 0 a normal dome, 1 a flat one.
        ctr: cardiothoracic ratio to build, as a PA film shows it.
        mediastinum: half the width of the upper mediastinum.
        shift: mediastinal displacement, positive to the left.
        density: factor on the density of aerated lung, by side.
        flow: factor on vessel radius in the upper and the lower zones.
        thinnest: radius at which vessels are no longer followed.
        shrunk: for a collapsing lung, the part of its size that its vessels keep.
    """

    visit: Visit
    half_width: float
    half_depth: float
    dome: float
    ctr: float
    mediastinum: float
    knob: float
    supine: bool
    raised: dict[Side, float] = field(default_factory=lambda: {Side.RIGHT: 0.0, Side.LEFT: 0.0})
    flatness: float = 0.0
    shift: float = 0.0
    density: dict[Side, float] = field(default_factory=lambda: {Side.RIGHT: 1.0, Side.LEFT: 1.0})
    flow: tuple[float, float] = (0.8, 1.1)
    thinnest: float = 0.6
    shrunk: dict[Side, float] = field(default_factory=dict)
    breaks: list[Break] = field(default_factory=list)

    @classmethod
    def of(cls, visit: Visit) -> Chest:
        """The normal chest of a visit's patient, as inflated and as lying as at that visit."""
        p = visit.patient
        old = max(0.0, (p.age - 40) / 50)
        return cls(
            visit=visit,
            half_width=143.0 * p.width,
            half_depth=101.0 * p.depth,
            dome=(212.0 + 14.0 * visit.inspiration - (6.0 if visit.portable else 0.0)) * p.height,
            ctr=float(np.clip(0.435 + 0.018 * p.heart + 0.02 * old, 0.38, 0.485)),
            mediastinum=28.0 * p.width + (3.0 if visit.portable else 0.0),
            knob=14.0 + 4.5 * old,
            supine=visit.portable,
            flow=(1.1, 1.15) if visit.portable else (0.88, 1.22),
        )

    def dome_of(self, side: Side) -> float:
        """Level of a dome's top; the left one is 12 lower."""
        return self.dome + (12.0 if side is Side.LEFT else 0.0) - self.raised[side]

    def hilum(self, side: Side) -> tuple[float, float, float]:
        """Where a lung's vessels start; the left hilum stands 12 higher."""
        y = 0.53 * self.dome
        return (-40.0 + self.shift, y, -4.0) if side is Side.RIGHT else (40.0 + self.shift, y - 12.0, -8.0)

    @property
    def carina(self) -> tuple[float, float, float]:
        """Where the trachea divides."""
        return (-2.0 + self.shift, 0.43 * self.dome, -18.0)
