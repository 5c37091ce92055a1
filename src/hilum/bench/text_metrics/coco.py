"""What the COCO caption evaluation does in Java: METEOR 1.5, and its Penn Treebank tokenizer.

scores = meteor_1_5(references, candidates)       # needs `pip install 'hilum[metrics]'` and Java
bleu(ptb_tokens(references), ptb_tokens(candidates))

Both run the programs that pycocoevalcap carries, without a network connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from shutil import which
from typing import Any

import numpy as np

from hilum.bench.text_metrics.scores import Scores, Value, require_pairs
from hilum.errors import DataError, UsageError

_UNKNOWN = "emptyreport"
"""Stands for a text without words, which METEOR's protocol cannot carry: a word that matches none."""


def meteor_1_5(references: Sequence[str], candidates: Sequence[str]) -> Scores:
    """METEOR 1.5 (Denkowski & Lavie, WMT 2014) in English, in [0, 1]: `meteor_1_5`.

    What most papers on report generation call METEOR: stems, WordNet's synonyms and paraphrases count. The
    corpus value is of summed statistics, as the program has it, and has no interval.

    Raises:
        UsageError: pycocoevalcap or Java is not installed; there are no pairs.
        DataError: the program stopped.
    """
    require_pairs(references, candidates)
    program: Any = _library("meteor_1_5", "meteor.meteor").Meteor()
    sides = ({i: [_line(text)] for i, text in enumerate(side)} for side in (references, candidates))
    try:
        corpus, pairs = program.compute_score(*sides)
    except (OSError, ValueError) as error:
        raise DataError("METEOR 1.5", f"stopped ({error})", "check that Java has 2 GB of memory") from error
    value = Value("meteor_1_5", float(corpus), np.array(pairs, dtype=np.float64), None)
    return Scores("meteor_1_5", 1, "pycocoevalcap", version("pycocoevalcap"), len(references), (value,))


def ptb_tokens(texts: Sequence[str]) -> list[str]:
    """Texts in lower case, split as in the Penn Treebank, without punctuation, words divided by one space.

    As the program has it, brackets become -lrb- and -rrb-. It passes the texts through a file in its own
    folder, which it deletes.

    Raises:
        UsageError: pycocoevalcap or Java is not installed.
        DataError: the program's folder cannot be written to.
    """
    tokenizer: Any = _library("ptb_tokens", "tokenizer.ptbtokenizer").PTBTokenizer()
    lines = {i: [{"caption": " ".join(text.split())}] for i, text in enumerate(texts)}
    try:
        found = tokenizer.tokenize(lines)
    except OSError as error:
        raise DataError(
            "ptb_tokens", f"stopped ({error})", "let pycocoevalcap's folder be written"
        ) from error
    return [found[i][0] for i in range(len(texts))]


def _line(text: str) -> str:
    return " ".join(text.replace("|||", " ").split()) or _UNKNOWN


def _library(name: str, module: str) -> Any:
    if which("java") is None:
        raise UsageError(name, "runs a Java program, and Java is not installed", "install a Java runtime")
    try:
        return import_module(f"pycocoevalcap.{module}")
    except ImportError as error:
        raise UsageError(
            name, "runs pycocoevalcap, which is not installed", "pip install 'hilum[metrics]'"
        ) from error
