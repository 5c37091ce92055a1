"""Preference tuning: sample, judge, pair, reference, train; every step's result is kept on disk.

result = align(model, prompts, AlignConfig(), store)
"""

from hilum.align.answers import AnswerBatch, answer_log_probabilities, pack
from hilum.align.config import ENCODER_FROZEN, AlignConfig, Pairing
from hilum.align.objective import Algorithm, PreferenceObjective
from hilum.align.prompts import AlignItem, Prompts
from hilum.align.result import AlignResult, RoundResult
from hilum.align.run import align
from hilum.align.verdicts import Grader, Reports

__all__ = [
    "ENCODER_FROZEN",
    "Algorithm",
    "AlignConfig",
    "AlignItem",
    "AlignResult",
    "AnswerBatch",
    "Grader",
    "Pairing",
    "PreferenceObjective",
    "Prompts",
    "Reports",
    "RoundResult",
    "align",
    "answer_log_probabilities",
    "pack",
]
