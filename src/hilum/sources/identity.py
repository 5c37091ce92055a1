"""Whose film a file is: by its path, or by its DICOM header, without telling the patient's id.

named_by_path("train/patient00001/study1/view1_frontal.jpg")      # ("patient00001", "study1")
patient_key(Path("chest.dcm"))                                     # "3f9c…", or None
"""

from __future__ import annotations

import hashlib
import re
import warnings
from pathlib import Path, PurePosixPath

from hilum.images.anatomy import Place, place

_RASTER = frozenset({".png", ".jpg", ".jpeg"})

_PATIENT = re.compile(r"(?:patient|person|subject|pat)[-_ ]?\d\w*|sub-[a-z0-9]+|p\d{8}", re.IGNORECASE)
_STUDY = re.compile(r"study[-_ ]?\d\w*|ses-[a-z0-9]+|s\d{8}", re.IGNORECASE)
_FILE = re.compile(r"((?:patient|person|subject)[-_ ]?\d+|sub-[a-z0-9]+)(?=[-_. ])", re.IGNORECASE)


def named_by_path(path: str) -> tuple[str, str]:
    """Patient and study as folders name them; empty where they name none.

    Known are CheXpert's form (patient00001/study1), MIMIC-CXR's (p10000032/s50414267) and that of BIDS
    (sub-01/ses-02); of a file name alone, what it begins with (person12_virus_3.jpeg).
    """
    *folders, name = PurePosixPath(path.replace("\\", "/")).parts or ("",)
    for index in reversed(range(len(folders))):
        if _PATIENT.fullmatch(folders[index]):
            below = folders[index + 1 :]
            return folders[index], next((part for part in below if _STUDY.fullmatch(part)), "")
    found = _FILE.match(name)
    return (found[1], "") if found else ("", "")


def patient_key(path: Path) -> str | None:
    """Sixteen hex digits that are equal for files of the same patient and hospital.

    None when the file is no DICOM or names no patient. The id itself is never kept.
    """
    if path.suffix.lower() in _RASTER:
        return None
    import pydicom  # by the first image: text and labels alone need none

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(
                path, stop_before_pixels=True, specific_tags=["PatientID", "IssuerOfPatientID"]
            )
            number, issuer = (str(dataset.get(k) or "").strip() for k in ("PatientID", "IssuerOfPatientID"))
    except Exception:  # whoever loads the pixels is told what is wrong
        return None
    if names_nobody(number):
        return None
    return hashlib.sha256(f"{issuer}\n{number}".encode()).hexdigest()[:16]


def names_nobody(number: str) -> bool:
    """Whether a patient's id is nothing, zeros, or what an anonymiser left: "ANONYMOUS", "REMOVED"."""
    words = re.findall(r"[^\W_]+", number.upper())
    return all(
        set(word) == {"0"} or (len(word) > 1 and word.isalpha() and place(word) is Place.UNSAID)
        for word in words
    )
