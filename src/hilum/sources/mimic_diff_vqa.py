"""Medical-Diff-VQA (MIMIC-Diff-VQA): questions on a film and on what changed since a reference film.

hilum build --source mimic-diff-vqa=FOLDER --out DIR

Full name: Medical-Diff-VQA, A Large-Scale Medical Dataset for Difference Visual Question Answering on Chest
X-Ray Images 1.0.1. Access: credentialed (PhysioNet). Licence: PhysioNet Credentialed Health Data License
1.5.0. Files: `mimic_pair_questions.csv` (study_id, subject_id, ref_id, question_type, question, answer,
split), `mimic_all.csv` (subject_id, study_id, 14 labels, dicom_id, view, split, study_date, study_order),
optional `all_diseases.json` (study_id, entity, no_entity); and MIMIC-CXR's images, see `mimic_index`.
Citation: Hu et al., KDD 2023.

A pair of a study and its reference is one `Study` with the reference as its prior (the original showed the
current film alone, and took three of the seven types). Some pairs have the later study as reference: such a
pair's questions of change are left out and counted, for a prior that is later teaches time the wrong way
round; the order is that of the dates, then of `study_order`. Of `all_diseases.json` the entities are taken,
not their places and grades, which the questions ask for. The file's own split parts questions and not
patients, so that MIMIC-CXR's split (`mimic_all.csv`, which has it) is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from sys import intern
from typing import Any

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.base import PHYSIONET, SPLITS, Request, Seen, Source, number, numbered_rows
from hilum.sources.chexpert_labels import mined_labels
from hilum.sources.image_questions import yes_or_no
from hilum.sources.json_rows import json_list, words_of
from hilum.sources.mimic_index import (
    NO_IMAGE_REMEDY,
    MimicIndex,
    dicom_id,
    mimic_id,
    position_of,
    time_of,
)
from hilum.study import Finding, Position, Presence, Question, Split, Study, View, strictest

PAIRS, STUDIES, DISEASES = "mimic_pair_questions.csv", "mimic_all.csv", "all_diseases.json"
TYPES = ("abnormality", "presence", "view", "location", "level", "type", "difference")

_PAIR_COLUMNS = ("study_id", "subject_id", "ref_id", "question_type", "question", "answer")
_STUDY_COLUMNS = ("subject_id", "study_id", "dicom_id", "view", "split", "study_date", "study_order")
_FINDINGS = {finding.value.lower(): finding for finding in Finding}


@dataclass(frozen=True, slots=True)
class _Film:
    """A row of `mimic_all.csv`: a study's frontal image and what is said of it."""

    subject: str
    dicom: str
    position: Position
    split: Split | None
    taken: str
    order: float
    labels: tuple[tuple[Finding, Presence], ...]

    def after(self, other: _Film) -> bool:
        return (self.taken[:10], self.order) > (other.taken[:10], other.order)


def read(request: Request) -> Iterator[Study]:
    """One study per pair, in the order in which the pairs are first asked about."""
    films = _films(request)
    pairs = _pairs(request, films)
    terms = _terms(request.folder, request.problems)
    mimic = MimicIndex.open(request.folder, request.problems, required=False)
    for (study, reference), questions in pairs.items():
        made = _study(study, reference, questions, films, terms, mimic, request)
        if made is not None:
            yield made


def _films(request: Request) -> dict[str, _Film]:
    films: dict[str, _Film] = {}
    seen = Seen(request.problems)
    path = request.folder / STUDIES
    for where, row in numbered_rows(path, _STUDY_COLUMNS, request.problems):
        study, subject = mimic_id(row["study_id"]), mimic_id(row["subject_id"])
        dicom = dicom_id(row["dicom_id"])
        if not (study and subject and dicom):
            request.problems.add(DataError(where, "has no study, patient or image id", "it is left out"))
        elif not seen.again(f"{path.name}: s{study}"):
            films[study] = _Film(
                subject,
                dicom,
                position_of(row["view"]),
                SPLITS.get(row["split"].strip().lower()),
                row["study_date"].strip() if "-" in row["study_date"] else time_of(row["study_date"]),
                number(row["study_order"]) or 0.0,
                tuple(mined_labels(row, where, request.problems).items()),
            )
    return films


def _pairs(request: Request, films: Mapping[str, _Film]) -> dict[tuple[str, str], list[Question]]:
    """Study and reference → questions. Those about a change since a later study are left out."""
    pairs: dict[tuple[str, str], list[Question]] = {}
    for where, row in numbered_rows(request.folder / PAIRS, _PAIR_COLUMNS, request.problems):
        study, reference = mimic_id(row["study_id"]), mimic_id(row["ref_id"])
        kind, question, answer = (
            intern(" ".join(row[name].split())) for name in ("question_type", "question", "answer")
        )
        problem = None
        if not (study and question and answer):
            problem = "has no study, question or answer"
        elif kind.lower() not in TYPES:
            problem = "has an unknown question_type"
        elif study not in films:
            problem = f"is about a study that {STUDIES} has not"
        elif mimic_id(row["subject_id"]) != films[study].subject:
            problem = f"has another patient than {STUDIES}"
        asked = _question(kind.lower(), question, answer)
        if problem is None and asked in pairs.get((study, reference), ()):
            problem = "is a duplicate"
        if problem:
            request.problems.add(DataError(where, problem, "it is left out"))
        elif asked.compares and reference in films and films[reference].after(films[study]):
            request.left_out["questions on the change since a later study"] += 1
        else:
            pairs.setdefault((study, reference), []).append(asked)
    return pairs


def _question(kind: str, question: str, answer: str) -> Question:
    closed = yes_or_no(answer)
    given = answer.rstrip(".") if closed else answer
    return Question(question, given, closed, kind=kind, compares=kind == "difference")


def _study(
    study: str,
    reference: str,
    questions: list[Question],
    films: Mapping[str, _Film],
    terms: Mapping[str, Mapping[str, Presence]],
    mimic: MimicIndex,
    request: Request,
) -> Study | None:
    film = films[study]
    view = _view(study, film, mimic)
    if view is None:
        problem = DataError(f"s{study}", "has questions but no image file", NO_IMAGE_REMEDY)
        request.problems.add(problem)
        return None
    prior = _prior(reference, film, films, mimic)
    if prior is None and any(question.compares for question in questions):
        remedy = "its questions on the change are left out"
        request.problems.add(DataError(f"s{study}, s{reference}", "has no image of its reference", remedy))
        questions = [question for question in questions if not question.compares]
        if not questions:
            return None
    return Study(
        id=f"mimic-diff-vqa/{study}-{reference}" if reference else f"mimic-diff-vqa/{study}",
        patient=f"mimic/{film.subject}",
        source="mimic-diff-vqa",
        views=(view,),
        labels=dict(film.labels),
        terms=terms.get(study, {}),
        questions=tuple(questions),
        taken=mimic.taken(study) or film.taken,
        prior=prior,
        split=strictest(film.split, mimic.splits.get(study)),
    )


def _view(study: str, film: _Film, mimic: MimicIndex) -> View | None:
    view = mimic.find(mimic.film(film.subject, study, film.dicom))
    if view is not None and view.position is Position.UNKNOWN:
        return replace(view, position=film.position)
    return view


def _prior(reference: str, film: _Film, films: Mapping[str, _Film], mimic: MimicIndex) -> Study | None:
    """The reference as a study without questions; None when it is later, another patient's or not there."""
    earlier = films.get(reference)
    if earlier is None or earlier.subject != film.subject or earlier.after(film):
        return None
    view = _view(reference, earlier, mimic)
    if view is None:
        return None
    return Study(
        id=f"mimic-diff-vqa/{reference}",
        patient=f"mimic/{earlier.subject}",
        source="mimic-diff-vqa",
        views=(view,),
        labels=dict(earlier.labels),
        taken=mimic.taken(reference) or earlier.taken,
        split=earlier.split,
    )


def _terms(folder: Path, problems: Problems) -> dict[str, dict[str, Presence]]:
    """Study → the entities that its report states or denies, as far as they are no `Finding`."""
    path = folder / DISEASES
    terms: dict[str, dict[str, Presence]] = {}
    if not path.is_file():
        return terms
    for where, row in json_list(path, problems):
        study, there, not_there = mimic_id(row.get("study_id", "")), row.get("entity"), row.get("no_entity")
        if not (study and isinstance(there, dict) and isinstance(not_there, list)):
            problems.add(DataError(where, "has no study_id, entity or no_entity", "it is left out"))
            continue
        terms[study] = {
            **_stated(not_there, Presence.ABSENT),
            **_stated(there, Presence.PRESENT),
        }
    return terms


def _stated(entities: Any, presence: Presence) -> dict[str, Presence]:
    names = (intern(words_of(entity).lower()) for entity in entities)
    return {name: presence for name in names if name and name not in _FINDINGS}


SOURCE = Source(
    name="mimic-diff-vqa",
    summary="700,703 questions on 164,324 pairs of films of MIMIC-CXR, some on what changed",
    files="mimic_pair_questions.csv, mimic_all.csv; MIMIC-CXR-JPG's files/; optional: all_diseases.json, "
    "mimic-cxr-2.0.0-metadata.csv(.gz)",
    terms=PHYSIONET,
    citation="Hu et al., Expert Knowledge-Aware Image Difference Graph Representation Learning, KDD 2023",
    read=read,
    access="credentialed",
)
