"""The RSNA Pneumonia Challenge, stage 2, in its published layout: a dozen made-up films."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from sources.dicom_files import dicom
from sources.helpers import table

LABELS = ("patientId", "x", "y", "width", "height", "Target")
CLASSES = ("Lung Opacity", "No Lung Opacity / Not Normal", "Normal")


def film(number: int) -> str:
    return f"0000aaaa-0000-0000-0000-{number:012}"


def labels(folder: Path, rows: Sequence[Sequence[object]]) -> Path:
    return table(
        folder / "stage_2_train_labels.csv", [dict(zip(LABELS, row, strict=True)) for row in rows], LABELS
    )


def classes(folder: Path, rows: Sequence[tuple[str, str]]) -> Path:
    named = [dict(zip(("patientId", "class"), row, strict=True)) for row in rows]
    return table(folder / "stage_2_detailed_class_info.csv", named, ("patientId", "class"))


def mapping(folder: Path, nih: dict[str, str]) -> Path:
    """Film of the challenge → file name in NIH ChestX-ray14, among the other fields of the release."""
    rows = [
        {
            "img_id": image,
            "subset_img_id": name,
            "subset_group": "train",
            "subset_init_label": 1,
            "orig_labels": ["Infiltration"],
            "StudyInstanceUID": f"1.2.{number}",
            "SeriesInstanceUID": f"1.2.{number}.1",
            "SOPInstanceUID": f"1.2.{number}.1.1",
        }
        for number, (name, image) in enumerate(nih.items())
    ]
    path = folder / "pneumonia-challenge-dataset-mappings_2018.json"
    path.write_text(json.dumps(rows))
    return path


def write_rsna(folder: Path, films: int = 14, *, mapped: bool = True) -> Path:
    """Opacity with two boxes, other, normal, in turn; two films of each NIH patient."""
    rows: list[tuple[object, ...]] = []
    kinds = []
    for number in range(films):
        name, kind = film(number), CLASSES[number % 3]
        boxes = [(264.0, 152.0, 213.0, 379.0), (562.0, 152.0, 256.0, 453.0)]
        for box in boxes if kind == CLASSES[0] else [("", "", "", "")]:
            rows.append((name, *box, int(kind == CLASSES[0])))
            kinds.append((name, kind))
        dicom(
            folder / "stage_2_train_images" / f"{name}.dcm",
            PatientID=name,
            PatientAge=str(20 + number),
            PatientSex="MF"[number % 2],
            ViewPosition=("PA", "AP")[number % 2],
        )
    labels(folder, rows)
    classes(folder, kinds)
    if mapped:
        mapping(folder, {film(n): f"{n // 2 + 1:08}_{n % 2:03}.png" for n in range(films)})
    return folder
