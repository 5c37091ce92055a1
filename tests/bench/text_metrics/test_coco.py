"""METEOR 1.5 and the Penn Treebank tokenizer, where pycocoevalcap and Java are there."""

from __future__ import annotations

from importlib.util import find_spec
from shutil import which

import pytest

from hilum.bench.text_metrics import bleu, measure, meteor_1_5, ptb_tokens
from hilum.errors import UsageError

THERE = find_spec("pycocoevalcap") is not None and which("java") is not None
needed = pytest.mark.skipif(not THERE, reason="needs pycocoevalcap and Java")


@pytest.mark.skipif(find_spec("pycocoevalcap") is not None, reason="pycocoevalcap is installed")
@pytest.mark.parametrize("metric", [lambda: measure(["a"], ["b"], ["meteor_1_5"]), lambda: ptb_tokens(["a"])])
def test_what_is_not_installed_is_named(metric):
    with pytest.raises(UsageError, match=r"hilum\[metrics\]|Java is not installed"):
        metric()


@needed
@pytest.mark.slow
def test_synonyms_score_and_silence_does_not():
    references = ["small left\npleural ||| effusion", "the heart is enlarged", "clear lungs", ""]
    candidates = ["little left effusion", "the heart is enlarged", "", "clear lungs"]
    found = meteor_1_5(references, candidates)["meteor_1_5"]
    assert found.pairs[0] == pytest.approx(0.324898, abs=1e-6)
    assert found.pairs[1] == pytest.approx(1)
    assert list(found.pairs[2:]) == [0, 0]
    assert 0 < found.corpus < 1


@needed
def test_tokens_are_in_lower_case_and_without_punctuation():
    texts = ["The heart's size: normal.\nNo effusion (left).", "", "X-ray 5.2 cm"]
    found = ptb_tokens(texts)
    assert found == ["the heart 's size normal no effusion -lrb- left -rrb-", "", "x-ray 5.2 cm"]
    assert bleu(found, found)["bleu_4"].corpus > 0.9
