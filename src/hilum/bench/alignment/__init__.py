"""What alignment did: the page of one alignment, the over-optimisation study, the cost in other tasks."""

from hilum.bench.alignment.evaluation import Evaluation
from hilum.bench.alignment.page import write_page
from hilum.bench.alignment.pictures import PictureGrader
from hilum.bench.alignment.study import study
from hilum.bench.alignment.study_page import write_study
from hilum.bench.alignment.study_result import Cell, CellResult, Point, StudyResult
from hilum.bench.alignment.tax import TaxRow, tax

__all__ = [
    "Cell",
    "CellResult",
    "Evaluation",
    "PictureGrader",
    "Point",
    "StudyResult",
    "TaxRow",
    "study",
    "tax",
    "write_page",
    "write_study",
]
