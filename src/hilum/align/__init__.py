"""Preference tuning: sample, judge, pair, optimise.

result = align(model, items, AlignConfig(), run_dir)
"""

from hilum.align.answers import AnswerBatch, answer_log_probabilities, pack
from hilum.align.objective import Algorithm, PreferenceObjective
from hilum.align.pairs import pair
from hilum.align.tune import AlignConfig, AlignItem, AlignResult, align

__all__ = [
    "Algorithm",
    "AlignConfig",
    "AlignItem",
    "AlignResult",
    "AnswerBatch",
    "PreferenceObjective",
    "align",
    "answer_log_probabilities",
    "pack",
    "pair",
]
