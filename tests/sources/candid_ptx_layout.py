"""CANDID-PTX in miniature: DICOM without suffix, reports and run lengths as its tables hold them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from sources.helpers import table

HEADER = ("filename", "StudyInstanceUID", "SOPInstanceUID", "EncodedPixels", "Report")
MASK_HEADER = ("anon_SOPUID", "annotation_ref", "mask_rle")
SIDE = 1024


def run_lengths(mask: npt.NDArray[np.bool_]) -> str:
    """A mask as the tables write it: down the columns, each start counted from the end of the run before."""
    flat = np.concatenate(([False], mask.T.ravel(), [False])).astype(np.int8)
    edges = np.flatnonzero(np.diff(flat))
    gaps = edges[::2] - np.concatenate(([0], edges[1:-1:2]))
    return " ".join(str(value) for pair in zip(gaps, edges[1::2] - edges[::2], strict=True) for value in pair)


def block(top: int, left: int, bottom: int, right: int) -> str:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top:bottom, left:right] = True
    return run_lengths(mask)


def film(path: Path, rows: int = 16, columns: int = 16, seed: int = 0) -> Path:
    """A film; by default smaller than the published 1024 × 1024, of their proportions."""
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = path.name
    dataset.Modality, dataset.BodyPartExamined, dataset.ViewPosition = "DX", "CHEST", "AP"
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel = "MONOCHROME2", 1
    dataset.Rows, dataset.Columns, dataset.BitsAllocated = rows, columns, 8
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 7, 0
    pixels = np.random.default_rng(seed).integers(0, 255, (rows, columns), np.uint8)
    dataset.PixelData = pixels.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


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
    for index, one in enumerate(rows):
        if not (folder / place / one["SOPInstanceUID"]).exists():
            film(folder / place / one["SOPInstanceUID"], seed=index)
    return folder


def write_candid_ptx(folder: Path) -> Path:
    """Twelve patients; every other one has a pneumothorax with a chest tube, one of them a broken rib."""
    rows = []
    for number in range(12):
        if number % 2:
            said = "Clinical History: Fall.\nFindings: Small left pneumothorax with a chest tube in place."
            rows.append(row(number, block(100, 600, 400, 900), said))
        else:
            rows.append(
                row(number, report="No pneumothorax. Reported by !PERSONALNAME!. The heart is normal.")
            )
    tubes = [mask_row(number, block(300, 700, 800, 760)) for number in range(1, 12, 2)]
    return write(folder, rows, tubes, [mask_row(1, block(500, 800, 540, 860))])
