"""MIMIC-CXR-Struct: reports of MIMIC-CXR that CheXagent's authors had a language model rewrite by anatomy.

hilum build --source mimic-cxr-struct=FOLDER --out DIR

FOLDER holds `mimic_cxr_struct.json`, {"findings": {"s59999901": text, …}, "impression": {…}}, each text
lines of "[Section: Subsection] description"; and MIMIC-CXR, there or beside it (see
`hilum.sources.mimic_cxr`), which has the images, split, prior studies, indications and patients. Access: not
public; the authors may not share it, as it is derived from MIMIC-CXR (credentialed; PhysioNet Credentialed
Health Data License 1.5.0). Cite: Chen et al., CheXagent, arXiv 2401.12208.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.base import Request, Source
from hilum.sources.json_rows import json_value
from hilum.sources.mimic_cxr import Joined
from hilum.sources.mimic_index import file_among, folders_below, mimic_id, visit_before
from hilum.study import Report, Study

FILE = "mimic_cxr_struct.json"
_SECTIONS = ("findings", "impression")


def read(request: Request) -> Iterator[Study]:
    """One study per visit that has a structured report, patient by patient, the earliest visit first.

    Indication and comparison are those of the original report. The prior is the visit right before, with its
    own structured report where it has one.
    """
    path = file_among(list(folders_below(request.folder)), FILE)
    if path is None:
        raise DataError(request.folder / FILE, "is missing", "ask its authors; it is not public")
    texts = _texts(path, request.problems)
    joined = Joined.open(request)
    for stray in sorted(texts.keys() - joined.index.visits.keys()):
        request.problems.add(DataError(f"s{stray}", "is not in MIMIC-CXR's metadata", "it is left out"))
    for visits in joined.index.patients():
        made: dict[str, Study] = {}
        told = [visit for visit in visits if visit.study in texts]
        before = {visit.study: prior.study for visit in told if (prior := visit_before(visits, visit))}
        needed = {visit.study for visit in told} | set(before.values())
        for visit in (visit for visit in visits if visit.study in needed):
            study = joined.study(visit, "mimic-cxr-struct")
            if visit.study not in texts:
                if study.views:
                    made[visit.study] = study
                continue
            original = joined.reports.of(visit.subject, visit.study) or Report()
            sections = {"findings": "", "impression": ""} | texts[visit.study]
            made[visit.study] = replace(study, report=replace(original, **sections))
            yield replace(made[visit.study], prior=made.get(before.get(visit.study, "")))


def _texts(path: Path, problems: Problems) -> dict[str, dict[str, str]]:
    """Study → section → text."""
    document = json_value(path)
    texts: dict[str, dict[str, str]] = {}
    for section in _SECTIONS:
        if not isinstance(document, dict) or not isinstance(document.get(section), dict):
            raise DataError(path, f"has no {section!r} by study", "get it again")
        for key, text in document[section].items():
            study = mimic_id(key)
            if not study or not isinstance(text, str) or not text.strip():
                problem = "is no study with a text"
                problems.add(DataError(f"{path.name}, {section}: {key}", problem, "it is left out"))
            elif section in texts.setdefault(study, {}):
                problems.add(
                    DataError(f"{path.name}, {section}: {key}", "is a duplicate id", "the first is kept")
                )
            else:
                texts[study][section] = text
    return texts


SOURCE = Source(
    name="mimic-cxr-struct",
    summary="reports of MIMIC-CXR written anew by anatomy, by a language model",
    files="mimic_cxr_struct.json; MIMIC-CXR in the folder or beside it",
    terms="not public; derived from MIMIC-CXR, whose license holds",
    citation="Chen et al., CheXagent, arXiv 2401.12208",
    read=read,
    access="not public",
)
