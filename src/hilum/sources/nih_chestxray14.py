"""NIH ChestX-ray14: frontal films with labels mined from reports, and boxes for some.

hilum build --source nih-chestxray14=FOLDER --out DIR
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from hilum.errors import DataError
from hilum.images import view_of
from hilum.sources.base import Request, Seen, Source, age_years, number, read_table
from hilum.study import Finding, Position, Region, Sex, Study

LABELS: Mapping[str, Finding] = {
    "Atelectasis": Finding.ATELECTASIS,
    "Cardiomegaly": Finding.CARDIOMEGALY,
    "Consolidation": Finding.CONSOLIDATION,
    "Edema": Finding.EDEMA,
    "Effusion": Finding.PLEURAL_EFFUSION,
    "Emphysema": Finding.EMPHYSEMA,
    "Fibrosis": Finding.FIBROSIS,
    "Hernia": Finding.HIATAL_HERNIA,
    "Infiltration": Finding.INFILTRATION,
    "Infiltrate": Finding.INFILTRATION,
    "Mass": Finding.MASS,
    "Nodule": Finding.NODULE,
    "Pleural_Thickening": Finding.PLEURAL_OTHER,
    "Pneumonia": Finding.PNEUMONIA,
    "Pneumothorax": Finding.PNEUMOTHORAX,
}
"""The publisher's words for the fourteen labels; the box list writes one of them differently."""

ORIGINAL_SIDE = 1024
"""Boxes are in pixels of the published 1024×1024 images."""


def _tables(folder: Path) -> Path:
    for name in ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv"):
        if (folder / name).is_file():
            return folder / name
    return folder / "Data_Entry_2017_v2020.csv"


def _image_index(folder: Path) -> dict[str, Path]:
    """File name → path, wherever the release put it: images/, images_001/images/ … or the folder itself."""
    found: dict[str, Path] = {}
    for pattern in ("images*/*.png", "images*/images/*.png", "*.png", "originals/*.png"):
        for path in folder.glob(pattern):
            found.setdefault(path.name, path)
    return found


def _boxes(folder: Path, request: Request) -> dict[str, list[Region]]:
    path = folder / "BBox_List_2017.csv"
    regions: dict[str, list[Region]] = defaultdict(list)
    if not path.is_file():
        return regions
    columns = ("Image Index", "Finding Label", "Bbox [x", "y", "w", "h]")
    for row in read_table(path, columns):
        finding = LABELS.get(row["Finding Label"])
        corner = [number(row[c]) for c in columns[2:]]
        values = [v for v in corner if v is not None]
        if finding is None or len(values) != 4:
            thing = f"{path.name}: {row['Image Index']}"
            request.problems.add(DataError(thing, "has an unreadable box", "it is left out"))
            continue
        x, y, w, h = (v / ORIGINAL_SIDE for v in values)
        box = (max(0.0, x), max(0.0, y), min(1.0, x + w), min(1.0, y + h))
        regions[row["Image Index"]].append(Region(box, finding.value.lower(), finding))
    return regions


def read(request: Request) -> Iterator[Study]:
    """One study per image, ordered as the table is; the prior is the patient's previous follow-up."""
    table = _tables(request.folder)
    columns = ("Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age", "View Position")
    images = _image_index(request.folder)
    regions = _boxes(request.folder, request)
    seen = Seen(request.problems)
    last: dict[str, Study] = {}
    for row in read_table(table, columns):
        name = row["Image Index"]
        if seen.again(name):
            continue
        if name not in images:
            request.problems.add(DataError(name, "has a row but no image file", "download its archive"))
            continue
        study = _study(row, images[name], tuple(regions.get(name, ())), last.get(row["Patient ID"]), request)
        # Alone: a chain of priors would keep a patient's whole past in memory.
        last[row["Patient ID"]] = replace(study, prior=None)
        yield study


def _study(
    row: Mapping[str, str], path: Path, regions: tuple[Region, ...], prior: Study | None, request: Request
) -> Study:
    name = row["Image Index"]
    stated = {LABELS[word] for word in row["Finding Labels"].split("|") if word in LABELS}
    labels = {finding: finding in stated for finding in dict.fromkeys(LABELS.values())}
    labels[Finding.NO_FINDING] = row["Finding Labels"].strip() == "No Finding"
    position = row["View Position"].strip().upper()
    sex = row.get("Patient Gender", row.get("Patient Sex", "")).strip()
    return Study(
        id=f"nih-chestxray14/{Path(name).stem}",
        patient=f"nih/{row['Patient ID']}",
        source="nih-chestxray14",
        views=(view_of(path, id=name, position=Position(position) if position in ("PA", "AP") else None),),
        labels=labels,
        regions=regions,
        sex=Sex(sex) if sex in ("M", "F") else Sex.UNKNOWN,
        age=age_years(re.sub(r"Y$", "", row["Patient Age"]), name, request.problems),
        prior=prior,
    )


SOURCE = Source(
    name="nih-chestxray14",
    summary="112,120 frontal films of 30,805 patients, 14 labels mined from reports, 984 boxes",
    files="Data_Entry_2017_v2020.csv, images*/ (PNG), BBox_List_2017.csv (optional)",
    terms="free use with attribution to the NIH Clinical Center",
    citation="Wang et al., ChestX-ray8, CVPR 2017",
    read=read,
)
