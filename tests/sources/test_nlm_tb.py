import numpy as np
import pytest
from PIL import Image

from hilum.errors import DataError
from hilum.sources import SourceSpec, open_source
from hilum.sources.nlm_tb import STATISTICS, WORDS, parse_reading
from hilum.study import Finding, Position, Presence, Sex, Side
from sources.helpers import picture, read, said
from sources.nlm_tb_layout import MONTGOMERY, SHENZHEN, SIZE, mask, montgomery, shenzhen

PRESENT, ABSENT = Presence.PRESENT, Presence.ABSENT
NORMAL = "Patient's Sex: M \nPatient's Age: 063Y\nnormal\n"


def test_a_film_of_montgomery_has_reading_label_and_both_lungs_by_where_they_lie(tmp_path):
    words = "Patient's Sex: F \r\nPatient's Age: 027Y\r\nCavity in RUL\r\n"
    montgomery(tmp_path, {"MCUCXR_0001_0": NORMAL, "MCUCXR_0104_1": words})
    (normal, ill), problems = read("nlm-tb", tmp_path)
    assert not len(problems), said(problems)
    assert (ill.id, ill.patient) == ("nlm-tb/MCUCXR_0104_1", "nlm-tb/MCUCXR_0104")
    assert (ill.sex, ill.age, ill.views[0].position) == (Sex.FEMALE, 27, Position.PA)
    assert (ill.report.impression, normal.report.impression) == ("Cavity in RUL", "normal")
    assert (ill.terms, normal.terms) == ({"Tuberculosis": PRESENT}, {"Tuberculosis": ABSENT})
    assert (ill.labels, normal.labels) == ({Finding.NO_FINDING: ABSENT}, {Finding.NO_FINDING: PRESENT})
    right, left = ill.regions
    assert (right.side, right.phrase, left.side, left.phrase) == (
        Side.RIGHT,
        "right lung",
        Side.LEFT,
        "left lung",
    )
    assert right.box == (4 / 40, 5 / 30, 16 / 40, 25 / 30)
    assert right.mask.mask().shape == ill.views[0].load().shape


def test_films_that_a_reading_joins_are_one_patient(tmp_path):
    joined = "Patient's Sex: M \nPatient's Age: 049Y\nNO REPORT (same pt as MCUCXR_0162_1)\n"
    stable = "Patient's Sex: M \nPatient's Age: 049Y\nstable (same pt as MCUCXR_0166_1)\n"
    montgomery(tmp_path, {"MCUCXR_0162_1": NORMAL, "MCUCXR_0166_1": joined, "MCUCXR_0170_1": stable})
    studies, _ = read("nlm-tb", tmp_path)
    assert {study.patient for study in studies} == {"nlm-tb/MCUCXR_0162"}
    assert studies[1].report is None
    assert studies[2].report.impression == "stable"


def test_a_film_of_shenzhen_has_its_lesions_and_counts(tmp_path):
    lesions = [
        "CHNCXR_0327_1_Small_Infiltrate_(non-linear)_1",
        "CHNCXR_0327_1_Small_Infiltrate_(non-linear)_2",
        "CHNCXR_0327_1_Calcification_(other_than_nodule&lymphnod)_1",
    ]
    readings = {
        "CHNCXR_0001_0": "male 45yrs\nnormal",
        "CHNCXR_0327_1": "female 33yrs \n\nPTB, left upper field",
    }
    shenzhen(tmp_path, readings, lesions)
    mask(tmp_path / SHENZHEN / "mask" / "CHNCXR_0001_0_mask.png", 4, 36)
    (normal, ill), problems = read("nlm-tb", tmp_path)
    assert not len(problems), said(problems)
    assert (normal.sex, normal.age, ill.sex, ill.age) == (Sex.MALE, 45, Sex.FEMALE, 33)
    assert ill.report.impression == "PTB, left upper field"
    assert [(region.phrase, region.finding) for region in ill.regions] == [
        ("calcification", None),
        ("small infiltrate", Finding.INFILTRATION),
        ("small infiltrate", Finding.INFILTRATION),
    ]
    assert ill.labels[Finding.INFILTRATION] is PRESENT
    assert ill.labels[Finding.PLEURAL_EFFUSION] is ABSENT
    assert ill.terms["Small_Infiltrate_(non-linear)"] is PRESENT
    assert ill.terms["Miliary"] is ABSENT
    assert len(WORDS) == 19
    assert [region.phrase for region in normal.regions] == ["lungs"]
    assert normal.labels == {Finding.NO_FINDING: PRESENT}
    assert ill.views[0].load().shape == (30, 40)


@pytest.mark.parametrize("place", ["Annotations", "Annotations-2", "."])
def test_counts_are_found_beside_the_masks_or_the_films(tmp_path, place):
    stem = "CHNCXR_0327_1_Pleural_Effusion_1"
    shenzhen(tmp_path, {"CHNCXR_0327_1": "male 45yrs\nPTB"}, [stem])
    folder = tmp_path / SHENZHEN
    (folder / place).mkdir(exist_ok=True)
    (folder / "Annotations" / STATISTICS).rename(folder / place / STATISTICS)
    [film], problems = read("nlm-tb", tmp_path)
    assert not len(problems), said(problems)
    assert film.terms["Miliary"] is ABSENT


@pytest.mark.parametrize(
    ("words", "sex", "age", "text"),
    [
        ("male 45yrs\nnormal", Sex.MALE, 45, "normal"),
        ("female24yrs\nSTB", Sex.FEMALE, 24, "STB"),
        ("femal , 33yrs\n1. PTB\n2. effusion", Sex.FEMALE, 33, "1. PTB 2. effusion"),
        ("male, 16months\nnormal", Sex.MALE, 16 / 12, "normal"),
        ("male 7days", Sex.MALE, 7 / 365.25, ""),
        ("female 50 yrs, old scars", Sex.FEMALE, 50, "old scars"),
        ("miliary TB", Sex.UNKNOWN, None, "miliary TB"),
        ("male 30\nnormal", Sex.MALE, None, "normal"),
        ("Patient's Sex: O \nPatient's Age: 005Y\nnormal", Sex.UNKNOWN, 5, "normal"),
        ("right upper PTB", Sex.UNKNOWN, None, "right upper PTB"),
        ("", Sex.UNKNOWN, None, ""),
    ],
)
def test_readings_are_read_as_they_are_written(tmp_path, words, sex, age, text):
    shenzhen(tmp_path, {"CHNCXR_0001_0": words})
    (study,), problems = read("nlm-tb", tmp_path)
    assert parse_reading(words).text == text
    assert (study.sex, study.report.impression if study.report else "") == (sex, text)
    assert study.age == (None if age is None else pytest.approx(age))
    assert len(problems) == (words == "male 30\nnormal")


def test_what_does_not_fit_is_counted_and_the_others_kept(tmp_path):
    montgomery(tmp_path, {"MCUCXR_0001_0": NORMAL, "MCUCXR_0002_0": NORMAL, "MCUCXR_0003_0": NORMAL})
    place = tmp_path / MONTGOMERY
    picture(place / "CXR_png" / "holiday.png", *SIZE)
    mask(place / "ManualMask" / "leftMask" / "MCUCXR_0001_0.png", 4, 16, (20, 30))
    Image.fromarray(np.zeros(SIZE[::-1], bool)).save(place / "ManualMask" / "leftMask" / "MCUCXR_0002_0.png")
    (place / "ManualMask" / "leftMask" / "MCUCXR_0003_0.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (place / "ClinicalReadings" / "MCUCXR_0003_0.txt").rename(
        place / "ClinicalReadings" / "MCUCXR_0009_1.txt"
    )
    masks = place / "Annotations" / "masks"
    mask(masks / "MCUCXR_0001_0_Rash_1.png", 1, 2)
    mask(masks / "MCUCXR_0077_1_Cavity_1.png", 1, 2)
    (place / "Annotations" / "Statistics_ShenzhenDataset_US.csv").write_text(
        "imagename,Cavity\nMCUCXR_0001_0.png,many\nMCUCXR_0001_0.png,0\nMCUCXR_0088_1.png,1\n"
    )
    studies, problems = read("nlm-tb", tmp_path)
    assert [study.id[-6:] for study in studies] == ["0001_0", "0002_0", "0003_0"]
    assert all([region.side for region in study.regions] == [Side.LEFT] for study in studies)
    assert problems.counts == {
        "is not named as the release names its films": 1,
        "is a mask of another size than its image": 1,
        "is an empty mask": 1,
        "is a mask that cannot be read": 1,
        "is missing": 2,
        "has a reading but no image file": 1,
        "has an unknown label": 1,
        "is a mask of no film that is there": 1,
        "has a count that is no number": 1,
        "is a duplicate row": 1,
        "has a row but no image file": 1,
    }, said(problems)


@pytest.mark.parametrize("within", [".", MONTGOMERY])
def test_a_set_is_found_at_its_folder_or_above_it(tmp_path, within):
    montgomery(tmp_path / "NLM", {"MCUCXR_0001_0": NORMAL})
    assert len(read("nlm-tb", tmp_path / "NLM" / within)[0]) == 1
    assert len(read("nlm-tb", tmp_path)[0]) == 1


def test_an_empty_folder_names_what_lacks(tmp_path):
    with pytest.raises(DataError, match="CXR_png: is missing"):
        open_source(SourceSpec("nlm-tb", tmp_path))
