"""A PNG of stored values is shown as its header says, by the way that a DICOM file is."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hilum.errors import DataError, NoChestRadiograph
from hilum.images import read_image
from hilum.images.header import text
from hilum.images.sidecar import load_with_header, read_json_header
from images.dicoms import as_bytes, film
from images.test_raster import png as huge

STORED = (np.arange(48, dtype=np.uint16).reshape(6, 8) * 85).astype(np.uint16)


def beside(folder, stored, **attributes):
    """A film as PNG with its header as JSON; and the same film as DICOM."""
    dataset = film(stored, bits=12, **attributes)
    (folder / "a.dcm").write_bytes(as_bytes(dataset))
    del dataset.PixelData
    Image.fromarray(stored).save(folder / "a.png")
    (folder / "a.json").write_text(json.dumps(dataset.to_json_dict()))
    return str(folder / "a.png"), str(folder / "a.json")


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"photometric": "MONOCHROME1"},
        {"WindowCenter": 1000, "WindowWidth": 600},
        {"RescaleSlope": 2, "RescaleIntercept": -100},
        {"PatientOrientation": ["R", "F"]},
        {"photometric": "MONOCHROME1", "PixelPaddingValue": 0},
    ],
)
def test_it_equals_the_film_as_dicom(tmp_path, attributes):
    pixels = load_with_header(*beside(tmp_path, STORED, **attributes))
    assert np.array_equal(pixels, read_image(tmp_path / "a.dcm").pixels)
    assert pixels.dtype == np.float32


def test_eight_bits_are_read_as_well_as_sixteen(tmp_path):
    png, header = beside(tmp_path, (STORED // 16).astype(np.uint16))
    wide = load_with_header(png, header)
    Image.fromarray((STORED // 16).astype(np.uint8)).save(png)
    assert np.array_equal(load_with_header(png, header), wide)


def test_another_part_of_the_body_is_refused(tmp_path):
    with pytest.raises(NoChestRadiograph, match="body part HIP"):
        load_with_header(*beside(tmp_path, STORED, BodyPartExamined="HIP"))


def test_an_element_that_is_not_well_formed_is_left_out_and_the_rest_read(tmp_path):
    given = {"00080060": {"vr": "CS", "Value": ["DX"]}, "00281050": 7, "nonsense": {"vr": "XX"}}
    (tmp_path / "a.json").write_text(json.dumps(given))
    assert text(read_json_header(tmp_path / "a.json"), "Modality") == "DX"


def test_a_value_that_is_too_long_is_read_without_a_word(tmp_path, recwarn):
    given = {
        "00081030": {"vr": "LO", "Value": ["CHEST " * 20]},
        "0020000D": {"vr": "UI", "Value": ["no uid"]},
    }
    (tmp_path / "a.json").write_text(json.dumps(given))
    assert text(read_json_header(tmp_path / "a.json"), "StudyDescription").startswith("CHEST")
    assert not recwarn.list


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c))
)
def test_no_json_stops_a_build(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps({"00080060": value}))
    read_json_header(path)
    path.write_text(json.dumps(value))
    if not isinstance(value, dict):
        with pytest.raises(DataError, match="is no header"):
            read_json_header(path)


def test_a_header_of_the_largest_size_is_read_and_one_of_a_byte_more_is_not(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("{}".ljust(1 << 24))
    assert len(read_json_header(path)) == 0
    with path.open("a") as file:
        file.write(" ")
    with pytest.raises(DataError, match=r"a\.json: is larger than any header; download it again"):
        read_json_header(path)


def test_what_is_no_film_in_grey_is_refused(tmp_path):
    png, header = beside(tmp_path, STORED)
    for mode in ("RGB", "P", "LA", "1"):
        Image.fromarray((STORED // 16).astype(np.uint8)).convert(mode).save(png)
        with pytest.raises(DataError, match=r"a\.png: is a colour picture, not a film; it is left out"):
            load_with_header(png, header)
    (tmp_path / "a.png").write_bytes(huge(8192, 8193))
    with pytest.raises(DataError, match=r"a\.png: is 8,192 × 8,193 pixels, more than any chest film"):
        load_with_header(png, header)
    (tmp_path / "a.png").write_bytes((tmp_path / "a.dcm").read_bytes())
    with pytest.raises(DataError, match=r"a\.png: is no readable PNG; download it again"):
        load_with_header(png, header)
    with pytest.raises(DataError, match=r"gone\.png: is no readable PNG"):
        load_with_header(str(tmp_path / "gone.png"), header)


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.json: cannot be opened"):
        read_json_header(tmp_path / "gone.json")
