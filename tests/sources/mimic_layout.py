"""Miniatures of MIMIC-CXR and of what is made from it, in their published layouts. All of it is invented."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sources.helpers import picture, table

JPG, NOTES, IV = "mimic-cxr-jpg/2.1.0", "mimic-cxr/2.1.0", "mimiciv/3.1/hosp"

METADATA = [
    "dicom_id",
    "subject_id",
    "study_id",
    "PerformedProcedureStepDescription",
    "ViewPosition",
    "Rows",
    "Columns",
    "StudyDate",
    "StudyTime",
    "ProcedureCodeSequence_CodeMeaning",
    "ViewCodeSequence_CodeMeaning",
    "PatientOrientationCodeSequence_CodeMeaning",
]
LABELS = [
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Enlarged Cardiomediastinum",
    "Fracture",
    "Lung Lesion",
    "Lung Opacity",
    "No Finding",
    "Pleural Effusion",
    "Pleural Other",
    "Pneumonia",
    "Pneumothorax",
    "Support Devices",
]
TAIL = [
    "Calcification of the Aorta",
    "Emphysema",
    "Fibrosis",
    "Hernia",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pleural Thickening",
    "Pneumomediastinum",
    "Pneumoperitoneum",
    "Subcutaneous Emphysema",
    "Tortuous Aorta",
]
RARE = [
    "Adenopathy",
    "Azygos Lobe",
    "Clavicle Fracture",
    "Fissure",
    "Granuloma",
    "Hydropneumothorax",
    "Infarction",
    "Kyphosis",
    "Lobar Atelectasis",
    "Pulmonary Embolism",
    "Pulmonary Hypertension",
    "Rib Fracture",
    "Round(ed) Atelectasis",
    "Tuberculosis",
]
UNSEEN = ["Bulla", "Cardiomyopathy", "Hilum", "Osteopenia", "Scoliosis"]
PATIENTS, VISITS = 8, 2
STRUCTURED = (
    ("No pleural effusion.", "Small left pleural effusion."),
    (
        "The left pleural effusion has resolved.",
        "A small left pleural effusion is new since the prior study.",
    ),
)
"""What MIMIC-CXR-Struct says of an effusion at each visit, without one and with one."""


def subject(p: int) -> str:
    return str(10000032 + 1000000 * (p % 3) + p)


def study(p: int, visit: int) -> str:
    """Ids do not rise with time: a patient's second visit has the lower one."""
    return str(59000000 + 10 * p - visit)


def dicom(p: int, visit: int, view: int = 0) -> str:
    return "-".join(f"{17 * p + 5 * visit + view + 1000 * part:08x}" for part in range(5))


def home(p: int, visit: int) -> str:
    return f"files/p{subject(p)[:2]}/p{subject(p)}/s{study(p, visit)}"


def packed(path: Path) -> Path:
    """A table as PhysioNet has it, packed by gzip."""
    target = path.with_name(f"{path.name}.gz")
    target.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    return target


def metadata_row(p: int, visit: int, view: int = 0, **other: Any) -> dict[str, Any]:
    words, code = (("PA", "postero-anterior"), ("LATERAL", "lateral"))[view]
    values = (
        *(dicom(p, visit, view), subject(p), study(p, visit), "CHEST (PA AND LAT)", words, 3056, 2544),
        *(f"215{p}0{visit + 1}01", "80501.25", "CHEST (PA AND LAT)", code, "Erect"),
    )
    return dict(zip(METADATA, values, strict=True)) | other


def report(effusion: bool) -> dict[str, str]:
    finding = "Small left pleural effusion." if effusion else "No pleural effusion or pneumothorax."
    said = "Small left effusion." if effusion else "No acute\ncardiopulmonary process."
    return {"findings": f"The heart is normal in size.\n {finding}", "impression": said}


def text_file(parts: Mapping[str, str]) -> str:
    return (
        f"{' ' * 33}FINAL REPORT\n EXAMINATION:  CHEST (PA AND LAT)\n \n INDICATION:  ___ year old with "
        "cough.  // pneumonia?\n \n TECHNIQUE:  Chest PA and lateral\n \n COMPARISON:  ___\n \n FINDINGS: \n "
        f"\n {parts['findings']}\n \n IMPRESSION: \n \n {parts['impression']}\n"
    )


def write_images(folder: Path, place: str = JPG) -> Path:
    """The tree of JPEG files: two visits of each patient, each with two views."""
    for p in range(PATIENTS):
        for visit in range(VISITS):
            for view in range(2):
                picture(folder / place / home(p, visit) / f"{dicom(p, visit, view)}.jpg", 16, 24)
    return folder


def write_metadata(folder: Path, rows: Sequence[Mapping[str, Any]] | None = None) -> Path:
    every = [(p, visit) for p in range(PATIENTS) for visit in range(VISITS)]
    default = [metadata_row(p, visit, view) for p, visit in every for view in range(2)]
    base = folder / JPG
    rows = default if rows is None else rows
    packed(table(base / "mimic-cxr-2.0.0-metadata.csv", rows, METADATA))
    splits = [
        {"dicom_id": row["dicom_id"], "study_id": row["study_id"], "subject_id": row["subject_id"]}
        | {"split": ("train", "test", "train", "validate")[int(row["subject_id"][-1], 36) % 4]}
        for row in rows
    ]
    packed(table(base / "mimic-cxr-2.0.0-split.csv", splits))
    return folder


def label_row(p: int, visit: int, **labels: str) -> dict[str, Any]:
    return {"subject_id": subject(p), "study_id": study(p, visit), **dict.fromkeys(LABELS, "")} | labels


def write_labels(folder: Path, labeler: str = "chexpert") -> Path:
    rows = [
        label_row(p, visit, **{"Pleural Effusion": "1.0", "Pneumonia": "-1.0"})
        if (p + visit) % 2
        else label_row(p, visit, **{"No Finding": "1.0", "Pleural Effusion": "0.0"})
        for p in range(PATIENTS)
        for visit in range(VISITS)
    ]
    packed(table(folder / JPG / f"mimic-cxr-2.0.0-{labeler}.csv", rows))
    return folder


def write_labels_by_hand(folder: Path, p: int, visit: int, **labels: str) -> Path:
    """What 2.1.0 adds: without patients, and with another name for one label."""
    words = ["Airspace Opacity" if word == "Lung Opacity" else word for word in LABELS]
    row = {"study_id": study(p, visit), **dict.fromkeys(words, "")} | labels
    table(folder / JPG / "mimic-cxr-2.1.0-test-set-labeled.csv", [row])
    return folder


def write_note(folder: Path, p: int, visit: int, parts: Mapping[str, str]) -> Path:
    path = folder / NOTES / f"{home(p, visit)}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text_file(parts), encoding="utf-8", newline="\n")
    return path


def write_reports(folder: Path, sectioned: bool = True) -> Path:
    """The text files beside the studies' folders, and what MIT-LCP's script makes of them."""
    rows = []
    for p in range(PATIENTS):
        for visit in range(VISITS):
            parts = report(bool((p + visit) % 2))
            write_note(folder, p, visit, parts)
            row = {"study": f"s{study(p, visit)}", "impression": parts["impression"]}
            rows.append(row | {"findings": parts["findings"], "last_paragraph": "", "comparison": "___"})
    if sectioned:
        table(folder / NOTES / "mimic_cxr_sectioned.csv", rows)
    return folder


def write_patients(folder: Path) -> Path:
    people = [
        {"subject_id": subject(p), "gender": "FM"[p % 2], "anchor_age": 50 + p, "anchor_year": 2148}
        | {"anchor_year_group": "2011 - 2013", "dod": ""}
        for p in range(PATIENTS)
    ]
    packed(table(folder / IV / "patients.csv", people))
    races = [("2149-12-31 10:00:00", "WHITE"), ("2149-12-30 10:00:00", "UNKNOWN")]
    rows = [
        {"subject_id": subject(p), "hadm_id": 20000000 + p, "admittime": time, "race": race}
        for p in range(PATIENTS)
        for time, race in races
    ]
    packed(table(folder / IV / "admissions.csv", rows))
    return folder


def write_mimic_cxr(folder: Path) -> Path:
    """MIMIC-CXR-JPG, the reports of MIMIC-CXR and two tables of MIMIC-IV side by side."""
    for write in (write_images, write_metadata, write_labels, write_reports, write_patients):
        write(folder)
    return folder


def long_tail_row(p: int, visit: int, view: int, words: Sequence[str], path: str) -> dict[str, Any]:
    known = metadata_row(p, visit, view)
    row = {key: known[key] for key in ("dicom_id", "subject_id", "study_id", "ViewPosition")}
    row["ViewCodeSequence_CodeMeaning"] = known["ViewCodeSequence_CodeMeaning"]
    row[path] = f"{home(p, visit)}/{known['dicom_id']}.jpg"
    return row | {word: int((p + visit + place) % 3 == 0) for place, word in enumerate(words)}


def write_cxr_lt(folder: Path, edition: str = "2024") -> Path:
    """One edition of CXR-LT, with the images of MIMIC-CXR beside it."""
    write_images(folder)
    every = [(p, visit, view) for p in range(PATIENTS) for visit in range(VISITS) for view in range(2)]
    if edition == "2024":
        words = sorted([*LABELS, *TAIL, *RARE, *UNSEEN])
        rows = [long_tail_row(*one, words, "fpath") for one in every]
        for row, (p, _, _) in zip(rows, every, strict=True):
            row["study_id"] = f"s{row['study_id']}"
            row["split"] = ("train", "train", "val", "test")[p % 4]
        table(folder / "cxr-lt-2024" / "labels.csv", rows)
        return folder
    words = sorted([*LABELS, *TAIL])
    for name, parts in (("train", (0, 1, 4, 5)), ("development", (2, 6)), ("test", (3, 7))):
        rows = [long_tail_row(*one, words, "path") for one in every if one[0] in parts]
        table(folder / "cxr-lt-2023" / f"{name}.csv", rows)
    return folder


def phrase_row(p: int, visit: int, category: str = "Pneumonia", **other: Any) -> dict[str, Any]:
    row = {
        "dicom_id": dicom(p, visit),
        "category_name": category,
        "label_text": f"{category.lower()} on the left",
    }
    row["path"] = f"{home(p, visit)}/{dicom(p, visit)}.jpg"
    box = {"x": 400, "y": 600, "w": 400, "h": 300, "image_width": 1600, "image_height": 2400}
    return row | box | {"split": ("train", "val", "test")[p % 3]} | other


def write_ms_cxr(folder: Path) -> Path:
    """Each film with one phrase, which its report has in its findings, in capitals and over two lines."""
    write_images(folder)
    names = ("Pneumonia", "Lung Opacity")
    rows = [phrase_row(p, visit, names[p % 2]) for p in range(PATIENTS) for visit in range(VISITS)]
    table(folder / "MS_CXR_Local_Alignment_v1.1.0.csv", rows)
    for p in range(PATIENTS):
        for visit in range(VISITS):
            phrase = f"{names[p % 2].upper()}\n on the left"
            parts = report(False)
            write_note(folder, p, visit, parts | {"findings": f"{phrase}. {parts['findings']}"})
    return folder


def pair_row(p: int, **said: str) -> dict[str, Any]:
    def path(visit: int) -> str:
        return f"{home(p, visit).removeprefix('files/')}/{dicom(p, visit)}"

    row: dict[str, Any] = {"dicom_id": path(1), "previous_dicom_id": path(0), "study_id": study(p, 1)}
    row |= {"previous_study_id": study(p, 0), "subject_id": subject(p)}
    findings = ("consolidation", "edema", "pleural_effusion", "pneumonia", "pneumothorax")
    for finding in findings:
        row |= {f"{finding}_progression": "", f"{finding}_label_quality": ""}
    return row | said


def write_ms_cxr_t(folder: Path) -> Path:
    write_images(folder)
    words = ("improving", "stable", "worsening")
    rows = [
        pair_row(p, edema_progression=words[p % 3], edema_label_quality="one_expert") for p in range(PATIENTS)
    ]
    table(folder / "MS_CXR_T_temporal_image_classification_v1.0.0.csv", rows)
    pairs = [
        {"subset_name": "RadGraph", "sentence_1": f"Effusion {n} is larger.", "sentence_2": f"It has {end}."}
        | {"category": category}
        for n in range(PATIENTS // 2)
        for end, category in (("grown", "paraphrase"), ("shrunk", "contradiction"))
    ]
    table(folder / "MS_CXR_T_temporal_sentence_similarity_v1.0.0.csv", pairs)
    return folder


def write_mimic_cxr_struct(folder: Path) -> Path:
    write_mimic_cxr(folder)
    parts = {"findings": {}, "impression": {}}
    for p in range(PATIENTS):
        for visit in range(VISITS):
            said = STRUCTURED[visit][(p + visit) % 2]
            parts["findings"][f"s{study(p, visit)}"] = f"[Heart: Size] Normal.\n[Pleura: Effusion] {said}"
            parts["impression"][f"s{study(p, visit)}"] = f"[Pleura: Effusion] {said}"
    (folder / "mimic_cxr_struct.json").write_text(json.dumps(parts))
    return folder
