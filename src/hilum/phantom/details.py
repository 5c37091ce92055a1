"""What a report says of a sign besides side, site and grade: where a tube ends, which ribs, how large.

    from hilum.phantom.details import tip_of
    tip_of(sign)

Each is a function of the sign alone, drawn from numbers of its own, so that pictures without it stay as they
were. The pictures are drawn from the same functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from hilum.phantom.course import Sign
from hilum.reports import WRONG_TIPS
from hilum.study import Acuity, Finding, Tip

_TIPS: Final[Mapping[Finding, Mapping[Tip, float]]] = {
    Finding.ENDOTRACHEAL_TUBE: {Tip.TRACHEA: 0.8, Tip.RIGHT_MAINSTEM_BRONCHUS: 0.2},
    Finding.CENTRAL_LINE: {
        Tip.CAVOATRIAL_JUNCTION: 0.4,
        Tip.SUPERIOR_VENA_CAVA: 0.3,
        Tip.RIGHT_ATRIUM: 0.15,
        Tip.SUBCLAVIAN_VEIN: 0.15,
    },
    Finding.NASOGASTRIC_TUBE: {Tip.STOMACH: 0.8, Tip.ESOPHAGUS: 0.2},
}
"""How often each device ends where; wrong places oftener than on the wards, so that they can be learned."""
_ASTRAY: Final = frozenset({Tip.SUBCLAVIAN_VEIN, Tip.JUGULAR_VEIN})
"""Where a central line ends that has not got far enough."""
_HEALED = 0.4
"""Share of the fractures that are old."""


def diameter_of(sign: Sign) -> float:
    """Diameter in mm: nodules 14 to 30, masses 32 to 75."""
    if sign.finding is Finding.NODULE:
        return 14.0 + 15.5 * sign.grade
    return 32.0 + 43.0 * sign.grade


def ribs_of(sign: Sign) -> range:
    """The broken ribs, one to three neighbours; 0 is the first rib."""
    first = int(sign.rng().integers(3, 7))
    return range(first, first + 1 + int(sign.grade * 3))


def is_healed(sign: Sign) -> bool:
    """Whether a fracture is old: joined, with callus."""
    return bool(_own(sign).random() < _HEALED)


def is_jugular(sign: Sign) -> bool:
    """Whether a central line comes from the neck, not from under the clavicle."""
    return bool(sign.rng().random() < 0.5)


def tip_of(sign: Sign) -> Tip | None:
    """Where a device ends; None for what has no end to speak of.

    A central line that goes astray takes the other great vein of its side.
    """
    chances = _TIPS.get(sign.finding)
    if chances is None:
        return None
    drawn = _own(sign).random()
    place = list(chances)[int(np.searchsorted(np.cumsum(list(chances.values()))[:-1], drawn, "right"))]
    return Tip.JUGULAR_VEIN if place is Tip.SUBCLAVIAN_VEIN and not is_jugular(sign) else place


def details_of(sign: Sign) -> dict[str, Any]:
    """The details of a sign that is plain to see, as fields of its fact."""
    match sign.finding:
        case Finding.NODULE | Finding.MASS:
            return {"size_mm": float(round(diameter_of(sign)))}
        case Finding.FRACTURE:
            levels = tuple(str(rib + 1) for rib in ribs_of(sign))
            return {"levels": levels, "acuity": Acuity.HEALED if is_healed(sign) else Acuity.ACUTE}
        case _:
            tip = tip_of(sign)
            wrong = tip in WRONG_TIPS.get(sign.finding, ()) or tip in _ASTRAY
            return {"tip": tip, "malposition": True if wrong else None}


def _own(sign: Sign) -> np.random.Generator:
    return np.random.default_rng([sign.seed, 1])
