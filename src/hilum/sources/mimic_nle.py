"""MIMIC-NLE: sentences of MIMIC-CXR reports that explain a diagnosis by what is seen.

hilum build --source mimic-nle=FOLDER --out DIR

Full name: MIMIC-NLE, natural language explanations for chest X-ray diagnoses. Access: credentialed
(PhysioNet), as the texts are MIMIC-CXR's; the queries alone are on GitHub. Licence: PhysioNet Credentialed
Health Data License 1.5.0 for the texts; none stated for the queries. Files: `mimic-nle-train.json`,
`mimic-nle-dev.json`, `mimic-nle-test.json` as `extract_mimic_nle.py` writes them (JSON lines with
sentence_ID, nle, report_ID, patient_ID, diagnosis_label, evidence_label, img_labels), and MIMIC-CXR's images,
see `mimic_index`. Citation: Kayser et al., MICCAI 2022.

An example is `TextExample(EXPLANATION, (diagnoses, evidence), explanation)`: the names of the diagnoses it
explains and of the findings named as evidence, each joined by commas, the second left out where there is
none; it is about the study's first frontal view. Labels that are positive or uncertain become the study's
labels; "negative" also stands for what the report does not mention, and says nothing. The dataset follows
MIMIC-CXR's split; where the two differ a study goes to the stricter (the original took MIMIC-CXR's).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.base import PHYSIONET, SPLITS, Request, Seen, Source, parts_there
from hilum.sources.json_rows import json_lines, words_of
from hilum.sources.mimic_index import NO_IMAGE_REMEDY, MimicIndex, mimic_id
from hilum.study import Finding, Presence, Split, Study, TextExample, TextKind, strictest

DIAGNOSES = (
    Finding.ATELECTASIS,
    Finding.CONSOLIDATION,
    Finding.EDEMA,
    Finding.ENLARGED_CARDIOMEDIASTINUM,
    Finding.LUNG_LESION,
    Finding.LUNG_OPACITY,
    Finding.PLEURAL_EFFUSION,
    Finding.PLEURAL_OTHER,
    Finding.PNEUMONIA,
    Finding.PNEUMOTHORAX,
)
"""What the places of the label lists stand for."""

FILES = ("mimic-nle-train.json", "mimic-nle-dev.json", "mimic-nle-test.json")
PLACES = (".", "mimic-nle")
_REMEDY = "run extract_mimic_nle.py of MIMIC-NLE on the reports: the queries alone have no text"
_STATES = (None, Presence.UNCERTAIN, Presence.PRESENT)


@dataclass
class _Explained:
    subject: str
    texts: list[TextExample] = field(default_factory=list)
    labels: dict[Finding, Presence] = field(default_factory=dict)
    splits: set[Split] = field(default_factory=set)


def read(request: Request) -> Iterator[Study]:
    """One study per MIMIC study with all its explanations, in the order of the files."""
    mimic = MimicIndex.open(request.folder, request.problems, required=False)
    seen = Seen(request.problems)
    studies: dict[str, _Explained] = {}
    for path in parts_there(request, FILES, _REMEDY, "explanations", PLACES):
        split = SPLITS[path.stem.rsplit("-", 1)[1]]
        for where, row in json_lines(path, request.problems):
            try:
                _add(studies, row, split, mimic, seen)
            except ValueError as error:
                request.problems.add(DataError(where, str(error), "it is left out"))
    for study, explained in studies.items():
        made = _study(study, explained, mimic, request.problems)
        if made is not None:
            yield made


def _add(
    studies: dict[str, _Explained], row: Mapping[str, Any], split: Split, mimic: MimicIndex, seen: Seen
) -> None:
    """Put an explanation with its study's others.

    Raises:
        ValueError: it lacks something.
    """
    sentence, text = words_of(row.get("sentence_ID")), words_of(row.get("nle"))
    study = mimic_id(sentence.split("#")[0])
    subject = mimic_id(row.get("patient_ID", "")) or mimic.subject(study)
    if not study or "#" not in sentence:
        raise ValueError("has no sentence_ID")
    if not text:
        raise ValueError("has no nle, so it is a query without its text")
    if not subject:
        raise ValueError("has no patient_ID")
    diagnoses, evidence = (_named(row.get(key), key) for key in ("diagnosis_label", "evidence_label"))
    if not diagnoses:
        raise ValueError("has a diagnosis_label without a diagnosis")
    labels = _labels(row.get("img_labels"))
    if seen.again(sentence):
        return
    explained = studies.setdefault(study, _Explained(subject))
    given = (diagnoses, evidence) if evidence else (diagnoses,)
    explained.texts.append(TextExample(TextKind.EXPLANATION, given, text, view=0))
    explained.labels.update(labels)
    explained.splits.add(split)


def _named(flags: Any, key: str) -> str:
    """The findings of a list of ten 0 and 1 by name."""
    if (
        not isinstance(flags, list)
        or len(flags) != len(DIAGNOSES)
        or any(flag not in (0, 1) for flag in flags)
    ):
        raise ValueError(f"has a {key} that is no list of ten 0 and 1")
    return ", ".join(finding.value for finding, flag in zip(DIAGNOSES, flags, strict=True) if flag)


def _labels(rows: Any) -> dict[Finding, Presence]:
    if not isinstance(rows, list) or len(rows) != len(DIAGNOSES):
        raise ValueError("has img_labels that are no list of ten")
    labels: dict[Finding, Presence] = {}
    for finding, row in zip(DIAGNOSES, rows, strict=True):
        if not isinstance(row, list) or len(row) != 3 or sorted(row, key=str) != [0, 0, 1]:
            raise ValueError("has img_labels that are not one of three")
        state = _STATES[row.index(1)]
        if state is not None:
            labels[finding] = state
    return labels


def _study(study: str, explained: _Explained, mimic: MimicIndex, problems: Problems) -> Study | None:
    views = mimic.views(explained.subject, study)
    if not views:
        problem = "has explanations but no image file"
        problems.add(DataError(f"s{study}", problem, NO_IMAGE_REMEDY))
        return None
    return Study(
        id=f"mimic-nle/{study}",
        patient=f"mimic/{explained.subject}",
        source="mimic-nle",
        views=views,
        labels=explained.labels,
        texts=tuple(explained.texts),
        taken=mimic.taken(study),
        split=strictest(*explained.splits, mimic.splits.get(study)),
    )


SOURCE = Source(
    name="mimic-nle",
    summary="38,000 sentences of MIMIC-CXR reports that explain a diagnosis",
    files="mimic-nle-train.json, mimic-nle-dev.json, mimic-nle-test.json (with texts); "
    "MIMIC-CXR-JPG's files/; optional: its "
    "mimic-cxr-2.0.0-split.csv(.gz) and mimic-cxr-2.0.0-metadata.csv(.gz)",
    terms=f"texts: {PHYSIONET}; queries: no licence stated",
    citation="Kayser et al., Explaining Chest X-ray Pathologies in Natural Language, MICCAI 2022",
    read=read,
    access="credentialed",
)
