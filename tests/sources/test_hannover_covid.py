import pickle
import zlib

import numpy as np
import pytest
from PIL import Image

from hilum.study import Position, Sex
from sources.helpers import picture, read, said, table


def row(image, patient="p", offset="0", sex="m", age="", projection="ap"):
    return {
        "patient_id": patient,
        "image_id": image,
        "sex": sex,
        "age": age,
        "admission_offset": offset,
        "projection": projection,
    }


def hannover(folder, rows, size=(8, 8)):
    table(folder / "data.csv", rows)
    for one in rows:
        picture(folder / "png" / f"{one['image_id']}.png", *size)
    return folder


def mask(folder, image, values):
    (folder / "lung_masks").mkdir(exist_ok=True)
    Image.fromarray(np.asarray(values, np.uint8) * 255).save(folder / "lung_masks" / f"{image}.png")


def test_a_row_becomes_a_study(tmp_path):
    hannover(
        tmp_path, [row("a", age="61.0", sex="f", projection="pa"), row("b", "q", sex="x", projection="?")]
    )
    (one, two), problems = read("hannover-covid", tmp_path)
    assert (one.id, one.patient) == ("hannover-covid/a", "hannover/p")
    assert (one.sex, one.age, one.views[0].position) == (Sex.FEMALE, 61, Position.PA)
    assert (two.sex, two.age, two.views[0].position) == (Sex.UNKNOWN, None, Position.UNKNOWN)
    assert not len(problems), "a blank age is no problem"


def test_a_series_is_in_the_order_of_the_days_in_hospital(tmp_path):
    rows = [
        row("c", offset="-4"),
        row("x", "q"),
        row("a", offset="2"),
        row("b", offset="0"),
        row("d", offset="-4"),
    ]
    hannover(tmp_path, [*rows, row("e", offset="nan")])
    studies, _ = read("hannover-covid", tmp_path)
    before = {s.id[-1]: s.prior and s.prior.id[-1] for s in studies}
    assert list(before.items()) == [("a", None), ("b", "a"), ("c", "b"), ("d", "c"), ("e", None), ("x", None)]
    assert all(s.prior.prior is None for s in studies if s.prior)


def test_a_mask_is_a_region_of_its_image(tmp_path):
    hannover(tmp_path, [row("a")], (8, 4))
    values = np.zeros((4, 8), bool)
    values[1:3, 2:6] = True
    mask(tmp_path, "a", values)
    (study,), _ = read("hannover-covid", tmp_path)
    (region,) = study.regions
    assert (region.phrase, region.box) == ("lungs", (0.25, 0.25, 0.75, 0.75))
    assert np.array_equal(region.mask, values)
    assert np.array_equal(pickle.loads(pickle.dumps(study)).regions[0].mask, values)


def test_a_mask_of_another_scale_is_brought_to_its_image(tmp_path):
    hannover(tmp_path, [row("a")], (8, 4))
    mask(tmp_path, "a", np.repeat(np.repeat([[0, 0, 1, 0]], 4, 1), 8, 0)[:, :16])
    (study,), _ = read("hannover-covid", tmp_path)
    assert np.array_equal(study.regions[0].mask, np.repeat([[0, 0, 0, 0, 1, 1, 0, 0]], 4, 0))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.zeros((8, 8)), "is an empty mask"),
        (np.ones((8, 16)), "has other proportions"),
        (None, "cannot be read"),
    ],
)
def test_a_mask_that_does_not_fit_is_counted_and_left_out(tmp_path, values, says):
    hannover(tmp_path, [row("a")])
    if values is None:
        (tmp_path / "lung_masks").mkdir()
        (tmp_path / "lung_masks" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    else:
        mask(tmp_path, "a", values)
    (study,), problems = read("hannover-covid", tmp_path)
    assert study.regions == ()
    assert len(problems) == 1
    assert says in said(problems)[0]


HUGE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\1\0\0\0\1\0\0\x08\0\0\0\0"
"""A header that claims 65,536 × 65,536 pixels."""


@pytest.mark.parametrize(
    "data", [b"", b"I am not a picture.", HUGE + zlib.crc32(HUGE[12:]).to_bytes(4), HUGE[:20]]
)
def test_a_mask_of_a_broken_image_is_left_out(tmp_path, data):
    hannover(tmp_path, [row("a")])
    mask(tmp_path, "a", np.ones((8, 8)))
    (tmp_path / "png" / "a.png").write_bytes(data)
    (study,), problems = read("hannover-covid", tmp_path)
    assert study.regions == ()
    assert said(problems)[0].startswith("a.png: cannot be read")


def test_bad_rows_are_counted_and_the_others_kept(tmp_path):
    hannover(tmp_path, [row("a"), row("a"), row("b", age="old"), row("gone")])
    (tmp_path / "png" / "gone.png").unlink()
    studies, problems = read("hannover-covid", tmp_path)
    assert [s.id[-1] for s in studies] == ["a", "b"]
    assert len(problems) == 3


@pytest.mark.data
def test_the_real_films_are_read_whole(data_root):
    studies, problems = read("hannover-covid", data_root / "hannover-covid")
    assert not len(problems), said(problems)
    assert len({s.id for s in studies}) == len(studies) == 171
    assert len({s.patient for s in studies}) == 56
    assert sum(len(s.regions) for s in studies) == 62
    assert sum(s.prior is not None for s in studies) == 171 - 56
    assert sum(s.views[0].position is Position.PA for s in studies) == 39
    for study in studies:
        for region in study.regions:
            assert region.mask.shape == study.views[0].load().shape
            assert 0.1 < region.mask.mean() < 0.7
