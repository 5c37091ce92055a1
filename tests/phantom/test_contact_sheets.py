"""The sheets of the documentation."""

import numpy as np
import pytest
from PIL import Image

from hilum.errors import UsageError
from hilum.phantom import contact_sheets


def test_the_command_writes_three_pictures_that_say_they_are_synthetic(tmp_path, monkeypatch):
    small = {"contact_sheet": 64, "finding_sheet": 64, "grade_sheet": 64}
    for name, size in small.items():
        whole = getattr(contact_sheets, name)
        monkeypatch.setattr(
            contact_sheets, name, lambda *, seed, whole=whole, size=size: whole(size, seed=seed)
        )
    contact_sheets.main(["--out", str(tmp_path), "--seed", "1"])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["findings.png", "grades.png", "phantom.png"]
    for path in tmp_path.iterdir():
        with Image.open(path) as picture:
            assert "synthetic" in picture.info["Description"].lower()
            assert np.asarray(picture.convert("L")).std() > 30


def test_a_picture_of_somebody_else_is_refused_before_any_is_drawn(tmp_path, monkeypatch):
    (tmp_path / "grades.png").write_bytes(b"mine")
    monkeypatch.setattr(contact_sheets, "contact_sheet", lambda **_: pytest.fail("was drawn"))
    with pytest.raises(UsageError, match=r"grades.png: exists"):
        contact_sheets.write_sheets(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["grades.png"]


def test_the_contact_sheet_holds_24_tiles_in_rows_of_six():
    picture = contact_sheets.contact_sheet(64, seed=0)
    assert picture.width == 6 * 68
    assert picture.height % 4 == 0
