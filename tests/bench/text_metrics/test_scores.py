"""Corpus values have intervals over patients that are those of the bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

from bench.text_metrics.pairs import pairs
from hilum.bench.intervals import Bootstrap
from hilum.bench.text_metrics import METRICS, Scores, Value, bleu, chexpert, measure, rouge
from hilum.errors import UsageError


def test_an_interval_holds_its_value_and_draws_whole_patients():
    references, candidates = pairs(60)
    patients = [f"p{i // 3}" for i in range(len(references))]
    found = rouge(references, candidates)
    estimates = found.estimates(patients)
    assert estimates["rouge_l"] == Bootstrap(patients).estimate(found["rouge_l"].statistic)
    assert estimates["rouge_l"].value == pytest.approx(found["rouge_l"].pairs.mean())
    for metric in (bleu, chexpert):
        for name, one in metric(references, candidates).estimates(patients).items():
            assert one.n == len(references)
            if one.value is not None and one.low is not None:
                assert one.low <= one.value <= one.high, name


def test_a_resample_of_corpus_bleu_is_bleu_of_the_resample():
    references, candidates = pairs(30)
    drawn = [0, 0, 3, 5, 5, 5, 8, *range(9, 25)]
    times = np.bincount(drawn, minlength=len(references)).astype(float)[None]
    again = bleu([references[i] for i in drawn], [candidates[i] for i in drawn])
    for value in bleu(references, candidates).values:
        assert value.statistic(times)[0] == pytest.approx(again[value.name].corpus, abs=1e-12)


def test_a_value_without_a_statistic_has_no_interval():
    scores = Scores("x", 1, "peer", "1", 2, (Value("x", 0.5, None, None),))
    one = scores.estimates(["a", "b"])["x"]
    assert (one.value, one.low, one.n) == (0.5, None, 2)
    with pytest.raises(KeyError):
        scores["y"]
    with pytest.raises(UsageError, match="are 1 for 2 pairs"):
        scores.estimates(["a"])


def test_all_metrics_have_one_interface():
    references, candidates = pairs(5)
    found = measure(references, candidates)
    assert list(found) == list(METRICS)
    for name, scores in found.items():
        assert scores.metric == name
        assert scores.pairs == len(references)
        assert {"metric", "version", "library", "library_version", "values"} <= set(scores.to_json())
    with pytest.raises(UsageError, match="did you mean bleu"):
        measure(references, candidates, ["belu"])


@pytest.mark.parametrize("given", [None, "patient", (p for p in "ab"), {"a", "b"}, {"a": 1, "b": 2}, 3])
def test_what_is_no_list_is_refused(given):
    with pytest.raises(UsageError, match=r"patients: are .*give a list"):
        bleu(["a b", "c d"], ["a b", "c"]).estimates(given)
    with pytest.raises(UsageError, match=r"candidates: are .*give lists of texts"):
        bleu(["a b", "c d"], given)


def test_an_array_is_a_list():
    found = bleu(np.array(["a b", "c d"]), np.array(["a b", "c"])).estimates(np.array(["p", "q"]))
    assert found["bleu_1"].n == 2
