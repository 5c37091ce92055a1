"""VinDr-CXR and VinDr-PCXR in their published layouts, a dozen made-up films each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hilum.sources.vindr_words import CXR, PCXR
from sources.dicom_files import dicom
from sources.helpers import table

CORNERS = ("x_min", "y_min", "x_max", "y_max")
SIZE = (200, 100)


def film(number: int) -> str:
    return f"{number:032x}"


def label_row(image: str, reader: str, given: Sequence[str], columns: Sequence[str]) -> dict[str, object]:
    named = {"image_id": image, **({"rad_ID": reader} if reader else {})}
    return {**named, **{column: int(column in given) for column in columns}}


def box_row(image: str, reader: str, word: str, corners: Sequence[object] = ("", "", "", "")):
    named = {"image_id": image, **({"rad_id": reader} if reader else {}), "class_name": word}
    return {**named, **dict(zip(CORNERS, corners, strict=True))}


def tables(folder: Path, split: str, labels: Sequence[Mapping], boxes: Sequence[Mapping]) -> Path:
    table(folder / f"image_labels_{split}.csv", labels)
    table(folder / f"annotations_{split}.csv", boxes)
    return folder


def cxr_columns(split: str) -> list[str]:
    """The published spelling: "Other diseases" in train, "Other disease" in test."""
    plural = split == "train"
    return [word + "s" if plural and word == "Other disease" else word for word in CXR.labels]


def write_vindr_cxr(folder: Path, films: int = 14) -> Path:
    """Train films with three readers, two of whom box a cardiomegaly in every other; test films with none."""
    for split, first, readers in (("train", 0, ("R8", "R9", "R10")), ("test", films, ("",))):
        labels, boxes = [], []
        for number in range(first, first + (films if split == "train" else 4)):
            ill = number % 2 == 0
            for index, reader in enumerate(readers):
                given = ["Cardiomegaly"] if ill and index < 2 else ["No finding"]
                labels.append(label_row(film(number), reader, given, cxr_columns(split)))
                corners = (40 + index, 50, 120 + index, 90) if given[0] != "No finding" else ("", "", "", "")
                boxes.append(box_row(film(number), reader, given[0], corners))
            dicom(folder / split / f"{film(number)}.dicom", *SIZE, PatientSex="F", PatientAge="061Y")
        tables(folder / "annotations", split, labels, boxes)
    return folder


def write_vindr_pcxr(folder: Path, films: int = 14) -> Path:
    """One reader a film; the test table lacks diseases that no test film has."""
    for split, first in (("train", 0), ("test", films)):
        columns = [word for word in PCXR.labels if split == "train" or word != "CPAM"]
        labels, boxes = [], []
        for number in range(first, first + (films if split == "train" else 4)):
            ill = number % 2 == 0
            labels.append(
                label_row(film(number), "R1", ["Brocho-pneumonia" if ill else "No finding"], columns)
            )
            word, corners = ("Consolidation", (20, 20, 60, 80)) if ill else ("No finding", ("", "", "", ""))
            boxes.append(box_row(film(number), "R1", word, corners))
            dicom(folder / split / f"{film(number)}.dicom", *SIZE, PatientAge="006M")
        tables(folder, split, labels, boxes)
    return folder
