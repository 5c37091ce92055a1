"""DICOM films in the folders of datasets."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from images.dicoms import as_bytes, film


def dicom(path: Path, width: int = 8, height: int = 8, **attributes: Any) -> Path:
    """A chest film unlike any of another path; attributes are DICOM keywords."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(list(path.name.encode()))
    values = noise.integers(0, 255, (height, width), np.uint8)
    with warnings.catch_warnings():  # pydicom warns of ages as the sets write them: "61", without a unit
        warnings.simplefilter("ignore")
        path.write_bytes(as_bytes(film(values, BodyPartExamined="CHEST", **attributes)))
    return path
