"""What models are asked: the wordings of every question, and which of a study's images are shown with it.

from hilum.prompts import Ask, canonical, report_views, word
canonical(Task.FINDINGS, indication="Cough.")      # the wording that people's own commands use

A leaf: `instruct` writes training conversations with these words and `model` asks with them, so neither
needs the other.
"""

from hilum.prompts.views import VIEWS, change_views, frontal, frontal_first, report_views
from hilum.prompts.wordings import INDICATIONS, UNCONDITIONAL, WORDINGS, Ask, Asked, canonical, word
from hilum.study import role_words

__all__ = [
    "INDICATIONS",
    "UNCONDITIONAL",
    "VIEWS",
    "WORDINGS",
    "Ask",
    "Asked",
    "canonical",
    "change_views",
    "frontal",
    "frontal_first",
    "report_views",
    "role_words",
    "word",
]
