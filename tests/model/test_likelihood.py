"""Options that share one prefill are as likely as each is in a sequence of its own."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.errors import UsageError
from hilum.model import Reads, likelihood
from hilum.model.engine import TokenPrompt
from hilum.model.likelihood import LogLikelihood, loglikelihood
from hilum.model.network import logits, read
from hilum.model.vocabulary import END
from model.helpers import prompt, tiny

MODEL = tiny()
PROMPTS = [MODEL.prepare_prompt(prompt("Is there a nodule?", 1, 2)), MODEL.prepare_prompt(prompt("No."))]


@torch.inference_mode()
def apart(network, asked: TokenPrompt, option: list[int]) -> float:
    """Prompt and option in one pass, without a cache."""
    ids = torch.tensor([[*asked.ids, *option]])
    hidden = read(network, ids, asked.features, use_cache=False).last_hidden_state
    scores = logits(network, hidden)[0, len(asked.ids) - 1 : -1].double().log_softmax(-1)
    return float(scores.gather(1, torch.tensor(option)[:, None]).sum())


ids = st.lists(st.sampled_from(MODEL.vocabulary.text_ids), min_size=1, max_size=9)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(PROMPTS), st.lists(ids, min_size=1, max_size=7), st.sampled_from([2, 64]))
def test_each_equals_its_own_full_sequence(asked, options, max_rows) -> None:
    found = loglikelihood(MODEL.network, asked, options, max_rows=max_rows)
    for option, one in zip(options, found, strict=True):
        wanted = apart(MODEL.network, asked, option)
        assert one.tokens == len(option)
        assert one.total == pytest.approx(wanted, rel=1e-4, abs=1e-4)
        assert one.per_token == pytest.approx(wanted / len(option), rel=1e-4, abs=1e-4)


def test_prompt_and_images_are_run_once(monkeypatch) -> None:
    seen = []
    for module in (likelihood, likelihood.prefill):
        space = vars(module) if module is likelihood else module.__globals__
        real = space["read"]

        def counted(network, ids, features, real=real, **options):
            seen.append((tuple(ids.shape), features is not None))
            return real(network, ids, features, **options)

        monkeypatch.setitem(space, "read", counted)
    loglikelihood(MODEL.network, PROMPTS[0], [[5], [6, 7], [8, 9, 10]])
    assert seen == [((1, len(PROMPTS[0].ids)), True), ((3, 2), False)]


def test_long_options_are_scored_in_parts(monkeypatch) -> None:
    options = [[5, 6, 7], [8], [9, 10]]
    whole = loglikelihood(MODEL.network, PROMPTS[0], options)
    monkeypatch.setattr(likelihood, "POSITIONS", 2)
    for one, other in zip(loglikelihood(MODEL.network, PROMPTS[0], options), whole, strict=True):
        assert one.total == pytest.approx(other.total, rel=1e-5)


@pytest.mark.parametrize("reads", list(Reads))
def test_a_model_weighs_words(reads) -> None:
    model = tiny(reads)
    asked = prompt("Is there a nodule?", 1)
    yes, no = model.loglikelihood(asked, ["Yes.", "No pneumothorax."])
    ready = model.prepare_prompt(asked)
    for found, text in ((yes, "Yes."), (no, "No pneumothorax.")):
        option = model.vocabulary.encode(text)
        wanted = pytest.approx(apart(model.network, ready, option), rel=1e-4)
        assert found == LogLikelihood(wanted, len(option))
    [closed] = model.loglikelihood(asked, ["Yes."], closed=True)
    option = [*model.vocabulary.encode("Yes."), model.vocabulary.id(END)]
    assert closed.total == pytest.approx(apart(model.network, ready, option), rel=1e-4)
    assert closed.tokens == yes.tokens + 1


def test_nothing_is_weighed_where_nothing_is_given() -> None:
    assert loglikelihood(MODEL.network, PROMPTS[0], []) == []
    with pytest.raises(UsageError, match="number 1 has no tokens"):
        loglikelihood(MODEL.network, PROMPTS[0], [[5], []])
    with pytest.raises(UsageError, match="are one text"):
        MODEL.loglikelihood(prompt("Is there a nodule?", 1), "yes")
