"""NLM's Montgomery and Shenzhen sets in their published layouts: a dozen made-up films."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from hilum.sources.nlm_tb import WORDS
from sources.helpers import picture, table

SIZE = (40, 30)
MONTGOMERY, SHENZHEN = "MontgomerySet", "ChinaSet_AllFiles"


def mask(path: Path, x1: int, x2: int, size: tuple[int, int] = SIZE) -> Path:
    """White from column x1 to x2, as one bit a pixel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.zeros(size[::-1], bool)
    values[5:25, x1:x2] = True
    Image.fromarray(values).save(path)
    return path


def montgomery(folder: Path, readings: Mapping[str, str], *, masks: bool = True) -> Path:
    """Image → its reading; the masks are named by the picture's side."""
    place = folder / MONTGOMERY
    for name, words in readings.items():
        picture(place / "CXR_png" / f"{name}.png", *SIZE)
        (place / "ClinicalReadings").mkdir(exist_ok=True)
        (place / "ClinicalReadings" / f"{name}.txt").write_bytes(words.encode("cp1252"))
        if masks:
            mask(place / "ManualMask" / "leftMask" / f"{name}.png", 4, 16)
            mask(place / "ManualMask" / "rightMask" / f"{name}.png", 24, 36)
    return folder


def shenzhen(folder: Path, readings: Mapping[str, str], lesions: Sequence[str] = ()) -> Path:
    """Palette films, lesion masks by file stem, and the counts that belong to them."""
    place = folder / SHENZHEN
    for name, words in readings.items():
        path = picture(place / "CXR_png" / f"{name}.png", *SIZE)
        with Image.open(path) as grey:
            grey.convert("P").save(path)
        (place / "ClinicalReadings").mkdir(exist_ok=True)
        (place / "ClinicalReadings" / f"{name}.txt").write_text(words)
    for stem in lesions:
        mask(place / "Annotations" / "masks" / f"{stem}.png", 10, 20)
    if lesions:
        ill = [name for name in readings if name.endswith("_1")]
        counts = [{word: sum(s.startswith(f"{n}_{word}") for s in lesions) for word in WORDS} for n in ill]
        rows = [{"imagename": f"{name}.png", **count} for name, count in zip(ill, counts, strict=True)]
        table(place / "Annotations" / "Statistics_ShenzhenDataset_US.csv", rows)
    return folder


def write_nlm_tb(folder: Path, films: int = 10) -> Path:
    """Normal and tuberculosis in turn, of both sets."""
    readings = {
        f"MCUCXR_{n:04}_{n % 2}": "Patient's Sex: F \r\nPatient's Age: 027Y\r\n"
        + ("Cavity in the right upper lobe." if n % 2 else "normal")
        for n in range(1, films + 1)
    }
    montgomery(folder, readings)
    chinese = {
        f"CHNCXR_{n:04}_{n % 2}": f"male {20 + n}yrs\n" + ("bilateral PTB" if n % 2 else "normal")
        for n in range(1, films + 1)
    }
    lesions = [f"{name}_Pleural_Effusion_1" for name in chinese if name.endswith("1")]
    return shenzhen(folder, chinese, lesions)
