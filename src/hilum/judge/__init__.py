"""How factual a report is, by another or by the truth: rules, trained networks, language models.

from hilum.judge import named_judge, score
score(["Small left pleural effusion."], ["Large left effusion."]).to_json()
named_judge("green", endpoint="http://127.0.0.1:8000/v1#green")(references, candidates)
"""

from hilum.judge.base import Judge
from hilum.judge.compare import compare
from hilum.judge.composed import Composite, LengthControlled
from hilum.judge.named import JUDGES, composite, named_judge
from hilum.judge.reward import as_reward
from hilum.judge.score import Verdicts, counted, mean, score

__all__ = [
    "JUDGES",
    "Composite",
    "Judge",
    "LengthControlled",
    "Verdicts",
    "as_reward",
    "compare",
    "composite",
    "counted",
    "mean",
    "named_judge",
    "score",
]
