"""CXR-LT: 26 (2023) or 45 (2024) labels with a long tail, on the films of MIMIC-CXR-JPG.

hilum build --source cxr-lt=FOLDER --out DIR

Full name: CXR-LT: Multi-Label Long-Tailed Classification on Chest X-Rays. Access: credentialed (PhysioNet
Credentialed Health Data License 1.5.0). FOLDER holds `cxr-lt-2024/` or `cxr-lt-2023/`, or the tables of one
of them; where both are there the newer one is read, so name the older one's folder for its labels. Columns:
dicom_id, subject_id, study_id, path or fpath, ViewPosition, labels of 0 and 1, in 2024's `labels.csv` also
split. The images are those of MIMIC-CXR (see `hilum.sources.mimic_index`), in FOLDER or beside it; its
metadata and MIMIC-IV are optional.

A study read by hand (task 2 of 2024) has those labels before all others, and belongs to the split of that
task. The splits are the challenge's own and not MIMIC-CXR's, for which CheXinstruct put all of this set into
training: what is built together is parted by patient, and whom any set tests on is not learned from. Cite:
Holste et al., Medical Image Analysis 2024 (2023's edition); Lin et al., arXiv 2506.07984 (2024's).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.base import PHYSIONET, SPLITS, Request, Seen, Source, number, numbered_rows
from hilum.sources.chexpert_labels import COLUMNS, PRESENCE
from hilum.sources.mimic_index import (
    Film,
    MimicIndex,
    another_patient,
    folders_below,
    ids_of,
    position_of,
    table_among,
)
from hilum.sources.mimic_patients import MimicPatients
from hilum.study import Finding, Presence, Split, Study, strictest

FINDINGS: Mapping[str, Finding] = {
    **COLUMNS,
    "Normal": Finding.NO_FINDING,
    "Calcification of the Aorta": Finding.AORTIC_ATHEROSCLEROSIS,
    "Emphysema": Finding.EMPHYSEMA,
    "Fibrosis": Finding.FIBROSIS,
    "Granuloma": Finding.GRANULOMA,
    "Hernia": Finding.HIATAL_HERNIA,
    "Infiltration": Finding.INFILTRATION,
    "Mass": Finding.MASS,
    "Nodule": Finding.NODULE,
    "Osteopenia": Finding.OSTEOPENIA,
    "Pneumoperitoneum": Finding.PNEUMOPERITONEUM,
    "Scoliosis": Finding.SCOLIOSIS,
    "Subcutaneous Emphysema": Finding.SUBCUTANEOUS_EMPHYSEMA,
    "Tortuous Aorta": Finding.TORTUOUS_AORTA,
}
"""Labels that Hilum has a finding for."""

WORDS: Mapping[str, str] = {
    **{
        word: word
        for word in (
            "Adenopathy",
            "Azygos Lobe",
            "Bulla",
            "Cardiomyopathy",
            "Clavicle Fracture",
            "Fissure",
            "Hilum",
            "Hydropneumothorax",
            "Infarction",
            "Kyphosis",
            "Lobar Atelectasis",
            "Pleural Thickening",
            "Pneumomediastinum",
            "Pulmonary Embolism",
            "Pulmonary Hypertension",
            "Rib Fracture",
            "Round Atelectasis",
            "Tuberculosis",
        )
    },
    "Round(ed) Atelectasis": "Round Atelectasis",
    "Rounded Atelectasis": "Round Atelectasis",
}
"""Labels that become terms of the study, with their spellings."""

_NOT_LABELS = frozenset(
    {"dicom_id", "subject_id", "study_id", "ViewPosition", "ViewCodeSequence_CodeMeaning", "path", "fpath"}
    | {"split", ""}
)
_EDITIONS = {
    "2024": (
        "labels.csv",
        "train_labeled.csv",
        "development_labeled_task1.csv",
        "test_labeled_task1.csv",
        "development_labeled_task3.csv",
        "test_labeled_task3.csv",
        "development_task3.csv",
        "test_task3.csv",
        "development_labeled_task2.csv",
        "test_labeled_task2.csv",
    ),
    "2023": ("train.csv", "development.csv", "test.csv"),
}
"""Tables of each edition; of what two say of one label the later counts: task 2 was read by hand."""


@dataclass
class _Labelled:
    """What the tables say of a study."""

    subject: str
    films: dict[str, Film] = field(default_factory=dict)
    labels: dict[Finding, Presence] = field(default_factory=dict)
    terms: dict[str, Presence] = field(default_factory=dict)
    split: Split | None = None


def read(request: Request) -> Iterator[Study]:
    """One study per visit that the tables label, in their order, with those of its films that they list."""
    index = MimicIndex.open(request.folder, request.problems, required=False)
    edition, tables = _tables(list(folders_below(request.folder)))
    if not tables:
        remedy = "download cxr-lt-2024/ or cxr-lt-2023/ from PhysioNet"
        raise DataError(request.folder / "cxr-lt-2024/labels.csv", "is missing", remedy)
    request.notes.append(f"labels: those of {edition} ({', '.join(table.name for table in tables)})")
    studies: dict[str, _Labelled] = {}
    for table in tables:
        _read_table(table, studies, request.problems)
    patients = MimicPatients(index.folders, request.problems, {known.subject for known in studies.values()})
    for name, known in studies.items():
        views = tuple(view for film in known.films.values() if (view := index.view(film)))
        if not views:
            continue
        study = Study(
            id=f"cxr-lt/{name}",
            patient=f"mimic/{known.subject}",
            source="cxr-lt",
            views=views,
            labels=known.labels,
            terms=known.terms,
            taken=index.taken(name),
            split=known.split,
        )
        yield patients.described(study, known.subject)


def _tables(folders: Sequence[Path]) -> tuple[str, list[Path]]:
    for edition, names in _EDITIONS.items():
        found = [table for name in names if (table := table_among(folders, name))]
        if found:
            return edition, found
    return "", []


def _read_table(table: Path, studies: dict[str, _Labelled], problems: Problems) -> None:
    """Add what a table says to the studies; one that both splits have goes to the later of the two."""
    own = SPLITS.get(table.name.split("_")[0].split(".")[0])
    seen = Seen(problems)
    unknown: set[str] = set()
    for where, row in numbered_rows(table, ("dicom_id", "subject_id", "study_id"), problems):
        for word in sorted(row.keys() - _NOT_LABELS - FINDINGS.keys() - WORDS.keys() - unknown):
            unknown.add(word)
            problems.add(DataError(f"{table.name}: {word}", "is no label of CXR-LT", "it is left out"))
        ids = ids_of(row, where, problems)
        if ids is None or seen.again(ids.dicom):
            continue
        known = studies.setdefault(ids.study, _Labelled(ids.subject))
        if known.subject != ids.subject:
            problems.add(another_patient(where))
            continue
        position = position_of(row.get("ViewPosition", ""), row.get("ViewCodeSequence_CodeMeaning", ""))
        known.films.setdefault(ids.dicom, Film(*ids, position))
        known.split = strictest(known.split, _split(row, own, where, problems))
        _label(row, known, where, problems)


def _split(row: Mapping[str, str], own: Split | None, where: str, problems: Problems) -> Split | None:
    if "split" not in row:
        return own
    split = SPLITS.get(row["split"].strip().lower())
    if split is None:
        problems.add(DataError(where, "has an unknown split", "it is left out"))
    return split


def _label(row: Mapping[str, str], known: _Labelled, where: str, problems: Problems) -> None:
    for column, text in row.items():
        text = text.strip()
        if text.lower() in ("", "nan") or (column not in FINDINGS and column not in WORDS):
            continue
        value = number(text)
        if value not in PRESENCE:
            problem = f"is {text[:20]!r}, not 1, 0 or blank"
            problems.add(DataError(f"{where}, {column}", problem, "it is left unknown"))
        elif column in FINDINGS:
            known.labels[FINDINGS[column]] = PRESENCE[value]
        else:
            known.terms[WORDS[column]] = PRESENCE[value]


SOURCE = Source(
    name="cxr-lt",
    summary="26 or 45 labels with a long tail on the 377,110 films of MIMIC-CXR-JPG",
    files="cxr-lt-2024/labels.csv (or its tables by task) or cxr-lt-2023/{train,development,test}.csv; "
    "images of MIMIC-CXR there or beside it; optional: its mimic-cxr-2.0.0-metadata.csv.gz, MIMIC-IV",
    terms=PHYSIONET,
    citation="Holste et al., Medical Image Analysis 2024; Lin et al., arXiv 2506.07984",
    read=read,
    access="credentialed",
)
