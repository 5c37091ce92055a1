"""Reports in English that a user puts beside a source whose own are in another language.

texts = Translations.open(request, "StudyID")      # FOLDER/translations.csv, columns StudyID and report
texts.report("100001")
texts.note_unmatched()

PadChest and BIMCV-COVID19 have Spanish reports. CheXinstruct asks for their impressions in English, but its
translation was never released with it; the shared task RRG24 gave its participants one of both sets, by
GPT-4.
"""

from __future__ import annotations

from hilum.errors import DataError
from hilum.files import Problems
from hilum.reports import is_english, parse_sections
from hilum.reports.sections import section_spans
from hilum.sources.base import Request, duplicate, is_there, numbered_rows
from hilum.study import Report

FILE = "translations.csv"
_TEXT = "report"


class Translations:
    """The texts of a source's `translations.csv`, each taken once, by its study.

    Args:
        rows: study → what its row is called in errors, and the text.
    """

    def __init__(self, rows: dict[str, tuple[str, str]], problems: Problems) -> None:
        self._rows = rows
        self._problems = problems

    @classmethod
    def open(cls, request: Request, study: str) -> Translations:
        """Read the file, also as `.gz` or `.zip`; without one there is no translation of any study.

        What is read of the reports is noted; a row without a text, or of a study that has one, is counted.

        Args:
            study: the column that names a study.

        Raises:
            DataError: it lacks that column or `report`.
        """
        path, rows = request.folder / FILE, dict[str, tuple[str, str]]()
        if not is_there(path):
            request.notes.append("reports are Spanish and are not read; their labels are")
            return cls(rows, request.problems)
        request.notes.append(f"reports are read as {FILE} translates them; others are Spanish and are not")
        for where, row in numbered_rows(path, (study, _TEXT), request.problems):
            name = row[study].strip()
            if name in rows:
                request.problems.add(duplicate(f"{where}: {name}"))
            elif not (name and row[_TEXT].strip()):
                problem = "names no study or has no text"
                request.problems.add(DataError(where, problem, "it is left out"))
            else:
                rows[name] = where, row[_TEXT]
        return cls(rows, request.problems)

    def report(self, study: str) -> Report | None:
        """The translation of a study's report; None without one, or with one that is not in English.

        A text without any heading is the impression, as CheXinstruct has it.
        """
        if study not in self._rows:
            return None
        where, text = self._rows.pop(study)
        report = parse_sections(text)
        if not is_english(report.text):
            problem = "has no text in English"
            self._problems.add(DataError(f"{where}: {study}", problem, "the study is kept without it"))
            return None
        headed = any(start for _, start, _ in section_spans(text))
        return report if headed else Report(impression=report.findings)

    def note_unmatched(self) -> None:
        """Count the rows that no study has taken."""
        for name, (where, _) in self._rows.items():
            problem = "translates no study that is there"
            self._problems.add(DataError(f"{where}: {name}", problem, "it is left out"))
