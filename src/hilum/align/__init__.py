"""Preference tuning: sample, judge, pair, optimise.

result = align(model, items, AlignConfig(), run_dir)
"""

from hilum.align.pairs import pair
from hilum.align.tune import AlignConfig, AlignItem, AlignResult, align

__all__ = ["AlignConfig", "AlignItem", "AlignResult", "align", "pair"]
