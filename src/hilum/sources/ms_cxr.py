"""MS-CXR and MS-CXR-T: phrases with boxes, and what became of five findings, on films of MIMIC-CXR.

hilum build --source ms-cxr=FOLDER --source ms-cxr-t=FOLDER --out DIR

MS-CXR: Making the Most of Text Semantics to Improve Biomedical Vision-Language Processing, 1,162 pairs of
image and phrase in 1,448 boxes, 8 findings. `MS_CXR_Local_Alignment_v1.1.0.csv` (or v1.0.0): dicom_id,
category_name, label_text, path, x, y, w, h, image_width, image_height; since 1.1.0 split. Without that
column a study has the split of MIMIC-CXR, where it is known. A phrase with several boxes has several rows,
and so several regions.

MS-CXR-T: a benchmark of pairs of studies. `MS_CXR_T_temporal_image_classification_v1.0.0.csv`: dicom_id and
previous_dicom_id (paths), subject_id, study_id, previous_study_id, and of each finding `…_progression` and
`…_label_quality`; `MS_CXR_T_temporal_sentence_similarity_v1.0.0.csv`: sentence_1, sentence_2, category. It
names no splits; all of it is to test on, while CheXinstruct spread the images by MIMIC-CXR's split and
trained on most.

Access: credentialed (PhysioNet Credentialed Health Data License 1.5.0). The images are those of MIMIC-CXR
(see `hilum.sources.mimic_index`), in FOLDER or beside it; its metadata, reports and MIMIC-IV are optional.
Cite: Boecking et al., ECCV 2022; Bannur et al., CVPR 2023.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.base import PHYSIONET, SPLITS, Request, Seen, Source, number, numbered_rows
from hilum.sources.films import box_at
from hilum.sources.mimic_index import MimicIndex, dicom_id, folders_below, mimic_id, table_among
from hilum.sources.mimic_patients import MimicPatients
from hilum.sources.mimic_reports import MimicReports
from hilum.study import (
    Box,
    Change,
    Fact,
    Finding,
    Presence,
    Region,
    Split,
    Study,
    TextExample,
    TextKind,
    View,
    strictest,
)

ALIGNMENT = ("MS_CXR_Local_Alignment_v1.1.0.csv", "MS_CXR_Local_Alignment_v1.0.0.csv")
IMAGE_PAIRS = "MS_CXR_T_temporal_image_classification_v1.0.0.csv"
SENTENCE_PAIRS = "MS_CXR_T_temporal_sentence_similarity_v1.0.0.csv"

CATEGORIES: Mapping[str, Finding] = {
    finding.value: finding
    for finding in (
        Finding.ATELECTASIS,
        Finding.CARDIOMEGALY,
        Finding.CONSOLIDATION,
        Finding.EDEMA,
        Finding.LUNG_OPACITY,
        Finding.PLEURAL_EFFUSION,
        Finding.PNEUMONIA,
        Finding.PNEUMOTHORAX,
    )
}
PROGRESSIONS: Mapping[str, Finding] = {
    "consolidation": Finding.CONSOLIDATION,
    "edema": Finding.EDEMA,
    "pleural_effusion": Finding.PLEURAL_EFFUSION,
    "pneumonia": Finding.PNEUMONIA,
    "pneumothorax": Finding.PNEUMOTHORAX,
}
CHANGES: Mapping[str, Change] = {
    "improving": Change.IMPROVED,
    "stable": Change.STABLE,
    "worsening": Change.WORSENED,
}
SIMILARITIES = ("paraphrase", "contradiction")

_BOX = ("x", "y", "w", "h", "image_width", "image_height")
_IN_PATH = re.compile(r"p(\d{8})[/\\]s(\d{8})(?=[/\\])")


@dataclass
class _Grounded:
    """The regions of a study by image."""

    subject: str
    regions: dict[str, list[Region]] = field(default_factory=dict)
    split: Split | None = None


def read_phrases(request: Request) -> Iterator[Study]:
    """One study per visit with boxes, in the order of the table, with the images that have any."""
    table = table_among(list(folders_below(request.folder)), *ALIGNMENT)
    if table is None:
        raise DataError(request.folder / ALIGNMENT[0], "is missing", "download MS-CXR from PhysioNet")
    grounded = _grounded(table, request.problems)
    index = MimicIndex.open(request.folder, request.problems, required=False)
    reports = MimicReports(index, request.problems)
    subjects = {known.subject for known in grounded.values()}
    patients = MimicPatients(index.folders, request.problems, subjects)
    for name, known in grounded.items():
        views = {dicom: index.view(index.film(known.subject, name, dicom)) for dicom in known.regions}
        there = [dicom for dicom, view in views.items() if view is not None]
        if not there:
            continue
        regions = [
            Region(region.box, region.phrase, region.finding, view=place)
            for place, dicom in enumerate(there)
            for region in known.regions[dicom]
        ]
        study = Study(
            id=f"ms-cxr/{name}",
            patient=f"mimic/{known.subject}",
            source="ms-cxr",
            views=tuple(view for view in views.values() if view is not None),
            report=reports.of(known.subject, name),
            labels={region.finding: Presence.PRESENT for region in regions if region.finding},
            regions=tuple(regions),
            taken=index.taken(name),
            split=known.split or index.splits.get(name),
        )
        yield patients.described(study, known.subject)


def _grounded(table: Path, problems: Problems) -> dict[str, _Grounded]:
    """Study → its regions; an image is known by its path, which alone names patient and study."""
    studies: dict[str, _Grounded] = {}
    seen: set[tuple[str, Region]] = set()
    for where, row in numbered_rows(
        table, ("dicom_id", "category_name", "label_text", "path", *_BOX), problems
    ):
        found = _IN_PATH.search(row["path"])
        dicom = dicom_id(row["dicom_id"])
        try:
            region = _region(row)
            if found is None or not dicom:
                raise ValueError("names no image of MIMIC-CXR")
            split = SPLITS.get(row.get("split", "").strip().lower())
            if split is None and "split" in row:
                raise ValueError("has an unknown split")
            if (dicom, region) in seen:
                raise ValueError("repeats a row")
        except ValueError as error:
            problems.add(DataError(where, str(error), "it is left out"))
            continue
        seen.add((dicom, region))
        known = studies.setdefault(found[2], _Grounded(found[1]))
        known.regions.setdefault(dicom, []).append(region)
        known.split = strictest(known.split, split)
    return studies


def _region(row: Mapping[str, str]) -> Region:
    """A row's region; its box is cut at the image's edges.

    Raises:
        ValueError: its category is none of the eight, it has no phrase, or no area within the image.
    """
    finding = CATEGORIES.get(row["category_name"].strip())
    phrase = " ".join(row["label_text"].split())
    box = _box([value for name in _BOX if (value := number(row[name])) is not None])
    if finding is None:
        raise ValueError("has an unknown category")
    if not phrase:
        raise ValueError("has no phrase")
    if box is None:
        raise ValueError("has an unreadable box")
    return Region(box, phrase, finding)


def _box(values: list[float]) -> Box | None:
    return box_at(values[:4], values[4], values[5]) if len(values) == len(_BOX) else None


def read_pairs(request: Request) -> Iterator[Study]:
    """One study per pair of images, then one per pair of sentences, each in the order of its table."""
    places = list(folders_below(request.folder))
    images, sentences = table_among(places, IMAGE_PAIRS), table_among(places, SENTENCE_PAIRS)
    if images is None and sentences is None:
        raise DataError(request.folder / IMAGE_PAIRS, "is missing", "download MS-CXR-T from PhysioNet")
    for name, table in ((IMAGE_PAIRS, images), (SENTENCE_PAIRS, sentences)):
        if table is None:
            request.problems.add(DataError(name, "is missing", "the other table is read alone"))
    if images is not None:
        yield from _image_pairs(images, request)
    if sentences is not None:
        yield from _sentence_pairs(sentences, request.problems)


def _image_pairs(table: Path, request: Request) -> Iterator[Study]:
    words = (f"{finding}_{kind}" for finding in PROGRESSIONS for kind in ("progression", "label_quality"))
    columns = ("dicom_id", "previous_dicom_id", "study_id", "previous_study_id", "subject_id", *words)
    rows = list(numbered_rows(table, columns, request.problems))
    index = MimicIndex.open(request.folder, request.problems, required=False)
    subjects = {mimic_id(row["subject_id"]) for _, row in rows}
    patients = MimicPatients(index.folders, request.problems, subjects)
    seen = Seen(request.problems)
    for where, row in rows:
        subject = mimic_id(row["subject_id"])
        ids = [(mimic_id(row[f"{p}study_id"]), dicom_id(row[f"{p}dicom_id"])) for p in ("", "previous_")]
        if not subject or not all(map(all, ids)):
            request.problems.add(DataError(where, "lacks an id of MIMIC-CXR's form", "it is left out"))
            continue
        if seen.again(ids[0][1]):
            continue
        facts = tuple(_facts(row, where, request))
        views = [index.view(index.film(subject, study, dicom)) for study, dicom in ids]
        if views[0] is None or views[1] is None:
            continue
        if not facts:
            problem = "says nothing of any finding"
            request.problems.add(DataError(where, problem, "it is left out"))
            continue
        (now, _), (before, _) = ids
        prior = _of_pair(subject, before, views[1], index, patients)
        yield replace(_of_pair(subject, now, views[0], index, patients), facts=facts, prior=prior)


def _of_pair(subject: str, study: str, view: View, index: MimicIndex, patients: MimicPatients) -> Study:
    made = Study(
        id=f"ms-cxr-t/{view.id}",
        patient=f"mimic/{subject}",
        source="ms-cxr-t",
        views=(view,),
        taken=index.taken(study),
        split=Split.TEST,
    )
    return patients.described(made, subject)


def _facts(row: Mapping[str, str], where: str, request: Request) -> Iterator[Fact]:
    """What became of each finding; where the experts disagreed nothing is said, and that is counted."""
    for name, finding in PROGRESSIONS.items():
        word = row[f"{name}_progression"].strip().lower()
        if word in ("", "nan"):
            continue
        if row[f"{name}_label_quality"].strip().lower() == "disagreement":
            request.left_out["progressions that the experts disagreed on"] += 1
        elif word in CHANGES:
            yield Fact(finding, change=CHANGES[word])
        else:
            problem = f"is {word[:20]!r}, not {', '.join(CHANGES)} or blank"
            request.problems.add(DataError(f"{where}, {name}_progression", problem, "it is left unknown"))


def _sentence_pairs(table: Path, problems: Problems) -> Iterator[Study]:
    """A study of text alone per pair. The table names no patients; each pair counts as one."""
    for where, row in numbered_rows(table, ("sentence_1", "sentence_2", "category"), problems):
        texts = tuple(" ".join(row[name].split()) for name in ("sentence_1", "sentence_2"))
        answer = row["category"].strip().lower()
        if not all(texts) or answer not in SIMILARITIES:
            problem = "lacks a sentence, or a category that is known"
            problems.add(DataError(where, problem, "it is left out"))
            continue
        line = where.rsplit(" ", 1)[-1]
        example = TextExample(TextKind.SIMILARITY, texts, answer, SIMILARITIES)
        name = f"ms-cxr-t/sentences-{line}"
        yield Study(name, name, "ms-cxr-t", (), texts=(example,), split=Split.TEST)


MS_CXR = Source(
    name="ms-cxr",
    summary="1,162 phrases of 8 findings with 1,448 boxes on 1,047 films of MIMIC-CXR",
    files="MS_CXR_Local_Alignment_v1.1.0.csv or v1.0.0; images of MIMIC-CXR in the folder or beside it; "
    "optional: MIMIC-CXR's tables and reports, MIMIC-IV",
    terms=PHYSIONET,
    citation="Boecking et al., Making the Most of Text Semantics, ECCV 2022",
    read=read_phrases,
    access="credentialed",
)
MS_CXR_T = Source(
    name="ms-cxr-t",
    summary="1,045 pairs of films of MIMIC-CXR with what became of 5 findings; 361 pairs of sentences",
    files=f"{IMAGE_PAIRS}, {SENTENCE_PAIRS}; images of MIMIC-CXR in the folder or beside it; optional: "
    "its tables, MIMIC-IV",
    terms=PHYSIONET,
    citation="Bannur et al., Learning to Exploit Temporal Structure, CVPR 2023",
    read=read_pairs,
    access="credentialed",
)
