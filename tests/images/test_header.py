"""What a header rules out, and what it says of the view and the patient."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import BytesLengthException
from pydicom.tag import Tag

from hilum.errors import DataError
from hilum.images import read_image, view_of
from hilum.images.header import not_a_chest_radiograph, overlays
from hilum.study import Position, Sex
from images.dicoms import as_bytes, film

FILM = np.arange(64, dtype=np.uint8).reshape(8, 8)

CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


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
        {"BodyPartExamined": "PORTABEL", "StudyDescription": "CHEST PA"},
        {"BodyPartExamined": "DEFAULT", "StudyDescription": "CHEST AND THORACIC SPINE"},
        {"AnatomicRegionSequence": [headed(CodeMeaning="Thoracic structure")]},
        {"PatientSpeciesDescription": "Homo sapiens", "PatientBreedDescription": "none"},
        {"PatientSpeciesCodeSequence": [headed(CodeValue="337915000")]},
        {"PatientSpeciesDescription": "N/A", "PatientBreedDescription": "UNKNOWN"},
        {"ResponsiblePersonRole": "MOTHER"},
        {"PatientSpeciesCodeSequence": [headed(CodeMeaning="human")]},
        {"PatientSpeciesDescription": "Human", "PatientSpeciesCodeSequence": [headed(CodeValue="7")]},
        {"BodyPartExamined": "HIP", "AnatomicRegionSequence": [headed(CodeMeaning="Thorax")]},
        {"BodyPartExamined": "UNKNOWN", "StudyDescription": "KNEE", "SeriesDescription": "CHEST"},
        {"StudyDescription": "TRAUMA CHEST AND PELVIS", "SeriesDescription": "AP SUPINE"},
        {"SOPClassUID": "1.2.3.4", "Modality": "DX"},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.1"},
        {"SOPClassUID": CAPTURE, "Modality": "CR"},
        {"SOPClassUID": CAPTURE, "Modality": "OT", "BodyPartExamined": "THORAX"},
        {"SOPClassUID": CAPTURE, "StudyDescription": "RX TORAX"},
        {"SOPClassUID": CAPTURE + ".2", "Modality": "DX"},
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
        (
            {"StudyDescription": "TRAUMA CHEST AND PELVIS", "SeriesDescription": "PELVIS AP"},
            "study PELVIS",
        ),
        ({"BodyPartExamined": "THORACIC SPINE", "StudyDescription": "CHEST"}, "body part THORACIC SPINE"),
        ({"StudyDescription": "KNEE AP - ROCHESTER HEART CLINIC"}, "study KNEE"),
        ({"BodyPartExamined": "KLAVIKULA"}, "body part KLAVIKULA"),
        ({"PatientSpeciesDescription": "Canine", "BodyPartExamined": "THORAX"}, "species CANINE"),
        ({"PatientSpeciesCodeSequence": [headed(CodeMeaning="Felis catus")]}, "species FELIS CATUS"),
        ({"PatientSpeciesCodeSequence": [headed(CodeValue="388393002")]}, "species 388393002"),
        ({"PatientBreedDescription": "Labrador"}, "breed LABRADOR"),
        ({"ResponsiblePersonRole": "OWNER"}, "an owner"),
        (
            {"PatientBreedCodeSequence": [headed(CodeMeaning="Labrador retriever")]},
            "breed LABRADOR RETRIEVER",
        ),
        ({"PatientSexNeutered": "ALTERED"}, "neutered"),
        (
            {"Modality": "DX", "PresentationIntentType": "FOR PROCESSING"},
            "made for processing, and it does not say which of them are bone",
        ),
        ({"Modality": "DX", "ProtocolName": "L-Spine AP"}, "study L-SPINE"),
        (
            {"BodyPartExamined": "KLAVIKULA", "AnatomicRegionSequence": [headed(CodeMeaning="Hand")]},
            "body part HAND",
        ),
        (
            {"PatientSpeciesDescription": "Canine", "PatientSpeciesCodeSequence": [headed(CodeValue="7")]},
            "species CANINE",
        ),
        ({"PatientSpeciesDescription": "N/A", "PatientBreedDescription": "Beagle"}, "breed BEAGLE"),
        ({"SOPClassUID": CAPTURE, "Modality": "OT"}, "header does not say of what"),
        ({"SOPClassUID": CAPTURE, "StudyDescription": "KNEE"}, "study KNEE"),
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


@pytest.mark.parametrize("modality", ["OT", "CR", None])
@pytest.mark.parametrize(
    ("uid", "name"),
    [
        ("1.2.840.10008.5.1.4.1.1.2", "CT Image"),
        ("1.2.840.10008.5.1.4.1.1.4", "MR Image"),
        ("1.2.840.10008.5.1.4.1.1.6.1", "Ultrasound Image"),
        ("1.2.840.10008.5.1.4.1.1.1.2", "Digital Mammography"),
        ("1.2.840.10008.5.1.4.1.1.20", "Nuclear Medicine"),
        ("1.2.840.10008.5.1.4.1.1.128", "Positron Emission"),
        ("1.2.840.10008.5.1.4.1.1.481.2", "RT Dose"),
        ("1.2.840.10008.5.1.4.1.1.30", "Parametric Map"),
        ("1.2.840.10008.5.1.4.1.1.66.4", "Segmentation"),
        ("1.2.840.10008.5.1.4.1.1.77.1.4", "VL Photographic"),
        ("1.2.840.10008.5.1.4.1.1.1.3", "Digital Intra-Oral"),
    ],
)
@pytest.mark.parametrize("where", ["SOPClassUID", "MediaStorageSOPClassUID"])
def test_the_sop_class_decides_with_the_modality(uid, name, modality, where):
    dataset = headed(BodyPartExamined="CHEST")
    if modality:
        dataset.Modality = modality
    dataset.file_meta = FileMetaDataset()
    setattr(dataset if where == "SOPClassUID" else dataset.file_meta, where, uid)
    found = not_a_chest_radiograph(dataset)
    assert found is not None
    assert found.startswith(f"its header says SOP class {name}")


@pytest.mark.parametrize("modality", ["OT", "SC", None])
def test_a_secondary_capture_must_say_what_it_shows(modality):
    dataset = headed(SOPClassUID=CAPTURE, **({"Modality": modality} if modality else {}))
    assert not_a_chest_radiograph(dataset) == "it is a secondary capture whose header does not say of what"


def test_overlays_are_said_and_not_drawn():
    dataset = film(FILM)
    before = read_image(as_bytes(dataset))
    for group in (0x6000, 0x6004):
        dataset.add_new((group, 0x0010), "US", 8)
        dataset.add_new((group, 0x3000), "OW", bytes([255] * 8))
    after = read_image(as_bytes(dataset))
    assert np.array_equal(before.pixels, after.pixels)
    assert (before.notes, after.notes) == ((), ("has 2 overlay planes, not drawn",))


VIEW_CODES = {  # DICOM's context group 4010, in SNOMED CT and RT
    Position.PA: ("399348003", "R-10214"),
    Position.AP: ("399161006", "R-10206"),
    Position.LATERAL: ("399067008", "R-10228", "399173006", "R-10236", "399198007", "R-10232"),
}


@pytest.mark.parametrize("modality", ["CR", "DX", "DR", "RG", "XR", "CXR"])
def test_a_radiograph_needs_no_further_word_even_captured(modality):
    for told in ({}, {"SOPClassUID": CAPTURE}, {"SOPClassUID": CAPTURE + ".1"}):
        assert not_a_chest_radiograph(headed(Modality=modality, **told)) is None


@pytest.mark.parametrize("number", ["5.1.1.29", "5.1.4.1.1.1", "5.1.4.1.1.1.1"])
def test_classes_of_films(number):
    assert not_a_chest_radiograph(headed(SOPClassUID="1.2.840.10008." + number)) is None


def test_a_class_that_only_begins_like_a_capture_is_none():
    found = not_a_chest_radiograph(headed(SOPClassUID="1.2.840.10008.5.1.4.1.1.77.1.4", Modality="DX"))
    assert found == "its header says SOP class VL Photographic Image Storage"


@pytest.mark.parametrize(
    "title",
    [
        "StudyDescription",
        "RequestedProcedureDescription",
        "PerformedProcedureStepDescription",
        "SeriesDescription",
        "ProtocolName",
        "AcquisitionDeviceProcessingDescription",
    ],
)
def test_every_title_may_name_the_part(title):
    assert not_a_chest_radiograph(headed(**{title: "Knee"})) == "its header names the study KNEE"
    assert not_a_chest_radiograph(headed(SOPClassUID=CAPTURE, **{title: "Chest"})) is None


PROCESSED = "1.2.840.10008.5.1.4.1.1.1.1.1"


@pytest.mark.parametrize(
    ("attributes", "raw"),
    [
        ({"PresentationIntentType": "FOR PROCESSING"}, True),
        ({"PresentationIntentType": "FOR PRESENTATION", "SOPClassUID": PROCESSED}, False),
        ({"SOPClassUID": PROCESSED}, True),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.1"}, False),
        ({}, False),
    ],
)
def test_what_was_made_for_processing_must_say_which_of_it_is_bone(attributes, raw):
    assert (not_a_chest_radiograph(headed(**attributes)) is not None) == raw
    for sign in (1, -1):
        told = headed(PixelIntensityRelationshipSign=sign, **attributes)
        assert not_a_chest_radiograph(told) is None
    assert (not_a_chest_radiograph(headed(PixelIntensityRelationshipSign=0, **attributes)) is not None) == raw


def test_a_value_that_cannot_be_parsed_says_nothing():
    dataset = headed(BodyPartExamined="CHEST")
    for keyword in ("Modality", "NumberOfFrames", "PatientSpeciesDescription"):
        tag = Tag(keyword)
        dataset[tag] = RawDataElement(tag, "US", 3, b"abc", 0, False, True)
        with pytest.raises(BytesLengthException):
            dataset.get(keyword)
    assert not_a_chest_radiograph(dataset) is None


def test_overlays_are_counted_up_to_the_last_group():
    dataset = Dataset()
    for group in range(0x6000, 0x6020, 2):
        assert overlays(dataset) == (group - 0x6000) // 2
        dataset.add_new((group, 0x3000), "OW", bytes(8))
    dataset.add_new((0x6020, 0x3000), "OW", bytes(8))
    dataset.add_new((0x5000, 0x3000), "OW", bytes(8))
    assert overlays(dataset) == 16


TURNS = {  # what turns a picture so that it lies like this
    ("L", "F"): lambda p: p,
    ("R", "F"): lambda p: p[:, ::-1],
    ("L", "H"): lambda p: p[::-1],
    ("R", "H"): lambda p: p[::-1, ::-1],
    ("F", "L"): lambda p: p.T,
    ("F", "R"): lambda p: p[:, ::-1].T,
    ("H", "L"): lambda p: p[::-1].T,
    ("H", "R"): lambda p: p[::-1, ::-1].T,
    ("A", "F"): lambda p: p,
    ("P", "H"): lambda p: p[::-1],
    ("LP", "FA"): lambda p: p,
    ("RA", "FP"): lambda p: p[:, ::-1],
}


@pytest.mark.parametrize("orientation", TURNS)
def test_however_it_lies_it_is_shown_upright(orientation):
    upright = np.arange(24, dtype=np.uint8).reshape(4, 6)
    lying = np.ascontiguousarray(TURNS[orientation](upright))
    data = as_bytes(film(lying, PatientOrientation=list(orientation), PixelSpacing=[0.1, 0.2]))
    found = read_image(data)
    assert np.array_equal(found.pixels, upright.astype(np.float32) / 255)
    turned = orientation not in (("L", "F"), ("A", "F"), ("LP", "FA"))
    assert found.notes == (("is turned upright by its Patient Orientation",) if turned else ())
    assert found.spacing_mm == ((0.2, 0.1) if lying.shape != upright.shape else (0.1, 0.2))


@pytest.mark.parametrize("nonsense", [[], ["L"], ["L", "R"], ["X", "F"], ["F", "H"], ["L", "F", "A"]])
def test_an_orientation_that_makes_no_sense_turns_nothing(nonsense):
    found = read_image(as_bytes(film(FILM, PatientOrientation=nonsense)))
    assert np.array_equal(found.pixels, FILM.astype(np.float32) / 255)


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
        *(
            ({"ViewCodeSequence": [headed(CodeValue=code)]}, position)
            for position, codes in VIEW_CODES.items()
            for code in codes
        ),
        (
            {"ViewCodeSequence": [headed(CodeValue="?"), headed(CodeValue="R-10206")], "ProtocolName": "PA"},
            Position.AP,
        ),
        ({"ProtocolName": "PA", "SeriesDescription": "AP", "StudyDescription": "AP"}, Position.PA),
        ({"AcquisitionDeviceProcessingDescription": "PA", "ProtocolName": "AP"}, Position.PA),
        ({"ViewPosition": "AP", "ViewCodeSequence": [headed(CodeValue="R-10214")]}, Position.AP),
        ({"ViewCodeSequence": [headed(CodeValue="nonsense")]}, Position.UNKNOWN),
        ({"ViewPosition": "ERECT", "ViewCodeSequence": [headed(CodeValue="R-10214")]}, Position.PA),
        ({"ViewPosition": "L"}, Position.LATERAL),
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
        ({"NominalScannedPixelSpacing": [0.5, 0.6]}, (0.5, 0.6)),
        ({"PixelSpacing": [0.001, 0.1]}, None),
        ({"PixelSpacing": [0.0011, 0.1]}, (0.0011, 0.1)),
        ({"PixelSpacing": [0.1, 99.9]}, (0.1, 99.9)),
        ({"PixelSpacing": [0.1, 100]}, None),
        ({"PixelSpacing": [0.1, 0.1, 0.1]}, None),
        ({"PixelSpacing": 0.1}, None),
        ({}, None),
    ],
)
def test_spacing(attributes, spacing):
    assert read_image(as_bytes(film(FILM, **attributes))).spacing_mm == spacing


@pytest.mark.parametrize(
    ("age", "years"),
    [
        ("062Y", 62),
        ("006M", 0.5),
        ("013W", 0.249),
        ("000D", 0),
        ("62", 62),
        ("", None),
        ("NAN", None),
        ("999Y", None),
        ("123Y", None),
        ("122Y", 122),
        ("999M", 83.25),
        ("100D", 0.2738),
        ("7.5 Y", 7.5),
        ("122.5", 122.5),
        ("122.6", None),
        ("062X", None),
    ],
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
        ({"ViewPosition": "RL"}, "R"),
        ({"ImageLaterality": "B"}, "B"),
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
    vague = view_of(path, position=Position.UNKNOWN)
    assert (vague.position, vague.spacing_mm) == (Position.AP, (0.2, 0.2))
    told = view_of(path, id="x", position=Position.PA)
    assert (told.position, told.id) == (Position.PA, "x")
