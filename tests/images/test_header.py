"""What a header rules out, and what it says of the view and the patient."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset

from hilum.errors import DataError
from hilum.images import read_image, view_of
from hilum.images.header import not_a_chest_radiograph
from hilum.study import Position, Sex
from images.dicoms import as_bytes, film

FILM = np.arange(64, dtype=np.uint8).reshape(8, 8)


def headed(**attributes) -> Dataset:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"Modality": "CR", "BodyPartExamined": "CHEST"},
        {"Modality": "DX", "BodyPartExamined": "PORT CHEST"},
        {"Modality": "DX", "BodyPartExamined": "THORAX"},
        {"Modality": "OT", "BodyPartExamined": ""},
        {"Modality": "CR", "BodyPartExamined": "UNKNOWN"},
        {"Modality": "CR", "BodyPartExamined": "WHOLE_BODY"},
        {"Modality": "CR", "BodyPartExamined": "RIBS"},
        {"Modality": "DX", "StudyDescription": "No Finding"},
        {"Modality": "DX", "StudyDescription": "CHEST AND ABDOMEN"},
        {"Modality": "CR", "BodyPartExamined": "CHEST", "StudyDescription": "HIP JOINT"},
        {"Modality": "CR", "NumberOfFrames": 1},
    ],
)
def test_what_may_be_a_chest_radiograph(attributes):
    assert not_a_chest_radiograph(headed(**attributes)) is None


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"Modality": "CT", "BodyPartExamined": "CHEST"}, "modality CT"),
        ({"Modality": "MG"}, "modality MG"),
        ({"Modality": "SR"}, "modality SR"),
        ({"Modality": "CR", "BodyPartExamined": "HIP"}, "body part HIP"),
        ({"Modality": "DX", "BodyPartExamined": "L_SPINE"}, "body part L SPINE"),
        ({"Modality": "DX", "StudyDescription": "XR Knee left"}, "study KNEE"),
        ({"Modality": "DX", "ProtocolName": "L-Spine AP"}, "study L-SPINE"),
        ({"Modality": "DX", "NumberOfFrames": 40}, "40 frames"),
        ({"Modality": "CR", "AnatomicRegionSequence": [headed(CodeMeaning="Hand")]}, "body part HAND"),
    ],
)
def test_what_is_refused_with_its_reason(attributes, reason):
    found = not_a_chest_radiograph(headed(**attributes))
    assert found is not None
    assert found.endswith(reason)
    data = as_bytes(film(FILM, **attributes))
    with pytest.raises(DataError, match=r"is not a chest radiograph: .*--force") as caught:
        read_image(data, name="film")
    assert reason in str(caught.value)


def test_forced_it_is_read():
    radiograph = read_image(as_bytes(film(FILM, Modality="CT", BodyPartExamined="HEAD")), force=True)
    assert (radiograph.modality, radiograph.body_part) == ("CT", "HEAD")
    assert radiograph.pixels.shape == (8, 8)


@pytest.mark.parametrize(
    ("attributes", "position"),
    [
        ({"ViewPosition": "PA"}, Position.PA),
        ({"ViewPosition": "AP"}, Position.AP),
        ({"ViewPosition": "AP SUPINE"}, Position.AP),
        ({"ViewPosition": "LL"}, Position.LATERAL),
        ({"ViewPosition": "LATERAL"}, Position.LATERAL),
        ({"ViewPosition": "POSTERO_ANTERIOR"}, Position.PA),
        ({"ViewPosition": "LLD"}, Position.UNKNOWN),
        ({"ViewPosition": ""}, Position.UNKNOWN),
        ({"SeriesDescription": "view: PA"}, Position.PA),
        ({"SeriesDescription": "Chest PA and LAT"}, Position.UNKNOWN),
        ({"SeriesDescription": "THORAX", "StudyDescription": "Chest lateral"}, Position.LATERAL),
        ({"ViewCodeSequence": [headed(CodeValue="R-10206")]}, Position.AP),
        ({"ViewCodeSequence": [headed(CodeValue="399198007")]}, Position.LATERAL),
        ({"ViewCodeSequence": [headed(CodeValue="nonsense")]}, Position.UNKNOWN),
    ],
)
def test_position(attributes, position):
    assert read_image(as_bytes(film(FILM, **attributes))).position is position


@pytest.mark.parametrize(
    ("attributes", "spacing"),
    [
        ({"PixelSpacing": [0.1, 0.2], "ImagerPixelSpacing": [0.3, 0.4]}, (0.1, 0.2)),
        ({"ImagerPixelSpacing": [0.3, 0.4]}, (0.3, 0.4)),
        ({"PixelSpacing": [0, 0], "ImagerPixelSpacing": [0.3, 0.4]}, (0.3, 0.4)),
        ({"PixelSpacing": [0, 0]}, None),
        ({}, None),
    ],
)
def test_spacing(attributes, spacing):
    assert read_image(as_bytes(film(FILM, **attributes))).spacing_mm == spacing


@pytest.mark.parametrize(
    ("age", "years"),
    [("062Y", 62), ("006M", 0.5), ("013W", 0.249), ("000D", 0), ("62", 62), ("", None), ("NAN", None)],
)
def test_age(age, years):
    found = read_image(as_bytes(film(FILM, PatientAge=age))).age
    assert found == (None if years is None else pytest.approx(years, abs=1e-3))


@pytest.mark.parametrize(("stated", "sex"), [("F", Sex.FEMALE), ("M", Sex.MALE), ("O", Sex.UNKNOWN)])
def test_sex(stated, sex):
    assert read_image(as_bytes(film(FILM, PatientSex=stated))).sex is sex


@pytest.mark.parametrize(
    ("attributes", "side"),
    [
        ({"ImageLaterality": "L", "Laterality": "R"}, "L"),
        ({"Laterality": "R"}, "R"),
        ({"Laterality": "U", "ViewPosition": "LL"}, "L"),
        ({"ViewPosition": "PA"}, None),
    ],
)
def test_laterality(attributes, side):
    assert read_image(as_bytes(film(FILM, **attributes))).laterality == side


def test_a_malformed_attribute_says_nothing():
    dataset = film(FILM, PatientAge="62Y")
    data = as_bytes(dataset)
    # An age that is no age, a spacing that is no number: old archives hold worse.
    dataset.add_new("PixelSpacing", "LO", ["wide", "high"])
    assert read_image(as_bytes(dataset)).spacing_mm is None
    assert read_image(data).age == 62


def test_a_view_asks_the_header(tmp_path):
    path = tmp_path / "film.dcm"
    path.write_bytes(as_bytes(film(FILM, ViewPosition="AP", PixelSpacing=[0.2, 0.2])))
    view = view_of(path)
    assert (view.position, view.spacing_mm, view.id) == (Position.AP, (0.2, 0.2), "film.dcm")
    told = view_of(path, id="x", position=Position.PA)
    assert (told.position, told.id) == (Position.PA, "x")
