"""Masks and boxes lie on the pictures as they are read, whatever source they come from."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.images import view_of
from hilum.sources.upright import upright
from hilum.study import Region, RunLengths, Study
from images.dicoms import as_bytes, film
from sources.helpers import picture

BOX = (2 / 20, 2 / 10, 6 / 20, 8 / 10)


@pytest.mark.parametrize("runs", [True, False])
def test_each_region_turns_with_its_own_view(tmp_path, runs):
    values = np.zeros((10, 20), np.uint8)
    values[2:8, 2:6] = 255
    mask = values > 0
    (tmp_path / "turned.dcm").write_bytes(as_bytes(film(values, PatientOrientation=["F", "R"])))
    views = tuple(view_of(path) for path in (picture(tmp_path / "a.png"), tmp_path / "turned.dcm"))
    regions = tuple(
        Region(BOX, "mass", view=at, mask=RunLengths.of_mask(mask) if runs else mask) for at in (0, 1)
    )
    study = upright(Study("s", "p", "folder", views, regions=regions))
    assert study.regions[0] is regions[0]
    found = study.regions[1]
    kept = found.mask.mask() if isinstance(found.mask, RunLengths) else found.mask
    assert np.array_equal(kept, views[1].load() == 1)
    assert found.box == pytest.approx(RunLengths.of_mask(kept).box())


def test_what_lies_upright_is_the_same_study(tmp_path):
    study = Study("s", "p", "folder", (view_of(picture(tmp_path / "a.png")),), regions=(Region(BOX, "mass"),))
    assert upright(study) is study
