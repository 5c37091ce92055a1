"""PadChest in miniature: its table, with all columns in their order, and 16-bit PNG by folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sources.helpers import table

TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
HEADER = (
    *("", "ImageID", "ImageDir", "StudyDate_DICOM", "StudyID", "PatientID", "PatientBirth"),
    *("PatientSex_DICOM", "ViewPosition_DICOM", "Projection", "MethodProjection", "Pediatric"),
    *("Modality_DICOM", "Manufacturer_DICOM", "PhotometricInterpretation_DICOM"),
    *("PixelRepresentation_DICOM", "PixelAspectRatio_DICOM", "SpatialResolution_DICOM", "BitsStored_DICOM"),
    *("WindowCenter_DICOM", "WindowWidth_DICOM", "Rows_DICOM", "Columns_DICOM", "XRayTubeCurrent_DICOM"),
    *("Exposure_DICOM", "ExposureInuAs_DICOM", "ExposureTime", "RelativeXRayExposure_DICOM", "ReportID"),
    *("Report", "MethodLabel", "Labels", "Localizations", "LabelsLocalizationsBySentence", "labelCUIS"),
    "LocalizationsCUIS",
)


def row(image: str, study: str = "100", patient: str = "9", **cells: Any) -> dict[str, Any]:
    """A row; `Labels` and `LabelsLocalizationsBySentence` may be lists."""
    given = {name: str(value) if isinstance(value, list) else value for name, value in cells.items()}
    return {
        **dict.fromkeys(HEADER, ""),
        "": "7",
        "ImageID": image,
        "ImageDir": "0",
        "StudyDate_DICOM": "20150301",
        "StudyID": study,
        "PatientID": patient,
        "PatientBirth": "1950.0",
        "PatientSex_DICOM": "F",
        "ViewPosition_DICOM": "POSTEROANTERIOR",
        "Projection": "PA",
        "MethodProjection": "Manual review of DICOM fields",
        "Pediatric": "No",
        "Modality_DICOM": "CR",
        "Manufacturer_DICOM": "PhilipsMedicalSystems",
        "ReportID": "55",
        "Report": "sin alter pleuroparenquim . ",
        "MethodLabel": "Physician",
        "Labels": "['normal']",
        "Localizations": "[]",
        "LabelsLocalizationsBySentence": "[['normal']]",
        "labelCUIS": "['C0205307']",
        **given,
    }


def film(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(list(path.name.encode())).integers(0, 65535, (8, 8), np.uint16)
    Image.fromarray(noise).save(path)
    return path


def write(folder: Path, rows: list[dict[str, Any]]) -> Path:
    table(folder / TABLE, rows, HEADER)
    for one in rows:
        film(folder / one["ImageDir"] / one["ImageID"])
    return folder


def write_padchest(folder: Path) -> Path:
    """Eight patients, every other one with a later visit, in several projections; most are translated."""
    rows, english = [], []
    for number in range(8):
        said: dict[str, Any] = {}
        if number % 2:
            said = {
                "Labels": ["pleural effusion", " laminar atelectasis", "", " goiter"],
                "LabelsLocalizationsBySentence": [
                    ["pleural effusion", "loc  left", "laminar atelectasis", "loc  basal, loc  left"],
                    ["goiter"],
                    ["normal"],
                ],
            }
        for visit in range(1 + number % 2):
            study, patient = f"20{number}{visit}", f"9{number}"
            cells = {"StudyDate_DICOM": f"201{visit}0301", **said}
            rows.append(row(f"{study}_ab12cd.png", study, patient, **cells))
            cells |= {"Projection": "L", "ViewPosition_DICOM": "LATERAL"}
            rows.append(row(f"{study}_02-001-002.png", study, patient, **cells))
            text = "Left pleural effusion." if said else "No pleural or parenchymal abnormality."
            english.append(
                {"StudyID": study, "report": f"Findings: {text} Impression: {text}" if visit else text}
            )
    table(folder / "translations.csv", english[:-1])
    return write(folder, rows)
