"""CheXpert-v1.0-small and CheXpert Plus in miniature: folders, columns in their order, values as seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hilum.study import CHEXPERT_14
from sources.helpers import picture, table, workbook

LABELS = tuple(finding.value for finding in CHEXPERT_14)
HEADER = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *LABELS)
PLUS_HEADER = (
    *("path_to_image", "path_to_dcm", "frontal_lateral", "ap_pa", "deid_patient_id"),
    *("patient_report_date_order", "report", "section_narrative", "section_clinical_history"),
    *("section_history", "section_comparison", "section_technique", "section_procedure_comments"),
    *("section_findings", "section_impression", "section_end_of_impression", "section_summary"),
    *("section_accession_number", "age", "sex", "race", "ethnicity", "interpreter_needed"),
    *("insurance_type", "recent_bmi", "deceased", "split"),
)


def row(film: str, release: str = "CheXpert-v1.0-small/", **cells: Any) -> dict[str, Any]:
    """A row of train.csv or valid.csv; a label is given by its name with underscores."""
    lateral = film.endswith("lateral")
    blank = {**dict.fromkeys(HEADER, ""), "Sex": "Female", "Age": 61}
    named = {name.replace("_", " "): value for name, value in cells.items()}
    named = {"AP/PA" if name == "AP" else name: value for name, value in named.items()}
    sides = {"Frontal/Lateral": "Lateral" if lateral else "Frontal", "AP/PA": "" if lateral else "AP"}
    return {**blank, "Path": f"{release}{film}.jpg", **sides, **named}


def plus_row(film: str, order: int = 1, **cells: Any) -> dict[str, Any]:
    lateral = film.endswith("lateral")
    split, patient, _, _ = film.split("/")
    return {
        **dict.fromkeys(PLUS_HEADER, ""),
        "path_to_image": f"{film}.jpg",
        "path_to_dcm": f"{film}.dcm",
        "frontal_lateral": "Lateral" if lateral else "Frontal",
        "ap_pa": "" if lateral else "AP",
        "deid_patient_id": f"patient{int(patient[7:])}",
        "patient_report_date_order": order,
        "age": "61.0",
        "sex": "Female",
        "race": "White",
        "ethnicity": "Non-Hispanic/Non-Latino",
        "insurance_type": "Medicare",
        "deceased": "No",
        "split": split,
        **cells,
    }


def write_tables(folder: Path, name: str, rows: list[dict[str, Any]], images: str = ".jpg") -> Path:
    """A table of the release with the films that it names."""
    table(folder / f"{name}.csv", rows, HEADER)
    for one in rows:
        film = one["Path"].split("/", 1)[1] if one["Path"].startswith("CheX") else one["Path"]
        picture((folder / film).with_suffix(images), name=film)
    return folder


def write_plus(folder: Path, rows: list[dict[str, Any]]) -> Path:
    return table(folder / "df_chexpert_plus_240401.csv", rows, PLUS_HEADER)


def write_chexpert(folder: Path) -> Path:
    """Both releases in one folder: eight patients to train on, two to validate, two to test.

    The second study of each compares with the first, and its impression is in capitals, as many are.
    """
    train, plus = [], []
    for number in range(1, 9):
        patient = f"patient{number:05}"
        for study in (1, 2):
            there = (number + study) % 2
            film = f"train/{patient}/study{study}"
            views = [f"{film}/view1_frontal"] + ([f"{film}/view2_lateral"] if number % 2 else [])
            labels = {"Pleural_Effusion": f"{there}.0", "Edema": "-1.0", "No_Finding": "" if there else "1.0"}
            train += [row(view, **labels) for view in views]
            text = "Small left pleural effusion." if there else "The lungs are clear. No pleural effusion."
            change = (
                "A small left pleural effusion is new since the prior study."
                if there
                else "The left pleural effusion has resolved since the prior study."
            )
            sections = {
                "section_clinical_history": "60-year-old with cough.",
                "section_comparison": "1/1/2015." if study == 2 else "None.",
                "section_findings": f"\n{change if study == 2 else text}\nThe heart is of normal size.\n",
                "section_impression": f"\n\n1.  {change.upper()}" if study == 2 else f"1. {text}",
            }
            plus += [plus_row(view, order=study, **sections) for view in views]
    write_tables(folder, "train", train)
    valid = [row(f"valid/patient6454{n}/study1/view1_frontal", Pneumothorax=f"{n % 2}.0") for n in (1, 2)]
    write_tables(folder, "valid", valid)
    test = [row(f"test/patient6474{n}/study1/view1_frontal", "", Edema=f"{n % 2}.0") for n in (1, 2)]
    write_tables(folder, "test", test)
    labels = ("Path", *LABELS)
    table(folder / "test.csv", [{name: one[name] for name in labels} for one in test], labels)
    write_plus(folder, plus)
    workbook(
        folder / "CHEXPERT DEMO.xlsx",
        [
            {
                "PATIENT": f"patient6454{n}",
                "PRIMARY_RACE": "Asian",
                "ETHNICITY": "Not Hispanic",
                "GENDER": "Female",
                "AGE_AT_CXR": 61,
            }
            for n in (1, 2)
        ],
    )
    return folder


def chexbert_line(film: str, **labels: float | None) -> str:
    """A line of chexbert_labels/*_fixed.json."""
    named = {name.replace("_", " "): value for name, value in labels.items()}
    return json.dumps({"path_to_image": f"{film}.jpg", **dict.fromkeys(LABELS), **named})
