"""Reports: facts read from free text, and reports written from facts.

from hilum.reports import extract_facts
extract_facts("Small left pleural effusion. No pneumothorax.")
"""

from hilum.reports.brief import in_brief
from hilum.reports.change import speaks_of_change
from hilum.reports.details import RIGHT_TIPS, WRONG_TIPS
from hilum.reports.facts import extract_facts
from hilum.reports.language import is_english
from hilum.reports.naming import name_of, names
from hilum.reports.phrases import phrase
from hilum.reports.restructure import Anatomy, Section, StructuredReport, restructure
from hilum.reports.sections import parse_sections, sentences
from hilum.reports.write import write_report

__all__ = [
    "RIGHT_TIPS",
    "WRONG_TIPS",
    "Anatomy",
    "Section",
    "StructuredReport",
    "extract_facts",
    "in_brief",
    "is_english",
    "name_of",
    "names",
    "parse_sections",
    "phrase",
    "restructure",
    "sentences",
    "speaks_of_change",
    "write_report",
]
