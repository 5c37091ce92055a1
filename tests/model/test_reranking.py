"""Of several candidates the one is kept in which the model best finds what was asked for."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from hilum.model import Reads
from hilum.model import model as module
from hilum.model.asking import draw_prompt
from hilum.model.encode import encode
from hilum.model.network import read
from hilum.model.reranking import log_likelihoods, rerank
from hilum.prompts import canonical
from hilum.reports import in_brief
from hilum.study import ImageIn, Message, Position, Task, Text
from model.helpers import tiny

PROMPT = draw_prompt("Small left pleural effusion.", Position.PA)


def sampled(model, monkeypatch, n: int = 5):
    monkeypatch.setattr(module, "CANDIDATES", 1)
    [answers] = model.answer([PROMPT], n=n, temperature=1.0, seed=2)
    return answers


@pytest.mark.parametrize("reads", list(Reads))
def test_the_likelihood_is_that_of_the_words_alone(reads, monkeypatch) -> None:
    model = tiny(reads)
    answers = sampled(model, monkeypatch)
    found = log_likelihoods(model, PROMPT, answers)
    [message] = PROMPT.messages
    question = Text(canonical(Task.FINDINGS, indication=""))
    asked = (
        Message("user", (ImageIn("0"), question)),
        Message("assistant", (Text(in_brief(message.parts[0].text)),)),
    )
    for answer, value in zip(answers, found, strict=True):
        row = encode(asked, model.vocabulary, model.config, codes_of=lambda _, a=answer: a.codes)
        ids = torch.tensor([row.ids])
        features = model.features(torch.from_numpy(answer.image)[None])
        with torch.inference_mode():
            hidden = read(model.network, ids, features, use_cache=False).last_hidden_state
            losses = F.cross_entropy(model.network.lm_head(hidden)[0, :-1], ids[0, 1:], reduction="none")
        wanted = torch.tensor(row.targets)[1:]
        assert value == pytest.approx(-float(losses[wanted].sum()), rel=1e-4)


def test_the_best_come_first(monkeypatch) -> None:
    model = tiny()
    answers = sampled(model, monkeypatch)
    found = dict(zip([a.codes for a in answers], log_likelihoods(model, PROMPT, answers), strict=True))
    kept = rerank(model, PROMPT, answers, 3)
    assert [found[a.codes] for a in kept] == sorted(found.values(), reverse=True)[:3]


def test_a_sampled_picture_is_the_best_of_its_candidates(monkeypatch) -> None:
    model = tiny()
    monkeypatch.setattr(module, "CANDIDATES", 6)
    [[kept]] = model.answer([PROMPT], n=1, temperature=1.0, seed=2)
    answers = sampled(model, monkeypatch, 6)
    assert kept.codes == rerank(model, PROMPT, answers, 1)[0].codes
