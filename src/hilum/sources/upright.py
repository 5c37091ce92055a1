"""Regions where the picture is that they were drawn on: a film that is turned upright takes them along.

upright(study)      # the same study, its boxes and masks on the pictures as they are read
"""

from __future__ import annotations

from dataclasses import replace

from hilum.images import Orientation, orientation_of, turned, turned_box
from hilum.study import Region, RunLengths, Study


def upright(study: Study) -> Study:
    """A study whose regions, drawn on pixels as files store them, lie on its views as they are read."""
    lies: dict[int, Orientation] = {}
    for at in {region.view for region in study.regions}:
        path = study.views[at].path
        if path and any(how := orientation_of(path)):
            lies[at] = how
    if not lies:
        return study
    regions = (_turned(r, lies[r.view]) if r.view in lies else r for r in study.regions)
    return replace(study, regions=tuple(regions))


def _turned(region: Region, lies: Orientation) -> Region:
    mask = region.mask
    if isinstance(mask, RunLengths):
        mask = RunLengths.of_mask(turned(mask.mask(), lies))
    elif mask is not None:
        mask = turned(mask, lies)
    return replace(region, box=turned_box(region.box, lies), mask=mask)
