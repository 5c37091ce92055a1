"""What models are asked: the wordings of every question, and the one of each that people's own commands use.

from hilum.prompts import Ask, canonical, word
canonical(Task.FINDINGS, indication="Cough.")

A leaf: `instruct` writes training conversations with these words and `model` asks with them, so neither
needs the other.
"""

from hilum.prompts.wordings import INDICATIONS, UNCONDITIONAL, WORDINGS, Ask, canonical, word

__all__ = ["INDICATIONS", "UNCONDITIONAL", "WORDINGS", "Ask", "canonical", "word"]
