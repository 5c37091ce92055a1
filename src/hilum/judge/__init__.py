"""How factual a report is, against another or against the truth, in GREEN's six error categories.

from hilum.judge import score
score(["Small left pleural effusion."], ["Large left effusion."]).to_json()
"""

from hilum.judge.compare import compare
from hilum.judge.score import Verdicts, counted, mean, score

__all__ = ["Verdicts", "compare", "counted", "mean", "score"]
