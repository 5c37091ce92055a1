"""Whose film a DICOM file is, without telling: a key made of the patient's id.

patient_key(Path("chest.dcm"))      # "3f9c…", or None
"""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import pydicom

_RASTER = frozenset({".png", ".jpg", ".jpeg"})


def patient_key(path: Path) -> str | None:
    """Sixteen hex digits that are equal for files of the same patient and hospital.

    None when the file is no DICOM or names no patient. The id itself is never kept.
    """
    if path.suffix.lower() in _RASTER:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(
                path, stop_before_pixels=True, specific_tags=["PatientID", "IssuerOfPatientID"]
            )
            number, issuer = (str(dataset.get(k) or "").strip() for k in ("PatientID", "IssuerOfPatientID"))
    except Exception:  # whoever loads the pixels is told what is wrong
        return None
    return hashlib.sha256(f"{issuer}\n{number}".encode()).hexdigest()[:16] if number else None
