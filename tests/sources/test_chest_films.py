import pytest

from hilum.errors import DataError
from hilum.sources.chest_films import LIST, chest_list, is_chest_film


@pytest.mark.parametrize(
    "said",
    [
        "Chest X-ray showing an air fluid level.",
        "PA chest radiograph.",
        "Plain radiograph of the chest, normal",
        "X-Ray chest PA view",
        "Portable CXR on day 2; an air bronchogram is seen",
        "AP supine thoracic radiograph",
        "Chest radiograph shows osteoporosis throughout the thoracic spine.",
        "Follow-up chest film: pigtail catheter, us and them",
    ],
)
def test_what_is_said_to_be_a_chest_film_is_one(said):
    assert is_chest_film("a.jpg", None, said)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Axial CT of the chest; the chest X-ray was normal",
        "chest x-ray (a) and ct (b)",
        "Lateral radiograph of the thoracic spine",
        "Knee radiograph of a man who had been treated for years and years for lung cancer",
        "Chest radiograph of a tame cat",
        "Transthoracic echocardiography beside a chest X-ray",
        "chestnut under an x-ray",
    ],
)
def test_what_is_not_said_to_be_one_is_left_out(said):
    assert not is_chest_film("a.jpg", None, said)


@pytest.mark.parametrize(
    ("modality", "region", "chest"),
    [
        ("X-Ray", "Lung", True),
        ("X-Ray", "Abdomen", False),
        ("CT", "Lung", False),
        ("xr, then ct", "lung", False),
    ],
)
def test_stated_fields_decide_together(modality, region, chest):
    assert is_chest_film("a.jpg", None, modality=modality, region=region) is chest


def test_a_list_alone_decides(tmp_path):
    assert chest_list(tmp_path) is None
    (tmp_path / LIST).write_bytes(b"\xef\xbb\xbfa.jpg\r\nimgs/xmlab7/source.jpg\r\n\r\nPMC1_F1_2\r\n.\\b.PNG")
    listed = chest_list(tmp_path)
    for name in ("a.jpg", "a", "xmlab7/source.jpg", "PMC1_F1_2.jpg", "b.png"):
        assert is_chest_film(name, listed, "an MRI of the knee"), name
    for name in ("xmlab8/source.jpg", "c.jpg", "PMC1_F1_20.jpg"):
        assert not is_chest_film(name, listed, "chest x-ray", modality="X-Ray", region="Lung"), name


def test_an_empty_list_is_an_error_not_an_empty_source(tmp_path):
    (tmp_path / LIST).write_text("\n \n")
    with pytest.raises(DataError, match="names no image"):
        chest_list(tmp_path)
