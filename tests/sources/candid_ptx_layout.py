"""CANDID-PTX in miniature: DICOM without suffix, reports and run lengths as its tables hold them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sources.dicom_files import dicom
from sources.helpers import run_lengths, table

HEADER = ("filename", "StudyInstanceUID", "SOPInstanceUID", "EncodedPixels", "Report")
MASK_HEADER = ("anon_SOPUID", "annotation_ref", "mask_rle")
SIDE = 1024
PNEUMOTHORAX = (
    "Clinical History: Fall.\nFindings: Small left pneumothorax with a chest tube in place.",
    "\nMEDICAL QUESTION:\n[?pneumothorax]\n!PERSONALNAME! PA CHEST:\nComparison: 1/2/2015.\nREPORT:\n"
    "A chest tube lies in a small left pneumothorax.\nCOMMENT:\nSmall left pneumothorax.\n"
    "Dr !PERSONALNAME!\n",
    "Chest:\nSmall left pneumothorax with a chest tube.\n\nImpression:\nLeft pneumothorax.\n"
    "Transcribed by: !PERSONALNAME!",
)


def block(top: int, left: int, bottom: int, right: int) -> str:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top:bottom, left:right] = True
    return run_lengths(mask)


def row(
    number: int, pixels: str = "-1", report: str = "The lungs are clear.", **cells: Any
) -> dict[str, Any]:
    return {
        "filename": f"P{number:05}_s1",
        "StudyInstanceUID": f"1.2.9.1.{number}",
        "SOPInstanceUID": f"1.2.9.2.{number}",
        "EncodedPixels": pixels,
        "Report": report,
        **cells,
    }


def mask_row(number: int, pixels: str) -> dict[str, Any]:
    return {"anon_SOPUID": f"1.2.9.2.{number}", "annotation_ref": f"a{number}", "mask_rle": pixels}


def write(
    folder: Path,
    rows: Sequence[dict[str, Any]],
    tubes: Sequence[dict[str, Any]] = (),
    ribs: Sequence[dict[str, Any]] = (),
    place: str = "dataset",
) -> Path:
    path = table(folder / "Pneumothorax_reports.csv", rows, HEADER)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())  # a mark that some copies have
    table(folder / "chest_tube.csv", tubes, MASK_HEADER)
    table(folder / "acute_rib_fracture.csv", ribs, MASK_HEADER)
    for one in rows:  # smaller than the published 1024 × 1024, of their proportions
        dicom(folder / place / one["SOPInstanceUID"], 16, 16, ViewPosition="AP")
    return folder


def write_candid_ptx(folder: Path) -> Path:
    """Twelve patients; every other one has a pneumothorax with a chest tube, one of them a broken rib.

    Reports are headed as the radiologist liked, or not at all; one film has no run lengths, not even "-1".
    """
    rows = []
    for number in range(12):
        if number % 2:
            rows.append(row(number, block(100, 600, 400, 900), PNEUMOTHORAX[number % len(PNEUMOTHORAX)]))
        else:
            said = "No pneumothorax. Reported by !PERSONALNAME!. The heart is normal."
            rows.append(row(number, "-1" if number else "", said))
    tubes = [mask_row(number, block(300, 700, 800, 760)) for number in range(1, 12, 2)]
    return write(folder, rows, tubes, [mask_row(1, block(500, 800, 540, 860))])
