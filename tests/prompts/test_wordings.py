"""Every question has its wordings, and every slot of them is filled."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest

from hilum.errors import UsageError
from hilum.prompts import WORDINGS, Ask, canonical, word
from hilum.prompts.wordings import MAIN
from hilum.reports import names
from hilum.study import Finding, Task

SLOTS = {
    **names(Finding.PLEURAL_EFFUSION),
    "indication": "Cough",
    "report": "Left effusion",
    "findings": "Left effusion",
    "text": "Left effusion",
    "position": "PA",
    "phrase": "left effusion",
    "options": "edema, mass",
    "side": "left",
    "site": "left base",
    "severity": "mild",
    "things": "devices",
    "number": "two",
    "boxes": "<|box|>(1,2),(3,4)<|/box|>",
    "anatomy": "heart",
    "question": "What has changed?",
    "reference": "Left effusion",
    "candidate": "Right effusion",
    "diagnosis": "pneumonia",
    "premise": "Clear lungs.",
    "hypothesis": "No edema.",
    "first": "Edema is worse.",
    "second": "Edema has improved.",
}


@pytest.mark.parametrize("ask", WORDINGS)
def test_every_question_has_eight_wordings_or_more(ask):
    assert len(set(WORDINGS[ask])) == len(WORDINGS[ask]) >= 8


@pytest.mark.parametrize("ask", WORDINGS)
def test_every_wording_is_used_and_none_keeps_a_slot(ask):
    rng = random.Random(0)
    # A request for a section may do without the indication, and would have as many forms as there are leads.
    slots = SLOTS | {"indication": ""} if ask in (Task.FINDINGS, Task.IMPRESSION) else SLOTS
    seen = {word(ask, rng, **slots) for _ in range(400)}
    assert len(seen) == len(set(WORDINGS[ask]))
    assert not [text for text in seen if re.search(r"[{}]|  |\.\.", text) or not text[0].isupper()]


@pytest.mark.parametrize("ask", WORDINGS)
def test_what_a_question_is_about_is_in_every_wording(ask):
    needed = set.union(*(set(re.findall(r"{(\w+)}", text)) for text in WORDINGS[ask])) - {"is"}
    named = {"name", "a"}
    for text in WORDINGS[ask]:
        own = set(re.findall(r"{(\w+)}", text))
        assert needed - named <= own, text
        assert not (needed & named) or own & named, text


def test_every_task_has_wordings_or_a_question_that_stands_for_it():
    assert set(Task) - set(WORDINGS) == set(MAIN)
    assert set(Ask) <= set(WORDINGS)
    for task in Task:
        assert canonical(task, **SLOTS)


@pytest.mark.parametrize("ask", [Task.FINDINGS, Task.IMPRESSION])
def test_the_indication_is_told_where_there_is_one(ask):
    rng = random.Random(0)
    assert all("Cough." in word(ask, rng, indication="Cough") for _ in range(20))


def test_the_first_wording_is_the_commonest():
    rng = random.Random(0)
    first = [word(Task.VIEW, rng) == canonical(Task.VIEW) for _ in range(1000)]
    assert 0.35 < np.mean(first) < 0.45


def test_a_missing_slot_is_named():
    with pytest.raises(UsageError, match="phrase: is missing"):
        canonical(Task.GROUND)


@pytest.mark.parametrize("task", Task)
def test_every_task_has_its_own_words(task):
    assert canonical(task, **SLOTS)
