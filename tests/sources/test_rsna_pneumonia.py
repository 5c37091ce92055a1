import pickle

import pytest

from hilum.errors import DataError
from hilum.sources import SourceSpec, open_source
from hilum.study import Finding, Position, Presence, Sex
from sources.dicom_files import dicom
from sources.helpers import picture, read, said
from sources.rsna_pneumonia_layout import film, labels, mapping, write_rsna

NAME = "rsna-pneumonia"
PRESENT, ABSENT = Presence.PRESENT, Presence.ABSENT


def test_every_field_of_the_release_arrives(tmp_path):
    write_rsna(tmp_path, 3)
    (opacity, other, normal), problems = read(NAME, tmp_path)
    assert not len(problems), said(problems)
    assert (opacity.id, opacity.patient) == (f"{NAME}/{film(0)}", "nih/1")
    assert (opacity.sex, opacity.age, opacity.views[0].position) == (Sex.MALE, 20, Position.PA)
    assert [region.box for region in opacity.regions] == [
        (264 / 1024, 152 / 1024, 477 / 1024, 531 / 1024),
        (562 / 1024, 152 / 1024, 818 / 1024, 605 / 1024),
    ]
    assert {region.finding for region in opacity.regions} == {Finding.LUNG_OPACITY}
    assert opacity.labels == {
        Finding.PNEUMONIA: PRESENT,
        Finding.LUNG_OPACITY: PRESENT,
        Finding.NO_FINDING: ABSENT,
    }
    assert other.labels == {Finding.PNEUMONIA: ABSENT, Finding.NO_FINDING: ABSENT}
    assert other.terms["No Lung Opacity / Not Normal"] is PRESENT
    assert normal.labels == {
        Finding.PNEUMONIA: ABSENT,
        Finding.LUNG_OPACITY: ABSENT,
        Finding.NO_FINDING: PRESENT,
    }
    assert sum(presence is PRESENT for presence in normal.terms.values()) == 1
    assert pickle.loads(pickle.dumps(opacity)).views[0].load().shape == (8, 8)


def test_the_mapping_joins_a_patients_films_in_their_order_whatever_the_ids(tmp_path):
    labels(tmp_path, [(name, "", "", "", "", 0) for name in "abcd"])
    for name in "abcd":
        dicom(tmp_path / "stage_2_train_images" / f"{name}.dcm")
    nih = {"a": "00000007_010.png", "b": "00000007_002.png", "c": "00000009_000.png", "d": "rest.png"}
    mapping(tmp_path, nih)
    studies, problems = read(NAME, tmp_path)
    assert [study.patient for study in studies] == ["nih/7", "nih/7", "nih/9", "rsna/d"]
    assert [study.prior and study.prior.id for study in studies] == [f"{NAME}/b", None, None, None]
    assert all(study.prior.prior is None for study in studies if study.prior)
    assert problems.counts == {"maps to no NIH film": 1}


def test_without_the_mapping_a_film_is_a_patient_and_that_is_warned_of(tmp_path):
    write_rsna(tmp_path, 2, mapped=False)
    warnings, notes = [], []
    picture(tmp_path / "stage_2_test_images" / "t.png")
    studies = list(open_source(SourceSpec(NAME, tmp_path), warnings=warnings, notes=notes))
    assert [study.patient for study in studies] == [f"rsna/{film(0)}", f"rsna/{film(1)}"]
    assert "mappings_2018.json" in warnings[0]
    assert notes == ["rsna-pneumonia: stage_2_test_images has no labels and is not read"]


def test_png_copies_keep_boxes_of_the_published_size(tmp_path):
    labels(tmp_path, [("a", 512, 0, 256, 1024, 1)])
    picture(tmp_path / "stage_2_train_images_png" / "a.png", 4, 4)
    (study,), _ = read(NAME, tmp_path)
    assert study.regions[0].box == (0.5, 0, 0.75, 1)


def test_bad_rows_are_counted_with_their_line_and_the_others_kept(tmp_path):
    write_rsna(tmp_path, 2)
    with (tmp_path / "stage_2_train_labels.csv").open("a", newline="") as file:
        file.write(
            f"{film(1)},,,,,0\n{film(1)},1,1,5,5,1\n{film(0)},1,1,0,5,1\nx,1,1,5,5,7\n{film(9)},,,,,0\nshort,1\n"
        )
    with (tmp_path / "stage_2_detailed_class_info.csv").open("a", newline="") as file:
        file.write(f"{film(1)},Normal\n{film(0)},Rash\nnobody,Normal\n")
    studies, problems = read(NAME, tmp_path)
    assert [study.views[0].id for study in studies] == [film(0), film(1)]
    assert problems.counts == {
        "is a duplicate row": 1,
        "contradicts an earlier row of its film": 1,
        "has an unreadable box": 1,
        "has no patientId, or a Target other than 0 and 1": 1,
        "has a row but no image file": 1,
        "has 2 cells for 6 columns": 1,
        "contradicts the other rows of its film": 1,
        "has an unknown class": 1,
        "has no row in stage_2_train_labels.csv": 1,
    }, said(problems)
    assert "stage_2_train_labels.csv, line 5: is a duplicate row; the first one is kept" in said(problems)


def test_a_wrong_mapping_is_refused(tmp_path):
    write_rsna(tmp_path, 1)
    (tmp_path / "pneumonia-challenge-dataset-mappings_2018.json").write_text('[{"img": 1}]')
    with pytest.raises(DataError, match="is not the challenge's mapping"):
        open_source(SourceSpec(NAME, tmp_path))


def test_a_film_that_is_damaged_is_kept_with_what_the_table_says(tmp_path):
    labels(tmp_path, [("a", 512, 0, 256, 1024, 1)])
    (tmp_path / "stage_2_train_images").mkdir()
    (tmp_path / "stage_2_train_images" / "a.dcm").write_bytes(b"no film")
    (study,), _ = read(NAME, tmp_path)
    assert (study.age, study.sex) == (None, Sex.UNKNOWN)
    with pytest.raises(DataError, match=r"a\.dcm: "):
        study.views[0].load()
