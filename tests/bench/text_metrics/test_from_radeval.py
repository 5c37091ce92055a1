"""RadEval is asked for by name, and its absence says which extra to install.

Its networks cannot be downloaded in tests. Where RadEval itself is installed, its metrics without networks go
through the same call and must equal Hilum's own.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from bench.text_metrics.pairs import pairs
from hilum.bench.text_metrics import RADEVAL, bleu, from_radeval, measure, rouge
from hilum.errors import DataError, UsageError
from hilum.judge.radeval import load_radeval

THERE = find_spec("radeval") is not None


@pytest.mark.skipif(THERE, reason="RadEval is installed")
@pytest.mark.parametrize("name", sorted(set(RADEVAL) - {"green"}))
def test_without_radeval_the_error_names_the_extra(name):
    with pytest.raises(UsageError, match=r"hilum\[metrics\]"):
        measure(["a"], ["b"], [name])


def test_an_unknown_metric_and_remote_code_are_refused():
    with pytest.raises(UsageError, match="did you mean radgraph"):
        from_radeval("radgrph", ["a"], ["b"])
    with pytest.raises(UsageError, match="remote_code=True"):
        from_radeval("green", ["a"], ["b"])


@pytest.mark.skipif(not THERE, reason="needs RadEval, in an environment of its own")
@pytest.mark.parametrize("name", sorted(RADEVAL))
def test_values_are_named_as_radeval_names_them(name):
    from radeval.metrics._registry import get_metric_class

    try:
        known = get_metric_class(name).metric_keys(None)
    except (ImportError, ValueError) as error:
        pytest.skip(f"RadEval cannot import it: {error}")
    assert set(RADEVAL[name]) <= set(known)


@pytest.mark.skipif(not THERE, reason="needs RadEval, in an environment of its own")
@pytest.mark.parametrize("name", sorted(RADEVAL))
def test_a_network_that_cannot_be_loaded_is_a_fault_of_the_data(monkeypatch, tmp_path, name):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(DataError, match="RadEval cannot load its network"):
        from_radeval(name, ["a"], ["b"], remote_code=True)


@pytest.mark.skipif(not THERE, reason="needs RadEval, in an environment of its own")
def test_radeval_s_own_bleu_and_rouge_are_equal_to_hilum_s():
    references, candidates = pairs(50)
    theirs = load_radeval("bleu", per_sample=True)(references, candidates)
    np.testing.assert_allclose(theirs["bleu"], bleu(references, candidates)["bleu_4"].pairs, atol=1e-6)
    theirs = load_radeval("rouge", per_sample=True)(references, candidates)
    found = rouge(references, candidates)
    for name, ours in {"rouge1": "rouge_1", "rouge2": "rouge_2", "rougeL": "rouge_l"}.items():
        np.testing.assert_allclose(theirs[name], found[ours].pairs, atol=1e-6)
