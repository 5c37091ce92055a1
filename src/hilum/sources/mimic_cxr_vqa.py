"""MIMIC-Ext-MIMIC-CXR-VQA: questions from templates, answered by Chest ImaGenome's annotations.

hilum build --source mimic-cxr-vqa=FOLDER --out DIR

Full name: MIMIC-Ext-MIMIC-CXR-VQA, A Complex, Diverse, And Large-Scale Visual Question Answering Dataset for
Chest X-ray Images 1.0.0. Access: credentialed (PhysioNet, training and signed agreement). Licence: PhysioNet
Credentialed Health Data License 1.5.0. Files: `train.json`, `valid.json`, `test.json` (of `dataset/`): lists
of objects with `split, idx, subject_id, study_id, image_id, image_path, question, template, semantic_type,
content_type, template_program, template_arguments, answer`, of which subject_id, study_id, image_id, question
and answer are needed; and MIMIC-CXR's images, see `mimic_index`. Citation: Bae et al., EHRXQA, NeurIPS 2023.

An answer is a list: its words are joined by commas, an empty one is written "none" (the original left those
out), and the letters of sex and view are written "male", "female", "AP", "PA". A question answered by yes or
no is closed, and asked once (the original asked it as an open one, too). The patient's sex is known where a
question on it says so. The dataset's own split parts patients, but not as MIMIC-CXR does: a study goes to the
stricter of the two, so that no test patient of either is learned from (the original kept the dataset's own).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from sys import intern
from typing import Any

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.base import PHYSIONET, SPLITS, Request, Seen, Source, parts_there
from hilum.sources.image_questions import yes_or_no
from hilum.sources.json_rows import json_list, words_of
from hilum.sources.mimic_index import NO_IMAGE_REMEDY, MimicIndex, mimic_id
from hilum.study import Question, Sex, Split, Study, View, strictest

FILES = ("train.json", "valid.json", "test.json")
PLACES = ("MIMIC-Ext-MIMIC-CXR-VQA/dataset", "mimiccxrvqa/dataset", "dataset", ".")

_SPELLED = {"m": "male", "f": "female", "ap": "AP", "pa": "PA"}
_SEX = {"m": Sex.MALE, "f": Sex.FEMALE}


@dataclass
class _Asked:
    """What is asked about one study: image → its questions."""

    subject: str
    images: dict[str, list[Question]] = field(default_factory=dict)
    splits: set[Split] = field(default_factory=set)
    sex: Sex = Sex.UNKNOWN


def read(request: Request) -> Iterator[Study]:
    """One study per MIMIC study with all its questions, in the order it is first asked about."""
    studies: dict[str, _Asked] = {}
    seen = Seen(request.problems)
    for path in parts_there(request, FILES, "download MIMIC-Ext-MIMIC-CXR-VQA", "questions", PLACES):
        for where, row in json_list(path, request.problems):
            name = f"{path.name}: idx {words_of(row.get('idx'))}"
            if "idx" not in row or not seen.again(name):
                _add(studies, row, where, SPLITS[path.stem], request.problems)
    mimic = MimicIndex.open(request.folder, request.problems, required=False)
    for study, asked in studies.items():
        yield from _study(study, asked, mimic, request.problems)


def _add(
    studies: dict[str, _Asked], row: Mapping[str, Any], where: str, split: Split, problems: Problems
) -> None:
    """Put a question with its study's others; one that lacks something is noted as a problem."""
    subject, study = mimic_id(row.get("subject_id", "")), mimic_id(row.get("study_id", ""))
    image, question, answers = words_of(row.get("image_id")), words_of(row.get("question")), row.get("answer")
    fields = {"subject_id": subject, "study_id": study, "image_id": image, "question": question}
    lacking = next((name for name, value in fields.items() if not value), None)
    if lacking is None and not isinstance(answers, list):
        lacking = "list of answers"
    if lacking is not None:
        problems.add(DataError(where, f"has no {lacking}", "it is left out"))
        return
    words = [word for word in map(words_of, answers or ()) if word]
    if len(words) != len(answers or ()):
        problems.add(DataError(where, "has an answer that is no text", "it is left out"))
        return
    asked = studies.setdefault(study, _Asked(subject))
    if asked.subject != subject:
        problems.add(DataError(where, "gives its study another patient", "it is left out"))
        return
    kind = words_of(row.get("content_type"))
    if kind == "gender" and len(words) == 1 and words[0].lower() in _SEX:
        asked.sex = _SEX[words[0].lower()]
    asked.splits.add(split)
    asked.images.setdefault(image, []).append(_question(question, words, kind))


def _question(question: str, answers: list[str], kind: str) -> Question:
    return Question(
        question=intern(question),
        answer=intern(", ".join(_SPELLED.get(word.lower(), word) for word in answers) or "none"),
        closed=len(answers) == 1 and yes_or_no(answers[0]),
        kind=intern(kind),
    )


def _study(study: str, asked: _Asked, mimic: MimicIndex, problems: Problems) -> Iterator[Study]:
    views: list[View] = []
    questions: list[Question] = []
    for dicom, own in asked.images.items():
        view = mimic.find(mimic.film(asked.subject, study, dicom))
        if view is None:
            thing = f"s{study}/{dicom}"
            problems.add(DataError(thing, "has questions but no image file", NO_IMAGE_REMEDY))
            continue
        questions += [replace(question, view=len(views)) for question in own]
        views.append(view)
    if views:
        yield Study(
            id=f"mimic-cxr-vqa/{study}",
            patient=f"mimic/{asked.subject}",
            source="mimic-cxr-vqa",
            views=tuple(views),
            questions=tuple(questions),
            sex=asked.sex,
            taken=mimic.taken(study),
            split=strictest(*asked.splits, mimic.splits.get(study)),
        )


SOURCE = Source(
    name="mimic-cxr-vqa",
    summary="377,000 questions from templates about frontal films of MIMIC-CXR, with lists of answers",
    files="train.json, valid.json, test.json (or in MIMIC-Ext-MIMIC-CXR-VQA/dataset/); MIMIC-CXR-JPG's "
    "files/; optional: its mimic-cxr-2.0.0-split.csv(.gz) and mimic-cxr-2.0.0-metadata.csv(.gz)",
    terms=PHYSIONET,
    citation="Bae et al., EHRXQA, NeurIPS 2023",
    read=read,
    access="credentialed",
)
