"""Miniatures of the datasets of questions and texts from MIMIC, in their published layouts; all made up."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sources.helpers import lines, picture, table
from sources.mimic_layout import LABELS, METADATA, packed


def subject(number: int) -> str:
    return f"1999990{number}" if number < 10 else f"199999{number}"


def study(number: int) -> str:
    return f"599999{number:02}"


def dicom(number: int) -> str:
    return "-".join([f"{number:08x}"] * 5)


def film(number: int, patient: int) -> str:
    """A film's path below `files/`."""
    return f"p19/p{subject(patient)}/s{study(number)}/{dicom(number)}"


def write_mimic_images(
    folder: Path, films: Mapping[int, int], splits: Mapping[int, str] | None = None
) -> Path:
    """MIMIC-CXR-JPG: film number → patient number. Odd films are AP; a film's number is its hour."""
    metadata, split = [], []
    for number, patient in films.items():
        picture(folder / "files" / f"{film(number, patient)}.jpg")
        ids = {"dicom_id": dicom(number), "study_id": study(number), "subject_id": subject(patient)}
        step, view, code = (
            ("CHEST (PORTABLE AP)", "AP", "antero-posterior")
            if number % 2
            else ("CHEST (PA AND LAT)", "PA", "postero-anterior")
        )
        values = (dicom(number), subject(patient), study(number), step, view, 2544, 3056)
        taken = (21500101, f"{number}0501.25", "", code, "Erect")
        metadata.append(dict(zip(METADATA, (*values, *taken), strict=True)))
        split.append({**ids, "split": (splits or {}).get(number, "train")})
    packed(table(folder / "mimic-cxr-2.0.0-metadata.csv", metadata))
    packed(table(folder / "mimic-cxr-2.0.0-split.csv", split))
    return folder


def vqa_item(
    number: int, patient: int, idx: int, question: str, answer: object, **more: Any
) -> dict[str, Any]:
    return {
        "split": "train",
        "idx": idx,
        "subject_id": subject(patient),
        "study_id": study(number),
        "image_id": dicom(number),
        "image_path": f"{film(number, patient)}.jpg",
        "question": question,
        "template": "is there ${attribute}?",
        "semantic_type": "verify",
        "content_type": "presence",
        "template_program": "program_1",
        "template_arguments": {
            "object": {},
            "attribute": {"0": "edema"},
            "category": {},
            "viewpos": {},
            "gender": {},
        },
        "answer": answer,
        **more,
    }


def write_mimic_cxr_vqa(folder: Path, patients: int = 12) -> Path:
    """Every patient has one film with two questions; the last is of the test set."""
    write_mimic_images(folder, {i: i for i in range(patients)})
    place = folder / "MIMIC-Ext-MIMIC-CXR-VQA" / "dataset"
    place.mkdir(parents=True)
    last = patients - 1
    rows = {"train": [], "valid": [], "test": []}
    for i in range(patients):
        name = "test" if i == last else "valid" if i == last - 1 else "train"
        own = rows[name]
        own.append(vqa_item(i, i, len(own), "is there edema?", ["yes" if i % 2 else "no"], split=name))
        where = "where is the edema?"
        answer = ["left lung", "right lung"] if i % 2 else []
        own.append(
            vqa_item(i, i, len(own), where, answer, split=name, semantic_type="query", content_type="anatomy")
        )
    for name, items in rows.items():
        (place / f"{name}.json").write_text(json.dumps(items))
    return folder


def film_row(number: int, patient: int, order: int, **more: Any) -> dict[str, Any]:
    """A row of Medical-Diff-VQA's `mimic_all.csv`."""
    return {
        "subject_id": subject(patient),
        "study_id": study(number),
        **dict.fromkeys(LABELS, ""),
        "Edema": "1.0",
        "Pneumonia": "-1.0",
        "dicom_id": dicom(number),
        "view": "antero-posterior" if number % 2 else "postero-anterior",
        "split": "train",
        "study_date": 21500101 + order,
        "study_order": order,
        **more,
    }


def pair_row(
    number: int, patient: int, reference: int, kind: str, question: str, answer: str
) -> dict[str, Any]:
    return {
        "study_id": study(number),
        "subject_id": subject(patient),
        "ref_id": study(reference),
        "question_type": kind,
        "question": question,
        "answer": answer,
        "split": "train",
    }


CHANGE = "what has changed compared to the reference image?"


def write_mimic_diff_vqa(folder: Path, patients: int = 12) -> Path:
    """Every patient has two films of which the later has the lower number, for ids are random."""
    films = {2 * i + k: i for i in range(patients) for k in (0, 1)}
    write_mimic_images(folder, films)
    rows = [film_row(number, patient, 1 - number % 2) for number, patient in films.items()]
    pairs = []
    for i in range(patients):
        now, before = 2 * i, 2 * i + 1
        pairs += [
            pair_row(now, i, before, "difference", CHANGE, "the edema is new, and mild. "),
            pair_row(now, i, before, "presence", "is there edema?", "yes" if i % 2 else "no"),
            pair_row(now, i, before, "location", "where is the edema?", "both lungs"),
        ]
    table(folder / "mimic_all.csv", rows)
    table(folder / "mimic_pair_questions.csv", pairs)
    blank = {"location": [], "type": None, "level": [], "post_location": None, "location2": None}
    entity = {
        "entity_name": "hilar congestion",
        **blank,
        "type2": None,
        "level2": None,
        "post_location2": None,
    }
    diseases = [
        {
            "study_id": study(number),
            "subject_id": subject(patient),
            "entity": {"hilar congestion": entity},
            "no_entity": ["scarring", "edema"],
        }
        for number, patient in films.items()
    ]
    (folder / "all_diseases.json").write_text(json.dumps(diseases, indent=1))
    return folder


def nle_item(number: int, patient: int, sentence: int, text: str | None, **more: Any) -> dict[str, Any]:
    """Explains pleural effusion, by lung opacity, which the report hedges."""
    item = {
        "sentence_ID": f"s{study(number)}#{sentence}",
        "diagnosis_label": [0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
        "evidence_label": [0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
        "img_labels": [[0, 0, 1] if i == 6 else [0, 1, 0] if i == 5 else [1, 0, 0] for i in range(10)],
        "nle": text,
        "report_ID": f"s{study(number)}",
        "patient_ID": f"p{subject(patient)}",
        **more,
    }
    return {key: value for key, value in item.items() if value is not None}


def write_mimic_nle(folder: Path, patients: int = 12) -> Path:
    write_mimic_images(folder, {i: i for i in range(patients)})
    place = folder / "mimic-nle"
    place.mkdir()
    for k, name in enumerate(("train", "dev", "test")):
        numbers = range(k, patients, 3)
        rows = [
            nle_item(i, i, 4, f"The opacity at the left base number {i} is an effusion.") for i in numbers
        ]
        lines(place / f"mimic-nle-{name}.json", rows)
    return folder


def write_radnli(folder: Path, pairs: int = 12) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("dev", "test"):
        rows = [
            {
                "pair_id": str(i),
                "sentence1": f"The heart of patient {i} is enlarged.",
                "sentence2": "Cardiomegaly.",
                "gold_label": ("entailment", "neutral", "contradiction")[i % 3],
            }
            for i in range(pairs // 2)
        ]
        lines(folder / f"radnli_{name}_v1.jsonl", rows)
    return folder


def entity(words: str, label: str, start: int, relations: Sequence[Sequence[str]] = ()) -> dict[str, Any]:
    end = start + len(words.split()) - 1
    return {"tokens": words, "label": label, "start_ix": start, "end_ix": end, "relations": list(relations)}


def graph(text: str = "Lungs clear . No pleural effusion , possible edema .") -> dict[str, Any]:
    return {
        "text": text,
        "entities": {
            "1": entity("clear", "OBS-DP", 1, [["located_at", "2"]]),
            "2": entity("Lungs", "ANAT-DP", 0),
            "3": entity("pleural", "ANAT-DP", 4),
            "4": entity("effusion", "OBS-DA", 5, [["located_at", "3"]]),
            "5": entity("edema", "OBS-U", 8),
        },
        "data_source": "MIMIC-CXR",
        "data_split": "train",
    }


def labelled_twice(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """As the test set has it: entities under two labelers, none at the top."""
    whole = {"text": first["text"], "data_source": first["data_source"], "data_split": "test"}
    return {
        **whole,
        "labeler_1": {"entities": first["entities"]},
        "labeler_2": {"entities": second["entities"]},
    }


def report_path(number: int, patient: int) -> str:
    return f"p19/p{subject(patient)}/s{study(number)}.txt"


def write_radgraph(folder: Path, reports: int = 12) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    train = {report_path(i, i): graph() for i in range(reports - 4)}
    dev = {report_path(i, i): graph() for i in range(reports - 4, reports - 2)}
    test = {report_path(reports - 2, reports - 2): labelled_twice(graph(), graph())}
    test["patient64541/study1.txt"] = labelled_twice(graph(), graph())
    for name, rows in (("train", train), ("dev", dev), ("test", test)):
        (folder / f"{name}.json").write_text(json.dumps(rows))
    return folder


def qa(identifier: str, question: str, context: str, answer: str | None) -> dict[str, Any]:
    answers = [] if answer is None else [{"text": answer, "answer_start": context.index(answer)}]
    return {"id": identifier, "question": question, "is_impossible": answer is None, "answers": answers}


CONTEXT = " FINDINGS: The left\n effusion is small.  \n"


def write_radqa(folder: Path, documents: int = 12) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    numbers = {"train": range(documents - 4), "dev": range(documents - 4, documents - 2)}
    numbers["test"] = range(documents - 2, documents)
    for name, own in numbers.items():
        data = [
            {
                "title": f"{i}",
                "paragraphs": [
                    {
                        "document_id": f"{i}_F",
                        "context": CONTEXT,
                        "qas": [
                            qa(f"{i}_1", "Is there an effusion?", CONTEXT, "left\n effusion"),
                            qa(f"{i}_2", "Is there a fracture?", CONTEXT, None),
                        ],
                    }
                ],
            }
            for i in own
        ]
        (folder / f"{name}.json").write_text(json.dumps({"version": "1.0", "data": data}))
    return folder


CANDIDATES = ("radgraph", "bertscore", "s_emb", "bleu")


def rating(
    number: int, candidate: str, rater: int, category: int, significant: bool, errors: Any
) -> dict[str, Any]:
    return {
        "study_number": number,
        "candidate_type": candidate,
        "rater_index": rater,
        "error_category": category,
        "clinically_significant": significant,
        "num_errors": errors,
    }


def write_rexval(folder: Path, reports: int = 12) -> Path:
    """Two raters count one false finding in every candidate, four two; nobody counts more that matters."""
    rows = [
        {"study_id": study(i), "gt_report": f"Small effusion, patient {i}.\nNo edema."}
        | {name: f"Report {i} by {name}." for name in CANDIDATES}
        for i in range(reports)
    ]
    table(folder / "50_samples_gt_and_candidates.csv", rows)
    ratings = [
        rating(i, name, rater, category, significant, _errors(rater, category, significant))
        for i in range(reports)
        for name in CANDIDATES
        for rater in range(6)
        for category in range(1, 7)
        for significant in (True, False)
    ]
    table(folder / "6_valid_raters_per_rater_error_categories.csv", ratings)
    return folder


def _errors(rater: int, category: int, significant: bool) -> int:
    if not significant:
        return int(category == 4)
    return (1 if rater < 2 else 2) if category == 1 else 0


NOTE = """[**2150-1-1**] 8:00 AM
 CHEST (PORTABLE AP)                                             Clip # [**Clip Number (Radiology) 1**]
 Reason: effusion?
 ______________________________________________________________________________
 WET READ: Small effusion.
 ______________________________________________________________________________
                                 FINAL REPORT
 INDICATION:  Cough.

 COMPARISON:  [**2149-12-31**].

 FINDINGS:  There is a small left
 pleural effusion.
                                                             (Over)

 [**2150-1-1**] 8:00 AM
 CHEST (PORTABLE AP)
                                 FINAL REPORT
                                                             (Cont)
 The heart is "normal" in size.

 IMPRESSION:  Small left pleural effusion.
"""


def note(row: int, patient: int, description: str = "CHEST (PORTABLE AP)", text: str = NOTE, **more: Any):
    return {
        "ROW_ID": row,
        "SUBJECT_ID": patient,
        "HADM_ID": "",
        "CHARTDATE": "2150-01-01",
        "CHARTTIME": "2150-01-01 08:00:00",
        "STORETIME": "",
        "CATEGORY": "Radiology",
        "DESCRIPTION": description,
        "CGID": "",
        "ISERROR": "",
        "TEXT": text,
        **more,
    }


def write_mimic_iii(folder: Path, notes: int = 12) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    descriptions = ("CHEST (PORTABLE AP)", "CT HEAD W/O CONTRAST")
    packed(table(folder / "NOTEEVENTS.csv", [note(i, i // 2, descriptions[i % 2]) for i in range(notes)]))
    return folder


def write_radsum(folder: Path) -> Path:
    """RadSum's files: line for line, without a newline at the end; MR_spine is for testing alone."""
    for pair, words in (("CT_head", ("train", "validate", "test")), ("MR_spine", ("test",))):
        (folder / pair).mkdir()
        for word in words:
            for section in ("findings", "impression"):
                said = [f"no acute {section} {i} of {pair} ." for i in range(2)]
                (folder / pair / f"{word}.{section}.tok").write_text("\n".join(said))
    return folder
