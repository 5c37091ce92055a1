"""BIMCV-COVID19 in miniature: BIDS folders, raw 16-bit PNG with DICOM JSON beside them, tables by tab."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from sources.helpers import picture, table

LABEL_HEADER = (
    *("", "PatientID", "ReportID", "Report", "Labels", "Localizations", "LabelsLocalizationsBySentence"),
    *("labelCUIS", "LocalizationsCUIS"),
)


def tabbed(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, delimiter="\t", restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def header(**elements: Any) -> dict[str, Any]:
    """A header in DICOM's JSON; elements by keyword, None leaves one out."""
    known = {
        "Modality": ("00080060", "CS", "DX"),
        "Manufacturer": ("00080070", "LO", "KONICA MINOLTA"),
        "SeriesDescription": ("0008103E", "LO", "Torax"),
        "ManufacturerModelName": ("00081090", "LO", "0862"),
        "PatientSex": ("00100040", "CS", "F"),
        "PatientAge": ("00101010", "AS", "063Y"),
        "BodyPartExamined": ("00180015", "CS", "CHEST"),
        "ViewPosition": ("00185101", "CS", None),
        "PhotometricInterpretation": ("00280004", "CS", "MONOCHROME2"),
        "BitsStored": ("00280101", "US", 12),
        "WindowCenter": ("00281050", "DS", 2048),
        "WindowWidth": ("00281051", "DS", 4096),
    }
    said = {name: (tag, vr, elements.get(name, value)) for name, (tag, vr, value) in known.items()}
    return {tag: {"vr": vr, "Value": [value]} for tag, vr, value in said.values() if value is not None}


def film(
    root: Path,
    subject: str,
    session: str,
    view: str = "pa",
    stored: npt.NDArray[np.uint16] | None = None,
    **elements: Any,
) -> Path:
    """A film with its header; its name says the view."""
    folder = root / subject / session / "mod-rx"
    path = folder / f"{subject}_{session}_run-1_bp-chest_vp-{view}_dx.png"
    if stored is None:
        picture(path, name=path.name)
        with Image.open(path) as image:
            stored = np.asarray(image).astype(np.uint16) * 16
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(stored).save(path)
    path.with_suffix(".json").write_text(json.dumps(header(**elements)))
    return path


def labels(session: str, words: Sequence[str], sentences: Sequence[Sequence[str]] = ()) -> dict[str, Any]:
    return {
        "ReportID": session,
        "Report": "sin hallazg . ",
        "Labels": str(list(words)),
        "Localizations": "[]",
        "LabelsLocalizationsBySentence": str([list(sentence) for sentence in sentences]),
        "labelCUIS": "['C0000001' 'C0000002']",
    }


def write(
    root: Path,
    people: Sequence[Mapping[str, Any]],
    sessions: Mapping[str, Mapping[str, str]],
    coded: Sequence[Mapping[str, Any]] = (),
    tests: Sequence[tuple[str, str]] = (),
) -> Path:
    """The tables; `sessions` are dates by subject and session, `tests` subject and result."""
    tabbed(root / "participants.tsv", ("participant", "modality_dicom", "age", "gender"), people)
    for subject, dates in sessions.items():
        rows = [
            {"session_id": name, "study_date": date, "medical_evaluation": "['sin hallazgos']"}
            for name, date in dates.items()
        ]
        columns = ("session_id", "study_date", "medical_evaluation")
        tabbed(root / subject / f"{subject}_sessions.tsv", columns, rows)
    tabbed(root / "derivatives" / "labels" / "labels_covid_posi.tsv", LABEL_HEADER, coded)
    rows = [{"participant": s, "date": "05.04.2020", "test": "PCR", "result": r} for s, r in tests]
    columns = ("participant", "date", "test", "result")
    tabbed(root / "derivatives" / "EHR" / "sil_reg_covid_posi.tsv", columns, rows)
    return root


def person(subject: str, **cells: str) -> dict[str, str]:
    return {
        "participant": subject,
        "modality_dicom": "['CR', 'DX']",
        "age": "[63]",
        "gender": "F",
    } | cells


def write_bimcv_covid19(folder: Path) -> Path:
    """A positive set of six subjects with two sessions, a negative one of four with one; most translated."""
    english = []
    for name, count, visits in (("covid19_posi", 6, 2), ("covid19_neg", 4, 1)):
        root = folder / name
        subjects = [f"sub-S{name[8]}{n:04}" for n in range(count)]
        dates: dict[str, dict[str, str]] = {}
        coded = []
        for subject in subjects:
            for visit in range(visits):
                session = f"ses-E{subject[5:]}{visit}"
                dates.setdefault(subject, {})[session] = f"2020040{visit + 1}"
                film(root, subject, session)
                ill = int(subject[-1]) % 2
                sentence = ["pneumonia", "loc basal", "loc left"]
                coded.append(labels(session, ["COVID 19", "pneumonia"] if ill else ["normal"], [sentence]))
                text = "Pneumonia of the left base." if ill else "There is no infiltrate."
                english.append({"session_id": session, "report": text})
        tests = [(subject, "POSITIVO" if name.endswith("posi") else "NEGATIVO") for subject in subjects]
        write(root, [person(subject) for subject in subjects], dates, coded, tests)
    table(folder / "translations.csv", english[:-1])
    return folder
