import numpy as np
import pytest

from hilum.sources.object_cxr import parse_shape
from hilum.study import Presence, Split
from sources.helpers import read, said
from sources.object_cxr_layout import films, write_object_cxr


def test_every_shape_becomes_a_region(tmp_path):
    shapes = "0 20 10 60 50;1 100 20 180 80;2 0 0 40 0 40 40 0 40"
    films(tmp_path, "train", [("09001.jpg", shapes), ("09002.jpg", "")])
    (marked, clear), problems = read("object-cxr", tmp_path)
    assert not len(problems), said(problems)
    assert (marked.id, marked.patient) == ("object-cxr/09001.jpg", "object-cxr/09001.jpg")
    assert marked.terms == {"Foreign object": Presence.PRESENT}
    assert clear.terms == {"Foreign object": Presence.ABSENT}
    rectangle, ellipse, polygon = marked.regions
    assert rectangle.box == (0.1, 0.1, 0.3, 0.5)
    assert rectangle.mask is None
    assert ellipse.box == pytest.approx((0.5, 0.2, 0.9, 0.8))
    assert ellipse.mask.mask().sum() == pytest.approx(np.pi * 40 * 30, rel=0.01)
    assert polygon.box == (0, 0, 0.2, 0.4)
    assert polygon.mask.mask()[:40, :40].all()
    assert polygon.mask.mask().sum() == 1600
    assert {region.phrase for region in marked.regions} == {"foreign object"}
    assert marked.views[0].load().shape == polygon.mask.mask().shape


def test_the_published_lists_are_the_splits(tmp_path):
    studies, problems = read("object-cxr", write_object_cxr(tmp_path, 2))
    assert [study.split for study in studies] == [Split.TRAIN] * 2 + [Split.VAL] * 2 + [Split.TEST] * 2
    assert studies[-1].views[0].id == "09001.jpg"
    assert not len(problems)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("3 1 1 2 2", "unknown kind"),
        ("0 1 1 2", "count of numbers"),
        ("2 1 1 2 2", "count of numbers"),
        ("2 1 1 2 2 3 3 4", "count of numbers"),
        ("0 1 1 2 x", "more than numbers"),
        ("1 nan 1 2 2", "count of numbers"),
    ],
)
def test_a_wrong_shape_says_why(written, says):
    with pytest.raises(ValueError, match=says):
        parse_shape(written)


def test_bad_rows_are_counted_with_their_line_and_the_others_kept(tmp_path):
    rows = [("a.jpg", "0 1 1 9 9;0 900 900 901 901; ;9 1"), ("a.jpg", ""), ("gone.jpg", ""), ("b.jpg", "")]
    films(tmp_path, "train", rows)
    films(tmp_path, "dev", [("c.jpg", "")])
    (tmp_path / "train" / "gone.jpg").unlink()
    (tmp_path / "dev" / "c.jpg").unlink()
    (tmp_path / "dev").rmdir()
    with (tmp_path / "train.csv").open("a") as file:
        file.write("short\n")
    studies, problems = read("object-cxr", tmp_path)
    assert [study.views[0].id for study in studies] == ["a.jpg", "b.jpg"]
    assert len(studies[0].regions) == 1
    assert problems.counts == {
        "has a shape that lies outside its image, or whose image cannot be read": 1,
        "has a shape that is of an unknown kind": 1,
        "is a duplicate id": 1,
        "has a row but no image file": 1,
        "has 1 cells for 2 columns": 1,
        "is missing": 1,
    }, said(problems)
    assert said(problems)[0].startswith("train.csv, line 2: has a shape")
