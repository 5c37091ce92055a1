r"""The reports of MIMIC-CXR: by section from a table, or from their text files, unpacked or in their archive.

reports = MimicReports(index, problems)
reports.of("19999901", "59999901").findings

parse_mimic_report(" FINDINGS:\n \n Clear lungs.").findings      # "Clear lungs."
"""

from __future__ import annotations

import re
import sqlite3
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import OSA

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.base import as_text, duplicate, numbered_rows
from hilum.sources.mimic_index import MimicIndex, file_among, mimic_id, table_among
from hilum.study import Report

SECTIONED = "mimic_cxr_sectioned.csv"
"""What MIT-LCP's `create_section_files.py` makes of the text files."""

ARCHIVE = "mimic-cxr-reports.zip"

_COLUMNS = ("impression", "findings", "last_paragraph", "comparison", "indication", "history")

_HEADER: Final = re.compile(r"^ *([A-Z][A-Z ()/,-]*):(?=\s)", re.MULTILINE)
_TITLE: Final = re.compile(r"^\s*FINAL REPORT\s*$", re.MULTILINE)
_BLANK_LINE: Final = re.compile(r"\n[ \t]*\n")
_HEADINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "impression": (
        "impression",
        "impressions",
        "conclusion",
        "conclusions",
        "findings and impression",
        "findings/impression",
        "impression/recommendation",
        "impression and recommendation",
    ),
    "findings": ("findings", "finding"),
    "indication": (
        "indication",
        "indications",
        "clinical indication",
        "reason for exam",
        "reason for examination",
        "reason for the exam",
        "reason for study",
    ),
    "history": ("history", "clinical history", "clinical information", "patient history", "pfi"),
    "comparison": (
        "comparison",
        "comparisons",
        "comparison exam",
        "comparison film",
        "comparison study",
        "reference exam",
    ),
    "other": (
        "examination",
        "exam",
        "type of exam",
        "type of examination",
        "technique",
        "notification",
        "notifications",
        "recommendation",
        "recommendations",
        "addendum",
        "wet read",
        "date",
        "comment",
        "comments",
        "procedure",
        "view",
        "views",
    ),
}
_NAMES: Final = {name: section for section, names in _HEADINGS.items() for name in names}
_LONG_NAMES: Final = [name for name in _NAMES if len(name) >= 7]
_WITHIN: Final = {
    "impression": "impression",
    "findings": "findings",
    "history": "history",
    "comparison": "comparison",
    "indication": "indication",
    "reason": "indication",
    "technique": "other",
}
"""Words of a longer heading, and the section it is of."""
_FILMS: Final = ("chest", "portable", "frontal", "lateral", "view", "radiograph", "ribs")
"""Words of a heading that names the films and stands above what is seen in them."""


@lru_cache(maxsize=4096)
def _section(header: str) -> str:
    """The section of a heading, which may be misspelt: "IMPRESSON", "NDICATION"."""
    name = " ".join(header.lower().split())
    if name in _NAMES:
        return _NAMES[name]
    near = process.extractOne(name, _LONG_NAMES, scorer=OSA.distance, score_cutoff=2)
    if near:
        return _NAMES[near[0]]
    known = next((section for word, section in _WITHIN.items() if word in name), None)
    return known or ("findings" if any(word in name for word in _FILMS) else "other")


def parse_mimic_report(text: str) -> Report | None:
    """The sections of a report's text; None where nothing in it describes the images.

    A heading stands at the beginning of a line in capitals and ends in a colon; of two sections of a name
    the last counts, because addenda stand on top. As MIT-LCP's own section parser has it, what has neither
    findings nor an impression says them after the first blank line of its last section, and what has no
    heading is findings as a whole. Unlike there, a misspelt indication is no impression.
    """
    text = _TITLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    headers = list(_HEADER.finditer(text))
    ends = [*(header.start() for header in headers[1:]), len(text)]
    bodies = (
        [(_section(header[1]), text[header.end() : end]) for header, end in zip(headers, ends, strict=True)]
        if headers
        else [("findings", text)]
    )
    sections = {name: words for name, body in bodies if (words := " ".join(body.split()))}
    if "findings" not in sections and "impression" not in sections:
        name, body = bodies[-1]
        blocks = _BLANK_LINE.split(body)
        if len(blocks) > 2 and not blocks[0].strip():  # the heading stands alone on its line
            del blocks[0]
        sections[name] = blocks[0]
        sections["findings"] = " ".join(blocks[1:])
    return _report(sections)


def _report(sections: Mapping[str, str]) -> Report | None:
    said = {name: " ".join(text.split()) for name, text in sections.items()}
    findings, impression = said.get("findings", ""), said.get("impression", "")
    if not findings and not impression:
        findings = said.get("last_paragraph", "")
    indication = said.get("indication") or said.get("history", "")
    report = Report(indication, said.get("comparison", ""), findings, impression)
    return report if report.text else None


class MimicReports:
    """Finds the report of a study.

    The table of sections comes first. It has no indication, and some reports are not in it: those it takes
    from the text files, where they lie beside the studies' folders or in their archive. The table is kept
    in a temporary file of SQLite, not in memory.
    """

    def __init__(self, index: MimicIndex, problems: Problems) -> None:
        self._problems = problems
        self._roots = index.roots
        self._table = self._sectioned(table_among(index.folders, SECTIONED), index)
        self._archive, self._members = self._opened(file_among(index.folders, ARCHIVE))
        beside = any(_first_text(root) for root in index.roots)
        found = {SECTIONED: self._table, ARCHIVE: self._archive, "text files": beside}
        self.places = [name for name, there in found.items() if there]

    def of(self, subject: str, study: str) -> Report | None:
        """The report of a study; None, and a problem, where there are reports but none of this study."""
        if not self.places:
            return None
        sections = self._row(study)
        report = _report(sections) if sections else None
        if report is None or not report.indication:
            text = self._text(subject, study)
            parsed = parse_mimic_report(text) if text else None
            if report is None:
                report = parsed
            elif parsed is not None:
                report = Report(parsed.indication, report.comparison, report.findings, report.impression)
        if report is None:
            self._problems.add(DataError(f"s{study}", "has no report", "the study is kept without it"))
        return report

    def _sectioned(self, path: Path | None, index: MimicIndex) -> sqlite3.Connection | None:
        if path is None:
            return None
        table = sqlite3.connect("", check_same_thread=False)
        table.execute("PRAGMA journal_mode = OFF")
        table.execute(f"CREATE TABLE reports (study TEXT PRIMARY KEY, {', '.join(_COLUMNS)}) WITHOUT ROWID")
        statement = f"INSERT INTO reports VALUES ({', '.join('?' * (1 + len(_COLUMNS)))})"
        for where, row in numbered_rows(path, ("study", "impression", "findings"), self._problems):
            study = mimic_id(row["study"])
            if not study:
                self._problems.add(DataError(where, "names no study", "it is left out"))
                continue
            if index.visits and study not in index.visits:
                problem = "has a report but is not in the metadata"
                self._problems.add(DataError(f"s{study}", problem, "it is left out"))
                continue
            try:
                table.execute(statement, (study, *(row.get(column, "") for column in _COLUMNS)))
            except sqlite3.IntegrityError:
                self._problems.add(duplicate(where))
        return table

    def _row(self, study: str) -> dict[str, str]:
        if self._table is None:
            return {}
        row = self._table.execute("SELECT * FROM reports WHERE study = ?", (study,)).fetchone()
        return dict(zip(_COLUMNS, row[1:], strict=True)) if row else {}

    def _opened(self, path: Path | None) -> tuple[zipfile.ZipFile | None, dict[str, str]]:
        """The archive of the text files and its members by file name; it also has them in a folder."""
        if path is None:
            return None, {}
        try:
            archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            problem = f"cannot be unpacked ({error})"
            self._problems.add(DataError(path.name, problem, "download it again; its reports are left out"))
            return None, {}
        return archive, {name.rsplit("/", 1)[-1]: name for name in archive.namelist()}

    def _text(self, subject: str, study: str) -> str:
        return as_text(next(self._files(subject, study), b""))

    def _files(self, subject: str, study: str) -> Iterator[bytes]:
        name = f"s{study}.txt"
        try:
            for root in self._roots:
                path = root / f"p{subject[:2]}/p{subject}/{name}"
                if path.is_file():
                    yield path.read_bytes()
            if self._archive is not None and name in self._members:
                yield self._archive.read(self._members[name])
        except (OSError, zipfile.BadZipFile, zlib.error) as error:
            self._problems.add(DataError(name, f"cannot be read ({type(error).__name__})", "get it again"))


def _first_text(root: Path) -> Path | None:
    """A text file of the first patient that has any folder: all have them, or none."""
    for part in sorted(root.glob("p1[0-9]")):
        patient = next((path for path in sorted(part.glob("p1*")) if path.is_dir()), None)
        if patient is not None:
            return next(patient.glob("s*.txt"), None)
    return None
