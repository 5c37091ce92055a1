"""A handful of patients in the layouts of SLAKE, Rad-ReStruct, VQA-Med 2019, PMC-VQA and ROCO."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sources.helpers import picture, table

MASK_NAMES = {180: "Heart", 215: "Left Lung", 225: "Right Lung", 245: "Lung Cancer"}
"""Some of the 39 lines of SLAKE's mask.txt."""

ASK_EFFUSION: tuple[Any, ...] = (
    "Are there any signs in the pleura?",
    ["yes"],
    [],
    {"answer_type": "single_choice", "options": ["yes", "no"], "path": "pleura_signs"},
)
ASK_WHERE: tuple[Any, ...] = (
    "In which part of the body?",
    ["aorta, thoracic", "left"],
    [["Are there any signs in the pleura?", ["yes"]], ["Is there a plaque in the pleura?", ["yes"]]],
    {
        "answer_type": "multi_choice",
        "options": ["left", "right", "aorta, thoracic"],
        "path": "pleura_signs_plaque_body_regions",
    },
)


def dump(path: Path, value: Any) -> Path:
    """JSON as its publishers write it: UTF-8 without a mark, letters as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def slake_row(
    image: int = 1, qid: int = 0, question: str = "Is it normal?", answer: str = "No", **more: Any
) -> dict[str, Any]:
    return {
        "img_id": image,
        "img_name": f"xmlab{image}/source.jpg",
        "question": question,
        "answer": answer,
        "q_lang": "en",
        "location": "Lung",
        "modality": "X-Ray",
        "answer_type": "CLOSED",
        "base_type": "vqa",
        "content_type": "Abnormality",
        "triple": ["vhead", "_", "_"],
        "qid": qid,
        **more,
    }


def slake(folder: Path, splits: Mapping[str, Sequence[Any]]) -> Path:
    """Question files by name, a picture of 20 × 10 pixels for every image, and mask.txt."""
    for name, rows in splits.items():
        dump(folder / f"{name}.json", rows)
        for row in rows:
            if isinstance(row, dict) and row.get("img_name"):
                picture(folder / "imgs" / row["img_name"], 20, 10)
    lines = "".join(f"{value}:{name}\n" for value, name in MASK_NAMES.items())
    (folder / "mask.txt").write_text(lines)
    return folder


def slake_marks(folder: Path, image: int, boxes: Any, mask: np.ndarray[Any, Any] | None = None) -> None:
    """The boxes and, by grey value, the mask of an image."""
    place = folder / "imgs" / f"xmlab{image}"
    dump(place / "detection.json", boxes)
    if mask is not None:
        Image.fromarray(np.asarray(mask, np.uint8)).save(place / "mask.png")


def write_slake(folder: Path) -> Path:
    """Twelve films in three splits, one CT and one Chinese question; boxes and masks on the first film."""
    split = {"train": range(8), "validate": (8, 9), "test": (10, 11)}
    rows = {
        name: [slake_row(i, 10 * i, answer="Yes" if i % 2 else "No") for i in films]
        for name, films in split.items()
    }
    rows["train"] += [
        slake_row(1, 1001, "Where is the abnormality?", "Lower Left", answer_type="OPEN"),
        slake_row(10, 1002, "正常吗?", "不", q_lang="zh"),
        slake_row(20, 1003, modality="CT", location="Abdomen"),
    ]
    slake(folder, rows)
    mask = np.zeros((10, 20), np.uint8)
    mask[2:6, 10:15] = 215
    mask[7:9, 4:8] = 180
    slake_marks(folder, 0, [{"Left Lung": [10.0, 2.0, 5.0, 4.0]}, {"Effusion": [12.5, 5, 100, 3]}], mask)
    return folder


def restruct(folder: Path, reports: Mapping[str, Mapping[str, Any]], lists: bool = True) -> Path:
    """Split → report → its questions, as the repository lies on disk, each with one frontal film."""
    place = folder / "data" / "radrestruct"
    mapping = {}
    for split, files in reports.items():
        if lists:
            dump(place / f"{split}_ids.json", list(files))
        for report, items in files.items():
            dump(place / f"{split}_qa_pairs" / f"{report}.json", items)
            mapping[report] = [f"CXR{report}_IM-{int(report):04}-1001"]
            picture(place / "images" / f"{mapping[report][0]}.png")
    dump(place / "id_to_img_mapping_frontal_reports.json", mapping)
    return folder


def write_rad_restruct(folder: Path) -> Path:
    splits = {"train": range(1, 9), "val": (9, 10), "test": (11, 12)}
    return restruct(
        folder,
        {k: {str(n): [ASK_EFFUSION, ASK_WHERE] for n in numbers} for k, numbers in splits.items()},
    )


MED_TRAIN = "ImageClef-2019-VQA-Med-Training"
MED_VAL = "ImageClef-2019-VQA-Med-Validation"
MED_ANSWERS = "VQAMed2019_Test_Questions_w_Ref_Answers.txt"


def medvqa(folder: Path, part: str, split: str, images: Mapping[str, Sequence[tuple[str, str]]]) -> Path:
    """Image → question and answer by category (modality, plane, organ, abnormality), with pictures."""
    place = folder / part / "QAPairsByCategory"
    place.mkdir(parents=True, exist_ok=True)
    every = []
    for number, category in enumerate(("Modality", "Plane", "Organ", "Abnormality")):
        lines = [f"{image}|{'|'.join(asked[number])}\n" for image, asked in images.items()]
        path = place / f"C{number + 1}_{category}_{split}.txt"
        path.write_text("".join(lines), encoding="utf-8")
        every += lines
    (folder / part / f"All_QA_Pairs_{split}.txt").write_text("".join(sorted(every)), encoding="utf-8")
    for image in images:
        picture(folder / part / f"{split.capitalize()}_images" / f"{image}.jpg")
    return folder


def med_film(
    plane: str = "pa",
    organ: str = "lung, mediastinum, pleura",
    abnormality: str = "pneumothorax",
    asked: str = "what is most alarming about this x-ray?",
):
    return (
        ("what imaging method was used?", "xr - plain film"),
        ("what is the plane of the image?", plane),
        ("what organ system is pictured here?", organ),
        (asked, abnormality),
    )


def write_medvqa_2019(folder: Path) -> Path:
    """Ten chest films to learn from and two to validate on, a CT, a knee, and four test questions.

    Three of the films are asked whether they are normal.
    """
    ct = (
        ("what imaging method was used?", "ct w/contrast (iv)"),
        ("which plane is the ct scan shown in?", "axial"),
        ("what organ system is pictured here?", "lung, mediastinum, pleura"),
        ("what is abnormal in the ct scan?", "lung abscess"),
    )
    films = {f"synpic{i}": med_film("pa" if i % 2 else "lateral") for i in range(100, 110)}
    films["synpic103"] = med_film(abnormality="yes", asked="is there something wrong in the image?")
    films["synpic106"] = med_film("lateral", abnormality="no", asked="is there an abnormality in the x-ray?")
    films["synpic109"] = med_film(abnormality="no", asked="is this image normal?")
    knee = med_film("ap", "musculoskeletal", "fracture")
    medvqa(folder, MED_TRAIN, "train", {**films, "synpic200": ct, "synpic201": knee})
    medvqa(folder, MED_VAL, "val", {f"synpic{i}": med_film("ap") for i in (300, 301)})
    test = (
        "synpic400|organ|what organ is shown in this x-ray?|gastrointestinal#lung, mediastinum, pleura",
        "synpic401|abnormality|what is abnormal in the chest x-ray?|(chronic) apical scar#tuberculosis",
        "synpic402|abnormality|what is wrong here?|hilar mass",
        "synpic403|modality|is this an mri of the chest or an x-ray?|mri",
    )
    (folder / "VQAMed2019Test").mkdir(parents=True, exist_ok=True)
    (folder / "VQAMed2019Test" / MED_ANSWERS).write_text("\n".join(test) + "\n")
    for line in test:
        picture(folder / "VQAMed2019Test" / "VQAMed2019_Test_Images" / f"{line.split('|')[0]}.jpg")
    return folder


PMC_2 = (
    *("index", "Figure_path", "Caption", "Question", "Choice A", "Choice B", "Choice C", "Choice D"),
    *("Answer", "split"),
)


def pmc_row(figure: str = "PMC1_F1_0.jpg", answer: str = "B", **more: str) -> dict[str, str]:
    return {
        "index": "0",
        "Figure_path": figure,
        "Caption": "Chest X-ray on admission.",
        "Question": "Which side is opaque?",
        "Choice A": " A:Left ",
        "Choice B": " B:Right ",
        "Choice C": "C: Both",
        "Choice D": "D:None",
        "Answer": answer,
        "split": "train",
        **more,
    }


def pmc(folder: Path, name: str, rows: Sequence[Mapping[str, str]], place: str = "figures") -> Path:
    table(folder / name, rows, None if rows else PMC_2)
    for row in rows:
        picture(folder / place / row["Figure_path"])
    return folder


def write_pmc_vqa(folder: Path) -> Path:
    """Version 2: ten articles to learn from, two to test on, a CT."""
    rows = [pmc_row(f"PMC{i}_F1_0.jpg", "ABCD"[i % 4]) for i in range(10)]
    pmc(folder, "train_2.csv", [*rows, pmc_row("PMC50_F2_1.jpg", Caption="Axial CT of the chest.")])
    return pmc(folder, "test_2.csv", [pmc_row(f"PMC{i}_F1_0.jpg", split="test") for i in (10, 11)])


def roco(folder: Path, split: str, captions: Mapping[str, str], second: bool = False) -> Path:
    """Id → caption, with pictures: ROCO's folder of one split, or ROCOv2's tables and images."""
    if second:
        table(folder / f"{split}_captions.csv", [{"ID": k, "Caption": v} for k, v in captions.items()])
        place = folder / f"{split}_images" / split
    else:
        part = folder / "data" / split / "radiology"
        place = part / "images"
        part.mkdir(parents=True, exist_ok=True)
        lines = [f"{name}\t {caption}\n" for name, caption in captions.items()]
        (part / "captions.txt").write_text("".join(lines), encoding="utf-8")
        codes = [f"{name}\t\tC0817096\tC1306645\n" for name in captions]
        (part / "cuis.txt").write_text("".join(codes), encoding="utf-8")
        articles = [
            {"ROCO_ID": name, "PMC_ID": f"PMC{name[-3:]}_ol-1-g02.jpg", "CC": "CC BY-NC"} for name in captions
        ]
        table(part / "licences.txt", articles)
    for name in captions:
        picture(place / f"{name}.jpg")
    return folder


def write_roco(folder: Path) -> Path:
    seen = ("an effusion", "bilateral pneumothorax (arrows)", "cardiomegaly, and no effusion")
    train = {
        f"ROCO_00{i}": f"Chest radiograph on day {i} showing {seen[i % 3 - 1]}." for i in range(100, 110)
    }
    roco(folder, "train", {**train, "ROCO_00200": "Axial MRI (coronal view)."})
    roco(folder, "validation", {"ROCO_00300": "X-ray of the chest, PA view."})
    return roco(folder, "test", {"ROCO_00400": "Supine CXR.", "ROCO_00401": "Knee radiograph."})
