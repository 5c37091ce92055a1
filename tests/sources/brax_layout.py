"""BRAX 1.1.0 in miniature: the updated master spreadsheet and the films as PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hilum.study import CHEXPERT_14
from sources.helpers import picture, table

LABELS = tuple(finding.value for finding in CHEXPERT_14)
HEADER = (
    *("", "DicomPath", "PngPath", "PatientID", "PatientSex", "PatientAge", "AccessionNumber", "StudyDate"),
    *LABELS,
    *("ViewPosition", "Rows", "Columns", "Manufacturer"),
)


def row(patient: str, accession: str, image: str, **cells: Any) -> dict[str, Any]:
    """A row; a label is given by its name with underscores."""
    place = f"id_{patient}/Study_1.{accession}/Series_2.{accession}/image-{image}"
    named = {name.replace("_", " "): value for name, value in cells.items()}
    return {
        **dict.fromkeys(HEADER, ""),
        "": "7",
        "DicomPath": f"Anonymized_DICOMs/{place}.dcm",
        "PngPath": f"images/{place}.png",
        "PatientID": patient,
        "PatientSex": "F",
        "PatientAge": "45",
        "AccessionNumber": accession,
        "StudyDate": "20100102",
        "ViewPosition": "PA",
        "Rows": "2000",
        "Columns": "2048",
        "Manufacturer": "1",
        **named,
    }


def write(folder: Path, rows: list[dict[str, Any]], name: str = "master_spreadsheet_update.csv") -> Path:
    table(folder / name, rows, HEADER)
    for one in rows:
        picture(folder / one["PngPath"], name=one["PngPath"])
    return folder


def write_brax(folder: Path) -> Path:
    """Eight patients with a frontal and a lateral film, half of them with an earlier visit."""
    rows = []
    for number in range(8):
        labels = {"Cardiomegaly": str(number % 2), "Edema": "-1", "No_Finding": "" if number % 2 else "1"}
        for visit in range(1 + number % 2):
            patient, accession = f"{number:04x}", f"{number}{visit}"
            cells = {"StudyDate": f"2010{12 - visit:02}05", **labels}
            rows.append(row(patient, accession, f"{accession}.1", **cells))
            rows.append(row(patient, accession, f"{accession}.2", **cells, ViewPosition="LL"))
    return write(folder, rows)
