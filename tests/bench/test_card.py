"""A card is read by the Hub's own reader, and tells figures, intervals, versions and use."""

from __future__ import annotations

import pytest
from huggingface_hub import ModelCard

from bench.saved_results import model, right_or_wrong, scores
from hilum.bench.card import CAVEATS, USE, model_card
from hilum.bench.leaderboard import estimate
from hilum.bench.tasks import MEANINGS
from hilum.errors import UsageError
from hilum.files import MARK

ITEMS = scores("view", right_or_wrong(0.8, 60, 0)) + scores("of-theirs", [1.0, 0.0], version=3)


def test_the_hub_reads_it():
    result = model("tiny", ITEMS, base_model=["HuggingFaceTB/SmolLM2-135M-Instruct"])
    card = ModelCard(model_card([result]), ignore_metadata_errors=False)
    assert card.data.base_model == ["HuggingFaceTB/SmolLM2-135M-Instruct"]
    assert card.data.datasets == ["phantom"]
    view, theirs = card.data.eval_results
    found = estimate(result, "view")
    assert view.metric_value == round(found.value, 4)
    ends = view.metric_args["low"], view.metric_args["high"]
    assert ends == (round(found.low, 4), round(found.high, 4)) != (round(found.low, 3), round(found.high, 3))
    assert (view.metric_args["n"], view.metric_args["version"]) == (60, 1)
    assert (theirs.metric_type, theirs.metric_args["version"]) == ("of-theirs", 3)
    assert str(found) in card.text.replace("\\", "")
    for words in ("w-tiny", "research only", "no medical device", "900 studies", "torch 2", "of-theirs v3"):
        assert words in card.text.replace("\\", "")


def test_several_results_of_one_model_share_a_card():
    one, two = model("tiny", ITEMS), model("tiny", ITEMS, studies={"open-i": 7}, split="all")
    card = ModelCard(model_card([one, two]), ignore_metadata_errors=False)
    assert {result.dataset_name for result in card.data.eval_results} == {"phantom", "open-i"}


def test_two_models_do_not():
    with pytest.raises(UsageError, match="one card a model"):
        model_card([model("tiny", ITEMS), model("other", ITEMS)])
    with pytest.raises(UsageError, match="are none"):
        model_card([])


def test_a_result_is_taken_once():
    with pytest.raises(UsageError, match="is the same result"):
        model_card([model("tiny", ITEMS), model("tiny", ITEMS)])


@pytest.mark.parametrize(
    ("adapter", "library"), [("transformers", "transformers"), ("python", None), ("endpoint", None)]
)
def test_a_function_and_an_endpoint_are_of_no_library(adapter, library):
    text = model_card([model("tiny", ITEMS, adapter={"adapter": adapter, "model": "tiny"})])
    assert ModelCard(text, ignore_metadata_errors=False).data.library_name == library
    assert "# tiny" in text


def test_what_is_not_told_is_said_to_be_so():
    text = model_card([model("tiny", ITEMS, trained_on=None, base_model=None, weights="")])
    assert text.count("| not told |") == 3
    assert "| none: from random weights |" in model_card([model("tiny", ITEMS, base_model=[])])


def test_a_name_cannot_break_out_of_the_front_matter():
    name = "x\n---\n<script>"
    card = ModelCard(model_card([model(name, ITEMS)]), ignore_metadata_errors=False)
    assert card.data.model_name == name
    assert "<script>" not in card.text


CARD = f"""\
---
base_model:
- a/b
datasets:
- phantom
- nih
language: en
library_name: transformers
pipeline_tag: image-text-to-text
tags:
- chest-x-ray
- radiology
- research-only
- hilum
model-index:
- name: tiny
  results:
  - task:
      type: image-text-to-text
      name: View
    dataset:
      name: phantom
      type: phantom
      split: test
    metrics:
    - type: view
      value: 0.75
      name: accuracy of PA, AP, lateral
      args:
        low: 0.0
        high: 1.0
        n: 4
        version: 1
    - type: theirs
      value: 0.5
      name: theirs
      args:
        n: 1
        version: 3
  - task:
      type: image-text-to-text
      name: View
    dataset:
      name: open-i, x
      type: open-i, x
      split: all
    metrics:
    - type: view
      value: 1.0
      name: accuracy of PA, AP, lateral
      args:
        n: 1
        version: 1
---

# tiny

|  |  |
| --- | --- |
| weights | w-tiny |
| base model | a/b |
| trained on | phantom (1,200 studies), nih (3 studies) |
| use | research only |

## Intended use

{USE}

## Figures

In brackets the 95 % interval over patients.

### of-tiny

| figure | name and version | value | n | what it means and does not say |
| --- | --- | --- | --- | --- |
| View | view v1 | 0.750 \\[0.000, 1.000\\] | 4 | {MEANINGS["view"]} |
| theirs | theirs v3 | 0.500 | 1 |  |

- command: hilum bench run
- studies: phantom 100
- seed: 0
- versions: hilum 0.1.0, torch 2
- date: 2026-01-01

### of-tiny

| figure | name and version | value | n | what it means and does not say |
| --- | --- | --- | --- | --- |
| View | view v1 | 1.000 | 1 | {MEANINGS["view"]} |

- studies: open-i 7, x 2
- seed: 0
- versions: hilum 0.1.0, torch 2

## Caveats

{CAVEATS}
- trained on studies: 900 of phantom.
- research only.

<!-- {MARK}, unless it was changed: 11723740e8c3 -->
"""


def test_every_word_of_a_card():
    items = scores("view", [1.0] * 3 + [0.0]) + scores("theirs", [0.5], version=3)
    told = {"base_model": ["a/b"], "command": "hilum bench run", "date": "2026-01-01"}
    other = {"studies": {"open-i": 7, "x": 2}, "split": "all", "trained_on": {"phantom": 1200, "nih": 3}}
    results = [model("tiny", items, **told), model("tiny", scores("view", [1.0]), **other)]
    assert model_card(results, seed=1) == CARD
