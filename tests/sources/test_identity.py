"""Patients and studies named by folders."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.sources.identity import named_by_path, patient_key
from images.dicoms import as_bytes, film


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg", ("patient00001", "study1")),
        ("files/p10/p10000032/s50414267/02aa804e.jpg", ("p10000032", "s50414267")),
        ("D:\\mimic\\files\\p10\\p10000032\\s50414267\\02aa804e.jpg", ("p10000032", "s50414267")),
        ("sub-S03047/ses-E06080/mod-rx/x.png", ("sub-S03047", "ses-E06080")),
        ("sub-01_ses-02_cxr.png", ("sub-01", "")),
        ("train/PNEUMONIA/person12_virus_3.jpeg", ("person12", "")),
        ("Patient 7/a.dcm", ("Patient 7", "")),
        ("patient_7/images/a.dcm", ("patient_7", "")),
        ("study1/a.png", ("", "")),
        ("patients/a.png", ("", "")),
        ("p10/a.png", ("", "")),
        ("IM-0001-0001.dcm", ("", "")),
        ("personal.png", ("", "")),
        ("", ("", "")),
    ],
)
def test_folders_and_file_names_name_patient_and_study(path, named):
    assert named_by_path(path) == named


def test_what_is_no_dicom_file_names_no_patient(tmp_path):
    (tmp_path / "IM1").write_text("no film")
    assert patient_key(tmp_path / "IM1") is None


@pytest.mark.parametrize("left", ["ANONYMOUS", "Removed", "0", "0000", "XXXX", "unknown", "Anon Patient", ""])
def test_what_an_anonymiser_left_names_no_patient(tmp_path, left):
    path = tmp_path / "film.dcm"
    path.write_bytes(as_bytes(film(np.zeros((4, 4), np.uint8), PatientID=left)))
    assert patient_key(path) is None
    path.write_bytes(as_bytes(film(np.zeros((4, 4), np.uint8), PatientID=f"{left}7")))
    assert patient_key(path) is not None
