"""RSNA Pneumonia Detection Challenge 2018, stage 2: radiologists' boxes of lung opacities.

hilum build --source rsna-pneumonia=FOLDER --out DIR

Access: registration (a Kaggle account); the mapping to NIH ChestX-ray14 is on RSNA's own page. Licence: the
challenge's terms (research and education), over images that are free to use with attribution to the NIH
Clinical Center. Files: `stage_2_train_labels.csv` (patientId, x, y, width, height, Target; a row a box),
`stage_2_train_images/` (DICOM, or PNG or JPEG made of it); optional: `stage_2_detailed_class_info.csv`
(patientId, class; a row a box) and `pneumonia-challenge-dataset-mappings_2018.json`.
Cite: Shih et al., Augmenting the NIH Chest Radiograph Dataset, Radiology: Artificial Intelligence 2019.

Despite its name a `patientId` is one film: the mapping file names its NIH film, and so its patient and the
order of the patient's films. Without it every film counts as a patient, which is warned of.
Target says whether readers saw an opacity that may be pneumonia: it is the label Pneumonia. Lung Opacity is
present with it, absent in a normal film, and unknown in "No Lung Opacity / Not Normal", which holds films
with opacities of another kind; the three classes themselves are kept as terms. There is no official split
of the labelled films; CheXinstruct splits films at random, Hilum by patient. The test films of stage 2 have
no labels and are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.base import Request, Source, is_there, number, numbered_rows
from hilum.sources.films import Film, box_at, film_of, films_in
from hilum.sources.json_rows import json_value
from hilum.study import Box, Finding, Presence, Region, Study

LABELS = "stage_2_train_labels.csv"
CLASSES = "stage_2_detailed_class_info.csv"
MAPPING = "pneumonia-challenge-dataset-mappings_2018.json"
SIDE = 1024
"""Boxes are in pixels of the published 1024×1024 images."""

OPACITY, OTHER, NORMAL = "Lung Opacity", "No Lung Opacity / Not Normal", "Normal"
_CORNER = ("x", "y", "width", "height")
_LEFT_OUT = "the row is left out"
_NIH = re.compile(r"(\d{8})_(\d{3})(?:\.png)?")


@dataclass
class _Labelled:
    """What the tables say of one film."""

    where: str
    opacity: bool
    boxes: list[Box] = field(default_factory=list)
    kind: str = ""


def read(request: Request) -> Iterator[Study]:
    """One study per labelled film, in the table's order; the prior is the patient's NIH film before."""
    images = films_in(request.folder, ("stage_2_train_images", "stage_2_train_images_png", "."))
    labelled = _labels(request.folder / LABELS, request.problems)
    _add_classes(request.folder, labelled, request.problems)
    origins = nih_origins(request.folder, request.problems)
    if not origins:
        request.warnings.append(
            f"rsna-pneumonia: without {MAPPING} each film counts as a patient: films of one patient, and the "
            "same films in nih-chestxray14, may be in different splits"
        )
    if (request.folder / "stage_2_test_images").is_dir():
        request.notes.append("rsna-pneumonia: stage_2_test_images has no labels and is not read")
    before = _films_before(origins, [name for name in labelled if name in images])
    for name, said in labelled.items():
        if name not in images:
            request.problems.add(
                DataError(f"{said.where}: {name}", "has a row but no image file", "download the images")
            )
            continue
        study = _study(name, said, film_of(images[name], id=name), origins)
        prior = before.get(name)
        if prior is not None:
            earlier = _study(prior, labelled[prior], film_of(images[prior], id=prior), origins)
            study = replace(study, prior=earlier)
        yield study


def _labels(path: Path, problems: Problems) -> dict[str, _Labelled]:
    films: dict[str, _Labelled] = {}
    for where, row in numbered_rows(path, ("patientId", *_CORNER, "Target"), problems):
        name, target = row["patientId"].strip(), number(row["Target"])
        box = box_at([number(row[column]) for column in _CORNER], SIDE, SIDE)
        if not name or target not in (0, 1):
            problems.add(DataError(where, "has no patientId, or a Target other than 0 and 1", _LEFT_OUT))
        elif name in films and films[name].opacity != bool(target):
            problems.add(DataError(where, "contradicts an earlier row of its film", _LEFT_OUT))
        elif target and box is None:
            problems.add(DataError(where, "has an unreadable box", _LEFT_OUT))
        elif name in films and (box is None or box in films[name].boxes):
            problems.add(DataError(where, "is a duplicate row", "the first one is kept"))
        else:
            film = films.setdefault(name, _Labelled(where, bool(target)))
            if target and box is not None:
                film.boxes.append(box)
    return films


def _add_classes(folder: Path, labelled: Mapping[str, _Labelled], problems: Problems) -> None:
    """The three classes, which the release repeats for every box of a film."""
    if not is_there(folder / CLASSES):
        return
    for where, row in numbered_rows(folder / CLASSES, ("patientId", "class"), problems):
        film, kind = labelled.get(row["patientId"].strip()), " ".join(row["class"].split())
        if kind not in (OPACITY, OTHER, NORMAL):
            problems.add(DataError(where, "has an unknown class", _LEFT_OUT))
        elif film is None:
            problems.add(DataError(where, f"has no row in {LABELS}", _LEFT_OUT))
        elif film.kind not in ("", kind) or film.opacity != (kind == OPACITY):
            problems.add(DataError(where, "contradicts the other rows of its film", _LEFT_OUT))
        else:
            film.kind = kind


def nih_origins(folder: Path, problems: Problems) -> dict[str, tuple[str, int]]:
    """Film of the challenge → NIH patient ("nih/1") and number of the film; empty without that file."""
    path = folder / MAPPING
    if not path.is_file():
        return {}
    rows = json_value(path)
    try:
        films = [(str(row["subset_img_id"]).strip(), str(row["img_id"]).strip()) for row in rows]
    except (KeyError, TypeError) as error:
        problem = "is not the challenge's mapping (a list of subset_img_id and img_id)"
        raise DataError(path, problem, "download it again") from error
    origins: dict[str, tuple[str, int]] = {}
    for name, image in films:
        found = _NIH.fullmatch(image)
        if found is None:
            problems.add(DataError(f"{MAPPING}: {name}", "maps to no NIH film", "its patient stays unknown"))
        else:
            origins[name] = (f"nih/{int(found[1])}", int(found[2]))
    return origins


def _films_before(origins: Mapping[str, tuple[str, int]], films: list[str]) -> dict[str, str]:
    """Film → the film before it of the same patient."""
    ordered = sorted((*origins[name], name) for name in films if name in origins)
    return {now[2]: then[2] for then, now in pairwise(ordered) if then[0] == now[0] and then[1] < now[1]}


def _study(name: str, said: _Labelled, film: Film, origins: Mapping[str, tuple[str, int]]) -> Study:
    yes_no = {True: Presence.PRESENT, False: Presence.ABSENT}
    labels = {Finding.PNEUMONIA: yes_no[said.opacity]}
    if said.opacity or said.kind == NORMAL:
        labels[Finding.LUNG_OPACITY] = yes_no[said.opacity]
    if said.opacity or said.kind:
        labels[Finding.NO_FINDING] = yes_no[said.kind == NORMAL]
    return Study(
        id=f"rsna-pneumonia/{name}",
        patient=origins[name][0] if name in origins else f"rsna/{name}",
        source="rsna-pneumonia",
        views=(film.view,),
        labels=labels,
        terms={kind: yes_no[kind == said.kind] for kind in (OPACITY, OTHER, NORMAL)} if said.kind else {},
        regions=tuple(Region(box, "lung opacity", Finding.LUNG_OPACITY) for box in said.boxes),
        sex=film.sex,
        age=film.age,
    )


SOURCE = Source(
    name="rsna-pneumonia",
    summary="26,684 frontal films of NIH ChestX-ray14 with 9,555 boxes of opacities that may be pneumonia",
    files=f"{LABELS}, stage_2_train_images/; optional: {CLASSES}, {MAPPING}",
    terms="RSNA's challenge terms (Kaggle account); images free with attribution to the NIH Clinical Center",
    citation="Shih et al., Radiology: Artificial Intelligence 2019",
    read=read,
    access="registration",
)
