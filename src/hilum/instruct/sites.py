"""Sites in words: "left lower lobe", "right apex", and which other sites could be mistaken for one.

place(Site.LOWER_LOBE, Side.LEFT)      # "left lower lobe"
"""

from __future__ import annotations

from collections.abc import Mapping

from hilum.study import Side, Site

_NOUNS: Mapping[Site, str] = {
    Site.APICAL: "apex",
    Site.BASAL: "base",
    Site.PERIHILAR: "perihilar region",
    Site.RETROCARDIAC: "retrocardiac region",
}
_PLURALS: Mapping[str, str] = {"apex": "apices", "base": "bases"}

_UNSIDED = frozenset({Site.LINGULA, Site.SPINE, Site.RETROCARDIAC, Site.DIFFUSE})
"""Sites whose side is in the word, or that have none."""

_ALIKE: tuple[tuple[Site, ...], ...] = (
    (Site.UPPER_LOBE, Site.MIDDLE_LOBE, Site.LINGULA, Site.LOWER_LOBE),
    (Site.UPPER_ZONE, Site.MID_ZONE, Site.LOWER_ZONE),
    (Site.APICAL, Site.BASAL, Site.PERIHILAR),
    (Site.RIB, Site.CLAVICLE, Site.SPINE),
)


def place(site: Site, side: Side | None) -> str:
    """A site as a thing that something can be in: "right lower lobe", "both bases"."""
    name = _NOUNS.get(site, site.value)
    if site in _UNSIDED or side in (None, Side.MIDLINE):
        return name
    assert side is not None
    if side is Side.BILATERAL:
        return f"both {_PLURALS.get(name, name + 's')}"
    return f"{side.value} {name}"


def others(site: Site, side: Side | None) -> tuple[Site, ...]:
    """Sites of the same kind that exist on that side; none for a site without its like."""
    for group in _ALIKE:
        if site in group:
            return tuple(s for s in group if s is not site and _exists(s, side))
    return ()


def _exists(site: Site, side: Side | None) -> bool:
    if site is Site.MIDDLE_LOBE:
        return side is Side.RIGHT
    return site is not Site.LINGULA or side is Side.LEFT
