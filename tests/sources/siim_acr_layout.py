"""SIIM-ACR Pneumothorax in its published layouts: a dozen made-up films."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sources.dicom_files import dicom
from sources.helpers import run_lengths

SIZE = (12, 8)


def film(number: int) -> str:
    return f"1.2.276.0.7230010.3.1.4.8323329.{1000 + number}.1517875165.878027"


def outline(x1: int, y1: int, x2: int, y2: int) -> np.ndarray:
    mask = np.zeros((SIZE[1], SIZE[0]), bool)
    mask[y1:y2, x1:x2] = True
    return mask


def stage_1(folder: Path, rows: Sequence[tuple[str, str]]) -> Path:
    """With the blank before the second name and its values."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["ImageId, EncodedPixels", *(f"{name}, {value}" for name, value in rows)]
    (folder / "train-rle.csv").write_text("\n".join(lines) + "\n")
    for name in dict.fromkeys(name for name, _ in rows):
        dicom(
            folder / "dicom-images-train" / f"{name}.1" / f"{name}.2" / f"{name}.dcm",
            *SIZE,
            PatientAge="61",
            PatientSex="F",
            ViewPosition="PA",
        )
    return folder


def stage_2(folder: Path, rows: Sequence[tuple[str, str]]) -> Path:
    stage_1(folder, rows)
    (folder / "train-rle.csv").unlink()
    lines = ["ImageId,EncodedPixels", *(f"{name},{value}" for name, value in rows)]
    (folder / "stage_2_train.csv").write_text("\n".join(lines) + "\n")
    return folder


def write_siim(folder: Path, films: int = 14) -> Path:
    """Two outlines, none, in turn."""
    rows = []
    for number in range(films):
        if number % 2:
            rows.append((film(number), "-1"))
        else:
            rows += [(film(number), run_lengths(outline(*box))) for box in ((1, 1, 3, 6), (8, 1, 11, 4))]
    return stage_1(folder, rows)
