"""NIH ChestX-ray14: frontal films with labels mined from reports, and boxes for some.

hilum build --source nih-chestxray14=FOLDER --out DIR

Access: open. Licence: free use with attribution to the NIH Clinical Center. Cite: Wang et al., ChestX-ray8,
CVPR 2017. The folder holds `Data_Entry_2017_v2020.csv` (or the first `Data_Entry_2017.csv`), the PNG in
`images/`, `images_001/images/` …; read where they are there: `BBox_List_2017.csv`, `train_val_list.txt` and
`test_list.txt`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from hilum.errors import DataError
from hilum.files import Problems
from hilum.images import view_of
from hilum.sources.base import Request, Seen, Source, age_years, number, read_table
from hilum.sources.films import box_at
from hilum.sources.patients import sex_of
from hilum.study import Finding, Position, Presence, Region, Split, Study

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


_COLUMNS = ("Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age", "View Position")
_CORNER = ("Bbox [x", "y", "w", "h]")


def _table(folder: Path) -> Path:
    for name in ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv"):
        if (folder / name).is_file():
            return folder / name
    return folder / "Data_Entry_2017_v2020.csv"


def _image_index(folder: Path) -> dict[str, Path]:
    """File name → path, wherever the release put it: images/, images_001/images/ … or the folder itself."""
    found: dict[str, Path] = {}
    for pattern in ("images*/*.png", "images*/images/*.png", "*.png", "originals/*.png"):
        for path in sorted(folder.glob(pattern)):
            found.setdefault(path.name, path)
    return found


def _boxes(folder: Path, problems: Problems) -> dict[str, list[Region]]:
    path = folder / "BBox_List_2017.csv"
    regions: dict[str, list[Region]] = defaultdict(list)
    if path.is_file():
        for row in read_table(path, ("Image Index", "Finding Label", *_CORNER)):
            region = _region(row)
            if region is not None:
                regions[row["Image Index"]].append(region)
            else:
                thing = f"{path.name}: {row['Image Index']}"
                problems.add(DataError(thing, "has an unreadable box", "it is left out"))
    return regions


def _region(row: Mapping[str, str]) -> Region | None:
    """A box cut at the image's edges; None when its label or a number is unreadable or nothing is left."""
    finding = LABELS.get(row["Finding Label"].strip())
    box = box_at([number(row[column]) for column in _CORNER], ORIGINAL_SIDE, ORIGINAL_SIDE)
    return Region(box, finding.value.lower(), finding) if finding is not None and box is not None else None


def _splits(folder: Path) -> dict[str, Split]:
    """The publisher's lists. It names none to validate on: all of the first are to train on."""
    splits: dict[str, Split] = {}
    for name, split in (("train_val_list.txt", Split.TRAIN), ("test_list.txt", Split.TEST)):
        if (folder / name).is_file():
            lines = (folder / name).read_text(encoding="utf-8-sig", errors="replace").split()
            splits.update(dict.fromkeys(lines, split))
    return splits


def read(request: Request) -> Iterator[Study]:
    """One study per image, ordered as the table is; the prior is the patient's last film before it."""
    table = _table(request.folder)
    images = _image_index(request.folder)
    regions = _boxes(request.folder, request.problems)
    splits = _splits(request.folder)
    seen = Seen(request.problems)
    last: dict[str, tuple[float, Study]] = {}
    for row in read_table(table, _COLUMNS):
        name = row["Image Index"].strip()
        if seen.again(name):
            continue
        if name not in images:
            thing = name or f"{table.name}: a row without a name"
            request.problems.add(DataError(thing, "has a row but no image file", "download its archive"))
            continue
        study = _study(row, name, images[name], request.problems)
        study = replace(study, regions=tuple(regions.get(name, ())), split=splits.get(name))
        followup = number(row["Follow-up #"]) or 0.0
        before, prior = last.get(study.patient, (followup, None))
        last[study.patient] = (followup, study)  # without its prior: a chain would keep the whole past
        yield replace(study, prior=prior if before < followup else None)


def _study(row: Mapping[str, str], name: str, path: Path, problems: Problems) -> Study:
    position = row["View Position"].strip().upper()
    return Study(
        id=f"nih-chestxray14/{Path(name).stem}",
        patient=f"nih/{row['Patient ID'].strip()}",
        source="nih-chestxray14",
        views=(view_of(path, id=name, position=Position(position) if position in ("PA", "AP") else None),),
        labels=_labels(row["Finding Labels"], name, problems),
        sex=sex_of(row.get("Patient Gender", row.get("Patient Sex", "")), name, problems),
        age=age_years(row["Patient Age"], name, problems),
    )


def _labels(cell: str, name: str, problems: Problems) -> dict[Finding, Presence]:
    """All fourteen: the publisher lists every label that was found, or says "No Finding"."""
    words = [word.strip() for word in cell.split("|")]
    normal = words == ["No Finding"]
    unknown = [word for word in words if word not in LABELS]
    if unknown and not normal:
        problems.add(DataError(name, "has an unknown label", f"its labels are left unknown ({cell[:60]})"))
        return {}
    stated = {LABELS[word] for word in words if word in LABELS}
    known = {**{finding: finding in stated for finding in LABELS.values()}, Finding.NO_FINDING: normal}
    return {finding: Presence.PRESENT if there else Presence.ABSENT for finding, there in known.items()}


SOURCE = Source(
    name="nih-chestxray14",
    summary="112,120 frontal films of 30,805 patients, 14 labels mined from reports, 984 boxes",
    files="Data_Entry_2017_v2020.csv, images*/ (PNG); optional: BBox_List_2017.csv, train_val_list.txt, "
    "test_list.txt",
    terms="free use with attribution to the NIH Clinical Center",
    citation="Wang et al., ChestX-ray8, CVPR 2017",
    read=read,
    access="open",
)
