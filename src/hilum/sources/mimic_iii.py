"""MIMIC-III: radiology reports with findings and impression, without images, to be summed up.

hilum build --source mimic-iii=FOLDER --out DIR

Full name: MIMIC-III Clinical Database 1.4 (NOTEEVENTS), and the reports of RadSum, BioNLP 2023 shared task
1A, made from it. Access: credentialed (PhysioNet). Licence: PhysioNet Credentialed Health Data License 1.5.0.
Files, one of: `NOTEEVENTS.csv` (or `.csv.gz`; ROW_ID, SUBJECT_ID, CHARTDATE, CHARTTIME, CATEGORY,
DESCRIPTION, ISERROR, TEXT), or RadSum's
`<Modality>_<Anatomy>/{train,validate,test}.{findings,impression}.tok`, line for line. Citation: Johnson et
al., Scientific Data 2016; Delbrouck et al., BioNLP 2023.

The original sums up RadSum's reports, which are CT and MR of all regions and no radiograph of the chest. So
CT and MR are kept as text; radiographs of the chest are kept, too, as they are what Hilum is about;
everything else is counted as left out, and so are reports without both sections. `Study.group` is the
modality. From the notes a report is read as RadSum does: from "FINAL REPORT" on, page breaks "(Over) …
(Cont)" cut, what was removed ("[**…**]") written "___".

RadSum splits by report and names no patients, so that a patient's reports are on both sides of its split,
which is warned of; the notes name patients, and Hilum splits by them. Where both are there the notes alone
are read, since RadSum's reports are among them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from hilum.errors import DataError
from hilum.reports import parse_sections
from hilum.sources.base import PHYSIONET, SPLITS, Request, Seen, Source, is_there, numbered_rows, text_lines
from hilum.study import Report, Study

NOTES = "NOTEEVENTS.csv"
COLUMNS = (
    "ROW_ID",
    "SUBJECT_ID",
    "CHARTDATE",
    "CHARTTIME",
    "CATEGORY",
    "DESCRIPTION",
    "ISERROR",
    "TEXT",
)
MODALITIES = ("CT", "MR", "chest radiograph")
"""What `Study.group` may be."""

_CT = re.compile(r"\b(CT|CTA|CAT SCAN)\b", re.IGNORECASE)
_MR = re.compile(r"\b(MR|MRI|MRA|MRV|MRCP)\b", re.IGNORECASE)
_OTHER = re.compile(
    r"\b(U\.?S|ULTRASOUND|FLUORO\w*|ANGIO\w*|PERC\w*|GUID\w*|BIOPSY|DRAIN\w*)\b", re.IGNORECASE
)
_CHEST = re.compile(r"\b(CHEST|CXR)\b", re.IGNORECASE)
_FINAL = re.compile(r"FINAL REPORT")
_PAGE_BREAK = re.compile(r"\(Over\).*?\(Cont\)", re.DOTALL | re.IGNORECASE)
_REMOVED = re.compile(r"\[\*\*.*?\*\*\]", re.DOTALL)
_RULES = re.compile(r"_{4,}")
_IMPRESSION = re.compile(r"^\s*IMPRESSION\s*:", re.IGNORECASE | re.MULTILINE)


def read(request: Request) -> Iterator[Study]:
    """One study per report, without images, in the order of the files."""
    pairs = sorted(path for path in request.folder.iterdir() if _is_pair(path))
    if is_there(request.folder / NOTES):
        if pairs:
            request.notes.append("RadSum's folders are not read: their reports are among the notes")
        yield from _notes(request)
    elif pairs:
        request.warnings.append(
            "RadSum splits by report and names no patients: one may be on both sides; read NOTEEVENTS instead"
        )
        for pair in pairs:
            yield from _radsum(pair, request)
    else:
        raise DataError(
            request.folder / NOTES, "is missing", "download MIMIC-III's notes, or make RadSum's files"
        )


def _is_pair(path: Path) -> bool:
    return path.is_dir() and any(path.glob("*.findings.tok*"))


def _notes(request: Request) -> Iterator[Study]:
    seen = Seen(request.problems)
    for where, row in numbered_rows(request.folder / NOTES, COLUMNS, request.problems):
        if row["CATEGORY"].strip().lower() != "radiology":
            request.left_out["notes other than radiology's"] += 1
            continue
        row_id, subject = row["ROW_ID"].strip(), row["SUBJECT_ID"].strip()
        if not (row_id and subject):
            request.problems.add(DataError(where, "has no ROW_ID or SUBJECT_ID", "it is left out"))
            continue
        modality, report = _modality(row["DESCRIPTION"]), None
        if row["ISERROR"].strip() == "1":
            request.left_out["reports marked as errors"] += 1
        elif modality not in MODALITIES:
            request.left_out[f"reports of {modality}"] += 1
        elif (report := _report(row["TEXT"])) is None:
            request.left_out["reports without findings and one impression"] += 1
        if report is not None and not seen.again(f"mimic-iii/{row_id}"):
            yield Study(
                id=f"mimic-iii/{row_id}",
                patient=f"mimic-iii/{subject}",
                source="mimic-iii",
                views=(),
                report=report,
                taken=row["CHARTTIME"].strip() or row["CHARTDATE"].strip(),
                group=modality,
            )


def _modality(description: str) -> str:
    """What a note's DESCRIPTION is a report of."""
    if _OTHER.search(description):
        return "other examinations"
    words = ((_CT, "CT"), (_MR, "MR"), (_CHEST, "chest radiograph"))
    return next((name for pattern, name in words if pattern.search(description)), "other examinations")


def _report(text: str) -> Report | None:
    """The report's sections; None without exactly one impression, or without findings."""
    final = _FINAL.search(text)
    text = text[final.end() :] if final else text
    text = _REMOVED.sub("___", _PAGE_BREAK.sub("\n", _RULES.sub("\n", text)))
    report = parse_sections(text)
    several = len(_IMPRESSION.findall(text)) > 1
    return report if report.findings and report.impression and not several else None


def _radsum(folder: Path, request: Request) -> Iterator[Study]:
    modality = folder.name.split("_")[0].upper()
    for word in ("train", "validate", "test"):
        texts = [folder / f"{word}.{section}.tok" for section in ("findings", "impression")]
        there = [is_there(path) for path in texts]
        if not any(there):
            continue
        if not all(there):
            lacking = texts[there.index(False)]
            request.problems.add(
                DataError(f"{folder.name}/{lacking.name}", "is missing", "its part is left out")
            )
            continue
        counts = [sum(1 for _ in text_lines(path)) for path in texts]
        if counts[0] != counts[1]:
            thing = f"{folder.name}/{word}.findings.tok"
            problem = f"has {counts[0]} lines, its impressions {counts[1]}"
            request.problems.add(
                DataError(thing, problem, "its part is left out, since nothing says which fit")
            )
            continue
        for line, pair in enumerate(zip(*map(text_lines, texts), strict=True), start=1):
            findings, impression = (" ".join(text.split()) for text in pair)
            if not (findings and impression):
                thing = f"{folder.name}/{word}.findings.tok, line {line}"
                request.problems.add(DataError(thing, "has no findings or no impression", "it is left out"))
                continue
            identifier = f"mimic-iii/{folder.name}/{word}-{line}"
            yield Study(
                id=identifier,
                patient=identifier,
                source="mimic-iii",
                views=(),
                report=Report(findings=findings, impression=impression),
                group=modality,
                split=SPLITS[word],
            )


SOURCE = Source(
    name="mimic-iii",
    summary="radiology reports with findings and impression (CT, MR, chest radiographs), as text",
    files="NOTEEVENTS.csv(.gz); or RadSum's <Modality>_<Anatomy>/{train,validate,test}.{findings,impression}"
    ".tok",
    terms=PHYSIONET,
    citation="Johnson et al., Scientific Data 2016; Delbrouck et al., RadSum23, BioNLP 2023",
    read=read,
    access="credentialed",
)
