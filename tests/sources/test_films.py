import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hilum.errors import DataError
from hilum.sources.films import box_at, box_in, film_of, films_in, mask_in
from hilum.study import Position, Sex
from sources.dicom_files import dicom
from sources.helpers import picture


def test_of_two_files_of_one_name_the_published_form_is_taken(tmp_path):
    picture(tmp_path / "train" / "a.png")
    first = dicom(tmp_path / "train" / "a.dicom")
    other = dicom(tmp_path / "test" / "x" / "b.dcm")
    (tmp_path / "train" / "notes.txt").write_text("a")
    assert films_in(tmp_path, ("train", "test", "gone")) == {"a": first}
    assert films_in(tmp_path, ("train", "test"), deep=True) == {"a": first, "b": other}


def test_a_header_tells_size_sex_age_position_spacing_and_patient(tmp_path):
    said = {"PatientSex": "M", "PatientAge": "018M", "ViewPosition": "AP", "PatientID": "P1"}
    path = dicom(tmp_path / "a.dcm", 12, 8, PixelSpacing=[0.2, 0.1], **said)
    film = film_of(path, id="a")
    assert (film.width, film.height, film.sex, film.age, film.patient) == (12, 8, Sex.MALE, 1.5, "P1")
    assert (film.view.position, film.view.spacing_mm) == (Position.AP, (0.2, 0.1))
    assert film_of(path, id="a", position=Position.PA).view.position is Position.PA
    assert film.view.load().shape == (8, 12)


def test_what_a_damaged_file_says_is_unknown_until_it_is_loaded(tmp_path):
    (tmp_path / "a.dcm").write_bytes(b"no film")
    film = film_of(tmp_path / "a.dcm", id="a")
    assert (film.width, film.height, film.sex, film.view.position) == (0, 0, Sex.UNKNOWN, Position.UNKNOWN)
    with pytest.raises(DataError, match=r"a\.dcm: "):
        film.view.load()


@given(st.lists(st.integers(-50, 150), min_size=4, max_size=4), st.integers(0, 100))
def test_a_box_is_the_part_of_it_that_lies_in_its_image_or_none(corners, side):
    box = box_in(corners, side, side)
    inside = [min(max(corner, 0), side) for corner in corners]
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        assert box is None
    else:
        assert box == pytest.approx([corner / side for corner in inside])
    assert box_in([*corners[:3], None], side, side) is None


def test_a_box_of_corner_and_size_is_that_of_its_two_corners():
    assert box_at((10, 20, 30, 40), 100, 200) == box_in((10, 20, 40, 60), 100, 200) == (0.1, 0.1, 0.4, 0.3)
    assert box_at((10, 20, None, 40), 100, 200) is box_at((10, 20, 30), 100, 200) is None


def test_a_mask_is_white_inside_and_of_its_images_size(tmp_path):
    values = np.zeros((4, 6), np.uint8)
    values[1:3, 2:5] = 255
    Image.fromarray(values).save(tmp_path / "m.png")
    assert np.array_equal(mask_in(tmp_path / "m.png", 6, 4).mask(), values > 0)
    smeared = values // 255 * 128 + (1 - values // 255) * 127  # as a lossy file has them
    Image.fromarray(smeared).save(tmp_path / "smeared.png")
    assert np.array_equal(mask_in(tmp_path / "smeared.png", 6, 4).mask(), values > 0)
    with pytest.raises(DataError, match=r"of another size .* \(6 × 4, its image 4 × 6\)"):
        mask_in(tmp_path / "m.png", 4, 6)
