"""RadGraph: reports with the anatomy and the observations that radiologists marked in them.

hilum build --source radgraph=FOLDER --out DIR

Full name: RadGraph, Extracting Clinical Entities and Relations from Radiology Reports 1.0.0. Access:
credentialed (PhysioNet). Licence: PhysioNet Credentialed Health Data License 1.5.0. Files: `train.json`,
`dev.json`, `test.json`: objects by report path, each with text and entities (tokens, label, start_ix, end_ix,
relations); in `test.json` entities lie under labeler_1 and labeler_2. Citation: Jain et al., NeurIPS Datasets
and Benchmarks 2021.

An example is `TextExample(ENTITIES, (text,), answer)`; the answer lists the entities in the order of the
text:

    anatomy: lungs; observation definitely present: clear; observation definitely absent: effusion

Of the two labelers of the test set the first is taken. Relations are not read, and neither are the graphs
that a model made (`MIMIC-CXR_graphs.json`, `CheXpert_graphs.json`). Patients are those of MIMIC-CXR and
CheXpert where the path names them. The dataset's own split is of reports and not MIMIC-CXR's: where that
one's table is in the folder or beside it, a report goes to the stricter of the two (the original took
MIMIC-CXR's).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hilum.errors import DataError
from hilum.sources.base import PHYSIONET, SPLITS, Request, Seen, Source, parts_there
from hilum.sources.json_rows import json_document
from hilum.sources.mimic_index import MimicIndex
from hilum.study import Study, TextExample, TextKind, strictest

TYPES: Mapping[str, str] = {
    "ANAT-DP": "anatomy",
    "OBS-DP": "observation definitely present",
    "OBS-DA": "observation definitely absent",
    "OBS-U": "observation uncertain",
}
"""The labels in words, as answers write them."""

FILES = ("train.json", "dev.json", "test.json")

_MIMIC = re.compile(r"p(\d{8})/s(\d{8})(?:\.txt)?$", re.ASCII)
_CHEXPERT = re.compile(r"(patient\d+)(?!\d)", re.ASCII)


def read(request: Request) -> Iterator[Study]:
    """One study per report, without images, in the order of the files."""
    files = parts_there(request, FILES, "download RadGraph", "reports")
    request.notes.append("relations between entities are not read")
    mimic = MimicIndex.open(request.folder, request.problems, required=False)
    seen = Seen(request.problems)
    for path in files:
        for key, row in json_document(path).items():
            try:
                example = _example(row)
            except ValueError as error:
                request.problems.add(DataError(f"{path.name}: {key}", str(error), "it is left out"))
                continue
            patient, study = _names(key)
            if seen.again(f"radgraph/{study}"):
                continue
            if "labeler_2" in row:
                request.left_out["second labelings"] += 1
            yield Study(
                f"radgraph/{study}",
                patient,
                "radgraph",
                (),
                texts=(example,),
                split=strictest(SPLITS[path.stem], mimic.splits.get(study)),
            )


def _names(key: str) -> tuple[str, str]:
    """Patient and study of a report's path: MIMIC-CXR's, CheXpert's, or else the path itself."""
    if found := _MIMIC.search(key):
        return f"mimic/{found[1]}", found[2]
    study = key.removesuffix(".txt")
    found = _CHEXPERT.search(key)
    return f"chexpert/{found[1]}" if found else f"radgraph/{study}", study


def _example(row: Any) -> TextExample:
    """A report with its entities.

    Raises:
        ValueError: it lacks its text or entities, or an entity is not as published.
    """
    graph = row.get("labeler_1", row) if isinstance(row, dict) else None
    text = row.get("text") if isinstance(row, dict) else None
    entities = graph.get("entities") if isinstance(graph, dict) else None
    if not (isinstance(text, str) and text.strip() and isinstance(entities, dict)):
        raise ValueError("has no text or no entities")
    tokens = text.split()
    placed = sorted(_entity(entity, tokens) for entity in entities.values())
    return TextExample(TextKind.ENTITIES, (" ".join(tokens),), "; ".join(words for *_, words in placed))


def _entity(entity: Any, tokens: list[str]) -> tuple[int, int, str]:
    """Where an entity stands, and its type with its words."""
    label, words, start, end = (
        entity.get(key) if isinstance(entity, dict) else None
        for key in ("label", "tokens", "start_ix", "end_ix")
    )
    if not isinstance(label, str) or label not in TYPES:
        raise ValueError(f"has an entity whose label is none of {', '.join(TYPES)}")
    if not (isinstance(start, int) and isinstance(end, int) and 0 <= start <= end < len(tokens)):
        raise ValueError("has an entity outside its text")
    if not isinstance(words, str) or words.split() != tokens[start : end + 1]:
        raise ValueError("has an entity whose tokens are not those of its text")
    # A semicolon parts entities.
    return start, end, f"{TYPES[label]}: {' '.join(words.split()).replace(';', ',')}"


SOURCE = Source(
    name="radgraph",
    summary="600 reports of MIMIC-CXR and CheXpert with anatomy and observations marked by radiologists",
    files="train.json, dev.json, test.json; optional: MIMIC-CXR's mimic-cxr-2.0.0-split.csv(.gz)",
    terms=PHYSIONET,
    citation="Jain et al., RadGraph, NeurIPS Datasets and Benchmarks 2021",
    read=read,
    access="credentialed",
)
